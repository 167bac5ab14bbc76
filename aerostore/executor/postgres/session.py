"""One transaction on one connection: it opens with its first statement; each statement has its own role."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from aerostore.executor import Result, Statement, WorkFactory
from aerostore.executor.postgres.error import (
    is_connection_lost,
    is_worth_another_run,
    to_storage_error,
    unknown_outcome,
    unstorable_text,
)
from aerostore.executor.postgres.parameter import to_postgres, to_psycopg

T = TypeVar("T")
PooledConnection = AsyncConnection[DictRow]

# The statements of a read see one snapshot. A write waits for rows that others hold, then sees them anew.
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_UNDO_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a transaction is told at its start.

    begin: READ or WRITE. settings: local to the transaction. caller, system: the roles of statements with
    a law and of those without. narrowed: gives lists the bounds that policies imply.
    """

    begin: str
    settings: Mapping[str, str]
    caller: str
    system: str
    narrowed: Callable[[Statement], Statement]

    def role_for(self, statement: Statement) -> str:
        """Return the role that `statement` runs as."""
        return self.system if statement.law is None else self.caller


class Session:
    """A transaction in `scope`. What `is_open` afterwards must be undone before others use the connection."""

    def __init__(self, connection: PooledConnection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._role: str | None = None

    async def run(self, work: WorkFactory[T]) -> T:
        """Run `work` to its end and leave the transaction open.

        Raises: what `work` raises; psycopg.Error when the unit may run again; StorageError when it may not.
        """
        unit = work()
        try:
            statement = next(unit)
            while True:
                statement = unit.send(await self._execute(statement))
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def commit(self) -> None:
        """Make the transaction durable, in one round trip.

        Raises: psycopg.Error when the unit may run again; StorageError, also when nobody can tell whether
        it was committed.
        """
        if self._role is None:  # it never began
            return
        try:
            await self._connection.execute("COMMIT")
        except psycopg.Error as exc:
            if is_connection_lost(exc):
                raise unknown_outcome() from exc
            if is_worth_another_run(exc):
                raise
            raise to_storage_error(exc, judged=self._role != self._scope.system) from exc

    async def undo(self) -> None:
        """Roll back what is not committed; close the connection when that fails."""
        try:
            async with asyncio.timeout(_UNDO_TIMEOUT_S):
                await self._connection.rollback()
        except (psycopg.Error, TimeoutError):
            await self._connection.close()

    @property
    def is_open(self) -> bool:
        """Whether there is something to undo."""
        return self._connection.info.transaction_status is not TransactionStatus.IDLE

    async def _execute(self, statement: Statement) -> Result:
        result = await self._execute_one(statement)
        if not statement.then:
            return result
        return replace(result, then=tuple([await self._execute_one(each) for each in statement.then]))

    async def _execute_one(self, statement: Statement) -> Result:
        try:
            return await _to_result(await self._send(self._scope.narrowed(statement)))
        except UnicodeEncodeError as exc:
            raise unstorable_text() from exc
        except psycopg.Error as exc:
            if is_worth_another_run(exc) or is_connection_lost(exc):
                raise
            raise to_storage_error(exc, judged=statement.law is not None) from exc

    async def _send(self, statement: Statement) -> AsyncCursor[DictRow]:
        """Execute `statement` in its role; what must go before it travels with it, in one round trip."""
        role = self._scope.role_for(statement)
        async with self._together(role):
            if self._role is None:
                await self._connection.execute(self._scope.begin)
                await self._set_local({**self._scope.settings, "role": role})
            elif self._role != role:
                await self._set_local({"role": role})
            self._role = role
            return await self._connection.execute(
                to_psycopg(statement.postgres or statement.sql), to_postgres(statement.parameters)
            )

    def _together(self, role: str) -> AbstractAsyncContextManager[Any]:
        return nullcontext() if role == self._role else self._connection.pipeline()

    async def _set_local(self, settings: Mapping[str, str]) -> None:
        await self._connection.execute(_set_local(tuple(settings)), settings)


@lru_cache
def _set_local(names: tuple[str, ...]) -> str:
    return "SELECT " + ", ".join(f"pg_catalog.set_config('{name}', %({name})s, true)" for name in names)


async def _to_result(cursor: AsyncCursor[DictRow]) -> Result:
    rows = await cursor.fetchall() if cursor.description else ()
    has_changed = not (cursor.statusmessage or "").startswith("SELECT")
    return Result(rows=rows, changed=max(cursor.rowcount, 0) if has_changed else 0)
