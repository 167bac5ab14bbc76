"""Archives: what is in them, what is not, and what a damaged or abandoned one leaves."""

import asyncio
import io
import tracemalloc
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import (
    AccessDenied,
    Corrupted,
    InvalidParameter,
    LimitExceeded,
    NoSuchBucket,
    NoSuchKey,
    Overloaded,
    SlowDown,
)
from aerostore.service.zip import Archives, Selection
from tests.service.conftest import MakeStage, in_memory
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

EVERYTHING = Selection(bucket_id="photos", prefixes=[""])


async def is_signed_in() -> None:
    """Confirm that the caller is, as the session would."""


async def collect(archives: Archives, by: RlsContext, selection: Selection) -> bytes:
    return b"".join([piece async for piece in await archives.open(by, selection, confirm=is_signed_in)])


def packed(stage: Stage, by: RlsContext = OWNER, **selection: object) -> zipfile.ZipFile:
    asked = Selection(bucket_id="photos", **selection)  # type: ignore[arg-type] # members of it, by name
    raw = stage.run(collect(stage.storage.archives, by, asked))
    archive = zipfile.ZipFile(io.BytesIO(raw))
    assert archive.testzip() is None
    return archive


def content_of(archive: zipfile.ZipFile) -> dict[str, bytes]:
    return {name: archive.read(name) for name in archive.namelist()}


def test_an_archive_has_the_objects_and_the_folders_that_were_selected(stage: Stage) -> None:
    for name in ("a/1", "a/b/2", "c", "d"):
        stage.put(name, name.encode())
    archive = packed(stage, names=["c", "none", "a/1"], prefixes=["a/"])
    assert content_of(archive) == {"a/1": b"a/1", "a/b/2": b"a/b/2", "c": b"c"}
    assert archive.namelist() == ["a/1", "a/b/2", "c"]
    assert packed(stage, prefixes=[""]).namelist() == ["a/1", "a/b/2", "c", "d"]
    assert packed(stage, prefixes=["a/b/", "a/", "a/b/", "c"]).namelist() == ["a/1", "a/b/2", "c"]


def test_what_is_below_the_open_folder_is_left_out_of_names(stage: Stage) -> None:
    stage.put("x/y/a/1", b"1")
    stage.put("x/y/2", b"2")
    assert packed(stage, names=["x/y/2"], prefixes=["x/y/a/"], below="x/y/").namelist() == ["2", "a/1"]


def test_what_the_caller_may_not_select_is_absent(stage: Stage) -> None:
    stage.make_bucket("open", public=True)
    stage.put("a/mine", b"mine")
    stage.put("a/other", b"other", by=STRANGER)
    assert packed(stage, names=["a/other"], prefixes=["a/"]).namelist() == ["a/mine"]
    assert packed(stage, SERVICE, prefixes=["a/"]).namelist() == ["a/mine", "a/other"]
    with pytest.raises(NoSuchKey):
        packed(stage, ANON, names=["a/mine"], prefixes=["a/"])


def test_compressed_types_are_stored_and_others_deflated(stage: Stage) -> None:
    stage.put("a.png", b"x" * 1000, mime_type="image/png")
    stage.put("b.txt", b"x" * 1000, mime_type="text/plain")
    kinds = {each.filename: each.compress_type for each in packed(stage, prefixes=[""]).infolist()}
    assert kinds == {"a.png": zipfile.ZIP_STORED, "b.txt": zipfile.ZIP_DEFLATED}


def test_placeholders_and_empty_objects_with_a_slash_stand_for_their_folder(stage: Stage) -> None:
    stage.put("a/.emptyFolderPlaceholder", b"")
    stage.put("a/", b"")
    stage.put("b/", b"content")
    assert content_of(packed(stage, prefixes=[""])) == {"a/": b"", "b/_": b"content"}


def test_names_that_would_be_dangerous_are_made_safe(stage: Stage) -> None:
    for name in ("/etc/passwd", "a\\..\\b", "a/B", "a/b"):
        stage.put(name, name.encode())
    archive = packed(stage, prefixes=[""])
    assert archive.namelist() == ["etc/passwd", "a/B", "a/b (2)", "a_.._b"]


def test_nothing_selected_and_nothing_there_are_errors(stage: Stage) -> None:
    with pytest.raises(InvalidParameter):
        packed(stage)
    with pytest.raises(NoSuchKey):
        packed(stage, names=["none"], prefixes=["none/"])
    with pytest.raises(NoSuchBucket):
        stage.run(collect(stage.storage.archives, OWNER, Selection(bucket_id="none", prefixes=[""])))


def test_too_many_objects_are_refused_before_the_first_byte(stage: Stage) -> None:
    for number in range(3):
        stage.put(f"a/{number}")
    archives = Archives(stage.executor, stage.storage.downloads, most_members=2)
    for selection in (
        Selection(bucket_id="photos", prefixes=["a/"]),
        Selection(bucket_id="photos", prefixes=["a/0", "a/1", "a/2"]),
        Selection(bucket_id="photos", names=["a/0", "a/1", "a/2"]),
        Selection(bucket_id="photos", names=["a/0"], prefixes=["a/1", "a/2"]),
    ):
        with pytest.raises(LimitExceeded):
            stage.run(archives.open(OWNER, selection, confirm=is_signed_in))


