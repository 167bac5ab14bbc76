"""The pool of connections: lends one for each transaction, and cleans it up behind the caller's back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from aerostore.errors import SlowDown, Unavailable
from aerostore.executor.postgres.line import Line
from aerostore.executor.postgres.parameter import read_like_sqlite
from aerostore.executor.postgres.plan import Plans
from aerostore.executor.postgres.session import Scope, Session

CONNECT_TIMEOUT_S = 10
Connection = AsyncConnection[TupleRow]

_IDLE_CONNECTIONS = 2
# How long the pool tries to reach a server that went away, before the next request makes it try again.
_RECONNECT_TIMEOUT_S = 2.0
# How long a request waits for a server that is known to be away: about one more try.
_PATIENCE_S = 1.0
# A machine that is gone says nothing: without these, whoever waits for its answer waits for hours.
_NOTICE_SILENCE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class Connections:
    """Lends connections. size: how many at once. wait_s: how long a caller waits for one."""

    def __init__(self, conninfo: str, *, size: int, wait_s: float, plans: Plans) -> None:
        options: dict[str, Any] = {
            "autocommit": True,  # transactions begin as statements, in the same round trip as others
            "prepare_threshold": None,  # whoever has them prepared keeps the names: a Line
            "connect_timeout": CONNECT_TIMEOUT_S,
            "fallback_application_name": "aerostore",
            **_NOTICE_SILENCE,
        }
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            kwargs=options,
            min_size=min(_IDLE_CONNECTIONS, size),
            max_size=size,
            timeout=wait_s,
            reconnect_timeout=_RECONNECT_TIMEOUT_S,
            configure=self._welcome,
            reconnect_failed=self._give_up,
            open=False,
            name="aerostore",
        )
        self._lines: dict[Connection, Line] = {}
        self._plans = plans
        self._returning: set[asyncio.Task[None]] = set()
        self._waiting: set[asyncio.Timeout] = set()
        self._is_away = False

    async def open(self) -> None:
        """Connect; whoever fails to must close. Raises: Unavailable."""
        try:
            await self._pool.open(wait=True, timeout=CONNECT_TIMEOUT_S)
        except PoolTimeout as exc:
            raise Unavailable("The database cannot be reached") from exc

    async def close(self) -> None:
        """Let go of every connection, after those that are on their way back."""
        await self.returned()
        await self._pool.close()

    async def returned(self) -> None:
        """Wait until no connection is on its way back."""
        await asyncio.gather(*self._returning)

    async def drop_broken(self) -> None:
        """Look at every idle connection, and replace those that are dead."""
        await self._pool.check()

    @asynccontextmanager
    async def session(self, scope: Scope) -> AsyncIterator[Session]:
        """Lend a connection as a session in `scope`; what the block does not commit is undone.

        The caller does not wait for that: not for a read's end, nor when it fails or is cancelled.
        Raises: SlowDown when none is free in time; Unavailable when the server is away or the pool closed.
        """
        before = _cancellations()
        connection = await self._take()
        line = self._lines[connection]
        session = Session(line, scope, self._plans)
        try:
            if _cancellations() > before:  # the pool swallows one that comes together with a connection
                raise asyncio.CancelledError
            yield session
        finally:
            returning = asyncio.create_task(self._give_back(line, session))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)

    async def _take(self) -> Connection:
        try:
            async with self._patience():
                return await self._pool.getconn()
        except TimeoutError as exc:
            raise Unavailable("The database cannot be reached") from exc
        except (PoolTimeout, TooManyRequests) as exc:
            raise SlowDown("No connection to the database was free in time") from exc
        except PoolClosed as exc:
            raise Unavailable("The database is not open") from exc

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """End the block when the server is away. Raises: TimeoutError."""
        async with asyncio.timeout(_PATIENCE_S if self._is_away else None) as patience:
            self._waiting.add(patience)
            try:
                yield
            finally:
                self._waiting.discard(patience)

    async def _welcome(self, connection: Connection) -> None:
        self._is_away = False
        await read_like_sqlite(connection)
        # A line holds its connection, so weak references would never let go of one.
        self._lines = {known: line for known, line in self._lines.items() if not known.closed}
        self._lines[connection] = Line(connection)

    async def _give_up(self, _pool: AsyncConnectionPool[Connection]) -> None:
        """Learn that the server is away: whoever waits for it has waited enough."""
        self._is_away = True
        for patience in self._waiting:
            patience.reschedule(asyncio.get_running_loop().time())

    async def _give_back(self, line: Line, session: Session) -> None:
        if session.is_open:
            await session.undo()
        if line.is_full:
            await line.connection.close()  # the pool makes a new one
        await self._pool.putconn(line.connection)


def _cancellations() -> int:
    """Count those that this task was asked for."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
