"""Rows in Postgres: every unit one transaction, in the caller's role, judged by the database's own policies.

No state outlives a transaction, so a pooler may stand between (PgBouncer in transaction mode).
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import psycopg

from aerostore.domain import SYSTEM, RlsContext
from aerostore.errors import StorageError, Unavailable
from aerostore.executor import WorkFactory
from aerostore.executor.postgres.connection import Connections
from aerostore.executor.postgres.error import is_connection_lost, to_storage_error
from aerostore.executor.postgres.installation import install
from aerostore.executor.postgres.narrowing import Narrowing
from aerostore.executor.postgres.plan import Plans, read_states
from aerostore.executor.postgres.reading import read_policies
from aerostore.executor.postgres.role import Roles
from aerostore.executor.postgres.session import Mode, Scope
from aerostore.permissions.request_setting import request_settings

T = TypeVar("T")

MAX_RUNS = 5
CONNECTION_WAIT_S = 10.0
_FIRST_PAUSE_S = 0.005
_SETTINGS = {
    # What ships with Postgres first, then ours, so that nothing made in public stands in for either; policies
    # call functions in the other two. pg_temp last: left out, temporary tables come before all others.
    "search_path": "pg_catalog, aerostore, storage, public, extensions, pg_temp",
    "lock_timeout": "10s",
    # How times are written on the wire between us; and now()::date in a policy is the same on both engines.
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
}
# The statements of a read see one snapshot. A write waits for rows that others hold, then sees them anew.
_READ = Mode(
    begin=b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    end=b"ROLLBACK",
    settings=_SETTINGS | {"statement_timeout": "20s"},
)
_WRITE = Mode(
    begin=b"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    end=b"COMMIT",
    settings=_SETTINGS | {"statement_timeout": "30s"},
)
_PROBE = replace(_WRITE, end=b"ROLLBACK")


class PostgresExecutor:
    """An `Executor` over one Postgres database, 15 or newer.

    adopt: take over storage tables that something else made. connection_wait_s: how long a unit waits for
    a free connection. prepared_statements: have the server keep plans; stops by itself
    behind a pooler that does not follow them.
    """

    name = "postgres"

    def __init__(
        self,
        conninfo: str,
        *,
        pool_size: int = 10,
        adopt: bool = False,
        prepared_statements: bool = True,
        connection_wait_s: float = CONNECTION_WAIT_S,
    ) -> None:
        self._conninfo = conninfo
        self._adopt = adopt
        self._plans = Plans(are_kept=prepared_statements)
        self._connections = Connections(conninfo, size=pool_size, wait_s=connection_wait_s, plans=self._plans)
        self._roles: Roles | None = None
        self._narrowing = Narrowing()
        self._background: set[asyncio.Task[None]] = set()
        self._units = 0
        self._is_idle = asyncio.Event()

    async def start(self) -> None:
        """Install or migrate what the database needs, then connect.

        Raises: Unavailable, with what an administrator should run when rights are missing.
        """
        roles = await install(self._conninfo, adopt=self._adopt)
        try:
            await self._connect(roles)
        except BaseException:
            # A cancellation too: it does not end the pool's own tasks, and the event loop waits for them.
            await self.close()
            raise

    async def close(self) -> None:
        """Finish the units that have begun, then close every connection."""
        await asyncio.gather(*self._background)
        self._roles = None  # first: whatever comes from now on is refused
        if self._units:
            self._is_idle.clear()
            await self._is_idle.wait()
        await self._connections.close()

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` in one snapshot; its answer does not wait for the end of the transaction."""
        if self._roles and self._narrowing.is_due():
            reading = asyncio.create_task(self._read_policies(self._roles))
            self._background.add(reading)
            reading.add_done_callback(self._background.discard)
        return await self._run_unit(context, work, _READ)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` and commit; again from its start when it met another one in the wrong order."""
        return await self._run_unit(context, work, _WRITE)

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` as `write` would, without the commit."""
        return await self._run_unit(context, work, _PROBE)

    async def _connect(self, roles: Roles) -> None:
        await self._connections.open()
        self._roles = roles
        if self._narrowing.is_due():
            await self._read_policies(roles)
            await self._connections.returned()  # the first request finds it idle

    async def _read_policies(self, roles: Roles) -> None:
        """Learn what bounds policies imply now; without it lists are right as well, only slower."""
        known = self._narrowing.reading
        with suppress(StorageError):
            work = partial(read_policies, roles.callers, known)
            # As the system: every role's policies are read, whoever asks.
            self._narrowing.reading = await self._run_unit(SYSTEM, work, _READ)
            self._plans.learn(await self._run_unit(SYSTEM, partial(read_states, roles.callers), _READ))

    async def _run_unit(self, context: RlsContext, work: WorkFactory[T], mode: Mode) -> T:
        with self._at_work() as roles:
            scope = Scope(
                mode=mode,
                caller=roles.role_of(context),
                system=roles.system,
                settings=request_settings(context),
                narrowed=partial(self._narrowing.narrowed, context=context),
            )
            return await self._run_until_it_fits(scope, work)

    async def _run_until_it_fits(self, scope: Scope, work: WorkFactory[T]) -> T:
        """Run `work` anew after a deadlock or the like, and once after a lost connection."""
        runs = losses = 0
        while True:
            try:
                return await self._run(scope, work)
            except psycopg.Error as exc:
                runs += 1
                losses += is_connection_lost(exc)
                if runs == MAX_RUNS or losses > 1:
                    raise to_storage_error(exc, judged=False) from exc
                await self._before_another_run(exc, runs)

    async def _run(self, scope: Scope, work: WorkFactory[T]) -> T:
        async with self._connections.session(scope) as session:
            value = await session.run(work)
            if scope.mode is _WRITE:
                await session.commit()
            return value

    async def _before_another_run(self, exc: psycopg.Error, runs: int) -> None:
        if is_connection_lost(exc):
            await self._connections.drop_broken()
        else:
            await asyncio.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**runs))

    @contextmanager
    def _at_work(self) -> Iterator[Roles]:
        if self._roles is None:
            raise Unavailable("The database is not open")
        self._units += 1
        try:
            yield self._roles
        finally:
            self._units -= 1
            if not self._units:
                self._is_idle.set()
