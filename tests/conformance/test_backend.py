"""What the port `BlobBackend` promises of writes, keys and lists, asked of every adapter."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend
from aerostore.errors import Corrupted, IncompleteBody, Unavailable
from tests.blobs import CONTENT, MIB, blob_id, in_chunks, put, read, run, stored
from tests.conformance.backend_fixture import BACKENDS, until_closed
from tests.faults import CrashNow

SIZES = (0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB)
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


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    yield from until_closed(request.param, tmp_path / "data")


async def failing_after(chunks: Sequence[bytes], error: BaseException) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise error


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
        receipt = await backend.write(in_chunks(*odd_chunks(content)), blob_id=blob_id(), size_bytes=size)
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
        receipt = await backend.write(in_chunks(content), blob_id=blob_id())
        assert receipt.sha256 == hashlib.sha256(content).hexdigest()
        assert await read(backend, receipt.key) == content

    run(scenario())


def test_the_key_is_made_of_sha256_and_blob_id(backend: BlobBackend) -> None:
    identity = blob_id()
    receipt = run(backend.write(in_chunks(CONTENT), blob_id=identity))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert receipt.key == f"sha256/{sha256[:2]}/{sha256}.{identity}"


@pytest.mark.parametrize(
    "bad", ["", "../../../../../../../../../etc/passwd", "A" * 36, "0" * 35, "0" * 36 + "\n"]
)
def test_a_malformed_blob_id_is_refused(backend: BlobBackend, bad: str) -> None:
    with pytest.raises(ValueError, match="blob id"):
        run(backend.write(in_chunks(CONTENT), blob_id=bad))


def test_a_blob_id_given_twice_never_overwrites(backend: BlobBackend) -> None:
    async def scenario() -> None:
        identity = blob_id()
        receipt = await backend.write(in_chunks(CONTENT), blob_id=identity)
        with pytest.raises(Unavailable):
            await backend.write(in_chunks(CONTENT), blob_id=identity)
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
