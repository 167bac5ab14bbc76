"""Which reads go to a thread: those that would wait for a disk, and those that take long to check."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.backend.local_cached import CachedFiles
from aerostore.backend.local_thread import Threads
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import MIB, put, read, run

NOISE = random.Random(6).randbytes(3 * MIB)
needs_cache_answers = pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system cannot tell")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each call that went to a thread."""
    noted: list[str] = []
    start = Threads.start

    def noting(self: Threads, task: Callable[[], object]) -> object:
        noted.append(repr(task))
        return start(self, task)

    monkeypatch.setattr(Threads, "start", noting)
    return noted


def evict(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@needs_cache_answers
def test_a_large_file_in_memory_needs_a_thread_only_to_be_closed(
    backend: LocalBackend, hops: list[str]
) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        hops.clear()
        reader = await backend.open(receipt.key, piece_sums=receipt.piece_sums)
        assert b"".join([chunk async for chunk in reader.chunks()]) == NOISE
        await reader.aclose()
        assert len(hops) == 1

    run(scenario())


@needs_cache_answers
def test_a_long_hash_is_not_counted_on_the_event_loop(backend: LocalBackend, hops: list[str]) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        hops.clear()
        assert await read(backend, receipt.key) == NOISE
        assert len(hops) == len(NOISE) // (256 * 1024) + 1

    run(scenario())


def test_what_is_not_in_memory_is_read_on_a_thread(
    backend: LocalBackend, root: Path, hops: list[str]
) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        evict(root / receipt.key)
        hops.clear()
        reader = await backend.open(receipt.key, ByteRange(5, MIB), piece_sums=receipt.piece_sums)
        assert hops
        assert b"".join([chunk async for chunk in reader.chunks()]) == NOISE[5 : MIB + 1]
        await reader.aclose()

    run(scenario())


def test_a_system_that_cannot_tell_reads_everything_on_threads(
    backend: LocalBackend, hops: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerostore.backend.local_cached._open_cached", lambda *_: -1)
    monkeypatch.setattr("aerostore.backend.local_cached._CAN_TELL", False)

    async def scenario() -> None:
        receipt = await put(backend, NOISE)
        hops.clear()
        assert await read(backend, receipt.key) == NOISE
        assert hops

    run(scenario())


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("../../meta/other", path)])
def test_only_plain_files_are_opened(backend: LocalBackend, root: Path, make: Callable[[Path], None]) -> None:
    async def scenario() -> None:
        await backend.write_if_absent("meta/other", b"not yours")
        receipt = await put(backend, NOISE[:10])
        (root / receipt.key).unlink()
        make(root / receipt.key)
        assert CachedFiles(root).open_file(receipt.key) is None
        with pytest.raises(Corrupted):
            await backend.open(receipt.key)

    run(scenario())


def test_a_directory_that_is_a_link_leads_nowhere(backend: LocalBackend, root: Path) -> None:
    async def scenario() -> None:
        receipt = await put(backend, NOISE[:10])
        directory = (root / receipt.key).parent
        directory.rename(root / "elsewhere")
        directory.symlink_to(root / "elsewhere")
        assert CachedFiles(root).open_file(receipt.key) is None
        with pytest.raises(Corrupted):
            await backend.open(receipt.key)

    run(scenario())


@pytest.mark.parametrize("key", ["", "../outside", "/etc/hostname", "sha256/00/../../outside", "tmp/x"])
def test_what_is_no_key_is_not_opened(root: Path, key: str) -> None:
    root.mkdir()
    (root.parent / "outside").write_bytes(b"x")
    assert CachedFiles(root).open_file(key) is None
