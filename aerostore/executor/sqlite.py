"""Rows in SQLite: WAL, full sync, one writer thread that commits many units at once, readers beside it.

Policies are predicates that this adapter adds to the statements. Vendor errors end here.
"""

import asyncio
import contextlib
import json
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from aerostore.domain import RlsContext, to_iso
from aerostore.errors import (
    AccessDenied,
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
from aerostore.executor import Law, Result, Statement, WorkFactory
from aerostore.executor.migrations import migrate_sqlite
from aerostore.permissions import ALWAYS, NEVER, ROW_VIOLATION, PolicySet, Predicate

T = TypeVar("T")

MAX_UNITS_PER_COMMIT = 128
# There are few readers: one request must not keep one for long.
READ_TIMEOUT_S = 20.0
_STEPS_BETWEEN_LOOKS = 100_000
_BUSY_TIMEOUT_MS = 10_000
_CACHE_KIB = 8_000


@dataclass(slots=True)
class _Unit:
    """A waiting unit of work; `keep` is False for a probe."""

    run: Callable[[sqlite3.Connection], Any]
    keep: bool
    answer: "Future[Any]"


class SqliteExecutor:
    """An `Executor` over one SQLite file. policies: the law; readers: threads that read beside the writer."""

    name = "sqlite"

    def __init__(self, path: Path, policies: PolicySet, *, readers: int = 4) -> None:
        self._path = path
        self._policies = policies
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-read")
        self._reader = threading.local()
        self._open: list[sqlite3.Connection] = []

    async def start(self) -> None:
        """Open the database, migrate it and start the writer."""
        try:
            connection = await asyncio.to_thread(self._open_writer)
        except (sqlite3.Error, ValueError, OSError) as exc:
            raise Unavailable(
                f"The database {self._path} cannot be opened: {exc}",
                hint="Check that the data directory exists, is writable and has room.",
            ) from exc
        self._writer = threading.Thread(
            target=self._write_until_closed, args=(connection,), name="sqlite-write", daemon=True
        )
        self._writer.start()

    async def close(self) -> None:
        """Finish waiting units, then close every connection."""
        writer, self._writer = self._writer, None  # first: what joins the queue behind the end never runs
        if writer is not None:
            self._units.put(None)
            await asyncio.to_thread(writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._open:
            connection.close()
        self._open.clear()

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` on a reader thread, in one snapshot."""
        self._require_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Queue `work` for the writer thread; answered after its commit is on disk."""
        return await self._submit(context, work, keep=True)

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` on the writer thread and undo it."""
        return await self._submit(context, work, keep=False)

    async def _submit(self, context: RlsContext, work: WorkFactory[T], *, keep: bool) -> T:
        self._require_open()
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # a queued unit always runs: its caller cannot take it back
        self._units.put(_Unit(lambda connection: self._run(connection, context, work), keep, answer))
        return await asyncio.wrap_future(answer)

    def _require_open(self) -> None:
        if self._writer is None:
            raise Unavailable("The database is not open")

    # Reading

    def _read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        try:
            connection = self._reader_connection()
            deadline = time.monotonic() + READ_TIMEOUT_S
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
            connection.execute("BEGIN")
            try:
                return self._run(connection, context, work, deadline)
            finally:
                connection.set_progress_handler(None, 0)
                connection.execute("ROLLBACK")
        except sqlite3.Error as exc:
            raise to_storage_error(exc) from exc

    def _reader_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._reader, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            self._reader.connection = connection
            self._open.append(connection)
        return connection

    # Writing

    def _open_writer(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)  # SQLite gives its other files the mode of this one
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        migrate_sqlite(connection)
        self._open.append(connection)
        return connection

    def _write_until_closed(self, connection: sqlite3.Connection) -> None:
        while (first := self._units.get()) is not None:
            units, last = self._waiting_units(first)
            self._commit_together(connection, units)
            if last:
                return

    def _waiting_units(self, first: _Unit) -> tuple[list[_Unit], bool]:
        units = [first]
        while len(units) < MAX_UNITS_PER_COMMIT:
            try:
                unit = self._units.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return units, True
            units.append(unit)
        return units, False

    def _commit_together(self, connection: sqlite3.Connection, units: list[_Unit]) -> None:
        """Run `units`, each in a savepoint, and commit once; every caller is answered after the commit."""
        outcomes: list[tuple[_Unit, Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for unit in units:
                outcomes.append((unit, *_run_in_savepoint(connection, unit)))
            connection.execute("COMMIT")
        except BaseException as exc:
            with contextlib.suppress(sqlite3.Error):  # the writer must outlive a disk that fails
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            error = to_storage_error(exc) if isinstance(exc, sqlite3.Error) else exc
            self._answer_failure(connection, units, error)
            return
        for unit, value, failure in outcomes:
            if failure is None:
                unit.answer.set_result(value)
            else:
                unit.answer.set_exception(failure)

    def _answer_failure(
        self, connection: sqlite3.Connection, units: list[_Unit], error: BaseException
    ) -> None:
        if isinstance(error, InsufficientStorage) and len(units) > 1:
            for unit in units:  # the one that does not fit must not take the others along
                self._commit_together(connection, [unit])
            return
        for unit in units:
            unit.answer.set_exception(error)

    # Both

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.row_factory = sqlite3.Row
        for pragma in (
            f"busy_timeout = {_BUSY_TIMEOUT_MS}",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _run(
        self,
        connection: sqlite3.Connection,
        context: RlsContext,
        work: WorkFactory[T],
        deadline: float = math.inf,
    ) -> T:
        unit = work()
        try:
            statement = next(unit)
            while True:
                if time.monotonic() > deadline:  # the progress handler sees single long statements only
                    raise _took_too_long()
                statement = unit.send(self._execute(connection, context, statement))
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _execute(self, connection: sqlite3.Connection, context: RlsContext, statement: Statement) -> Result:
        try:
            if statement.law is None:
                return _fetch(connection, statement.sql, statement.parameters)
            return self._execute_under_law(connection, context, statement, statement.law)
        except sqlite3.Error as exc:
            raise to_storage_error(exc) from exc

    def _execute_under_law(
        self, connection: sqlite3.Connection, context: RlsContext, statement: Statement, law: Law
    ) -> Result:
        if law.command == "insert":
            self._require_check(connection, context, law, "insert")
            return _fetch(connection, statement.sql, statement.parameters)
        if law.command == "upsert":
            return self._upsert(connection, context, statement, law)
        using = self._using(law, context)
        result = _fetch(
            connection, _with_policy(statement.sql, using), {**statement.parameters, **using.parameters}
        )
        if law.command == "update" and result.changed:
            self._require_changed(connection, context, statement, law)
        return result

    def _upsert(
        self, connection: sqlite3.Connection, context: RlsContext, statement: Statement, law: Law
    ) -> Result:
        """Postgres' rules for ON CONFLICT DO UPDATE: a row it would hide is an error, not a skip."""
        self._require_check(connection, context, law, "insert")
        select = self._policies.where(law.table, "select", context, law.known)
        self._require(connection, law, select)
        taken = f"SELECT 1 FROM {law.table} WHERE {law.changed}"
        if not _fetch(connection, taken, statement.parameters).rows:
            return _fetch(connection, statement.sql, statement.parameters)
        visible = _both(self._policies.where(law.table, "update", context, law.known), select)
        self._require_row(connection, statement, law, visible)
        result = _fetch(connection, statement.sql, statement.parameters)
        self._require_changed(connection, context, statement, law)
        return result

    def _using(self, law: Law, context: RlsContext) -> Predicate:
        """Update and delete name their row in WHERE, so Postgres asks the select policies as well."""
        using = self._policies.where(law.table, law.command, context, law.known)
        if law.command == "select":
            return using
        return _both(using, self._policies.where(law.table, "select", context, law.known))

    def _require_check(
        self, connection: sqlite3.Connection, context: RlsContext, law: Law, command: str
    ) -> None:
        self._require(connection, law, self._policies.check(law.table, command, context, law.row))

    def _require_changed(
        self, connection: sqlite3.Connection, context: RlsContext, statement: Statement, law: Law
    ) -> None:
        check = self._policies.check(law.table, "update", context, law.row)
        self._require_row(
            connection,
            statement,
            law,
            _both(check, self._policies.where(law.table, "select", context, law.known)),
        )

    def _require(self, connection: sqlite3.Connection, law: Law, predicate: Predicate) -> None:
        """Judge the proposed row, which is not in the table yet."""
        if predicate is ALWAYS:
            return
        columns = ", ".join(f":{name} AS {name}" for name in law.row)
        sql = f"SELECT 1 FROM (SELECT {columns}) AS {law.table} WHERE {predicate.sql}"
        if not _fetch(connection, sql, {**law.row, **predicate.parameters}).rows:
            raise AccessDenied(ROW_VIOLATION)

    def _require_row(
        self, connection: sqlite3.Connection, statement: Statement, law: Law, predicate: Predicate
    ) -> None:
        """Judge the row that `law.changed` finds in the table."""
        if predicate is ALWAYS:
            return
        sql = f"SELECT 1 FROM {law.table} WHERE {law.changed} AND ({predicate.sql})"
        if not _fetch(connection, sql, {**statement.parameters, **predicate.parameters}).rows:
            raise AccessDenied(ROW_VIOLATION)


def _run_in_savepoint(connection: sqlite3.Connection, unit: _Unit) -> tuple[Any, BaseException | None]:
    connection.execute("SAVEPOINT unit")
    value, failure = None, None
    try:
        value = unit.run(connection)
    except Exception as exc:
        failure = exc
    if failure is not None and not connection.in_transaction:
        raise failure  # a full disk ends the whole transaction, not only this unit
    if failure is not None or not unit.keep:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return value, failure


def _both(one: Predicate, other: Predicate) -> Predicate:
    if one is ALWAYS or one == other:
        return other
    if other is ALWAYS:
        return one
    if NEVER in (one, other):
        return NEVER
    return Predicate(f"({one.sql}) AND ({other.sql})", {**one.parameters, **other.parameters})


def _with_policy(sql: str, predicate: Predicate) -> str:
    return _filled(sql, predicate.sql)


@lru_cache(maxsize=1024)
def _filled(sql: str, condition: str) -> str:
    return sql.replace("{policy}", f"({condition})")


def _fetch(connection: sqlite3.Connection, sql: str, parameters: Mapping[str, Any]) -> Result:
    cursor = connection.execute(sql, {name: _to_sqlite(value) for name, value in parameters.items()})
    return Result(rows=cursor.fetchall(), changed=max(cursor.rowcount, 0))


def _to_sqlite(value: Any) -> Any:
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, datetime):
        return to_iso(value)
    return value


def _took_too_long() -> SlowDown:
    return SlowDown("The query took too long", hint="Ask for less: a longer prefix, or list v2 with cursors.")


def to_storage_error(exc: sqlite3.Error) -> StorageError:
    """Translate an SQLite failure into the family, by its result code."""
    text = str(exc)
    name = getattr(exc, "sqlite_errorname", "") or ""
    if name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}:
        if "storage_objects" in text:
            return KeyAlreadyExists()
        return BucketAlreadyExists() if "storage_buckets" in text else Conflict()
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NoSuchRelation()
    if name == "SQLITE_FULL" or "disk is full" in text:
        return InsufficientStorage()
    if name == "SQLITE_INTERRUPT":
        return _took_too_long()
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return LockTimeout()
    return Unavailable(f"The database failed: {name or 'SQLITE_ERROR'}")
