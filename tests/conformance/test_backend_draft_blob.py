"""Drafts that are made of blobs, asked of every adapter."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, MIB, blob_id, put, read, run
from tests.conformance.backend_fixture import BACKENDS, Victim, until_closed, victim
from tests.drafts import DRAFT, KEY, append, content_of, same_bytes


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    yield from until_closed(request.param, tmp_path / "data")


@pytest.fixture(params=BACKENDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Victim]:
    yield from victim(request.param, tmp_path / "data")


def test_blobs_and_bytes_make_one_blob(backend: BlobBackend) -> None:
    contents = [random.Random(size).randbytes(size) for size in (5, 0, MIB, 600_000, 3 * MIB + 1)]

    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            for content in contents:
                part = await put(backend, content)
                await draft.append_blob(part.key, piece_sums=part.piece_sums)
                await append(draft, b"between")
            receipt = await draft.publish(blob_id())
        expected = b"".join(content + b"between" for content in contents)
        assert same_bytes(receipt, await put(backend, expected))
        assert await read(backend, receipt.key) == expected

    run(scenario())


def test_the_parts_go_without_the_whole(backend: BlobBackend) -> None:
    async def scenario() -> None:
        part = await put(backend, CONTENT * 1000)
        async with backend.draft(DRAFT) as draft:
            await draft.append_blob(part.key)
            await draft.append_blob(part.key)
            receipt = await draft.publish(blob_id())
            await draft.discard()
        await backend.delete(part.key)
        assert await read(backend, receipt.key) == CONTENT * 2000

    run(scenario())


@pytest.mark.parametrize("size", [1, 600_000, 3 * MIB])
def test_a_damaged_blob_is_not_added(target: Victim, size: int) -> None:
    content = random.Random(size).randbytes(size)
    damaged = bytearray(content)
    damaged[size // 2] ^= 1

    async def scenario() -> None:
        good = await put(target.backend, CONTENT)
        part = await put(target.backend, content)
        target.damage(part.key, bytes(damaged))
        async with target.backend.draft(DRAFT) as draft:
            await draft.append_blob(good.key)
            for sums in (b"", part.piece_sums):
                with pytest.raises(Corrupted):
                    await draft.append_blob(part.key, piece_sums=sums)
                assert draft.size_bytes == len(CONTENT)
            await draft.append_blob(good.key)
            receipt = await draft.publish(blob_id())
        assert same_bytes(receipt, await put(target.backend, CONTENT * 2))
        assert await read(target.backend, receipt.key) == CONTENT * 2

    run(scenario())


@pytest.mark.parametrize("key", [f"sha256/00/{'0' * 64}.{DRAFT}", KEY, "meta/a", "../outside"])
def test_what_is_no_blob_is_not_added(backend: BlobBackend, key: str) -> None:
    async def scenario() -> None:
        await backend.write_if_absent("meta/a", CONTENT)
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            with pytest.raises(Corrupted):
                await draft.append_blob(key)
            assert await content_of(backend, draft) == CONTENT

    run(scenario())


def test_blobs_that_were_added_stay_for_the_next_holder(backend: BlobBackend) -> None:
    async def scenario() -> None:
        part = await put(backend, CONTENT)
        async with backend.draft(DRAFT) as draft:
            await draft.append_blob(part.key)
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == len(CONTENT)
            await draft.append_blob(part.key)
            assert await content_of(backend, draft) == CONTENT * 2

    run(scenario())
