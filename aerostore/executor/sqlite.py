"""Rows in SQLite: WAL, full sync, one writer thread that commits many units at once, readers beside it.

Policies are predicates that this adapter adds to the statements. Vendor errors end here.
"""

import asyncio
import contextlib
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from aerostore.domain import RlsContext
from aerostore.errors import InsufficientStorage, LockTimeout, Unavailable
from aerostore.executor import Result, Statement, WorkFactory
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_file import DatabaseFile, is_disk_failure, to_storage_error, took_too_long
from aerostore.executor.sqlite_law import Session, SqliteLaw, declare_tables
from aerostore.permissions.predicate import PolicySet

T = TypeVar("T")

MAX_UNITS_PER_COMMIT = 128
# There are few readers: one request must not keep one for long.
READ_TIMEOUT_S = 20.0
_STEPS_BETWEEN_LOOKS = 100_000


@dataclass(slots=True)
class _Unit:
    """A waiting unit of work; `keep` is False for a probe."""

    run: Callable[[Session], Any]
    keep: bool
    answer: "Future[Any]"


_Outcome = tuple[_Unit, Any, BaseException | None]


class SqliteExecutor:
    """An `Executor` over one SQLite file. policies: the law; readers: threads that read beside the writer."""

    name = "sqlite"

    def __init__(self, path: Path, policies: PolicySet, *, readers: int = 4) -> None:
        self._path = path
        self._file = DatabaseFile(path)
        self._law = SqliteLaw(policies)
        self._declared_tables = policies.declared_tables
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-read")
        self._reader = threading.local()
        self._writing: Session | None = None
        self._distrusted: Session | None = None
        self._open: list[Session] = []

    async def start(self) -> None:
        """Open the database, migrate it and start the writer."""
        try:
            await asyncio.to_thread(self._prepare)
        except (sqlite3.Error, ValueError, OSError) as exc:
            raise Unavailable(
                f"The database {self._path} cannot be opened: {exc}",
                hint="Check that the data directory exists, is writable and has room.",
            ) from exc
        self._writer = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Finish waiting units, then close every connection."""
        writer, self._writer = self._writer, None  # first: what joins the queue behind the end never runs
        if writer is not None:
            self._units.put(None)
            await asyncio.to_thread(writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for session in self._open:
            session.connection.close()
        self._open.clear()
        self._writing = None

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
        self._units.put(_Unit(lambda session: self._run(session, context, work), keep, answer))
        return await asyncio.wrap_future(answer)

    def _require_open(self) -> None:
        if self._writer is None:
            raise Unavailable("The database is not open")

    # Reading

    def _read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        try:
            self._file.require_in_place()
            session = self._reader_session()
            connection = session.connection
            deadline = time.monotonic() + READ_TIMEOUT_S
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
            connection.execute("BEGIN")
            try:
                return self._run(session, context, work, deadline)
            finally:
                connection.set_progress_handler(None, 0)
                connection.execute("ROLLBACK")
        except sqlite3.Error as exc:
            raise to_storage_error(exc) from exc

    def _reader_session(self) -> Session:
        session: Session | None = getattr(self._reader, "session", None)
        if session is None:
            session = self._file.open_reader()
            self._reader.session = session
            self._open.append(session)
        return session

    # Writing

    def _prepare(self) -> None:
        self._file.create()
        connection = self._open_writer().connection
        migrate_sqlite(connection)
        declare_tables(connection, self._declared_tables)

    def _open_writer(self) -> Session:
        session = self._file.open_writer()
        self._writing = session
        self._open.append(session)
        return session

    def _write_until_closed(self) -> None:
        while (first := self._units.get()) is not None:
            units, last = self._waiting_units(first)
            self._commit_together(units)
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

    def _commit_together(self, units: list[_Unit]) -> None:
        """Run `units`, each in a savepoint, and commit once; every caller is answered after the commit."""
        try:
            outcomes = self._commit(units)
        except BaseException as exc:
            self._undo(exc)
            self._answer_failure(units, to_storage_error(exc) if isinstance(exc, sqlite3.Error) else exc)
            return
        for unit, value, failure in outcomes:
            if failure is None:
                unit.answer.set_result(value)
            else:
                unit.answer.set_exception(failure)

    def _commit(self, units: list[_Unit]) -> list[_Outcome]:
        session = self._writing or self._replace_writer()
        self._file.require_in_place()
        session.connection.execute("BEGIN IMMEDIATE")
        outcomes: list[_Outcome] = [(unit, *_run_in_savepoint(session, unit)) for unit in units]
        has_changes = any(unit.keep and failure is None for unit, _value, failure in outcomes)
        session.connection.execute(
            "COMMIT" if has_changes else "ROLLBACK"
        )  # a commit of nothing syncs as well
        self._file.require_in_place()  # what went into a file without a name is no commit
        return outcomes

    def _undo(self, exc: BaseException) -> None:
        """Roll back; the writer outlives a disk that fails, but not with the connection that met the failure.

        It stays open until there is another one: the index of the log, which lives as long as a connection
        does, ends before the commit that was not synced, and so the next one takes its place.
        """
        session = self._writing
        if session is None:
            return
        with contextlib.suppress(sqlite3.Error):
            if session.connection.in_transaction:
                session.connection.execute("ROLLBACK")
        if is_disk_failure(exc) or session.connection.in_transaction:
            self._writing, self._distrusted = None, session

    def _replace_writer(self) -> Session:
        session = self._open_writer()
        if (met_failure := self._distrusted) is not None:
            self._distrusted = None
            self._open.remove(met_failure)
            with contextlib.suppress(sqlite3.Error):
                met_failure.connection.close()
        return session

    def _answer_failure(self, units: list[_Unit], error: BaseException) -> None:
        if isinstance(error, InsufficientStorage) and len(units) > 1:
            for unit in units:  # the one that does not fit must not take the others along
                self._commit_together([unit])
            return
        if isinstance(error, LockTimeout):
            units = [*units, *self._take_waiting()]  # else each batch would wait for the lock anew
        for unit in units:
            unit.answer.set_exception(error)

    def _take_waiting(self) -> list[_Unit]:
        taken: list[_Unit] = []
        for _ in range(self._units.qsize()):  # nobody else takes
            unit = self._units.get_nowait()
            if unit is None:
                self._units.put(None)
                break
            taken.append(unit)
        return taken

    # Both

    def _run(
        self,
        session: Session,
        context: RlsContext,
        work: WorkFactory[T],
        deadline: float = math.inf,
    ) -> T:
        unit = work()
        try:
            statement = next(unit)
            while True:
                if time.monotonic() > deadline:  # the progress handler sees single long statements only
                    raise took_too_long()
                statement = unit.send(self._execute(session, context, statement))
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _execute(self, session: Session, context: RlsContext, statement: Statement) -> Result:
        try:
            result = self._law.execute(session, context, statement)
        except sqlite3.Error as exc:
            raise to_storage_error(exc) from exc
        if not statement.then:
            return result
        return replace(result, then=tuple(self._execute(session, context, each) for each in statement.then))


def _run_in_savepoint(session: Session, unit: _Unit) -> tuple[Any, BaseException | None]:
    connection = session.connection
    connection.execute("SAVEPOINT unit")
    value, failure = None, None
    try:
        value = unit.run(session)
    except Exception as exc:
        failure = exc
    if failure is not None and not connection.in_transaction:
        raise failure  # a full disk ends the whole transaction, not only this unit
    if failure is not None or not unit.keep:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return value, failure
