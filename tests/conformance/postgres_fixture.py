"""What the tests of the Postgres adapter share: scenarios, and an opponent who holds locks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from aerostore.executor import Law, Statement
from aerostore.executor.postgres import PostgresExecutor
from aerostore.permissions import OBJECTS

T = TypeVar("T")
Opponent = psycopg.Connection[tuple[Any, ...]]


def play(conninfo: str, scenario: Callable[[PostgresExecutor], Awaitable[T]], **options: Any) -> T:
    """Run `scenario` with a started executor over the database at `conninfo`."""

    async def from_start() -> T:
        executor = PostgresExecutor(conninfo, **options)
        await executor.start()
        try:
            return await scenario(executor)
        finally:
            await executor.close()

    return asyncio.run(from_start())


def as_caller(sql: str, **parameters: Any) -> Statement:
    """Return a statement that runs in the caller's role."""
    return Statement(sql=sql, parameters=parameters, law=Law(table=OBJECTS, command="select"))


def as_system(sql: str, **parameters: Any) -> Statement:
    """Return a statement of the server's own."""
    return Statement(sql=sql, parameters=parameters)


@contextmanager
def opponent(conninfo: str) -> Iterator[Opponent]:
    """Another client of the database, in a transaction that is undone at the end."""
    with psycopg.connect(conninfo) as connection:
        yield connection
        connection.rollback()


async def until(connection: Opponent, query: str) -> None:
    """Wait until `query` finds a row: the server's state cannot be awaited."""
    async with asyncio.timeout(30):
        while not connection.execute(query.encode()).fetchall():
            await asyncio.sleep(0.002)


HERE = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
SOMEBODY_WAITS = f"SELECT {HERE} AND wait_event_type = 'Lock'"
