"""The database file: connections to it, whether it is still where it was, and what its failures mean."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from aerostore.errors import (
    BucketAlreadyExists,
    Conflict,
    InsufficientStorage,
    KeyAlreadyExists,
    LockTimeout,
    NoSuchRelation,
    SlowDown,
    StorageError,
    Unavailable,
)
from aerostore.executor import removed_bytes
from aerostore.executor.sqlite_law import Session

BUSY_TIMEOUT_MS = 10_000
_CACHE_KIB = 8_000
_BLOCK_BYTES = 1024 * 1024
_DISK_FAILURES = (
    "SQLITE_IOERR",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_CANTOPEN",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)

FileId = tuple[int, int]


class DatabaseFile:
    """One SQLite database and its log, which must stay where they are while connections are open.

    A commit into a file that has lost its name succeeds, and is gone with the process.
    Source: "How To Corrupt An SQLite Database File", section 4.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_name(f"{path.name}-wal")
        self._database: FileId | None = None
        self._log: FileId | None = None

    def create(self) -> None:
        """Make the file when it is missing. Raises: OSError."""
        self._path.touch(mode=0o600)  # SQLite gives its other files the mode of this one

    def open_writer(self) -> Session:
        """Open the connection that writes; everything that it can see is on disk when this returns.

        After a failed sync the log may hold a commit that is in memory only; a log that is read anew shows
        it, and what is appended would be lost with it. Written again, then copied into the database and
        synced there, it is safe. While connections are open, the log ends for them before that commit, and
        the next one takes its place: written again, it could come back though it was shown to be undone.
        Raises: sqlite3.Error; Unavailable when the file has been moved or replaced since it was first opened.
        """
        is_first = self._database is None
        if not is_first:
            self._require_database()
        session = self._connect(busy_timeout_ms=0)
        connection = session.connection
        try:
            if is_first:
                self._write_log_again(connection)
                _empty_log(connection)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # now there is a log
            self._database, self._log = _id_of(self._path), _id_of(self._log_path)
        except BaseException:
            connection.close()
            raise
        return session

    def _write_log_again(self, connection: sqlite3.Connection) -> None:
        """Make the whole log durable before anything of it is copied into the database.

        Else a power cut could bring back a log without its last commit, beside a database with it: recovery
        would put older pages over newer ones, and the database be damaged.
        Raises: sqlite3.Error; Unavailable when the disk fails.
        """
        if not _begin(connection):
            return  # somebody writes, so it was not read anew
        try:
            _rewrite(self._log_path)
        except OSError as exc:
            raise Unavailable(f"The log of the database cannot be written: {exc.strerror}") from exc
        finally:
            connection.execute("ROLLBACK")

    def open_reader(self, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Session:
        """Open a connection that cannot write. Raises: sqlite3.Error."""
        session = self._connect(busy_timeout_ms=busy_timeout_ms)
        session.connection.execute("PRAGMA query_only = ON")
        return session

    def require_in_place(self) -> None:
        """Raises: Unavailable when the database or its log is not the one that was opened."""
        self._require_database()
        if _id_of(self._log_path) != self._log:
            raise _misplaced(self._log_path)

    def _require_database(self) -> None:
        if _id_of(self._path) != self._database:
            raise _misplaced(self._path)

    def _connect(self, *, busy_timeout_ms: int) -> Session:
        # Never makes a file: an empty database in place of one that was moved away would hide the loss.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.row_factory = sqlite3.Row
        for pragma in (
            f"busy_timeout = {busy_timeout_ms}",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return Session(connection)


def _begin(connection: sqlite3.Connection) -> bool:
    """Keep everybody else from appending to the log; False when somebody does."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as exc:
        if is_busy(exc):
            return False
        raise
    return True


def _rewrite(path: Path) -> None:
    """Write the bytes of a file again and sync them: what a failed sync left is called clean, and is not.

    Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
    """
    with suppress(FileNotFoundError), path.open("r+b") as file:
        while content := file.read(_BLOCK_BYTES):
            file.seek(-len(content), os.SEEK_CUR)
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _empty_log(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as exc:
        if not is_busy(exc):  # busy: others have it open, so it was not read anew
            raise


def _id_of(path: Path) -> FileId | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _misplaced(path: Path) -> Unavailable:
    return Unavailable(
        f"The database file {path.name} has been moved, removed or replaced while the server runs",
        hint="Put the file back where it was, or stop the server, restore the database and start again.",
    )


def took_too_long() -> SlowDown:
    """Return the error of a read that has used up its time."""
    return SlowDown("The query took too long", hint="Ask for less: a longer prefix, or list v2 with cursors.")


def is_disk_failure(exc: BaseException) -> bool:
    """Tell whether SQLite failed, here or below this error, because of what it read, wrote or synced."""
    return any(_name_of(each).startswith(_DISK_FAILURES) for each in (exc, exc.__cause__))


def is_busy(exc: BaseException) -> bool:
    """Tell whether SQLite would have had to wait for somebody who writes."""
    return _name_of(exc).startswith("SQLITE_BUSY")


def is_cut_short(exc: BaseException) -> bool:
    """Tell whether SQLite, below this error, was interrupted or would not wait for the file."""
    return _name_of(exc.__cause__).startswith(("SQLITE_INTERRUPT", "SQLITE_BUSY"))


def to_storage_error(exc: sqlite3.Error) -> StorageError:
    """Translate an SQLite failure into the family, by its result code."""
    text, name = str(exc), _name_of(exc)
    if name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}:
        if "storage_objects" in text:
            return KeyAlreadyExists()
        return BucketAlreadyExists() if "storage_buckets" in text else Conflict()
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NoSuchRelation()
    if removed_bytes.MESSAGE in text:
        return removed_bytes.bytes_removed()
    if name == "SQLITE_FULL" or "disk is full" in text:
        return InsufficientStorage()
    if name == "SQLITE_INTERRUPT":
        return took_too_long()
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LockTimeout()
    return Unavailable(f"The database failed: {name or 'SQLITE_ERROR'}")


def _name_of(exc: BaseException | None) -> str:
    return str(getattr(exc, "sqlite_errorname", None) or "")
