"""Small bodies that come while others are being made durable: together, and each with its own fate."""

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from aerostore.backend import BlobReceipt
from aerostore.backend.local import LocalBackend
from aerostore.backend.local_group import MOST_AT_ONCE, SMALL_BYTES
from aerostore.errors import InsufficientStorage, Unavailable
from tests.blobs import blob_id, in_chunks, put, read, run
from tests.unit.backend_local.system_calls import (
    DESCRIPTORS,
    count_hops,
    files_below,
    is_directory,
    trace_system_calls,
)

CONTENTS = [b"%04d" % number for number in range(5)]
VICTIM = b"the one that fails"
Outcome = BlobReceipt | BaseException


def neighbours(directory: str, number: int) -> list[bytes]:
    """Find contents whose hashes put them into one directory."""
    found = (b"%d" % each for each in count() if sha256(b"%d" % each).hexdigest().startswith(directory))
    return [next(found) for _ in range(number)]


class HeldSync:
    """Syncs of files that stand still from the first one on, until they may go on."""

    def __init__(self, patch: pytest.MonkeyPatch, *, of_bytes: int) -> None:
        self._reached, self._proceed = threading.Event(), threading.Event()
        self._of_bytes = of_bytes
        self._fsync = os.fsync
        patch.setattr("os.fsync", self._sync)

    async def reached(self) -> None:
        await asyncio.to_thread(self._reached.wait)

    def go_on(self) -> None:
        self._proceed.set()

    def _sync(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size == self._of_bytes:
            self._reached.set()
            self._proceed.wait()
        self._fsync(descriptor)


async def while_busy(
    backend: LocalBackend,
    patch: pytest.MonkeyPatch,
    contents: Sequence[bytes],
    meanwhile: Callable[[Sequence[asyncio.Task[BlobReceipt]]], object] = lambda _writes: None,
) -> list[Outcome]:
    """Write `contents` while the sync of another blob holds them up; return what became of each."""
    with patch.context() as only_now:
        held = HeldSync(only_now, of_bytes=len(b"first"))
        first = asyncio.create_task(put(backend, b"first"))
        await held.reached()
    writes = [asyncio.create_task(put(backend, content)) for content in contents]
    await asyncio.sleep(0)
    meanwhile(writes)
    held.go_on()
    await first
    return await asyncio.gather(*writes, return_exceptions=True)


def test_bodies_that_come_together_share_a_hop_and_all_are_durable_before_one_has_a_name(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    hops, calls = count_hops(monkeypatch), trace_system_calls(monkeypatch)
    outcomes = run(while_busy(backend, monkeypatch, CONTENTS))
    assert all(isinstance(each, BlobReceipt) for each in outcomes)
    assert len(hops) == 1
    of_the_group = calls[calls.index("fsync file of 4 bytes") :]
    before, named = of_the_group[:5], of_the_group[-of_the_group[::-1].index("link") :]
    assert before == ["fsync file of 4 bytes"] * 5
    assert set(named) == {f"fsync {sha256(each).hexdigest()[:2]}/" for each in CONTENTS}


def test_the_disk_has_all_bytes_before_it_is_waited_for(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = trace_system_calls(monkeypatch)
    monkeypatch.setattr("os.posix_fadvise", lambda *_: calls.append("start writing back"))
    run(while_busy(backend, monkeypatch, CONTENTS))
    first_start = calls.index("start writing back")
    assert calls[first_start : first_start + 10] == ["start writing back"] * 5 + ["fsync file of 4 bytes"] * 5


def test_names_in_one_directory_take_one_sync_of_it(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = neighbours("ab", 3)
    run(put(backend, contents[0]))
    calls = trace_system_calls(monkeypatch)
    run(while_busy(backend, monkeypatch, contents))
    assert calls.count("fsync ab/") == 1


def test_more_than_a_group_holds_are_all_written(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % number for number in range(2 * MOST_AT_ONCE + 1)]

    async def scenario() -> None:
        receipts = await while_busy(backend, monkeypatch, contents)
        for receipt, content in zip(receipts, contents, strict=True):
            assert isinstance(receipt, BlobReceipt)
            assert await read(backend, receipt.key) == content

    run(scenario())


@pytest.mark.parametrize(
    "slow", [bytes(SMALL_BYTES + 1), VICTIM], ids=["a longer body", "a sync that stands still"]
)
def test_others_do_not_wait_behind(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, slow: bytes
) -> None:
    held = HeldSync(monkeypatch, of_bytes=len(slow))

    async def scenario() -> None:
        writing = asyncio.create_task(put(backend, slow))
        await held.reached()
        await asyncio.gather(*(put(backend, content) for content in [*CONTENTS, bytes(SMALL_BYTES)]))
        assert not writing.done()
        held.go_on()
        await writing

    run(scenario())


@pytest.mark.parametrize(
    ("call", "is_victim", "error", "expected"),
    [
        ("write", lambda _file, content: content == VICTIM, errno.ENOSPC, InsufficientStorage),
        ("fsync", lambda file: os.fstat(file).st_size == len(VICTIM), errno.EIO, Unavailable),
        ("link", lambda _file, name: sha256(VICTIM).hexdigest() in name, errno.EIO, Unavailable),
    ],
)
def test_a_body_that_fails_fails_alone(
    backend: LocalBackend,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    is_victim: Callable[..., bool],
    error: int,
    expected: type[Unavailable],
) -> None:
    system_call = getattr(os, call)

    def failing(*arguments: Any, **options: Any) -> Any:
        if is_victim(*arguments):
            raise OSError(error, os.strerror(error))
        return system_call(*arguments, **options)

    contents = [*CONTENTS, VICTIM, b"last"]
    outcomes = run(
        while_busy(backend, monkeypatch, contents, lambda _writes: monkeypatch.setattr(f"os.{call}", failing))
    )
    assert [type(each) for each in outcomes] == [*[BlobReceipt] * 5, expected, BlobReceipt]
    assert len(files_below(root)) == 7


def test_a_directory_that_cannot_be_synced_takes_all_new_names_in_it_along(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if is_directory(descriptor) and os.readlink(DESCRIPTORS / str(descriptor)).endswith("/ab"):
            raise OSError(errno.EIO, "I/O error")
        fsync(descriptor)

    async def scenario() -> list[Outcome]:
        await put(backend, *neighbours("ab", 1))
        return await while_busy(
            backend,
            monkeypatch,
            [*neighbours("ab", 2), *neighbours("cd", 2)],
            lambda _writes: monkeypatch.setattr("os.fsync", failing),
        )

    assert [type(each) for each in run(scenario())] == [Unavailable, Unavailable, BlobReceipt, BlobReceipt]
    assert len(files_below(root / "sha256" / "ab")) == 1
    assert len(files_below(root / "sha256" / "cd")) == 2


def test_a_cancelled_body_leaves_nothing_and_the_others_stay(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = run(while_busy(backend, monkeypatch, CONTENTS, lambda writes: writes[2].cancel()))
    assert [type(each) for each in outcomes].count(BlobReceipt) == 4
    assert isinstance(outcomes[2], asyncio.CancelledError)
    assert len(files_below(root)) == 5


def test_two_of_the_same_id_and_bytes_get_one_file(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_id = blob_id()

    def write() -> Awaitable[BlobReceipt]:
        return backend.write(in_chunks(b"same"), blob_id=one_id)

    async def scenario() -> list[Outcome]:
        return list(await asyncio.gather(write(), write(), return_exceptions=True))

    assert sorted(type(each).__name__ for each in run(scenario())) == ["BlobReceipt", "Unavailable"]
    assert len(files_below(root)) == 1


def test_whatever_goes_wrong_nobody_waits_for_ever(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(_group: object) -> None:
        raise MemoryError

    monkeypatch.setattr("aerostore.backend.local_group._sync_directories", out_of_memory)
    with pytest.raises(MemoryError):
        run(put(backend, b"one"))
    monkeypatch.undo()
    assert files_below(root) == []
    run(put(backend, b"one"))
