"""Files that changed below the backend, and files that a server may send itself."""

import os
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, MIB, put, run


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
    monkeypatch.setattr("os.pread", lambda *_arguments: b"")
    with pytest.raises(Corrupted):
        run(backend.open(receipt.key))


def test_a_local_file_is_the_part_at_its_offset(backend: LocalBackend) -> None:
    async def scenario() -> None:
        receipt = await put(backend, bytes(MIB), CONTENT)
        reader = await backend.open(receipt.key, ByteRange(MIB, MIB + 6))
        await reader.aclose()
        assert reader.local_file is not None
        with reader.local_file.path.open("rb") as file:
            file.seek(reader.local_file.offset)
            assert file.read(reader.local_file.length) == CONTENT[:7]

    run(scenario())
