"""What survives a power cut, and what an error of the disk leaves behind."""

import errno
import os
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.errors import InsufficientStorage, Unavailable
from tests.blobs import CONTENT, MIB, put, read, run
from tests.unit.backend_local.system_calls import failing, files_below, is_directory, trace_system_calls


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
        f"fsync {root.parent.parent.name}/",
        f"fsync {root.parent.name}/",
        f"fsync {root.name}/",
        "fsync deep/",
    ]
    calls.clear()
    shard = run(put(backend, b"")).key.split("/")[1]
    assert calls == ["fsync file of 0 bytes", "fsync sha256/", "link", f"fsync {shard}/"]
    run(backend.close())


def test_a_root_that_was_found_is_not_trusted_to_be_durable(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()  # and whoever did it died before it was synced
    calls = trace_system_calls(monkeypatch)
    run(LocalBackend(root).close())
    assert [call for call in calls if call.startswith("fsync")] == [
        f"fsync {root.parent.name}/",
        f"fsync {root.name}/",
    ]


def test_a_directory_whose_fsync_failed_is_made_anew(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", failing(errno.EIO, is_directory))
        with pytest.raises(Unavailable):
            run(put(backend, CONTENT))
    assert list((root / "sha256").iterdir()) == []
    calls = trace_system_calls(monkeypatch)
    shard = run(put(backend, CONTENT)).key.split("/")[1]
    assert calls == [f"fsync file of {len(CONTENT)} bytes", "fsync sha256/", "link", f"fsync {shard}/"]


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


def test_the_disk_starts_on_a_large_body_before_it_ends(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[int, int]] = []
    monkeypatch.setattr("os.posix_fadvise", lambda _file, *part: started.append(part[:2]))
    run(put(backend, bytes(2 * MIB + 1)))
    assert started == [(0, MIB), (MIB, MIB)]


def test_what_was_written_long_ago_of_a_large_body_leaves_memory(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerostore.backend.local_tree.RECENT_BYTES", 2 * MIB)
    advised: list[tuple[int, int]] = []
    monkeypatch.setattr("os.posix_fadvise", lambda _file, *part: advised.append(part[:2]))
    run(put(backend, bytes(4 * MIB + 1)))
    starts, drops = [0, 1, 2, 3], [0, 1]
    assert sorted(advised) == sorted((number * MIB, MIB) for number in starts + drops)
    assert advised.index((0, MIB), 1) > advised.index((2 * MIB, MIB)), "it was dropped before its time"


def test_a_large_body_needs_no_posix_fadvise(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.posix_fadvise")
    content = os.urandom(2 * MIB + 1)
    receipt = run(put(backend, content))
    assert run(read(backend, receipt.key)) == content
