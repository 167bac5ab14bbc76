"""What only the local backend promises: order of fsync and link, threads, memory, links and permissions."""

import asyncio
import errno
import os
import stat
import threading
import tracemalloc
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aerostore.backend import BlobReceipt
from aerostore.backend.local import LocalBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, InsufficientStorage, Unavailable

T = TypeVar("T")
MIB = 1024 * 1024
CONTENT = b"a short text"
DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(params=["unnamed", "named"])
def backend(request: pytest.FixtureRequest, root: Path) -> Iterator[LocalBackend]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "named":
            patch.delattr("os.O_TMPFILE")
        made = LocalBackend(root)
    yield made
    run(made.close())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


async def some(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(backend: LocalBackend, *chunks: bytes) -> BlobReceipt:
    return await backend.write(some(*chunks), blob_id=str(uuid.uuid4()))


async def read(backend: LocalBackend, key: str) -> bytes:
    reader = await backend.open(key)
    try:
        return b"".join([chunk async for chunk in reader.chunks()])
    finally:
        await reader.aclose()


async def keys(backend: LocalBackend) -> set[str]:
    return {blob.key async for blob in backend.list()}


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def failing(error: int, when: Callable[[Any], bool] = lambda _first: True) -> Callable[..., None]:
    """Make a stand-in for a system call that fails with `error` for the first arguments `when` picks."""

    def fail(first: Any, *_rest: Any, **_options: Any) -> None:
        if when(first):
            raise OSError(error, os.strerror(error))

    return fail


def trace_system_calls(patch: pytest.MonkeyPatch) -> list[str]:
    """Record fsync and link from here on, each with what it was about."""
    calls: list[str] = []
    fsync, link = os.fsync, os.link

    def traced_fsync(descriptor: int) -> None:
        if is_directory(descriptor):
            calls.append(f"fsync {Path(os.readlink(DESCRIPTORS / str(descriptor))).name}/")
        else:
            calls.append(f"fsync file of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def traced_link(*arguments: Any, **options: Any) -> None:
        calls.append("link")
        link(*arguments, **options)

    patch.setattr("os.fsync", traced_fsync)
    patch.setattr("os.link", traced_link)
    return calls


@pytest.mark.parametrize("size", [0, len(CONTENT), 3 * MIB])
def test_a_file_is_durable_before_its_name_and_both_before_the_receipt(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    shard = run(put(backend, bytes(size))).key.split("/")[1]
    calls = trace_system_calls(monkeypatch)
    run(put(backend, bytes(size)))
    assert calls == [f"fsync file of {size} bytes", "link", f"fsync {shard}/"]


def test_new_directories_are_durable_before_the_first_name_in_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = trace_system_calls(monkeypatch)
    backend = LocalBackend(root / "deep")
    assert [call for call in calls if call.startswith("fsync")] == [
        f"fsync {root.parent.name}/",
        f"fsync {root.name}/",
        "fsync deep/",
    ]
    calls.clear()
    shard = run(put(backend, b"")).key.split("/")[1]
    assert calls == ["fsync file of 0 bytes", "fsync deep/", "fsync sha256/", "link", f"fsync {shard}/"]
    run(backend.close())


def test_a_directory_that_another_process_made_is_not_trusted_to_be_durable(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(put(backend, CONTENT))
    newcomer = LocalBackend(root)
    calls = trace_system_calls(monkeypatch)
    run(put(newcomer, CONTENT))
    assert "fsync sha256/" in calls
    run(newcomer.close())


def test_write_if_absent_syncs_file_link_and_directory(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(backend.write_if_absent("meta/kind/a", CONTENT))
    calls = trace_system_calls(monkeypatch)
    assert run(backend.write_if_absent("meta/kind/b", CONTENT))
    assert calls == [f"fsync file of {len(CONTENT)} bytes", "link", "fsync kind/"]


def test_an_acknowledged_delete_is_durable_even_when_repeated(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = run(put(backend, CONTENT))
    calls = trace_system_calls(monkeypatch)
    run(backend.delete(receipt.key))
    run(backend.delete(receipt.key))
    assert calls == [f"fsync {receipt.key.split('/')[1]}/"] * 2


@pytest.mark.parametrize("size", [len(CONTENT), 3 * MIB])
@pytest.mark.parametrize("fails_for_directories", [False, True], ids=["file", "directory"])
def test_a_failed_fsync_is_unavailable_tried_once_and_leaves_nothing(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, size: int, fails_for_directories: bool
) -> None:
    run(put(backend, bytes(size)))
    before = files_below(root)
    attempts: list[int] = []

    def fsync(descriptor: int) -> None:
        if is_directory(descriptor) == fails_for_directories:
            attempts.append(descriptor)
            raise OSError(errno.EIO, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fsync)
        with pytest.raises(Unavailable) as raised:
            run(put(backend, bytes(size)))
    assert isinstance(raised.value.__cause__, OSError)
    assert files_below(root) == before
    # The second fsync of the directory belongs to the removal of the doubtful name.
    assert len(attempts) == (2 if fails_for_directories else 1)


def test_a_failed_fsync_leaves_no_record(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", failing(errno.EIO, lambda descriptor: not is_directory(descriptor)))
        with pytest.raises(Unavailable):
            run(backend.write_if_absent("meta/a", CONTENT))
    assert files_below(root) == []
    assert run(backend.write_if_absent("meta/a", CONTENT))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errno.ENOSPC, InsufficientStorage),
        (errno.EDQUOT, InsufficientStorage),
        (errno.EFBIG, InsufficientStorage),
        (errno.EIO, Unavailable),
        (errno.EROFS, Unavailable),
    ],
)
@pytest.mark.parametrize("call", ["os.write", "os.fsync", "os.link", "os.mkdir"])
def test_errors_of_the_disk_become_ours(
    backend: LocalBackend,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: int,
    expected: type[Unavailable],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(call, failing(error))
        with pytest.raises(Unavailable) as raised:
            run(put(backend, bytes(3 * MIB)))
        assert type(raised.value) is expected
    assert files_below(root) == []


def test_a_root_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable):
        LocalBackend(tmp_path / "file" / "data")


def test_a_short_write_of_the_kernel_is_continued(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:100_000]))
    content = os.urandom(2 * MIB + 1)
    receipt = run(put(backend, content))
    assert run(read(backend, receipt.key)) == content


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


@pytest.mark.parametrize("planted", ["file", "directory", "fifo"])
def test_what_was_planted_at_a_key_is_not_served(
    backend: LocalBackend, root: Path, tmp_path: Path, planted: str
) -> None:
    receipt = run(put(backend, CONTENT))
    path, secret = root / receipt.key, tmp_path / "secret"
    secret.write_bytes(CONTENT)
    path.unlink()
    if planted == "file":
        path.symlink_to(secret)
    elif planted == "directory":
        secret_directory = tmp_path / "secrets"
        secret_directory.mkdir()
        (secret_directory / path.name).write_bytes(CONTENT)
        path.parent.rmdir()
        path.parent.symlink_to(secret_directory)
    else:
        os.mkfifo(path)

    async def scenario() -> None:
        with pytest.raises(Corrupted):
            await backend.open(receipt.key)
        with pytest.raises(Corrupted):
            await backend.size(receipt.key)
        assert not await backend.exists(receipt.key)
        assert await keys(backend) == set()
        await backend.delete(receipt.key)

    run(scenario())
    assert secret.read_bytes() == CONTENT
    assert len(files_below(tmp_path / "secrets")) == (1 if planted == "directory" else 0)


def test_a_write_does_not_follow_a_planted_directory(
    backend: LocalBackend, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "meta").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        run(backend.write_if_absent("meta/a", CONTENT))
    assert files_below(tmp_path / "elsewhere") == []


def test_keys_that_point_outside_reach_no_file(backend: LocalBackend, root: Path) -> None:
    receipt = run(put(backend, CONTENT))
    outside = root.parent / "outside"
    outside.write_bytes(CONTENT)
    shard = "/".join(receipt.key.split("/")[:2])

    async def scenario() -> None:
        for key in (f"{shard}/../../../outside", "meta/../../outside", str(outside), f"./{receipt.key}"):
            with pytest.raises(Corrupted):
                await backend.open(key)
            await backend.delete(key)
        assert await read(backend, receipt.key) == CONTENT

    run(scenario())
    assert outside.exists()


def test_directories_are_0700_and_files_0600_whatever_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        backend = LocalBackend(tmp_path / "new" / "data")
        run(put(backend, CONTENT))
        run(backend.write_if_absent("meta/kind/a", CONTENT))
        run(backend.close())
    finally:
        os.umask(previous)
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
    assert len(files_below(tmp_path)) == 2


def test_an_unnamed_file_shows_nothing_while_it_is_written(root: Path) -> None:
    backend = LocalBackend(root)

    async def scenario() -> None:
        async def looking() -> AsyncIterator[bytes]:
            for _ in range(4):
                yield bytes(MIB)
                assert files_below(root) == []

        await backend.write(looking(), blob_id=str(uuid.uuid4()))
        await backend.close()

    run(scenario())


def test_sweep_removes_what_a_crash_left_and_spares_the_young(backend: LocalBackend, root: Path) -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    for name, age in (("old", timedelta(hours=2)), ("young", timedelta(minutes=30))):
        (root / "tmp" / name).touch()
        os.utime(root / "tmp" / name, times=((now - age).timestamp(),) * 2)
    assert run(backend.sweep(now - timedelta(hours=1))) == 1
    assert [path.name for path in files_below(root)] == ["young"]


def test_list_passes_over_temporary_and_foreign_files(backend: LocalBackend, root: Path) -> None:
    receipt = run(put(backend, CONTENT))
    shard = (root / receipt.key).parent
    (root / "tmp" / "left").touch()
    (root / "notes.txt").touch()
    (shard / "notes.txt").touch()
    (shard / f"{receipt.sha256}.{uuid.UUID(int=0)}~").touch()
    (shard / os.fsdecode(b"\xff")).touch()
    (root / "sha256" / "zz").mkdir()
    (root / "sha256" / "zz" / Path(receipt.key).name).touch()
    assert run(keys(backend)) == {receipt.key}


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
        await keys(backend)
        await backend.write_if_absent("meta/a", CONTENT)
        await backend.delete(receipt.key)
        await backend.sweep(datetime.now(UTC))

    for name in ("fsync", "link", "write", "pread", "stat", "unlink", "scandir", "mkdir"):
        watch(name)
    run(scenario())
    assert offenders == []


def count_hops(patch: pytest.MonkeyPatch) -> list[None]:
    hops: list[None] = []
    run_in_executor = asyncio.BaseEventLoop.run_in_executor

    def counted(loop: asyncio.BaseEventLoop, *arguments: Any) -> Any:
        hops.append(None)
        return run_in_executor(loop, *arguments)

    patch.setattr(asyncio.BaseEventLoop, "run_in_executor", counted)
    return hops


@pytest.mark.parametrize("chunks", [[b""], [CONTENT], [bytes(MIB)], [bytes(MIB // 2)] * 2], ids=len)
def test_a_body_of_one_piece_takes_one_hop(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]
) -> None:
    hops = count_hops(monkeypatch)
    run(put(backend, *chunks))
    assert len(hops) == 1


@pytest.mark.parametrize("size", [0, 1, 256 * 1024])
def test_a_small_part_is_opened_read_and_closed_in_one_hop(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    receipt = run(put(backend, bytes(size)))
    hops = count_hops(monkeypatch)
    assert run(read(backend, receipt.key)) == bytes(size)
    assert len(hops) == 1


def test_a_stalled_client_holds_no_thread(root: Path) -> None:
    backend = LocalBackend(root, threads=1)

    async def scenario() -> None:
        stalled, resume = asyncio.Event(), asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            yield bytes(3 * MIB)
            stalled.set()
            await resume.wait()

        slow = asyncio.ensure_future(backend.write(stalling(), blob_id=str(uuid.uuid4())))
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
        writing = asyncio.ensure_future(backend.write(eager(), blob_id=str(uuid.uuid4())))
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
            await backend.write(broken(), blob_id=str(uuid.uuid4()))
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
        receipt = await backend.write(much(), blob_id=str(uuid.uuid4()))
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
    assert while_reading < 3 * MIB
