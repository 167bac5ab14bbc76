"""What of a draft survives a power cut, and what an error of the disk leaves of it."""

import errno
import os
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.errors import Corrupted, InsufficientStorage, Unavailable
from tests.blobs import CONTENT, MIB, blob_id, in_chunks, put, read, run
from tests.drafts import DRAFT
from tests.unit.backend_local.draft import append, check_published, publish
from tests.unit.backend_local.system_calls import (
    failing,
    files_below,
    is_directory,
    trace_system_calls,
)


def test_bytes_then_their_name_are_durable_before_the_answer(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        calls = trace_system_calls(monkeypatch)
        await append(backend, CONTENT)
        assert calls == [f"fsync file of {len(CONTENT)} bytes", "fsync draft/"]
        calls.clear()
        await append(backend, b"!", offset=len(CONTENT))
        assert calls == [f"fsync file of {len(CONTENT) + 1} bytes"]
        calls.clear()
        receipt = await publish(backend)
        shard = receipt.key.split("/")[1]
        expected = [f"fsync file of {len(CONTENT) + 1} bytes", "fsync sha256/", "link", f"fsync {shard}/"]
        assert [call for call in calls if call != "fsync draft/"] == expected

    run(scenario())


def test_a_name_that_was_found_is_not_trusted_to_be_durable(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await append(backend, CONTENT)
        restarted = LocalBackend(root)
        calls = trace_system_calls(monkeypatch)
        await append(restarted, b"!", offset=len(CONTENT))
        assert calls == [f"fsync file of {len(CONTENT) + 1} bytes", "fsync draft/"]
        await restarted.close()

    run(scenario())


def test_ten_blobs_that_are_added_take_one_fsync_in_the_end(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        part = await put(backend, CONTENT)
        async with backend.draft(DRAFT) as draft:
            calls = trace_system_calls(monkeypatch)
            for _ in range(10):
                await draft.append_blob(part.key)
            assert calls == []
            receipt = await draft.publish(blob_id())
        assert calls[0] == f"fsync file of {10 * len(CONTENT)} bytes"
        assert await read(backend, receipt.key) == CONTENT * 10

    run(scenario())


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_after_a_failed_fsync_only_the_new_bytes_are_gone_and_nothing_is_trusted(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    rewritten: list[tuple[int, int]] = []
    pwrite = os.pwrite

    def traced(descriptor: int, content: bytes, offset: int) -> int:
        rewritten.append((offset, len(content)))
        return pwrite(descriptor, content, offset)

    async def scenario() -> None:
        await append(backend, bytes(5000))
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", failing(error))
            patch.setattr("os.pwrite", traced)
            with pytest.raises(Unavailable) as raised:
                await append(backend, b"lost", offset=5000)
        assert isinstance(raised.value, InsufficientStorage) == (error == errno.ENOSPC)
        # The page that old and new bytes shared is dirty again: the next fsync has to write it.
        assert rewritten == [(5000, 4), (4096, 904)]
        assert (root / "draft" / DRAFT).stat().st_size == 5000
        await append(backend, b"kept", offset=5000)
        await check_published(backend, bytes(5000) + b"kept")

    run(scenario())


def test_a_first_append_whose_name_is_in_doubt_leaves_no_draft(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", failing(errno.EIO, is_directory))
            async with backend.draft(DRAFT) as draft:
                with pytest.raises(Unavailable):
                    await draft.append(in_chunks(CONTENT), offset=0)
                with pytest.raises(Corrupted):
                    await draft.append(in_chunks(CONTENT), offset=0)
        assert files_below(root) == []
        await append(backend, CONTENT)
        await check_published(backend, CONTENT)

    run(scenario())


@pytest.mark.parametrize("fails_for_directories", [False, True], ids=["file", "directory"])
def test_a_failed_publish_leaves_no_blob_and_the_draft_for_another_try(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, fails_for_directories: bool
) -> None:
    def is_failing(descriptor: int) -> bool:
        return is_directory(descriptor) == fails_for_directories

    async def scenario() -> None:
        await append(backend, CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", failing(errno.EIO, is_failing))
            with pytest.raises(Unavailable):
                await publish(backend)
        assert files_below(root) == [root / "draft" / DRAFT]
        await check_published(backend, CONTENT)

    run(scenario())


@pytest.mark.parametrize(
    ("call", "error", "expected"),
    [
        ("os.pwrite", errno.ENOSPC, InsufficientStorage),
        ("os.pwrite", errno.EDQUOT, InsufficientStorage),
        ("os.pwrite", errno.EIO, Unavailable),
        ("os.ftruncate", errno.EIO, Unavailable),
        ("fcntl.flock", errno.ENOLCK, Unavailable),
    ],
)
def test_errors_of_the_disk_become_ours_and_what_was_there_stays(
    backend: LocalBackend,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: int,
    expected: type[Unavailable],
) -> None:
    async def scenario() -> None:
        await append(backend, CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr(call, failing(error))
            with pytest.raises(Unavailable) as raised:
                await append(backend, bytes(3 * MIB), offset=len(CONTENT) - 1)
            assert type(raised.value) is expected
        await append(backend, b"!", offset=len(CONTENT) - 1)
        await check_published(backend, CONTENT[:-1] + b"!")

    run(scenario())


def test_a_full_disk_refuses_new_bytes_and_blobs_before_it_is_full(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.statvfs_result((4096, 4096, 10**9, 10, 10, 10**9, 10**9, 10**9, 0, 255))

    async def scenario() -> None:
        part = await put(backend, CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr("os.fstatvfs", lambda _descriptor: full)
            async with backend.draft(DRAFT) as draft:
                with pytest.raises(InsufficientStorage):
                    await draft.append(in_chunks(CONTENT), offset=0)
                with pytest.raises(InsufficientStorage):
                    await draft.append_blob(part.key)
                assert draft.size_bytes == 0

    run(scenario())
