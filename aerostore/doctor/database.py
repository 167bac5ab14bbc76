"""Checks of SQLite and of the database file."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from aerostore.doctor.disk import probe_directory
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.executor.migrations import due_migrations
from aerostore.settings import Settings

_LEAST_VERSION = (3, 37, 0)  # STRICT tables
_COMMITS = 5
_SLOW_COMMIT_S = 0.1


def check_sqlite(settings: Settings) -> Finding:
    """Commit a few times as the executor does, with WAL and full sync, on the data directory's disk."""
    version = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _LEAST_VERSION:
        needed = ".".join(str(part) for part in _LEAST_VERSION)
        return fail(f"{version} is too old", f"Use a Python that is linked with SQLite {needed} or newer.")
    with probe_directory(settings) as directory:
        mode, commit_s = _time_commits(directory / "probe.db")
    if mode != "wal":
        return fail(f"{version} cannot use WAL here", "Put the data directory on a local disk.")
    found = f"{version}, WAL, a durable commit takes {commit_s * 1000:.1f} ms"
    return (
        warn(found, "Uploads wait for this: use a faster disk.") if commit_s > _SLOW_COMMIT_S else ok(found)
    )


def _time_commits(path: Path) -> tuple[str, float]:
    """Return the journal mode, and the time of the quickest commit in seconds."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        mode = str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE probe (number INTEGER PRIMARY KEY) STRICT")
        return mode, min(_time_commit(connection) for _ in range(_COMMITS))


def _time_commit(connection: sqlite3.Connection) -> float:
    started = time.perf_counter()
    connection.execute("INSERT INTO probe DEFAULT VALUES")
    return time.perf_counter() - started


def check_database(settings: Settings) -> Finding:
    """Look whether this version of aerostore can use the database as it is."""
    path = settings.database_path
    if not path.exists():
        return ok("not made yet: 'aerostore serve' makes it")
    due = due_migrations(path)
    if due:
        return warn(
            f"still needs {', '.join(due)}", "Run 'aerostore migrate', or let 'aerostore serve' do it."
        )
    return ok("up to date")
