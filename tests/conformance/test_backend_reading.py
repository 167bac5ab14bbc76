"""What the port `BlobBackend` promises to readers, asked of every adapter."""

import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, MIB, put, read, run
from tests.conformance.backend_fixture import BACKENDS, until_closed

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


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    yield from until_closed(request.param, tmp_path / "data")


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
