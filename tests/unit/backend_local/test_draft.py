"""Drafts as files: what other processes, restarts and planted files do to them."""

import asyncio
import fcntl
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from aerostore.backend import BlobDraft, BlobReceipt
from aerostore.backend.local import LocalBackend
from aerostore.backend.local_reader import read_exactly
from aerostore.errors import Corrupted, LockTimeout, Unavailable
from tests.blobs import CONTENT, MIB, blob_id, in_chunks, put, read, run
from tests.drafts import DRAFT
from tests.unit.backend_local.draft import OTHER, append, check_published, publish
from tests.unit.backend_local.system_calls import (
    DESCRIPTORS,
    count_hops,
    files_below,
)


@pytest.fixture
def read_lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much was read from drafts, call by call."""
    lengths: list[int] = []

    def watched(descriptor: int, offset: int, length: int) -> bytes:
        lengths.append(length)
        return read_exactly(descriptor, offset, length)

    monkeypatch.setattr("aerostore.backend.local_draft_file.read_exactly", watched)
    return lengths


def test_bytes_are_hashed_while_they_come_and_never_read_again(
    backend: LocalBackend, read_lengths: list[int]
) -> None:
    async def scenario() -> None:
        await append(backend, bytes(2 * MIB))
        await append(backend, b"more", offset=2 * MIB)
        await publish(backend)
        assert read_lengths == []

    run(scenario())


def test_after_a_restart_the_bytes_are_read_once_for_their_hash(
    backend: LocalBackend, root: Path, read_lengths: list[int]
) -> None:
    content = os.urandom(20 * MIB + 3)

    async def scenario() -> None:
        await append(backend, content)
        restarted = LocalBackend(root)
        await append(restarted, b"more", offset=len(content))
        assert read_lengths == []
        await publish(restarted)
        assert sum(read_lengths) == len(content) + 4
        await check_published(restarted, content + b"more")
        assert sum(read_lengths) == len(content) + 4
        await restarted.close()

    run(scenario())


UTIME, PWRITE = os.utime, os.pwrite


TICK_NS = 10**18


def _keep_seconds_only(path: int, *, ns: tuple[int, int]) -> None:
    UTIME(path, ns=(ns[0] // 10**9 * 10**9, TICK_NS))


def _write_within_one_tick(descriptor: int, content: bytes, offset: int) -> int:
    written = PWRITE(descriptor, content, offset)
    UTIME(descriptor, ns=(TICK_NS, TICK_NS))
    return written


@pytest.mark.parametrize(
    ("call", "stand_in"),
    [("os.utime", UTIME), ("os.utime", _keep_seconds_only), ("os.pwrite", _write_within_one_tick)],
    ids=["exact dates", "whole seconds", "coarse clock"],
)
def test_bytes_that_another_process_wrote_instead_are_hashed_and_not_the_old_ones(
    backend: LocalBackend,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    stand_in: Callable[..., object],
) -> None:
    monkeypatch.setattr(call, stand_in)

    async def scenario() -> None:
        other = LocalBackend(root)
        await append(backend, b"0123456789")
        await append(other, b"abcdef", offset=4)
        await append(backend, b"!", offset=10)
        await check_published(backend, b"0123abcdef!")
        await other.close()

    run(scenario())


def test_two_workers_in_turn_get_the_hash_right(backend: LocalBackend, root: Path) -> None:
    async def scenario() -> None:
        other = LocalBackend(root)
        content = b""
        for number in range(20):
            step = os.urandom(1000 + number)
            await append((backend, other)[number % 2], step, offset=len(content))
            content += step
        await check_published(other, content)
        await other.close()

    run(scenario())


def test_more_drafts_than_are_remembered_get_their_hashes(root: Path, read_lengths: list[int]) -> None:
    async def scenario() -> None:
        backend = LocalBackend(root)
        drafts = [str(uuid.UUID(int=number)) for number in range(260)]
        for draft_id in drafts:
            await append(backend, draft_id.encode(), draft_id=draft_id)
        for draft_id in reversed(drafts):
            receipt = await publish(backend, draft_id)
            assert await read(backend, receipt.key) == draft_id.encode()
        assert len(read_lengths) == 4
        await backend.close()

    run(scenario())


def test_a_small_append_takes_one_hop_besides_lock_and_release(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await append(backend, CONTENT)
        hops = count_hops(monkeypatch)
        await append(backend, bytes(MIB), offset=len(CONTENT))
        assert len(hops) == 3

    run(scenario())


def test_nothing_leaks_a_descriptor(backend: LocalBackend, root: Path) -> None:
    async def scenario() -> None:
        part = await put(backend, bytes(40 * MIB))
        before = len(list(DESCRIPTORS.iterdir()))
        for steps in range(30):
            for attempt in (_add(backend, part.key), _wait_for_held(backend)):
                task = asyncio.ensure_future(attempt)
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
        third = str(uuid.UUID(int=9))
        (root / "draft" / third).mkdir()
        with pytest.raises(Unavailable):
            await append(backend, CONTENT, draft_id=third)
        assert len(list(DESCRIPTORS.iterdir())) == before
        await append(backend, CONTENT)
        await check_published(backend, CONTENT)

    run(scenario())


async def _add(backend: LocalBackend, key: str) -> None:
    async with backend.draft(DRAFT) as draft:
        await draft.append_blob(key)


async def _wait_for_held(backend: LocalBackend) -> None:
    async with backend.draft(OTHER), backend.draft(OTHER, timeout_s=30):
        raise AssertionError


def test_waiting_takes_no_thread(root: Path) -> None:
    async def scenario() -> None:
        backend = LocalBackend(root, threads=1)
        async with backend.draft(DRAFT) as draft:
            waiting = [asyncio.ensure_future(append(backend, b"!", offset=4)) for _ in range(10)]
            await asyncio.sleep(0)
            assert await draft.append(in_chunks(b"held"), offset=0) == 4
        await asyncio.gather(*waiting)
        await check_published(backend, b"held!")
        await backend.close()

    run(scenario())


def test_a_draft_of_a_killed_process_is_free_with_what_was_durable(root: Path) -> None:
    LocalBackend(root)
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            run(_hold_for_ever(root, told))
        finally:
            os._exit(1)
    try:
        assert os.read(ready, 1) == b"."

        async def find_it_held() -> None:
            backend = LocalBackend(root)
            with pytest.raises(LockTimeout):
                await append_at_once(backend)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert await append_at_once(backend) == len(CONTENT) + 1
            await check_published(backend, CONTENT + b"!")
            await backend.close()

        run(find_it_held())
    finally:
        os.close(ready)
        os.close(told)


async def append_at_once(backend: LocalBackend) -> int:
    async with backend.draft(DRAFT) as draft:
        return await draft.append(in_chunks(b"!"), offset=len(CONTENT))


async def _hold_for_ever(root: Path, told: int) -> None:
    backend = LocalBackend(root)
    async with backend.draft(DRAFT) as draft:
        await draft.append(in_chunks(CONTENT), offset=0)
        await draft.append(_never_ending(told), offset=len(CONTENT))


async def _never_ending(told: int) -> AsyncIterator[bytes]:
    yield bytes(2 * MIB)
    yield bytes(2 * MIB)
    os.write(told, b".")
    await asyncio.Event().wait()


def _symbolic_link(place: Path) -> None:
    target = place.parent.parent / "precious"
    target.write_bytes(b"precious")
    place.symlink_to(target)


@pytest.mark.parametrize("plant", [_symbolic_link, os.mkfifo, Path.mkdir], ids=["link", "fifo", "directory"])
def test_what_is_no_file_is_no_draft(
    backend: LocalBackend, root: Path, plant: Callable[[Path], None]
) -> None:
    plant(root / "draft" / DRAFT)
    with pytest.raises(Unavailable):
        run(append(backend, CONTENT))
    precious = root / "precious"
    assert not precious.exists() or precious.read_bytes() == b"precious"


def test_drafts_are_for_nobody_else_to_read(backend: LocalBackend, root: Path) -> None:
    run(append(backend, CONTENT))
    assert (root / "draft" / DRAFT).stat().st_mode & 0o777 == 0o600


def test_a_draft_deleted_under_its_holder_takes_no_more_bytes_and_makes_no_blob(
    backend: LocalBackend, root: Path
) -> None:
    async def lose(draft: BlobDraft) -> None:
        await backend.delete(f"draft/{DRAFT}")
        with pytest.raises(Corrupted):
            await draft.append(in_chunks(b"!"), offset=len(CONTENT))
        with pytest.raises((Corrupted, Unavailable)):
            await draft.publish(blob_id())
        await draft.discard()

    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await draft.append(in_chunks(CONTENT), offset=0)
            await lose(draft)
        assert files_below(root) == []

    run(scenario())


def test_a_draft_that_is_discarded_before_it_is_locked_is_no_longer_taken(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    discarded: list[int] = []

    def too_late(descriptor: int, operation: int) -> None:
        if not discarded:
            (root / "draft" / DRAFT).unlink()
        discarded.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", too_late)
    run(append(backend, CONTENT))
    assert len(discarded) == 2
    assert (root / "draft" / DRAFT).read_bytes() == CONTENT


def test_a_publish_that_is_cancelled_while_its_blob_gets_a_name_leaves_none(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    async def scenario() -> None:
        await append(backend, CONTENT)
        loop = asyncio.get_running_loop()
        publishing = asyncio.ensure_future(publish(backend))

        def cancelled_meanwhile(*arguments: Any, **options: Any) -> None:
            link(*arguments, **options)
            asyncio.run_coroutine_threadsafe(_cancel(publishing), loop).result()

        monkeypatch.setattr("os.link", cancelled_meanwhile)
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert files_below(root) == [root / "draft" / DRAFT]

    run(scenario())


async def _cancel(task: "asyncio.Future[BlobReceipt]") -> None:
    task.cancel()


def test_discard_spares_the_draft_that_took_the_place(backend: LocalBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await draft.append(in_chunks(CONTENT), offset=0)
            await backend.delete(f"draft/{DRAFT}")
            await append(backend, b"another")
            await draft.discard()
        await check_published(backend, b"another")

    run(scenario())
