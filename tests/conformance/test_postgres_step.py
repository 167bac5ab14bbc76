"""Statements that travel together on Postgres: whose fault a failure is, and what is left after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from aerostore.domain import SYSTEM
from aerostore.errors import AccessDenied, InvalidParameter, KeyAlreadyExists, PolicyFailed, Unavailable
from aerostore.executor import Result, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from tests.conformance.executor_fixture import CALLER, an_object, count, rows, unit, write
from tests.conformance.postgres_fixture import HERE, as_caller, as_system, opponent, play, until

pytestmark = pytest.mark.postgres

PING = sql.ping()
COMMIT = b"COMMIT\0"
DIE = as_system("SELECT pg_terminate_backend(pg_backend_pid())")


class Attempts:
    """Makes the same unit again and again, and counts how often."""

    def __init__(self, *steps: Statement) -> None:
        self._steps = steps
        self.made = 0

    def __call__(self) -> Work[list[Result]]:
        self.made += 1
        return unit(*self._steps)


class Step:
    """Makes units of one step, or of the next of several, and counts them."""

    def __init__(self, *steps: Statement) -> None:
        self._steps = steps
        self.made = 0

    def __call__(self) -> Work[list[Result]]:
        step = self._steps[min(self.made, len(self._steps) - 1)]
        self.made += 1
        return unit(step)


def ending(first: Statement, *others: Statement) -> Statement:
    return together(first, *others, ends_unit=True)


def inserting(name: str) -> Statement:
    return sql.insert_object(an_object(name))


def raising(code: str) -> Statement:
    return as_system(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{code}'; END $$")


def test_each_statement_has_its_role_and_its_result(postgres_url: str) -> None:
    who = 'SELECT current_user::text AS "user", :n AS n'
    step = ending(as_system(who, n=1), as_caller(who, n=2), as_caller(who, n=3), as_system(who, n=4))

    async def scenario(executor: PostgresExecutor) -> None:
        owner = (await rows(executor, as_system(who, n=0)))[0]["user"]
        [first] = await executor.write(CALLER, lambda: unit(step))
        results = first, *first.then
        seen = [(row["user"], row["n"]) for result in results for row in result.rows]
        assert seen == [(owner, 1), ("authenticated", 2), ("authenticated", 3), (owner, 4)]

    play(postgres_url, scenario)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([PING, raising("42501"), as_caller("SELECT 1")], Unavailable),
        ([PING, as_caller("SELECT * FROM storage_blobs"), PING], AccessDenied),
        ([as_caller("SELECT 1"), raising("22012")], Unavailable),
        ([PING, as_caller("SELECT 1 / 0")], PolicyFailed),
        ([PING, sql.find_object("photos", "a\x00b")], InvalidParameter),
        ([inserting("b"), inserting("b"), raising("XX000")], KeyAlreadyExists),
    ],
)
def test_a_step_fails_as_the_statement_that_failed_and_leaves_nothing(
    postgres_url: str, statements: list[Statement], expected: type[Exception]
) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for ask in (executor.write, executor.probe):
            with pytest.raises(expected) as failure:
                await ask(CALLER, lambda: unit(ending(inserting("a"), *statements)))
            assert "secret" not in str(failure.value)
        assert await count(executor, "storage_objects") == 0
        assert len(await write(executor, ending(inserting("a")), by=CALLER)) == 1

    play(postgres_url, scenario, pool_size=1)


def test_a_step_that_met_another_transaction_runs_again(postgres_url: str) -> None:
    work = Step(ending(inserting("a"), raising("40001")), ending(inserting("a"), PING))

    async def scenario(executor: PostgresExecutor) -> None:
        await executor.write(CALLER, work)
        assert await count(executor, "storage_objects") == 1

    play(postgres_url, scenario)
    assert work.made == 2


def test_a_probe_of_a_step_leaves_nothing(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        [result] = await executor.probe(CALLER, lambda: unit(ending(inserting("a"))))
        assert result.changed == 1
        assert await count(executor, "storage_objects") == 0

    play(postgres_url, scenario, pool_size=1)


def test_a_unit_cannot_go_on_after_the_step_that_ends_it(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(AssertionError, match="goes on"):
            await executor.read(CALLER, lambda: unit(ending(PING), PING))

    play(postgres_url, scenario)


def test_much_that_goes_both_ways_at_once_does_not_stand_still(postgres_url: str) -> None:
    text = "x" * 3_000_000
    echo = as_system("SELECT CAST(:text AS text) AS text", text=text)

    async def scenario(executor: PostgresExecutor) -> None:
        async with asyncio.timeout(60):
            [first] = await executor.read(CALLER, lambda: unit(ending(echo, *[echo] * 5)))
        assert {len(result.rows[0]["text"]) for result in (first, *first.then)} == {len(text)}

    play(postgres_url, scenario)


# Losing the connection


def test_a_connection_that_the_server_ends_before_the_commit_costs_one_more_run(postgres_url: str) -> None:
    work = Step(ending(inserting("a"), DIE, PING), ending(inserting("a")))

    async def scenario(executor: PostgresExecutor) -> None:
        await executor.write(SYSTEM, work)
        assert await count(executor, "storage_objects") == 1

    play(postgres_url, scenario, pool_size=1)
    assert work.made == 2


def test_a_connection_that_ended_between_units_costs_one_more_run(postgres_url: str) -> None:
    work = Step(ending(inserting("a")))

    async def scenario(executor: PostgresExecutor) -> None:
        await rows(executor, PING)
        await executor._connections.returned()
        with psycopg.connect(postgres_url, autocommit=True) as monitor:
            monitor.execute(f"SELECT pg_terminate_backend(pid) {HERE}".encode())
            await until(monitor, f"SELECT 1 WHERE NOT EXISTS (SELECT {HERE})")
        await executor.write(SYSTEM, work)

    play(postgres_url, scenario, pool_size=1)
    assert work.made == 2


def test_a_step_lost_in_its_commit_says_that_its_outcome_is_unknown(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("""
            CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON storage.objects DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.die()
        """)
    work = Step(ending(inserting("a"), PING))

    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(Unavailable, match="outcome of the write is unknown"):
            await executor.write(SYSTEM, work)
        assert await rows(executor, PING)

    play(postgres_url, scenario, pool_size=1)
    assert work.made == 1


class FragileWay:
    """A way to the server that is cut as soon as the client has said `word`, once that is set."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._ways: set[asyncio.Task[None]] = set()
        self.word: bytes | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Yield how to connect by it."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        yield make_conninfo(self._conninfo, port=server.sockets[0].getsockname()[1])
        server.close()
        await asyncio.gather(*self._ways)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ways.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(str(conninfo_to_dict(self._conninfo)["port"]))
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        answers = asyncio.create_task(self._answer(server_reader, writer))
        await self._ask(reader, server_writer, writer)
        await answers

    async def _ask(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                server.write(data)
                if self.word is not None and self.word in data:
                    self.word = None
                    client.transport.abort()
        await _end(server)

    async def _answer(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                client.write(data)
        await _end(client)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(("word", "expected_runs"), [(COMMIT, 1), (b"unmistakable", 2)])
def test_a_connection_cut_without_a_word_was_lost_in_the_commit_if_that_was_sent(
    postgres_url: str, word: bytes, expected_runs: int
) -> None:
    work = Attempts(as_system("SELECT 'unmistakable'"), ending(inserting("a")))

    async def scenario() -> None:
        way = FragileWay(postgres_url)
        async with way.open() as conninfo:
            executor = PostgresExecutor(conninfo, pool_size=1, prepared_statements=False)
            await executor.start()
            way.word = word
            [outcome] = await asyncio.gather(executor.write(SYSTEM, work), return_exceptions=True)
            await executor.close()
        assert isinstance(outcome, Unavailable) is (word == COMMIT)
        assert word != COMMIT or "outcome of the write is unknown" in str(outcome)

    asyncio.run(scenario())
    assert work.made == expected_runs


class WayWithALateEnd(FragileWay):
    """A way on which the client hears the server's last word, and of its end only after its own."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self.farewell = asyncio.Event()

    async def _ask(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        await super()._ask(reader, server, client)
        client.close()

    async def _answer(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            client.write(data)
            if b"57P01" in data:
                self.farewell.set()


def test_a_connection_whose_server_has_said_farewell_costs_one_more_run(postgres_url: str) -> None:
    work = Step(ending(inserting("a")))

    async def scenario() -> None:
        way = WayWithALateEnd(postgres_url)
        async with way.open() as conninfo:
            executor = PostgresExecutor(conninfo, pool_size=1)
            await executor.start()
            with psycopg.connect(postgres_url, autocommit=True) as monitor:
                monitor.execute(f"SELECT pg_terminate_backend(pid) {HERE}".encode())
            await way.farewell.wait()
            async with asyncio.timeout(10):
                await executor.write(SYSTEM, work)
            await executor.close()

    asyncio.run(scenario())
    assert work.made == 2


# Cancellation


def test_a_cancelled_step_stops_in_the_server_and_does_not_commit(postgres_url: str) -> None:
    sleeping = f"SELECT {HERE} AND query LIKE '%pg_sleep%' AND state = 'active'"
    step = ending(inserting("a"), as_system("SELECT pg_sleep(60)"), inserting("b"))

    async def scenario(executor: PostgresExecutor) -> None:
        with opponent(postgres_url) as monitor:
            monitor.autocommit = True
            writing = asyncio.create_task(executor.write(CALLER, lambda: unit(step)))
            await until(monitor, sleeping)
            writing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert await count(executor, "storage_objects") == 0
            assert monitor.execute(sleeping.encode()).fetchall() == []
        before = executor._connections._pool.get_stats()["connections_num"]
        assert before == 1, "the connection is used again"

    play(postgres_url, scenario, pool_size=1)
