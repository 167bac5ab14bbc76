"""What only SQLite can show: query plans, the work behind a page, and a database file that is full."""

import asyncio
import itertools
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aerostore.domain import to_iso
from aerostore.errors import InsufficientStorage, LockTimeout, StorageError, Unavailable
from aerostore.executor import Statement, sqlite_file
from aerostore.executor import statements as sql
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.executor.sqlite_file import to_storage_error
from aerostore.executor.sqlite_writer import MAX_UNITS_PER_COMMIT
from tests.conformance.executor_fixture import (
    NOW,
    Rights,
    a_blob,
    add_bucket,
    add_objects,
    connections_of,
    count,
    write,
)

STATEMENTS: dict[str, Statement] = {
    "find_object": sql.find_object("photos", "a"),
    "find_public_object": sql.find_public_object("photos", "a"),
    "find_visible_object": sql.find_visible_object("photos", "a"),
    "find_visible_objects": sql.find_visible_objects("photos", ["a", "b"]),
    "find_blob_of": sql.find_blob_of("photos", "a"),
    "find_blob_by_content": sql.find_blob_by_content("0", 1),
    "delete_objects": sql.delete_objects(["a", "b"]),
    "lock_objects_after": sql.lock_objects_after("photos", "a", 9),
    "list_deleting_blobs": sql.list_deleting_blobs(NOW, 9),
    "list_blobs": sql.list_blobs("", 9),
    "delete_expired_uploads": sql.delete_expired_uploads(NOW, 9),
    "find_uploads_under_way": sql.find_uploads_under_way(["a", "b"], NOW),
    "find_upload": sql.upload.find_upload("a"),
    "advance_upload": sql.upload.advance_upload("a", before=0, after=1, expires_at=NOW),
    "list_parts": sql.upload.list_parts("a", 0, 9),
    "delete_parts": sql.upload.delete_parts("a"),
    "find_part": sql.multipart.find_part("a", 1),
    "list_uploads": sql.multipart.list_uploads(
        "photos", holder=None, now=NOW, lower="a", upper="b", after_id="", limit=9
    ),
    "find_access_key": sql.access_key.find_access_key("a"),
    "list_due_events": sql.list_due_events(NOW, 9),
    "trim_events": sql.trim_events(NOW, 500),
}
for order in ("asc", "desc"):
    bounds: dict[str, Any] = {"lower": "a", "upper": "b", "order": order, "limit": 9}
    STATEMENTS |= {
        f"list_names {order}": sql.list_names("photos", **bounds),
        f"list_entries {order}": sql.list_entries("photos", prefix_length=0, delimiter="/", **bounds),
        f"list_folded_entries {order}": sql.list_folded_entries("photos", prefix_length=0, **bounds),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An empty database with the current schema."""

    async def migrate() -> None:
        executor = SqliteExecutor(tmp_path / "rows.db", Rights())
        await executor.start()
        await add_bucket(executor)
        await executor.close()

    asyncio.run(migrate())
    return tmp_path / "rows.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as opened:
        yield opened


def run(connection: sqlite3.Connection, statement: Statement, prefix: str = "") -> list[tuple[Any, ...]]:
    text = prefix + statement.sql.replace("{policy}", "(owner_id = 'caller')")
    values = {name: _stored(value) for name, value in statement.parameters.items()}
    return connection.execute(text, values).fetchall()


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value)
    return to_iso(value) if hasattr(value, "tzinfo") else value


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_every_frequent_statement_searches_an_index(
    connection: sqlite3.Connection, statement: Statement
) -> None:
    plan = [str(line[3]) for line in run(connection, statement, "EXPLAIN QUERY PLAN ")]
    assert any(line.startswith("SEARCH") for line in plan), plan
    scans = [line for line in plan if line.startswith("SCAN") and "INDEX" not in line]
    assert [line for line in scans if line not in {"SCAN entry", "SCAN first", "SCAN CONSTANT ROW"}] == []


@pytest.mark.parametrize("statement", [name for name in STATEMENTS if name.startswith("list_")][-6:])
def test_listings_seek_by_name_inside_the_bucket(connection: sqlite3.Connection, statement: str) -> None:
    plan = [str(line[3]) for line in run(connection, STATEMENTS[statement], "EXPLAIN QUERY PLAN ")]
    touched = [line for line in plan if "storage_objects" in line]
    assert touched
    # More than the bucket alone, and no index made for the occasion.
    assert all(line.startswith("SEARCH") and "(bucket_id=?)" not in line for line in touched), plan
    assert not any("AUTOMATIC" in line for line in plan), plan


def fill_folder(connection: sqlite3.Connection, objects: int) -> None:
    connection.execute("DELETE FROM storage_objects")
    folders = ("a", "big", "c")
    names = [f"{folder}/{number:06}" for folder in folders for number in range(objects)]
    connection.executemany(
        "INSERT INTO storage_objects (id, bucket_id, name, owner_id, version)"
        " VALUES (?, 'photos', ?, 'caller', '')",
        [(name, name) for name in [*names, "file"]],
    )
    connection.commit()


def steps_of(connection: sqlite3.Connection, statement: Statement, entries: int) -> int:
    """Return how many virtual machine instructions it takes, in tens."""
    steps = 0

    def tick() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(tick, 10)
    found = run(connection, statement)
    connection.set_progress_handler(None, 0)
    assert len(found) == entries
    return steps


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_work_of_a_page_of_folders_does_not_grow_with_them(
    connection: sqlite3.Connection, order: str
) -> None:
    bounds: dict[str, Any] = {"lower": "", "upper": None, "order": order, "limit": 100}
    entries = sql.list_entries("photos", prefix_length=0, delimiter="/", **bounds)
    folded = sql.list_folded_entries("photos", prefix_length=0, **bounds)
    work = []
    for objects in (1_000, 10_000):
        fill_folder(connection, objects)
        work.append((steps_of(connection, entries, 4), steps_of(connection, folded, 4)))
    (few_entries, few_folded), (many_entries, many_folded) = work
    assert many_entries <= 2 * few_entries
    assert many_folded <= 2 * few_folded


# A full database


def limit_pages(executor: SqliteExecutor, pages: int) -> None:
    """Let the writer's database grow no further: what a full disk looks like to SQLite."""
    for connection in connections_of(executor):
        [(now,)] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {now + pages}")


async def fill_up(executor: SqliteExecutor) -> int:
    for number in range(100_000):
        try:
            await add_objects(executor, f"{number:04}" + "x" * 900)
        except InsufficientStorage:
            return number
    raise AssertionError("never full")


def test_a_full_database_refuses_writes_and_goes_on_reading_and_deleting(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        limit_pages(executor, 30)
        kept = await fill_up(executor)
        assert kept > 0
        assert await count(executor, "storage_objects") == kept
        [result] = await write(executor, Statement(sql="DELETE FROM storage_objects"))
        assert result.changed == kept
        await add_objects(executor, "fits again")
        await executor.close()

    asyncio.run(scenario())


def test_one_write_too_large_for_the_disk_does_not_take_its_neighbours_along(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        await add_objects(executor, "deletable")
        limit_pages(executor, 30)
        huge = Statement(sql="INSERT INTO storage_leases VALUES (hex(zeroblob(500000)), '', '')")
        outcomes = await asyncio.gather(
            add_objects(executor, "before"),
            write(executor, huge),
            write(executor, Statement(sql="DELETE FROM storage_objects WHERE name = 'deletable'")),
            add_objects(executor, "after"),
            return_exceptions=True,
        )
        failed = [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
        assert failed == [InsufficientStorage]
        assert await count(executor, "storage_objects") == 2
        await executor.close()

    asyncio.run(scenario())


def test_a_database_that_another_process_keeps_locked_is_a_lock_timeout(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights(), lock_wait_s=0.01)
        await executor.start()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LockTimeout):
                await add_objects(executor, "a")
            other.execute("ROLLBACK")
        await add_objects(executor, "a")
        await executor.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("content", [b"this is no database" * 100, None], ids=["garbage", "a directory"])
def test_a_file_that_is_no_database_is_unavailable_and_says_which(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "rows.db"
    path.mkdir() if content is None else path.write_bytes(content)

    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        with pytest.raises(Unavailable, match=r"rows\.db"):
            await executor.start()
        await executor.close()

    asyncio.run(scenario())


def test_a_reader_that_cannot_open_the_file_is_unavailable(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        shutil.rmtree(path.parent)
        with pytest.raises(Unavailable):
            await count(executor, "storage_objects")
        await executor.close()

    asyncio.run(scenario())


def test_a_database_without_our_tables_fails_as_unavailable(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        await write(executor, Statement(sql="DROP TABLE storage_quarantine"))
        with pytest.raises(Unavailable, match="SQLITE_ERROR"):
            await count(executor, "storage_quarantine")
        await executor.close()

    asyncio.run(scenario())


def test_an_error_without_a_code_is_still_one_of_the_family() -> None:
    assert isinstance(to_storage_error(sqlite3.ProgrammingError("closed")), StorageError)


def test_a_blob_that_fills_the_last_page_is_refused_whole(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        limit_pages(executor, 5)
        blobs = [sql.insert_blob(a_blob("x" * 900), NOW) for _ in range(100)]
        with pytest.raises(InsufficientStorage):
            await write(executor, *blobs)
        assert await count(executor, "storage_blobs") == 0
        await executor.close()

    asyncio.run(scenario())


class FailingConnection(sqlite3.Connection):
    """Fails to commit as often as `failures` says, as when the disk refuses to sync."""

    failures = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT" and FailingConnection.failures:
            FailingConnection.failures -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return super().execute(sql, parameters)


@pytest.fixture
def failing_disk(monkeypatch: pytest.MonkeyPatch) -> type[FailingConnection]:
    """Connections that are opened from now on fail as `failures` says."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *path, **how: connect(*path, factory=FailingConnection, **how)
    )
    FailingConnection.failures = 0
    return FailingConnection


def test_a_connection_whose_commit_failed_is_not_used_again(
    path: Path, failing_disk: type[FailingConnection]
) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        met, *_ = connections_of(executor)
        failing_disk.failures = 1
        with pytest.raises(Unavailable, match="SQLITE_IOERR_FSYNC"):
            await add_objects(executor, "refused")
        assert await count(executor, "storage_objects") == 0
        await add_objects(executor, "kept")
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            met.execute("SELECT 1")
        assert await count(executor, "storage_objects") == 1
        await executor.close()

    asyncio.run(scenario())


def test_a_database_whose_log_cannot_be_made_durable_is_not_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
        raise error

    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        with monkeypatch.context() as broken:
            broken.setattr(sqlite_file, "_empty_log", refuse)
            with pytest.raises(Unavailable, match="cannot be opened"):
                await executor.start()
        await executor.start()
        await add_objects(executor, "kept")
        assert await count(executor, "storage_objects") == 1
        await executor.close()

    asyncio.run(scenario())


def test_the_log_is_empty_when_the_database_is_opened(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:  # holds the log while the copy is made
        other.execute("DELETE FROM storage_leases")
        other.commit()
        copy = path.with_name("copy.db")
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    assert copy.with_name("copy.db-wal").stat().st_size > 0

    async def scenario() -> int:
        executor = SqliteExecutor(copy, Rights())
        await executor.start()
        size_bytes = copy.with_name("copy.db-wal").stat().st_size
        await executor.close()
        return size_bytes

    assert asyncio.run(scenario()) == 0


@pytest.mark.parametrize("suffix", ["", "-wal"], ids=["database", "log"])
def test_a_database_that_is_moved_away_is_unavailable_until_it_is_back(path: Path, suffix: str) -> None:
    file = path.with_name(path.name + suffix)
    away = path.with_name("away")

    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights())
        await executor.start()
        await add_objects(executor, "before")
        file.rename(away)
        for attempt in (add_objects(executor, "lost"), count(executor, "storage_objects")):
            with pytest.raises(Unavailable, match=f"{file.name} has been moved"):
                await attempt
        file.write_bytes(b"this is no database")
        with pytest.raises(Unavailable, match="has been moved"):
            await add_objects(executor, "lost")
        away.rename(file)
        await add_objects(executor, "after")
        assert await count(executor, "storage_objects") == 2
        await executor.close()

    asyncio.run(scenario())


def test_a_lock_that_is_not_free_in_time_is_not_waited_for_once_more_by_those_behind(path: Path) -> None:
    async def scenario() -> None:
        executor = SqliteExecutor(path, Rights(), lock_wait_s=100, clock=itertools.count().__next__)
        await executor.start()
        tries: list[str] = []
        connections_of(executor)[0].set_trace_callback(tries.append)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [add_objects(executor, str(number)) for number in range(3 * MAX_UNITS_PER_COMMIT)]
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            other.execute("ROLLBACK")
        assert {type(outcome) for outcome in outcomes} == {LockTimeout}
        assert tries.count("BEGIN IMMEDIATE") <= 2 * 102
        await add_objects(executor, "a")
        await executor.close()

    asyncio.run(scenario())
