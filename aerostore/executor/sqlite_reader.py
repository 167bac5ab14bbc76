"""Reading from the SQLite file: short units at once, on the event loop; what takes longer on threads.

A few rows by key come out of the page cache in less time than a hop to a thread takes. So every unit
begins on the loop, with a budget of steps; one that uses it up, or finds the file busy, begins anew on a
thread.
"""

import asyncio
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aerostore.domain import RlsContext
from aerostore.errors import StorageError
from aerostore.executor import Statement, WorkFactory
from aerostore.executor.sqlite_file import DatabaseFile, is_cut_short, to_storage_error, took_too_long
from aerostore.executor.sqlite_law import Session, SqliteLaw
from aerostore.executor.sqlite_unit import Look, run_unit

T = TypeVar("T")

# There are few threads: one request must not keep one for long.
READ_TIMEOUT_S = 20.0
_STEPS_BETWEEN_LOOKS = 100_000

# The budget on the loop, in steps of SQLite's virtual machine: a row by key takes about a hundred.
STEPS_PER_TICK = 500
TICKS_AT_ONCE = 8
# A disk that lets the loop wait this long, twice in a row, is met on threads for a while; once it may be the
# machine that has too much to do.
SLOW_S = 0.1
PAUSE_S = 1.0


class SqliteReader:
    """Runs units that only read, each in one snapshot.

    threads: how many beside the event loop. clock: seconds that only grow.
    """

    def __init__(
        self,
        file: DatabaseFile,
        law: SqliteLaw,
        *,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._law = law
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-read")
        self._of_thread = threading.local()
        self._sessions: list[Session] = []
        self._at_once: _AtOnce | None = None
        self._at_once_from = -math.inf
        self._was_slow = False

    def open(self) -> None:
        """Open the connection of the event loop. Raises: sqlite3.Error."""
        self._at_once = _AtOnce(self._opened(busy_timeout_ms=0))

    @property
    def sessions(self) -> Sequence[Session]:
        """The open connections, that of the event loop first."""
        return self._sessions

    def close(self) -> None:
        """Finish what runs on threads, then close every connection."""
        self._threads.shutdown()
        for session in self._sessions:
            session.connection.close()
        self._sessions.clear()
        self._at_once = None

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Return what `work` returns."""
        if self._at_once and self._clock() >= self._at_once_from:
            try:
                return self._read_at_once(self._at_once, context, work)
            except _TakesLonger:
                pass
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read_on_thread, context, work)

    def _read_at_once(self, at_once: "_AtOnce", context: RlsContext, work: WorkFactory[T]) -> T:
        began = self._clock()
        at_once.renew_budget()
        try:
            return self._read(at_once.session, context, work, _require_few_rows, at_once.renew_budget)
        except StorageError as exc:
            if is_cut_short(exc):
                raise _TakesLonger from None
            raise
        finally:
            self._note_time(self._clock(), began)

    def _note_time(self, now: float, began: float) -> None:
        was_slow, self._was_slow = self._was_slow, now - began > SLOW_S
        if was_slow and self._was_slow:
            self._at_once_from = now + PAUSE_S

    def _read_on_thread(self, context: RlsContext, work: WorkFactory[T]) -> T:
        session = self._session_of_thread()
        deadline = self._clock() + READ_TIMEOUT_S

        def require_time(_statement: Statement) -> None:
            if self._clock() > deadline:  # the progress handler sees single long statements only
                raise took_too_long()

        def lift_limit() -> None:
            session.connection.set_progress_handler(None, 0)

        session.connection.set_progress_handler(lambda: self._clock() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            return self._read(session, context, work, require_time, lift_limit)
        finally:
            lift_limit()

    def _read(
        self,
        session: Session,
        context: RlsContext,
        work: WorkFactory[T],
        look: Look,
        lift_limit: Callable[[], None],
    ) -> T:
        self._file.require_in_place()
        connection = session.connection
        connection.execute("BEGIN")
        try:
            return run_unit(self._law, session, context, work, look)
        finally:
            # The end counts its steps as well: interrupted, it would leave the transaction open for good.
            lift_limit()
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _session_of_thread(self) -> Session:
        session: Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            try:
                session = self._of_thread.session = self._opened()
            except sqlite3.Error as exc:
                raise to_storage_error(exc) from exc
        return session

    def _opened(self, **options: int) -> Session:
        session = self._file.open_reader(**options)
        self._sessions.append(session)
        return session


class _TakesLonger(Exception):
    """A unit is too long for the event loop, or would have to wait."""


def _require_few_rows(statement: Statement) -> None:
    if statement.reads_many:
        raise _TakesLonger


class _AtOnce:
    """The connection of the event loop. What a unit may use of it has a bound; beyond that it is interrupted.

    SQLite counts the steps of a statement on and on from its first run, so a short one meets a tick as well,
    now and then: it takes several in one unit to end it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._ticks = 0
        session.connection.set_progress_handler(self._is_used_up, STEPS_PER_TICK)

    def renew_budget(self) -> None:
        """Begin another unit."""
        self._ticks = 0

    def _is_used_up(self) -> bool:
        self._ticks += 1
        return self._ticks > TICKS_AT_ONCE
