"""The thread that writes to the SQLite file: units of work wait in a queue, and it commits many at once."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aerostore.errors import InsufficientStorage, LockTimeout
from aerostore.executor.sqlite_file import (
    DatabaseFile,
    is_busy,
    is_disk_failure,
    to_storage_error,
)
from aerostore.executor.sqlite_law import Session

T = TypeVar("T")

MAX_UNITS_PER_COMMIT = 128
# After a unit whose changes had to be undone more such may come: so many commits are made with care.
CAREFUL_COMMITS = 16
# SQLite's own wait grows to 100 ms, while which another process begins anew again and again.
_ASK_EVERY_S = 0.00025


@dataclass(frozen=True, slots=True)
class _Unit:
    """A waiting unit of work; `keep` is False for a probe."""

    run: Callable[[Session], Any]
    keep: bool
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a unit, for whoever waits for it."""

    unit: _Unit
    value: Any = None
    failure: BaseException | None = None

    def tell(self) -> None:
        answer = self.unit.answer
        if answer.done():  # whoever asked does not wait any more
            return
        if self.failure is None:
            answer.set_result(self.value)
        else:
            answer.set_exception(self.failure)


class _LeftChanges(Exception):
    """A unit failed, and its changes are in the transaction of all. outcome: how it failed."""

    def __init__(self, outcome: _Outcome) -> None:
        super().__init__(outcome.failure)
        self.outcome = outcome


class SqliteWriter:
    """Runs units of work in the order of their coming, many in one commit.

    lock_wait_s: how long to wait for another process that writes. clock: seconds that only grow.
    """

    def __init__(self, file: DatabaseFile, *, lock_wait_s: float, clock: Callable[[], float]) -> None:
        self._file = file
        self._lock_wait_s = lock_wait_s
        self._clock = clock
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_until_closed, name="sqlite-write", daemon=True)
        self._writing: Session | None = None
        self._distrusted: Session | None = None
        self._careful_commits = 0

    @property
    def sessions(self) -> list[Session]:
        """The open connections that write, or did until they met a failure."""
        return [session for session in (self._writing, self._distrusted) if session]

    def open(self) -> Session:
        """Open the connection that writes. Raises: what `DatabaseFile.open_writer` raises."""
        self._writing = self._file.open_writer()
        return self._writing

    def start(self) -> None:
        """Start to run units."""
        if self._writing:
            _leave_waiting_to_us(self._writing)
        self._thread.start()

    def close(self) -> None:
        """Finish waiting units, then close the connection; what is submitted later never runs."""
        if self._thread.is_alive():
            self._units.put(None)
            self._thread.join()
        for session in self.sessions:
            session.connection.close()
        self._writing = self._distrusted = None

    async def submit(self, run: Callable[[Session], T], *, keep: bool) -> T:
        """Queue a unit; answered after its commit is on disk. keep: False to undo it at its end."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._units.put(_Unit(run, keep, answer))  # from here on it runs: its caller cannot take it back
        return await answer

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
        """Run `units` and commit once; every caller is answered after the commit."""
        try:
            outcomes = self._commit(units)
        except BaseException as exc:
            self._undo(exc)
            self._answer_failure(units, to_storage_error(exc) if isinstance(exc, sqlite3.Error) else exc)
            return
        _answer(outcomes)

    def _commit(self, units: list[_Unit]) -> list[_Outcome]:
        session = self._writing or self._replace()
        self._file.require_in_place()
        outcomes = self._run_all(session, units)
        has_changes = any(each.unit.keep and each.failure is None for each in outcomes)
        # A commit of nothing syncs as well.
        session.connection.execute("COMMIT" if has_changes else "ROLLBACK")
        self._file.require_in_place()  # what went into a file without a name is no commit
        return outcomes

    def _run_all(self, session: Session, units: list[_Unit]) -> list[_Outcome]:
        """Begin a transaction and run `units` in it, of which one that fails leaves nothing.

        A savepoint for each makes SQLite copy every page that is changed, to a file when they are many. So
        all run without; when one of them fails and leaves changes, the others run again from the start, with.
        """
        self._begin(session.connection)
        failed: _Outcome | None = None
        if not self._careful_commits:
            try:
                return [_run(session, unit) for unit in units]
            except _LeftChanges as left:
                failed = left.outcome
            self._careful_commits = CAREFUL_COMMITS
            session.connection.execute("ROLLBACK")
            self._begin(session.connection)
        self._careful_commits -= 1
        return [
            failed if failed and unit is failed.unit else _run_in_savepoint(session, unit) for unit in units
        ]

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Keep all other processes from writing, as soon as none does. Raises: sqlite3.OperationalError."""
        deadline = self._clock() + self._lock_wait_s
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if not is_busy(exc) or self._clock() > deadline:
                    raise
                time.sleep(_ASK_EVERY_S)
            else:
                return

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

    def _replace(self) -> Session:
        session = self.open()
        _leave_waiting_to_us(session)
        if (met_failure := self._distrusted) is not None:
            self._distrusted = None
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
        _answer([_Outcome(unit, failure=error) for unit in units])

    def _take_waiting(self) -> list[_Unit]:
        taken: list[_Unit] = []
        for _ in range(self._units.qsize()):  # nobody else takes
            unit = self._units.get_nowait()
            if unit is None:
                self._units.put(None)
                break
            taken.append(unit)
        return taken


def _leave_waiting_to_us(session: Session) -> None:
    session.connection.execute("PRAGMA busy_timeout = 0")


def _run(session: Session, unit: _Unit) -> _Outcome:
    """Run a unit that probably succeeds. Raises: _LeftChanges when it did not, and must be undone."""
    if not unit.keep:
        return _run_in_savepoint(session, unit)
    changes_before = session.connection.total_changes
    value, failure = _value_or_failure(session, unit.run)
    outcome = _Outcome(unit, value, failure)
    if failure is not None:
        _require_transaction(session, failure)
        if session.connection.total_changes != changes_before:
            raise _LeftChanges(outcome)
    return outcome


def _run_in_savepoint(session: Session, unit: _Unit) -> _Outcome:
    connection = session.connection
    connection.execute("SAVEPOINT unit")
    value, failure = _value_or_failure(session, unit.run)
    if failure is not None:
        _require_transaction(session, failure)
    if failure is not None or not unit.keep:
        connection.execute("ROLLBACK TO unit")
    connection.execute("RELEASE unit")
    return _Outcome(unit, value, failure)


def _require_transaction(session: Session, failure: Exception) -> None:
    """Raises: `failure` when it ended the transaction of all units, as a full disk does."""
    if not session.connection.in_transaction:
        raise failure


def _value_or_failure(session: Session, run: Callable[[Session], Any]) -> tuple[Any, Exception | None]:
    try:
        return run(session), None
    except Exception as exc:
        return None, exc


def _answer(outcomes: Sequence[_Outcome]) -> None:
    """Tell every caller, all of one event loop in one turn of it: to wake it costs more than a unit."""
    by_loop = defaultdict[asyncio.AbstractEventLoop, list[_Outcome]](list)
    for outcome in outcomes:
        by_loop[outcome.unit.answer.get_loop()].append(outcome)
    for loop, its_outcomes in by_loop.items():
        with contextlib.suppress(RuntimeError):  # it is closed, and nobody waits
            loop.call_soon_threadsafe(_tell, its_outcomes)


def _tell(outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()
