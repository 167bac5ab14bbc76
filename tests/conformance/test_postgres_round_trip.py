"""How often a unit of work goes to the Postgres server and back, counted by a proxy on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aerostore.domain import SYSTEM, RlsContext
from aerostore.executor import Executor, Statement
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from tests.conformance.executor_fixture import CALLER, an_object, unit

pytestmark = pytest.mark.postgres

CONNECTIONS = 2
"""One that installs, one in the pool."""


class CountingProxy:
    """Passes bytes on, and counts how often the client speaks after the server did: one round trip each."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client_spoke_last = False
        self._served = asyncio.Queue[None]()
        self.round_trips = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            self._pass_on(reader, server_writer, from_client=True),
            self._pass_on(server_reader, writer, from_client=False),
        )
        self._served.put_nowait(None)

    async def finished(self) -> None:
        """Wait until a connection is closed on both sides."""
        await self._served.get()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool
    ) -> None:
        while data := await reader.read(65536):
            if from_client and not self._client_spoke_last:
                self.round_trips += 1
            self._client_spoke_last = from_client
            writer.write(data)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def counting(conninfo: str) -> AsyncIterator[tuple[Executor, CountingProxy]]:
    """An executor with one connection, which goes through the proxy."""
    proxy = CountingProxy(int(str(conninfo_to_dict(conninfo)["port"])))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    executor = PostgresExecutor(make_conninfo(conninfo, port=port), pool_size=1)
    await executor.start()
    proxy.round_trips = 0
    try:
        yield executor, proxy
    finally:
        await executor.close()
        for _ in range(CONNECTIONS):
            await proxy.finished()
        server.close()


Ask = Callable[[Executor], Coroutine[Any, Any, Any]]


def round_trips(conninfo: str, ask: Ask) -> int:
    """Return how many round trips it takes until `ask` has its answer."""

    async def count() -> int:
        async with counting(conninfo) as (executor, proxy):
            await ask(executor)
            return proxy.round_trips

    return asyncio.run(count())


def reading(by: RlsContext, *statements: Statement) -> Ask:
    return lambda executor: executor.read(by, lambda: unit(*statements))


def writing(by: RlsContext, *statements: Statement) -> Ask:
    return lambda executor: executor.write(by, lambda: unit(*statements))


AS_SYSTEM = sql.find_object("photos", "a")
AS_CALLER = sql.find_visible_object("photos", "a")


def test_a_read_of_one_statement_takes_one_round_trip(postgres_url: str) -> None:
    assert round_trips(postgres_url, reading(CALLER, AS_CALLER)) == 1


def test_a_read_takes_one_round_trip_for_each_statement_whatever_their_roles(postgres_url: str) -> None:
    statements = AS_SYSTEM, AS_CALLER, AS_CALLER, AS_SYSTEM
    assert round_trips(postgres_url, reading(CALLER, *statements)) == len(statements)


def test_a_commit_is_one_more_round_trip(postgres_url: str) -> None:
    insert = sql.insert_object(an_object())
    assert round_trips(postgres_url, writing(SYSTEM, AS_SYSTEM, insert)) == 3


def test_a_probe_is_answered_before_it_is_undone(postgres_url: str) -> None:
    insert = sql.insert_object(an_object())
    assert round_trips(postgres_url, lambda executor: executor.probe(CALLER, lambda: unit(insert))) == 1


def test_a_unit_without_statements_takes_none(postgres_url: str) -> None:
    assert round_trips(postgres_url, writing(CALLER)) == 0
