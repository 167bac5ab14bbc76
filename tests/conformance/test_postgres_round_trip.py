"""How often units and requests go to the Postgres server and back, counted by a proxy on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aerostore.backend.memory import MemoryBackend
from aerostore.domain import SYSTEM, RlsContext, utc_now
from aerostore.errors import NoSuchKey
from aerostore.executor import Executor, Statement, together
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.service import FileStorage
from aerostore.service.assemble import Limits, file_storage
from aerostore.service.download import ReadRequest
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Upload
from aerostore.service.signed_url import LinkSigner
from aerostore.telemetry import Telemetry
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
    executor._narrowing._due_at = inf  # policies are not read again meanwhile
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


TOGETHER = together(AS_SYSTEM, AS_CALLER, AS_CALLER, AS_SYSTEM, ends_unit=True)


def test_statements_of_a_step_go_together_with_the_end_of_their_unit(postgres_url: str) -> None:
    async def and_what_comes_after(executor: Executor) -> None:
        await executor.read(CALLER, lambda: unit(TOGETHER))
        assert isinstance(executor, PostgresExecutor)
        await executor._connections.returned()

    assert round_trips(postgres_url, and_what_comes_after) == 1


def test_a_step_that_ends_its_unit_commits_in_its_own_round_trip(postgres_url: str) -> None:
    inserts = together(sql.insert_object(an_object("b")), sql.insert_object(an_object("c")), ends_unit=True)
    assert round_trips(postgres_url, writing(CALLER, AS_SYSTEM, inserts)) == 2


def test_a_unit_without_statements_takes_none(postgres_url: str) -> None:
    assert round_trips(postgres_url, writing(CALLER)) == 0


# Requests

UPLOADED = Upload(bucket_id="photos", name="new")
NAMED = RlsContext(role="authenticated", user_id="caller", request_id="request")
Request = Callable[[FileStorage], Coroutine[Any, Any, Any]]


async def download(storage: FileStorage) -> None:
    found = await storage.downloads.open(NAMED, "photos", "a", ReadRequest())
    assert found.reader is not None
    await found.reader.aclose()


async def download_what_is_not_there(storage: FileStorage) -> None:
    with pytest.raises(NoSuchKey):
        await storage.downloads.open(NAMED, "photos", "missing", ReadRequest())


async def sign(storage: FileStorage) -> None:
    assert await storage.signed_urls.sign(NAMED, "photos", "a", expires_in_s=60)


async def upload(storage: FileStorage) -> None:
    assert await storage.files.put(NAMED, UPLOADED, b"new content")


async def overwrite(storage: FileStorage) -> None:
    assert await storage.files.put(NAMED, replace(UPLOADED, name="a", upsert=True), b"new content")


REQUESTS: dict[str, tuple[Request, int]] = {
    "download": (download, 1),
    "download of what is not there": (download_what_is_not_there, 1),
    "signed URL": (sign, 1),
    "upload": (upload, 2),
    "upload over another": (overwrite, 2),
}


@pytest.mark.parametrize(("make_request", "expected"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_goes_to_the_server_as_often_as_it_must(
    postgres_url: str, make_request: Request, expected: int
) -> None:
    async def count() -> int:
        async with counting(postgres_url) as (executor, proxy):
            storage = storage_over(executor)
            await storage.files.put(NAMED, replace(UPLOADED, name="a"), b"content")
            proxy.round_trips = 0
            await make_request(storage)
            return proxy.round_trips

    assert asyncio.run(count()) == expected


def storage_over(executor: Executor) -> FileStorage:
    return file_storage(
        executor,
        MemoryBackend(clock=utc_now),
        Outbox(executor, (), clock=utc_now),
        LinkSigner(["key of this test"], clock=utc_now),
        Limits(file_size_limit=1000, empty_at_most=1000),
        clock=utc_now,
        telemetry=Telemetry(),
    )
