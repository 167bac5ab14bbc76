"""Bytes that are lost or changed under a live row: never served, never shared, mended by the same content."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from aerostore.backend import BlobReader
from aerostore.domain import ByteRange, RlsContext
from aerostore.errors import AccessDenied, Corrupted, KeyAlreadyExists, Unavailable
from aerostore.executor import Executor
from aerostore.service.publish import Upload
from tests.faults import CrashNow, FaultyBackend
from tests.service.conftest import IN_POSTGRES, MakeStage, only_in_sqlite
from tests.service.meddling import MeddledExecutor
from tests.service.rows import PostgresRows
from tests.service.stage import ANON, GRACE_S, OWNER, STRANGER, Stage

LARGE = random.Random(3).randbytes(900_000)


def harm(stage: Stage, how: str) -> str:
    """Lose the only stored bytes, or change them where they lie; return their key."""
    (key,) = stage.keys_of_bytes()
    path = stage.folder / "blobs" / key
    if how == "lost" or not path.exists():  # bytes in memory can only go
        stage.run(stage.backend.delete(key))
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return key


def note_loss(stage: Stage, key: str, kind: str = "damaged") -> None:
    """Put `key` into quarantine, as a scan does."""
    stage.rows(
        "INSERT INTO storage_quarantine (backend_key, kind, size_bytes, first_seen_at, last_seen_at)"
        f" VALUES ('{key}', '{kind}', 7, '2026-01-31T00:00:00.000Z', '2026-01-31T00:00:00.000Z')"
    )


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("a", b"content", "lost"),
        ("another", b"content", "lost"),
        ("another", b"content", "cut"),
        ("another", b"content", "flipped"),
        ("another", LARGE, "flipped"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
def test_uploading_the_same_content_again_mends_every_object_that_has_it(
    stage: Stage, name: str, content: bytes, how: str
) -> None:
    stage.put("a", content)
    stage.put("theirs", content, by=STRANGER)
    harm(stage, how)
    with pytest.raises(Corrupted):
        stage.get("a")
    stage.put(name, content, upsert=True)
    assert stage.get(name) == content
    assert stage.get("a") == content
    assert stage.get("theirs", by=STRANGER) == content
    assert len(stage.rows("SELECT 1 FROM storage_blobs")) == 1


def test_bytes_that_are_whole_are_kept_and_the_new_ones_dropped(stage: Stage) -> None:
    stage.put("a")
    (before,) = stage.keys_of_bytes()
    stage.put("b")
    assert stage.keys_of_bytes() == {before}


def test_bytes_that_cannot_be_read_are_replaced(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [Unavailable()]})
    stage.put("a")
    (old,) = stage.keys_of_bytes()
    stage.put("b")
    assert stage.get("a") == stage.get("b") == b"content"
    assert stage.rows(f"SELECT 1 FROM storage_blobs WHERE backend_key = '{old}'") == []


@pytest.mark.parametrize("kind", ["damaged", "missing"])
def test_what_a_scan_noted_is_mended_and_noted_no_longer(stage: Stage, kind: str) -> None:
    stage.put("a")
    (old,) = stage.keys_of_bytes()
    note_loss(stage, old, kind)
    stage.put("b")
    assert stage.rows("SELECT 1 FROM storage_quarantine") == []
    assert stage.rows(f"SELECT 1 FROM storage_blobs WHERE backend_key = '{old}'") == []
    assert stage.get("a") == stage.get("b") == b"content"
    assert stage.run(stage.reclaim.run(apply=False)).missing_count == 0


def test_what_is_mended_has_the_sums_of_its_new_bytes(stage: Stage) -> None:
    stage.put("a", LARGE)
    [before] = stage.rows("SELECT piece_sums FROM storage_blobs")
    assert len(before["piece_sums"]) == 32
    stage.rows("UPDATE storage_blobs SET piece_sums = NULL")  # as an older version left it
    harm(stage, "lost")
    stage.put("b", LARGE)
    assert stage.rows("SELECT piece_sums FROM storage_blobs") == [before]


def test_damaged_bytes_are_mended_before_good_ones_are_shared(stage: Stage) -> None:
    """Two rows for one content come of older versions; the one that needs it gets the bytes."""
    stage.put("a")
    stage.rows("UPDATE storage_blobs SET sha256 = 'hidden'")
    stage.put("b")
    stage.rows(
        "UPDATE storage_blobs SET sha256 = (SELECT sha256 FROM storage_blobs WHERE sha256 <> 'hidden')"
        " WHERE sha256 = 'hidden'"
    )
    [row] = stage.rows(
        "SELECT backend_key FROM storage_blobs WHERE id ="
        " (SELECT blob_id FROM storage_objects WHERE name = 'a')"
    )
    stage.run(stage.backend.delete(row["backend_key"]))
    note_loss(stage, row["backend_key"], "missing")
    stage.put("c")
    assert stage.get("a") == stage.get("b") == stage.get("c") == b"content"


def test_the_damaged_file_is_an_orphan_that_reclaim_removes(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [Unavailable()]})
    stage.put("a")
    (old,) = stage.keys_of_bytes()
    stage.put("b")
    assert old in stage.keys_of_bytes()
    for _ in range(3):
        stage.clock.advance(GRACE_S + 60)
        stage.run(stage.reclaim.run(apply=True))
    assert old not in stage.keys_of_bytes()
    assert stage.get("a") == stage.get("b") == b"content"


@only_in_sqlite
def test_a_crash_while_stored_bytes_are_read_leaves_everything_as_it_was(make_stage: MakeStage) -> None:
    stage = make_stage(plan={"open": [CrashNow()]})
    stage.put("a")
    before = stage.rows("SELECT * FROM storage_objects"), stage.rows("SELECT * FROM storage_blobs")
    with pytest.raises(CrashNow):
        stage.put("a", upsert=True)
    after = stage.rows("SELECT * FROM storage_objects"), stage.rows("SELECT * FROM storage_blobs")
    assert after == before


class InterruptedLook(FaultyBackend):
    """The backend of a stage, except that something else happens at its first `open`."""

    def __init__(self, stage: Stage, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(stage.backend)
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile
        stage.backend = self
        stage.storage = stage.storage_over(stage.executor)

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().open(key, byte_range, piece_sums=piece_sums)


def test_while_stored_bytes_are_looked_at_the_name_has_its_old_content(stage: Stage) -> None:
    stage.put("damaged", b"content")
    harm(stage, "lost")
    stage.put("a", b"before")
    seen = list[bytes]()

    async def look_at_a() -> None:
        seen.append(await stage.aget("a"))

    InterruptedLook(stage, look_at_a)
    stage.put("a", b"content", upsert=True)
    assert seen == [b"before"]
    assert stage.get("a") == stage.get("damaged") == b"content"


@pytest.mark.parametrize(
    ("by", "name", "refusal"),
    [(ANON, "new", AccessDenied), (OWNER, "a", KeyAlreadyExists)],
    ids=["policy", "taken"],
)
def test_who_is_refused_learns_nothing_from_a_look_at_stored_bytes(
    stage: Stage, by: RlsContext, name: str, refusal: type[Exception]
) -> None:
    stage.put("a")
    stage.backend.calls.clear()
    with pytest.raises(refusal):
        stage.put(name, by=by)
    assert "open" not in stage.backend.calls


def test_bytes_that_are_let_go_while_they_are_looked_at_are_not_shared(stage: Stage) -> None:
    stage.put("a")
    (old,) = stage.keys_of_bytes()
    InterruptedLook(stage, lambda: stage.storage.files.delete(OWNER, "photos", "a"))
    stage.put("b")
    [row] = stage.rows("SELECT backend_key FROM storage_blobs WHERE status = 'COMMITTED'")
    assert row["backend_key"] != old
    assert stage.get("b") == b"content"


def test_many_uploads_at_once_of_content_that_is_damaged_are_all_readable(stage: Stage) -> None:
    stage.put("a", LARGE)
    harm(stage, "flipped")
    names = [f"copy {number}" for number in range(8)]

    async def put_all() -> None:
        await asyncio.gather(*(stage.aput(name, LARGE) for name in names))

    stage.run(put_all())
    assert {stage.get(name) for name in ("a", *names)} == {LARGE}
    assert len(stage.rows("SELECT 1 FROM storage_blobs")) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True)
def test_of_two_that_mend_at_once_the_second_finds_good_bytes(stage: Stage) -> None:
    stage.put("a")
    harm(stage, "lost")
    rows = stage.own_rows
    assert isinstance(rows, PostgresRows)

    async def mend(executor: Executor) -> object:
        return await put_through(stage, executor, "theirs")

    meddled = MeddledExecutor(
        stage.executor,
        rows.executor(),
        mend,
        before="UPDATE storage_blobs SET backend_key",
        is_stuck=rows.is_somebody_stuck,
    )
    stage.run(put_through(stage, meddled, "ours"))
    assert not isinstance(meddled.outcome, Exception)
    assert stage.get("a") == stage.get("ours") == stage.get("theirs") == b"content"
    assert len(stage.rows("SELECT 1 FROM storage_blobs")) == 1
    assert len(stage.keys_of_bytes()) == 1


async def put_through(stage: Stage, executor: Executor, name: str) -> object:
    upload = Upload(bucket_id="photos", name=name)
    return await stage.storage_over(executor).files.put(OWNER, upload, b"content")


def test_a_wrong_ref_count_does_not_cost_bytes(stage: Stage) -> None:
    stage.put("a")
    stage.rows("UPDATE storage_blobs SET ref_count = 0")
    assert stage.rows("SELECT status FROM storage_blobs") == [{"status": "DELETING"}]
    for _ in range(3):
        stage.clock.advance(GRACE_S + 60)
        assert stage.run(stage.reclaim.run(apply=True)).released_removed == 0
    assert stage.get("a") == b"content"
