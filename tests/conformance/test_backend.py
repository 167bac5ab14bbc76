"""What the port `BlobBackend` promises, asked of every adapter and of the wrappers around one."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aerostore.backend import BlobBackend, BlobReceipt, StoredBlob
from aerostore.backend.local import LocalBackend
from aerostore.backend.memory import MemoryBackend
from aerostore.backend.metered import MeteredBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, IncompleteBody, InsufficientStorage, Unavailable
from tests.faults import Afterwards, CrashNow, FaultyBackend

T = TypeVar("T")
MIB = 1024 * 1024
SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB)
CONTENT = b"a short text"
ABSENT_KEY = f"sha256/00/{'0' * 64}.{uuid.UUID(int=0)}"
NOT_KEYS = (
    "",
    "sha256",
    "../outside",
    "sha256/00/../../outside",
    "/etc/hostname",
    f"{ABSENT_KEY}\n",
    f"{ABSENT_KEY}/x",
    "sha256/0\x00/x",
)
NOT_META_KEYS = (
    *NOT_KEYS,
    ABSENT_KEY,
    "meta",
    "meta/",
    "meta//a",
    "meta/../a",
    "meta/a/..",
    "meta/.a",
    "meta/a b",
    "metal/a",
)


def local_without_unnamed_files(root: Path) -> LocalBackend:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("os.O_TMPFILE")
        return LocalBackend(root)


FACTORIES: dict[str, Callable[[Path], BlobBackend]] = {
    "memory": lambda _root: MemoryBackend(),
    "local": LocalBackend,
    "local-named": local_without_unnamed_files,
    "metered": lambda _root: MeteredBackend(MemoryBackend(), lambda *_facts: None),
    "faultless": lambda _root: FaultyBackend(MemoryBackend()),
}


@pytest.fixture(params=FACTORIES)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    made = FACTORIES[request.param](tmp_path / "data")
    yield made
    run(made.close())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def blob_id() -> str:
    return str(uuid.uuid4())


async def pieces_of(content: bytes, size: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def in_chunks(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def failing_after(chunks: Sequence[bytes], error: BaseException) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise error


async def put(backend: BlobBackend, content: bytes, **options: int | None) -> BlobReceipt:
    return await backend.write(pieces_of(content), blob_id=blob_id(), **options)


async def read(backend: BlobBackend, key: str, byte_range: ByteRange | None = None) -> bytes:
    reader = await backend.open(key, byte_range)
    try:
        content = b"".join([chunk async for chunk in reader.chunks()])
    finally:
        await reader.aclose()
    assert len(content) == reader.length
    return content


async def stored(backend: BlobBackend, prefix: str = "") -> dict[str, StoredBlob]:
    return {blob.key: blob async for blob in backend.list(prefix)}


def odd_chunks(content: bytes) -> list[bytes]:
    lengths = random.Random(len(content))
    chunks, start = [b""], 0
    while start < len(content):
        length = lengths.choice((0, 1, 7, 4093, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB))
        chunks.append(content[start : start + length])
        start += length
    return chunks


@pytest.mark.parametrize("size", SIZES)
def test_written_bytes_read_back_with_their_size_and_sha256(backend: BlobBackend, size: int) -> None:
    content = random.Random(size).randbytes(size)

    async def scenario() -> None:
        receipt = await backend.write(in_chunks(odd_chunks(content)), blob_id=blob_id(), size_bytes=size)
        assert receipt.size_bytes == size
        assert receipt.sha256 == hashlib.sha256(content).hexdigest()
        assert await read(backend, receipt.key) == content
        assert await backend.size(receipt.key) == size
        assert await backend.exists(receipt.key)

    run(scenario())


@pytest.mark.parametrize("size", SIZES)
def test_one_chunk_of_any_length_is_stored_whole(backend: BlobBackend, size: int) -> None:
    content = random.Random(size).randbytes(size)

    async def scenario() -> None:
        receipt = await backend.write(in_chunks([content]), blob_id=blob_id())
        assert receipt.sha256 == hashlib.sha256(content).hexdigest()
        assert await read(backend, receipt.key) == content

    run(scenario())


def test_the_key_is_made_of_sha256_and_blob_id(backend: BlobBackend) -> None:
    identity = blob_id()
    receipt = run(backend.write(in_chunks([CONTENT]), blob_id=identity))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert receipt.key == f"sha256/{sha256[:2]}/{sha256}.{identity}"


@pytest.mark.parametrize(
    "bad", ["", "../../../../../../../../../etc/passwd", "A" * 36, "0" * 35, "0" * 36 + "\n"]
)
def test_a_malformed_blob_id_is_refused(backend: BlobBackend, bad: str) -> None:
    with pytest.raises(ValueError, match="blob id"):
        run(backend.write(in_chunks([CONTENT]), blob_id=bad))


def test_a_blob_id_given_twice_never_overwrites(backend: BlobBackend) -> None:
    async def scenario() -> None:
        identity = blob_id()
        receipt = await backend.write(in_chunks([CONTENT]), blob_id=identity)
        with pytest.raises(Unavailable):
            await backend.write(in_chunks([CONTENT]), blob_id=identity)
        assert await read(backend, receipt.key) == CONTENT

    run(scenario())


@pytest.mark.parametrize("arrived", [0, 1, 99, 101, 3 * MIB])
def test_another_length_than_announced_is_an_incomplete_body(backend: BlobBackend, arrived: int) -> None:
    async def scenario() -> None:
        with pytest.raises(IncompleteBody):
            await put(backend, bytes(arrived), size_bytes=100)
        assert await stored(backend) == {}

    run(scenario())


def test_a_large_body_that_ends_early_leaves_nothing(backend: BlobBackend) -> None:
    async def scenario() -> None:
        with pytest.raises(IncompleteBody):
            await put(backend, bytes(3 * MIB), size_bytes=3 * MIB + 1)
        assert await stored(backend) == {}

    run(scenario())


def test_an_overlong_body_is_refused_before_it_ends(backend: BlobBackend) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)

    with pytest.raises(IncompleteBody):
        run(backend.write(endless(), blob_id=blob_id(), size_bytes=100))


@pytest.mark.parametrize("chunks", [[], [b"x"], [bytes(MIB)] * 3], ids=["at once", "1 B", "3 MiB"])
@pytest.mark.parametrize(
    "error", [RuntimeError("client"), OSError(28, "not the disk's"), CrashNow()], ids=repr
)
def test_an_exception_from_chunks_passes_and_nothing_is_stored(
    backend: BlobBackend, chunks: list[bytes], error: BaseException
) -> None:
    async def scenario() -> None:
        with pytest.raises(type(error)) as raised:
            await backend.write(failing_after(chunks, error), blob_id=blob_id())
        assert raised.value is error
        assert await stored(backend) == {}

    run(scenario())


@pytest.mark.parametrize("before", [[b"x"], [bytes(MIB)] * 3], ids=["1 B", "3 MiB"])
def test_a_cancelled_write_leaves_nothing(backend: BlobBackend, before: list[bytes]) -> None:
    async def scenario() -> None:
        stalled = asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            for chunk in before:
                yield chunk
            stalled.set()
            await asyncio.Event().wait()

        writing = asyncio.ensure_future(backend.write(stalling(), blob_id=blob_id()))
        await stalled.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert await stored(backend) == {}

    run(scenario())


def test_a_write_cancelled_after_any_number_of_steps_is_whole_or_absent(backend: BlobBackend) -> None:
    async def cancel_after(steps: int) -> None:
        writing = asyncio.ensure_future(put(backend, bytes(2 * MIB + 5)))
        for _ in range(steps):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
        expected = set() if writing.cancelled() else {writing.result().key}
        assert set(await stored(backend)) == expected
        for key in expected:
            await backend.delete(key)

    for steps in range(40):
        run(cancel_after(steps))


@pytest.mark.parametrize("size", [100, 3 * MIB])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 99), (10, 20), (99, 99)])
def test_a_range_includes_both_its_ends(backend: BlobBackend, size: int, first: int, last: int) -> None:
    content = random.Random(7).randbytes(size)

    async def scenario() -> None:
        receipt = await put(backend, content)
        assert await read(backend, receipt.key, ByteRange(first, last)) == content[first : last + 1]

    run(scenario())


def test_a_range_of_several_pieces_is_read_whole(backend: BlobBackend) -> None:
    content = random.Random(8).randbytes(4 * MIB)

    async def scenario() -> None:
        receipt = await put(backend, content)
        part = ByteRange(MIB // 2 + 1, 3 * MIB + 3)
        assert await read(backend, receipt.key, part) == content[part.first : part.last + 1]

    run(scenario())


def test_a_reader_knows_whole_and_part_lengths(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, CONTENT)
        reader = await backend.open(receipt.key, ByteRange(2, 4))
        assert (reader.size_bytes, reader.length) == (len(CONTENT), 3)
        await reader.aclose()

    run(scenario())


@pytest.mark.parametrize(
    "byte_range", [ByteRange(0, 12), ByteRange(12, 12), ByteRange(-1, 3), ByteRange(5, 4)]
)
def test_a_range_outside_the_bytes_is_corrupted(backend: BlobBackend, byte_range: ByteRange) -> None:
    async def scenario() -> None:
        receipt = await put(backend, CONTENT)
        with pytest.raises(Corrupted):
            await backend.open(receipt.key, byte_range)

    run(scenario())


def test_no_range_lies_inside_an_empty_blob(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, b"")
        with pytest.raises(Corrupted):
            await backend.open(receipt.key, ByteRange(0, 0))

    run(scenario())


def test_pieces_of_a_read_hold_at_most_one_mebibyte(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, bytes(5 * MIB))
        reader = await backend.open(receipt.key)
        lengths = [len(chunk) async for chunk in reader.chunks()]
        await reader.aclose()
        assert sum(lengths) == 5 * MIB
        assert 0 < min(lengths) <= max(lengths) <= MIB

    run(scenario())


@pytest.mark.parametrize("key", [ABSENT_KEY, "meta/absent", *NOT_KEYS])
def test_what_is_no_key_has_no_bytes(backend: BlobBackend, key: str) -> None:
    async def scenario() -> None:
        with pytest.raises(Corrupted):
            await backend.open(key)
        with pytest.raises(Corrupted):
            await backend.size(key)
        assert not await backend.exists(key)
        await backend.delete(key)

    run(scenario())


@pytest.mark.parametrize("size", [10, 5 * MIB])
def test_an_open_reader_outlives_the_delete_of_its_key(backend: BlobBackend, size: int) -> None:
    content = random.Random(9).randbytes(size)

    async def scenario() -> None:
        receipt = await put(backend, content)
        reader = await backend.open(receipt.key)
        await backend.delete(receipt.key)
        assert not await backend.exists(receipt.key)
        assert b"".join([chunk async for chunk in reader.chunks()]) == content
        await reader.aclose()

    run(scenario())


def test_an_open_reader_outlives_the_close_of_its_backend(backend: BlobBackend) -> None:
    content = random.Random(10).randbytes(5 * MIB)

    async def scenario() -> None:
        receipt = await put(backend, content)
        reader = await backend.open(receipt.key)
        await backend.close()
        assert b"".join([chunk async for chunk in reader.chunks()]) == content
        await reader.aclose()

    run(scenario())


def test_a_reader_may_be_closed_twice_and_half_read(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, bytes(5 * MIB))
        reader = await backend.open(receipt.key)
        async for _chunk in reader.chunks():
            break
        await reader.aclose()
        await reader.aclose()

    run(scenario())


def test_delete_is_idempotent(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, CONTENT)
        await backend.delete(receipt.key)
        await backend.delete(receipt.key)
        with pytest.raises(Corrupted):
            await backend.open(receipt.key)
        assert await stored(backend) == {}

    run(scenario())


def test_two_blobs_of_one_content_live_and_die_apart(backend: BlobBackend) -> None:
    async def scenario() -> None:
        first, second = await put(backend, CONTENT), await put(backend, CONTENT)
        assert first.key != second.key
        assert first.sha256 == second.sha256
        await backend.delete(first.key)
        assert await read(backend, second.key) == CONTENT

    run(scenario())


def test_concurrent_writes_do_not_mix(backend: BlobBackend) -> None:
    contents = [random.Random(seed).randbytes(2 * MIB + seed) for seed in range(12)]

    async def scenario() -> None:
        receipts = await asyncio.gather(*(put(backend, content) for content in contents))
        assert await asyncio.gather(*(read(backend, receipt.key) for receipt in receipts)) == contents

    run(scenario())


def test_list_gives_every_key_with_size_and_time(backend: BlobBackend) -> None:
    async def scenario() -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        receipts = [await put(backend, bytes(size)) for size in range(5)]
        assert await backend.write_if_absent("meta/kind/one", b"1")
        listed = await stored(backend)
        expected = {receipt.key: receipt.size_bytes for receipt in receipts} | {"meta/kind/one": 1}
        assert {key: blob.size_bytes for key, blob in listed.items()} == expected
        assert all(before < blob.modified_at <= datetime.now(UTC) for blob in listed.values())

    run(scenario())


def test_list_keeps_to_its_prefix(backend: BlobBackend) -> None:
    async def scenario() -> None:
        keys = [(await put(backend, bytes([number]))).key for number in range(20)]
        for meta in ("meta/a", "meta/ab", "meta/b/a"):
            await backend.write_if_absent(meta, b"")
        everything = {*keys, "meta/a", "meta/ab", "meta/b/a"}
        prefixes = ("", "s", "sha256/", keys[0][:9], keys[0][:20], keys[0], "meta", "meta/a", "meta/b/", "x")
        for prefix in prefixes:
            assert set(await stored(backend, prefix)) == {k for k in everything if k.startswith(prefix)}

    run(scenario())


def test_list_may_be_left_early_and_survives_deletes(backend: BlobBackend) -> None:
    async def scenario() -> None:
        keys = {(await put(backend, bytes([number]))).key for number in range(9)}
        seen = set()
        async for blob in backend.list():
            seen.add(blob.key)
            await backend.delete(blob.key)
        assert seen == keys
        await put(backend, CONTENT)
        async for _blob in backend.list():
            break

    run(scenario())


def test_one_of_sixteen_concurrent_writers_wins_a_key(backend: BlobBackend) -> None:
    async def scenario() -> None:
        contents = [f"writer {number}".encode() for number in range(16)]
        won = await asyncio.gather(*(backend.write_if_absent("meta/lease", content) for content in contents))
        assert won.count(True) == 1
        assert await read(backend, "meta/lease") == contents[won.index(True)]
        assert set(await stored(backend)) == {"meta/lease"}

    run(scenario())


def test_a_deleted_meta_key_can_be_written_again(backend: BlobBackend) -> None:
    async def scenario() -> None:
        assert await backend.write_if_absent("meta/a", b"first")
        assert not await backend.write_if_absent("meta/a", b"second")
        await backend.delete("meta/a")
        assert await backend.write_if_absent("meta/a", b"")
        assert await read(backend, "meta/a") == b""

    run(scenario())


@pytest.mark.parametrize("key", NOT_META_KEYS)
def test_write_if_absent_keeps_below_meta(backend: BlobBackend, key: str) -> None:
    with pytest.raises(ValueError, match="meta/"):
        run(backend.write_if_absent(key, CONTENT))


def test_sweep_never_removes_keys(backend: BlobBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, CONTENT)
        await backend.write_if_absent("meta/a", CONTENT)
        assert await backend.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
        assert set(await stored(backend)) == {receipt.key, "meta/a"}

    run(scenario())


def test_only_the_local_backend_is_durable() -> None:
    assert (MemoryBackend.name, MemoryBackend.durable) == ("memory", False)
    assert (LocalBackend.name, LocalBackend.durable) == ("local", True)


def test_memory_dates_its_blobs_by_the_clock_it_was_given() -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)

    async def scenario() -> None:
        backend = MemoryBackend(clock=lambda: moment)
        receipt = await put(backend, CONTENT)
        assert (await stored(backend))[receipt.key].modified_at == moment

    run(scenario())


def test_metered_reports_each_operation_with_its_time() -> None:
    observed: list[tuple[str, str, float]] = []

    async def scenario() -> None:
        ticks = iter(range(100))
        backend = MeteredBackend(
            MemoryBackend(), lambda *facts: observed.append(facts), clock=lambda: float(next(ticks))
        )
        await backend.write_if_absent("meta/a", CONTENT)
        await backend.open("meta/a")
        await backend.size("meta/a")
        await backend.exists("meta/a")
        await backend.delete("meta/a")
        with pytest.raises(Corrupted):
            await backend.open("meta/a")

    run(scenario())
    operations = ("write_if_absent", "open", "size", "exists", "delete", "open")
    assert observed == [(operation, "memory", 1.0) for operation in operations]


def test_metered_leaves_out_the_time_that_the_client_took() -> None:
    observed: list[float] = []
    now = 0.0

    async def slow_client() -> AsyncIterator[bytes]:
        nonlocal now
        for _ in range(3):
            now += 60.0
            yield CONTENT

    def slow_to_store() -> datetime:
        nonlocal now
        now += 2.0
        return datetime.now(UTC)

    backend = MeteredBackend(
        MemoryBackend(clock=slow_to_store),
        lambda _operation, _name, seconds: observed.append(seconds),
        clock=lambda: now,
    )
    run(backend.write(slow_client(), blob_id=blob_id()))
    assert observed == [2.0]


def test_faulty_fails_the_planned_calls_only() -> None:
    async def scenario() -> None:
        backend = FaultyBackend(
            MemoryBackend(), {"write": [None, InsufficientStorage()], "list": [CrashNow()]}
        )
        first = await put(backend, CONTENT)
        with pytest.raises(InsufficientStorage):
            await put(backend, CONTENT)
        await put(backend, CONTENT)
        with pytest.raises(CrashNow):
            await stored(backend)
        assert len(await stored(backend)) == 2
        assert await backend.exists(first.key)
        assert backend.calls == ["write", "write", "write", "list", "list", "exists"]

    run(scenario())


def test_faulty_can_lose_the_answer_of_work_that_was_done() -> None:
    async def scenario() -> None:
        backend = FaultyBackend(MemoryBackend(), {"write": [Afterwards(Unavailable())]})
        with pytest.raises(Unavailable):
            await put(backend, CONTENT)
        assert len(await stored(backend)) == 1

    run(scenario())
