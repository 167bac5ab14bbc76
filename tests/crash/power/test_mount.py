"""The mounted volume: enough of a file system for SQLite and for the backend, and its faults on time."""

import errno
import mmap
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.power.fault import FOR_EVER, Fault
from tests.crash.power.mount import Mount
from tests.crash.power.operation import Sync, Write

_COUNT = (
    "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone()[0])"
)
_LOCK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def in_another_process(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def raised_by(call: Callable[[], object]) -> int | None:
    with pytest.raises(OSError) as failure:
        call()
    return failure.value.errno


def test_names_and_bytes_are_as_on_any_file_system(mount: Mount) -> None:
    folder = mount.directory / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"content")
    os.link(folder / "a", folder / "b")
    (folder / "a").unlink()
    (folder / "b").rename(folder / "c")
    assert [path.name for path in folder.iterdir()] == ["c"]
    assert (folder / "c").read_bytes() == b"content"
    os.truncate(folder / "c", 3)
    assert (folder / "c").stat().st_size == 3
    assert raised_by(lambda: os.open(folder / "c", os.O_CREAT | os.O_EXCL)) == errno.EEXIST
    assert raised_by(folder.rmdir) == errno.ENOTEMPTY


def test_an_open_file_outlives_its_last_name(mount: Mount) -> None:
    path = mount.directory / "a"
    with path.open("w+b", buffering=0) as file:
        file.write(b"before")
        path.unlink()
        file.write(b" after")
        os.fsync(file.fileno())
        assert os.pread(file.fileno(), 20, 0) == b"before after"
    assert not path.exists()


def test_processes_share_a_database_in_wal_mode(mount: Mount) -> None:
    path = mount.directory / "rows.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute("CREATE TABLE t (x)")
        for number in range(5):
            rows.execute("INSERT INTO t VALUES (?)", (number,))
            assert in_another_process(_COUNT, path).stdout == f"{number + 1}\n"


def test_locks_hold_between_processes(mount: Mount) -> None:
    path = mount.directory / "a"
    path.touch()
    assert in_another_process(_LOCK, path).returncode == 0
    with path.open("r+b") as file:
        os.lockf(file.fileno(), os.F_LOCK, 0)
        assert "BlockingIOError" in in_another_process(_LOCK, path).stderr


def test_memory_that_is_mapped_is_shared(mount: Mount) -> None:
    path = mount.directory / "a"
    path.write_bytes(bytes(4096))
    with (
        path.open("r+b") as one,
        path.open("r+b") as other,
        mmap.mmap(one.fileno(), 4096) as here,
        mmap.mmap(other.fileno(), 4096) as there,
    ):
        here[0:5] = b"hello"
        assert there[0:5] == b"hello"


def test_the_history_holds_what_was_written_and_synced_in_order(mount: Mount) -> None:
    with (mount.directory / "a").open("wb", buffering=0) as file:
        file.write(b"content")
        before = mount.position()
        os.fsync(file.fileno())
    assert mount.position() == before + 1
    _created, written, synced = mount.history()
    assert isinstance(written, Write)
    assert (written.offset, written.data) == (0, b"content")
    assert synced == Sync(written.inode)


def test_the_nth_operation_fails_and_the_others_do_not(mount: Mount) -> None:
    mount.arm(Fault(operations=("write",), pattern="a*", first=2, error=errno.ENOSPC))
    with (mount.directory / "ab").open("wb", buffering=0) as file:
        assert file.write(b"1") == 1
        assert raised_by(lambda: file.write(b"2")) == errno.ENOSPC
        assert file.write(b"3") == 1
    (mount.directory / "b").write_bytes(b"content")
    assert mount.disarm() == 3


def test_a_write_may_take_a_part_only(mount: Mount) -> None:
    mount.arm(Fault(operations=("write",), times=FOR_EVER, error=0, is_short=True))
    with (mount.directory / "a").open("wb", buffering=0) as file:
        assert file.write(b"content") == 3


def test_without_power_everything_fails_and_nothing_happens(mount: Mount) -> None:
    with (mount.directory / "a").open("wb", buffering=0) as file:
        file.write(b"content")
        position = mount.freeze()
        assert raised_by(lambda: file.write(b"more")) == errno.EIO
        assert raised_by(lambda: os.fsync(file.fileno())) == errno.EIO
    assert raised_by((mount.directory / "b").touch) == errno.EIO
    assert mount.position() == position == len(mount.history())
