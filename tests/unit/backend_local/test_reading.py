"""Files that changed below the backend while they were read."""

import os
import random
from pathlib import Path

import pytest

from aerostore.backend import BlobReader, checked_read, piece_sum
from aerostore.backend.local import LocalBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, MIB, put, run
from tests.unit.backend_local.system_calls import DESCRIPTORS

NOISE = random.Random(5).randbytes(4 * MIB)


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        (before,) = file.read(1)
        file.seek(position)
        file.write(bytes([before ^ 1]))


async def read_until_it_fails(reader: BlobReader) -> bytes:
    received = b""
    with pytest.raises(Corrupted):
        async for chunk in reader.chunks():
            received += chunk
    await reader.aclose()
    return received


def test_a_whole_file_that_changes_while_it_is_read_never_comes_to_its_end(
    backend: LocalBackend, root: Path
) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        for position in (MIB, 2 * MIB, 4 * MIB - 1):
            reader = await backend.open(receipt.key)
            flip(root / receipt.key, position)
            assert len(await read_until_it_fails(reader)) < len(NOISE)
            flip(root / receipt.key, position)

    run(scenario())


def test_of_a_part_that_changes_while_it_is_read_no_wrong_byte_comes_out(
    backend: LocalBackend, root: Path
) -> None:
    part = ByteRange(MIB // 2 + 5, 3 * MIB + 7)

    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        for position in (2 * MIB - 1, 2 * MIB, 3 * MIB + 8):
            reader = await backend.open(receipt.key, part, piece_sums=receipt.piece_sums)
            flip(root / receipt.key, position)
            received = await read_until_it_fails(reader)
            assert len(received) + part.first <= position
            assert NOISE[part.first :].startswith(received)
            flip(root / receipt.key, position)

    run(scenario())


def test_a_long_piece_that_changes_after_it_was_found_good_gives_no_wrong_byte(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piece_sum, "MAX_PIECES", 2)
    monkeypatch.setattr(checked_read, "STEP_BYTES", 64 * 1024)
    part = ByteRange(MIB + 1, 2 * MIB - 2)

    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        assert len(receipt.piece_sums) == 2 * piece_sum.SUM_BYTES
        reader = await backend.open(receipt.key, part, piece_sums=receipt.piece_sums)
        flip(root / receipt.key, MIB + MIB // 2)
        received = await read_until_it_fails(reader)
        assert 0 < len(received) < MIB // 2
        assert NOISE[part.first :].startswith(received)

    run(scenario())


def test_a_failed_read_leaks_no_descriptor(backend: LocalBackend, root: Path) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        flip(root / receipt.key, 4 * MIB - 1)
        before = os.listdir(DESCRIPTORS)
        await read_until_it_fails(await backend.open(receipt.key))
        flip(root / receipt.key, 0)
        with pytest.raises(Corrupted):
            await backend.open(receipt.key, ByteRange(0, 5), piece_sums=receipt.piece_sums)
        assert os.listdir(DESCRIPTORS) == before

    run(scenario())


def test_a_file_that_gets_shorter_while_it_is_read_is_corrupted(backend: LocalBackend, root: Path) -> None:
    async def scenario() -> None:
        receipt = await put(backend, bytes(4 * MIB))
        reader = await backend.open(receipt.key)
        os.truncate(root / receipt.key, 2 * MIB + 1)
        received = 0
        with pytest.raises(Corrupted):
            async for chunk in reader.chunks():
                received += len(chunk)
        assert received == 2 * MIB
        await reader.aclose()

    run(scenario())


def test_a_small_file_that_ends_early_is_corrupted(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = run(put(backend, CONTENT))
    monkeypatch.setattr("os.preadv", lambda *_arguments: 0)
    monkeypatch.setattr("os.pread", lambda *_arguments: b"")
    with pytest.raises(Corrupted):
        run(backend.open(receipt.key))
