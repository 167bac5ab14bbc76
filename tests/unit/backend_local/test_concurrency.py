"""Threads, cancellation, backpressure and memory: what the event loop may expect."""

import asyncio
import os
import threading
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, MIB, blob_id, put, read, run, stored
from tests.unit.backend_local.system_calls import DESCRIPTORS, count_hops, files_below


def test_nothing_blocks_the_event_loop(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    offenders: list[str] = []

    def watch(name: str) -> None:
        call = getattr(os, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            if threading.current_thread() is threading.main_thread():
                offenders.append(name)
            return call(*arguments, **options)

        monkeypatch.setattr(os, name, watched)

    async def scenario() -> None:
        receipt = await put(backend, bytes(3 * MIB))
        await read(backend, receipt.key)
        await backend.size(receipt.key)
        await stored(backend)
        await backend.write_if_absent("meta/a", CONTENT)
        await backend.delete(receipt.key)
        await backend.sweep(datetime.now(UTC))

    for name in ("fsync", "link", "write", "pread", "stat", "unlink", "scandir", "mkdir"):
        watch(name)
    run(scenario())
    assert offenders == []


@pytest.mark.parametrize("chunks", [[b""], [CONTENT], [bytes(MIB)], [bytes(MIB // 2)] * 2], ids=len)
def test_a_body_of_one_piece_takes_one_hop(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]
) -> None:
    hops = count_hops(monkeypatch)
    run(put(backend, *chunks))
    assert len(hops) == 1


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="the system cannot tell what is in memory")
@pytest.mark.parametrize(("size", "count"), [(0, 0), (1, 0), (16 * 1024, 0), (256 * 1024, 1)])
def test_only_bytes_that_take_long_to_hash_take_a_hop(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, size: int, count: int
) -> None:
    receipt = run(put(backend, bytes(size)))
    hops = count_hops(monkeypatch)
    assert run(read(backend, receipt.key)) == bytes(size)
    assert len(hops) == count


def test_a_stalled_client_holds_no_thread(root: Path) -> None:
    backend = LocalBackend(root, threads=1)

    async def scenario() -> None:
        stalled, resume = asyncio.Event(), asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            yield bytes(3 * MIB)
            stalled.set()
            await resume.wait()

        slow = asyncio.ensure_future(backend.write(stalling(), blob_id=blob_id()))
        await stalled.wait()
        quick = await put(backend, CONTENT)
        assert await read(backend, quick.key) == CONTENT
        resume.set()
        assert (await slow).size_bytes == 3 * MIB
        await backend.close()

    run(scenario())


def test_a_slow_disk_slows_the_client(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    write, disk_works = os.write, threading.Event()
    taken = 0

    async def eager() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(10):
            taken += 1
            yield bytes(MIB)

    def slow_write(descriptor: int, data: memoryview) -> int:
        disk_works.wait()
        return write(descriptor, data)

    async def scenario() -> None:
        monkeypatch.setattr("os.write", slow_write)
        writing = asyncio.ensure_future(backend.write(eager(), blob_id=blob_id()))
        for _ in range(100):
            await asyncio.sleep(0)
        taken_meanwhile = taken
        disk_works.set()
        assert (await writing).size_bytes == 10 * MIB
        # One piece was with the disk, one was full, one chunk waited for room.
        assert taken_meanwhile == 3

    run(scenario())


@pytest.mark.parametrize("stopped_in", ["write", "fsync", "link"])
def test_a_write_cancelled_inside_a_system_call_waits_for_it_and_leaves_nothing(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: str
) -> None:
    call = getattr(os, stopped_in)
    reached, proceed = threading.Event(), threading.Event()

    def stopping(*arguments: Any, **options: Any) -> Any:
        answer = call(*arguments, **options)
        reached.set()
        proceed.wait()
        return answer

    async def scenario() -> None:
        writing = asyncio.ensure_future(put(backend, bytes(2 * MIB)))
        await asyncio.to_thread(reached.wait)
        for _ in range(3):
            writing.cancel()
            await asyncio.sleep(0)
        ended_early = writing.done()
        proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert not ended_early

    run(put(backend, CONTENT))
    before = files_below(root)
    with monkeypatch.context() as patch:
        patch.setattr(os, stopped_in, stopping)
        run(scenario())
    assert files_below(root) == before


def test_an_open_cancelled_inside_a_system_call_leaks_no_descriptor(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, proceed = threading.Event(), threading.Event()
    find = os.stat

    def stopping(*arguments: Any, **options: Any) -> os.stat_result:
        reached.set()
        proceed.wait()
        return find(*arguments, **options)

    async def scenario(key: str) -> None:
        opening = asyncio.ensure_future(backend.open(key))
        await asyncio.to_thread(reached.wait)
        opening.cancel()
        await asyncio.sleep(0)
        proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await opening

    receipt = run(put(backend, bytes(4 * MIB)))
    before = os.listdir(DESCRIPTORS)
    with monkeypatch.context() as patch:
        patch.setattr("os.stat", stopping)
        patch.setattr("aerostore.backend.local_cached._open_cached", lambda *_: -1)  # on a thread
        run(scenario(receipt.key))
    assert os.listdir(DESCRIPTORS) == before


def test_no_outcome_leaks_a_descriptor(backend: LocalBackend) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(3 * MIB)
        raise RuntimeError("the client went away")

    async def scenario() -> None:
        receipt = await put(backend, bytes(3 * MIB))
        await read(backend, receipt.key)
        half_read = await backend.open(receipt.key)
        async for _chunk in half_read.chunks():
            break
        await half_read.aclose()
        unread = await backend.open(receipt.key)
        await unread.aclose()
        with pytest.raises(Corrupted):
            await backend.open(receipt.key, ByteRange(0, 3 * MIB))
        with pytest.raises(RuntimeError):
            await backend.write(broken(), blob_id=blob_id())
        cancelled = asyncio.ensure_future(put(backend, *[bytes(MIB)] * 8))
        for _ in range(20):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        async for _blob in backend.list():
            break
        assert not await backend.write_if_absent("meta/a", CONTENT)

    run(backend.write_if_absent("meta/a", CONTENT))
    before = os.listdir(DESCRIPTORS)
    run(scenario())
    assert os.listdir(DESCRIPTORS) == before


def test_200_mb_pass_in_a_few_mebibytes_of_memory(backend: LocalBackend) -> None:
    chunk = os.urandom(64 * 1024)

    async def much() -> AsyncIterator[bytes]:
        for _ in range(200_000_000 // len(chunk)):
            yield chunk

    async def scenario() -> tuple[int, int]:
        receipt = await backend.write(much(), blob_id=blob_id())
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        reader = await backend.open(receipt.key)
        async for _chunk in reader.chunks():
            pass
        await reader.aclose()
        return written, tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        while_writing, while_reading = run(scenario())
    finally:
        tracemalloc.stop()
    assert while_writing < 4 * MIB
    assert while_reading < 4 * MIB