def test_damage_breaks_the_archive_in_place_of_leaving_a_gap(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.put("a", b"whole")
    stage.put("b", b"damaged")
    stage.put("c", b"whole too")
    stage.backend.plan_anew({"open": [None, Corrupted()]})
    received: list[bytes] = []

    async def receive() -> None:
        async for piece in await stage.storage.archives.open(
            OWNER, Selection(bucket_id="photos", prefixes=[""]), confirm=is_signed_in
        ):
            received.append(piece)

    with pytest.raises(Corrupted):
        stage.run(receive())
    assert received
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(received)))


@in_memory
def test_nothing_more_is_opened_for_somebody_who_was_signed_out(stage: Stage) -> None:
    for name in ("a", "b", "c", "d"):
        stage.put(name, b"x" * 1000)
    archives = Archives(stage.executor, stage.storage.downloads, check_every_s=0)
    answers = iter([None, None, AccessDenied("The session has ended")])

    async def confirm() -> None:
        if (refusal := next(answers)) is not None:
            raise refusal

    received: list[bytes] = []

    async def receive() -> None:
        async for piece in await archives.open(OWNER, EVERYTHING, confirm=confirm):
            received.append(piece)

    with pytest.raises(AccessDenied, match="session has ended"):
        stage.run(receive())
    assert [name for name in (b"a", b"b", b"c", b"d") if local_header(name) in b"".join(received)] == [
        b"a",
        b"b",
    ]


def local_header(name: bytes) -> bytes:
    """Return the end of what stands before a member: the length of its name, no extra field, its name."""
    return len(name).to_bytes(2, "little") + bytes(2) + name


class CountedReader:
    """A reader of endless zeros that knows whether it is open."""

    open_now = 0

    def __init__(self, length: int) -> None:
        self.size_bytes = self.length = length
        CountedReader.open_now += 1

    async def chunks(self) -> AsyncIterator[bytes]:
        for _ in range(self.length // 65536):
            yield bytes(65536)

    async def aclose(self) -> None:
        CountedReader.open_now -= 1


@in_memory
def test_a_client_that_leaves_lets_go_of_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    put_large(stage, monkeypatch, length=50 * 65536)
    archives = stage.storage.archives

    async def leave() -> None:
        pieces = await archives.open(OWNER, EVERYTHING, confirm=is_signed_in)
        await anext(pieces)
        assert CountedReader.open_now == 1
        await pieces.aclose()
        assert CountedReader.open_now == 0

    stage.run(leave())
    assert archives._places.taken_now == 0


@in_memory
@pytest.mark.parametrize("mime_type", ["image/png", "text/plain"])
def test_memory_does_not_grow_with_the_bytes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mime_type: str
) -> None:
    put_large(stage, monkeypatch, length=1600 * 65536, mime_type=mime_type)

    async def drain() -> int:
        total = 0
        async for piece in await stage.storage.archives.open(
            OWNER, Selection(bucket_id="photos", prefixes=[""]), confirm=is_signed_in
        ):
            total += len(piece)
        return total

    tracemalloc.start()
    try:
        total = stage.run(drain())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > (100_000_000 if mime_type == "image/png" else 50_000)
    assert peak < 4_000_000


@in_memory
def test_members_beyond_32_bits_are_readable(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    content = bytes(range(256)) * 10
    stage.put("large.png", content, mime_type="image/png")
    stage.put("large.txt", content, mime_type="text/plain")
    archive = packed(stage, prefixes=[""])
    assert content_of(archive) == {"large.png": content, "large.txt": content}
    assert {each.extract_version for each in archive.infolist()} == {zipfile.ZIP64_VERSION}


async def begin_archives(stage: Stage, by: RlsContext, count: int) -> list[AsyncGenerator[bytes, None]]:
    """Open archives, and read the first piece of each."""
    begun = [await stage.storage.archives.open(by, EVERYTHING, confirm=is_signed_in) for _ in range(count)]
    for pieces in begun:
        await anext(pieces)
    return begun


@in_memory
def test_only_so_many_archives_are_made_at_once_and_few_of_one_user(stage: Stage) -> None:
    stage.put("a", by=OWNER)

    async def many() -> None:
        mine = await begin_archives(stage, OWNER, 2)
        with pytest.raises(SlowDown):
            await begin_archives(stage, OWNER, 1)
        for number in range(6):
            mine += await begin_archives(stage, replace(SERVICE, request_id=str(number)), 1)
        with pytest.raises(Overloaded):
            await begin_archives(stage, SERVICE, 1)
        await asyncio.gather(*(pieces.aclose() for pieces in mine))
        await collect(stage.storage.archives, OWNER, EVERYTHING)

    stage.run(many())


def put_large(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, length: int, mime_type: str = "image/png"
) -> None:
    """Store an object whose bytes are `length` zeros, without having them."""
    stage.put("large", b"x", mime_type=mime_type)
    stage.rows(f"UPDATE storage_blobs SET size_bytes = {length}")
    stage.rows(f"UPDATE storage_objects SET metadata = json_set(metadata, '$.size', {length})")

    async def opened(*_args: object, **_options: object) -> CountedReader:
        return CountedReader(length)

    monkeypatch.setattr(stage.backend, "open", opened)
