"""What goes wrong on the way to a Postgres server, in it and in its policies; and what works afterwards."""

import asyncio
from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from aerostore.domain import SYSTEM
from aerostore.errors import (
    AccessDenied,
    Conflict,
    InsufficientStorage,
    InvalidParameter,
    LockTimeout,
    NoSuchRelation,
    PolicyFailed,
    SlowDown,
    StorageError,
    Unavailable,
)
from aerostore.executor import Result, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.postgres.error import to_storage_error
from aerostore.executor.postgres.unit import MAX_RUNS
from tests.conformance.executor_fixture import (
    CALLER,
    an_object,
    count,
    probe,
    rows,
    unit,
    write,
)
from tests.conformance.postgres import PostgresCluster, require_binaries, running_cluster
from tests.conformance.postgres_fixture import (
    HERE,
    SOMEBODY_WAITS,
    as_caller,
    as_system,
    opponent,
    play,
    until,
)

pytestmark = pytest.mark.postgres

DIE = as_system("SELECT pg_terminate_backend(pg_backend_pid())")
LOCK = as_system("SELECT pg_advisory_xact_lock(7)")
PING = sql.ping()


class Attempts:
    """Makes units: each run takes the next of `runs`, the last one again and again."""

    def __init__(self, *runs: list[Statement]) -> None:
        self._runs = runs
        self.made = 0

    def __call__(self) -> Work[list[Result]]:
        statements = self._runs[min(self.made, len(self._runs) - 1)]
        self.made += 1
        return unit(*statements)


def raising(code: str) -> Statement:
    return as_system(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{code}'; END $$")


# Running again


@pytest.mark.parametrize("code", ["40001", "40P01", "23000"])
def test_a_unit_that_met_another_one_runs_again_from_its_start(postgres_url: str, code: str) -> None:
    insert = sql.insert_object(an_object())
    work = Attempts([insert, raising(code)], [insert, raising(code)], [insert])

    async def scenario(executor: PostgresExecutor) -> None:
        await executor.write(SYSTEM, work)
        assert await count(executor, "storage_objects") == 1

    play(postgres_url, scenario)
    assert work.made == 3


def test_a_unit_that_never_fits_ends_as_a_lock_timeout(postgres_url: str) -> None:
    work = Attempts([raising("40001")])

    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(LockTimeout):
            await executor.write(SYSTEM, work)

    play(postgres_url, scenario)
    assert work.made == MAX_RUNS


def test_a_deadlock_is_resolved_and_the_unit_runs_again(postgres_url: str) -> None:
    def touch(name: str) -> LiteralString:
        return f"UPDATE storage.objects SET version = 'touched' WHERE name = '{name}'"

    work = Attempts([as_system(touch("one")), LOCK, as_system(touch("other"))])

    async def scenario(executor: PostgresExecutor) -> None:
        await write(executor, *(sql.insert_object(an_object(name)) for name in ("one", "other")))
        superuser = make_conninfo(postgres_url, user="postgres")
        with opponent(superuser) as enemy, psycopg.connect(superuser, autocommit=True) as monitor:
            # The server gives up on who finds the deadlock: the unit, which closes it; the enemy never looks.
            enemy.execute("SET deadlock_timeout = '1h'")
            enemy.execute(touch("other"))
            monitor.execute("SELECT pg_advisory_lock(7)")
            writing = asyncio.create_task(executor.write(SYSTEM, work))
            await until(monitor, SOMEBODY_WAITS)
            waiting = asyncio.create_task(asyncio.to_thread(enemy.execute, touch("one")))
            await until(monitor, f"{SOMEBODY_WAITS} OFFSET 1")
            monitor.execute("SELECT pg_advisory_unlock(7)")
            await waiting
            enemy.commit()
            assert [result.changed for result in await writing][::2] == [1, 1]

    play(postgres_url, scenario)
    assert work.made == 2


# Losing the connection


@pytest.mark.parametrize("ask", ["read", "write", "probe"])
def test_a_connection_lost_before_the_commit_costs_one_more_run(postgres_url: str, ask: str) -> None:
    work = Attempts([PING, DIE], [PING])

    async def scenario(executor: PostgresExecutor) -> None:
        assert len(await getattr(executor, ask)(SYSTEM, work)) == 1

    play(postgres_url, scenario)
    assert work.made == 2


def test_a_unit_that_loses_its_connection_twice_is_unavailable_and_leaves_nothing(postgres_url: str) -> None:
    work = Attempts([sql.insert_object(an_object()), DIE])

    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(Unavailable):
            await executor.write(SYSTEM, work)
        assert await count(executor, "storage_objects") == 0

    play(postgres_url, scenario, pool_size=1)
    assert work.made == 2


def test_lost_connections_are_forgotten(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for _ in range(5):
            await executor.write(SYSTEM, Attempts([PING, DIE], [PING]))
        assert len(executor._connections._lines) <= 2

    play(postgres_url, scenario, pool_size=1)


def test_a_commit_that_is_lost_says_that_its_outcome_is_unknown(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("""
            CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON storage.objects DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.die()
        """)
    work = Attempts([sql.insert_object(an_object())])

    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(Unavailable, match="outcome of the write is unknown") as failure:
            await executor.write(SYSTEM, work)
        assert not isinstance(failure.value, LockTimeout), "that would say that nothing was written"
        assert await rows(executor, PING)

    play(postgres_url, scenario, pool_size=1)
    assert work.made == 1


def test_a_restart_of_the_server_needs_no_restart_of_ours() -> None:
    with running_cluster(require_binaries()) as own:
        own.create_api_roles()
        work = Attempts([PING])

        async def scenario(executor: PostgresExecutor) -> None:
            asked = [rows(executor, PING) for _ in range(4)]
            await asyncio.gather(*asked)  # several connections are open
            await asyncio.to_thread(own.restart)
            await asyncio.gather(*(executor.write(SYSTEM, work) for _ in range(4)))
            await asyncio.to_thread(own.stop)
            with pytest.raises(Unavailable):
                await rows(executor, PING)
            await asyncio.to_thread(own.start)
            assert await rows(executor, PING)

        play(own.conninfo(own.create_database()), scenario, connection_wait_s=3.0)


def test_a_server_that_cannot_be_reached_is_unavailable_and_says_so(cluster: PostgresCluster) -> None:
    for url in (
        cluster.conninfo("missing"),
        cluster.conninfo("postgres", user="missing"),
        "host=127.0.0.1 port=1 dbname=x",
        "no conninfo at all",
    ):
        with pytest.raises(Unavailable, match="database") as failure:
            asyncio.run(PostgresExecutor(url).start())
        assert failure.value.hint
        assert cluster.password not in str(failure.value)


# Time and room


def within(settings: str) -> Statement:
    return as_system(f"SET LOCAL {settings}")


def test_a_statement_that_takes_too_long_is_slow_down(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for ask in (executor.read, executor.write, executor.probe):
            with pytest.raises(SlowDown, match="took too long"):
                await ask(
                    CALLER,
                    lambda: unit(within("statement_timeout = '20ms'"), as_system("SELECT pg_sleep(60)")),
                )
        [limits] = await rows(executor, as_caller("SELECT current_setting('statement_timeout') AS t"))
        assert limits["t"] == "20s"
        [[limit]] = [result.rows for result in await probe(executor, as_caller("SHOW statement_timeout"))]
        assert limit["statement_timeout"] == "30s"

    play(postgres_url, scenario)


def test_a_row_that_stays_locked_is_a_lock_timeout(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        new = an_object()
        await write(executor, sql.insert_object(new))
        with opponent(postgres_url) as enemy:
            enemy.execute("SELECT FROM storage.objects FOR UPDATE")
            with pytest.raises(LockTimeout):
                await write(executor, within("lock_timeout = '20ms'"), sql.delete_object(new.id))
        await write(executor, sql.delete_object(new.id))

    play(postgres_url, scenario)


def test_a_pool_that_stays_empty_is_slow_down_and_not_a_hang(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        with opponent(postgres_url) as enemy, psycopg.connect(postgres_url, autocommit=True) as monitor:
            enemy.execute("SELECT pg_advisory_lock(7)")
            holding = asyncio.create_task(write(executor, LOCK))
            await until(monitor, SOMEBODY_WAITS)
            with pytest.raises(SlowDown, match="No connection"):
                await rows(executor, PING)
            enemy.execute("SELECT pg_advisory_unlock(7)")
            await holding
        assert await rows(executor, PING)

    play(postgres_url, scenario, pool_size=1, connection_wait_s=0.05)


# Cancellation


def test_a_cancelled_unit_stops_in_the_server_and_gives_its_connection_back(postgres_url: str) -> None:
    sleeping = f"SELECT {HERE} AND query LIKE '%pg_sleep%' AND state = 'active'"

    async def scenario(executor: PostgresExecutor) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as monitor:
            for ask in (executor.read, executor.write, executor.probe):
                asking = asyncio.create_task(ask(CALLER, lambda: unit(as_system("SELECT pg_sleep(60)"))))
                await until(monitor, sleeping)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                assert await rows(executor, PING)
                assert monitor.execute(sleeping.encode()).fetchall() == []

    play(postgres_url, scenario, pool_size=1)


def test_a_unit_can_be_cancelled_at_any_moment(postgres_url: str) -> None:
    dirty = f"SELECT {HERE} AND state LIKE 'idle in transaction%'"

    async def scenario(executor: PostgresExecutor) -> None:
        finished = 0
        for moment in range(0, 1200, 15):
            statements = sql.insert_object(an_object(f"{moment}")), PING
            writing = asyncio.create_task(write(executor, *statements, by=CALLER))
            for _ in range(moment):
                await asyncio.sleep(0)
            writing.cancel()
            [outcome] = await asyncio.gather(writing, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError | list), outcome
            finished += isinstance(outcome, list)
        assert finished < 80
        assert finished <= await count(executor, "storage_objects") <= 80
        await executor.close()
        with psycopg.connect(postgres_url) as monitor:
            assert monitor.execute(dirty.encode()).fetchall() == []

    play(postgres_url, scenario, pool_size=2)


def test_whoever_waits_for_a_connection_can_be_cancelled_as_it_comes(postgres_url: str) -> None:
    async def cancel_after(executor: PostgresExecutor, moment: int) -> bool:
        first = asyncio.create_task(rows(executor, PING))
        second = asyncio.create_task(rows(executor, PING))
        await first
        for _ in range(moment):
            await asyncio.sleep(0)
        is_late = not second.cancel()
        [outcome] = await asyncio.gather(second, return_exceptions=True)
        return is_late or isinstance(outcome, asyncio.CancelledError)

    async def scenario(executor: PostgresExecutor) -> None:
        assert [moment for moment in range(100) if not await cancel_after(executor, moment)] == []
        assert await rows(executor, PING)

    play(postgres_url, scenario, pool_size=1)


def test_a_start_can_be_cancelled_at_any_moment_and_leaves_no_task_behind(postgres_url: str) -> None:
    async def cancel_after(moment: int) -> int | None:
        executor = PostgresExecutor(postgres_url)
        starting = asyncio.create_task(executor.start())
        while not tasks_of_pools():
            await asyncio.sleep(0)
        for _ in range(moment):
            await asyncio.sleep(0)
        starting.cancel()
        [outcome] = await asyncio.gather(starting, return_exceptions=True)
        left = tasks_of_pools()
        await executor.close()  # else the end of the loop waits for what is left
        return left if isinstance(outcome, asyncio.CancelledError) else None

    left = [asyncio.run(cancel_after(moment)) for moment in range(0, 2000, 200)]
    assert 0 in left
    assert set(left) <= {0, None}


def tasks_of_pools() -> int:
    return sum(task.get_name().startswith("aerostore-") for task in asyncio.all_tasks())


# Policies that fail, and values that do not fit


def add_policy(url: str, condition: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute('DROP POLICY "select" ON storage.objects; DROP POLICY "insert" ON storage.objects')
        connection.execute(
            "CREATE FUNCTION public.stop() RETURNS boolean LANGUAGE plpgsql AS"
            " 'BEGIN RAISE EXCEPTION $x$secret$x$; END'"
        )
        connection.execute(f"CREATE POLICY broken ON storage.objects USING ({condition})")


BROKEN_POLICIES: dict[str, LiteralString] = {
    "cast of a name": "name::uuid IS NOT NULL",
    "cast of the subject": "auth.uid() IS NOT NULL",
    "division by zero": "1 / (length(name) - length(name)) = 1",
    "infinite recursion": "EXISTS (SELECT FROM storage.objects AS other WHERE other.name = objects.name)",
    "an exception": "public.stop()",
}


@pytest.mark.parametrize("condition", BROKEN_POLICIES.values(), ids=BROKEN_POLICIES)
def test_a_policy_that_fails_denies_and_says_which_way(postgres_url: str, condition: LiteralString) -> None:
    add_policy(postgres_url, condition)

    async def scenario(executor: PostgresExecutor) -> None:
        await write(executor, sql.insert_object(an_object("secret")))
        for statement in (
            sql.find_visible_object("photos", "secret"),
            sql.upsert_object(an_object("secret")),
        ):
            with pytest.raises(PolicyFailed, match="SQLSTATE") as failure:
                await write(executor, statement, by=CALLER)
            assert "secret" not in str(failure.value)

    play(postgres_url, scenario)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\udfff!"], ids=ascii)
def test_text_that_postgres_cannot_hold_is_an_invalid_parameter(postgres_url: str, text: str) -> None:
    statements: list[Callable[[], Statement]] = [
        lambda: sql.insert_object(an_object(text)),
        lambda: sql.insert_object(an_object(user_metadata={"k": [text]})),
        lambda: sql.insert_object(an_object(user_metadata={text: 1})),
        lambda: sql.find_object("photos", text),
        lambda: sql.update_bucket("photos", {"allowed_mime_types": [text]}),
    ]

    async def scenario(executor: PostgresExecutor) -> None:
        for make in statements:
            for context in (SYSTEM, CALLER):
                with pytest.raises(InvalidParameter, match="NUL"):
                    await write(executor, PING, make(), by=context)
        assert await count(executor, "storage_objects") == 0

    play(postgres_url, scenario)


def test_what_the_server_says_of_rows_stays_with_it(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for statement in (raising("XX000"), raising("22012"), as_system("SELECT secret"), raising("42501")):
            with pytest.raises(Unavailable, match="SQLSTATE") as failure:
                await write(executor, statement)
            assert "secret" not in f"{failure.value} {failure.value.hint}"

    play(postgres_url, scenario)


class Failed(psycopg.OperationalError):
    def __init__(self, code: str | None) -> None:
        super().__init__("secret")
        self.sqlstate = code


@pytest.mark.parametrize(
    ("code", "judged", "expected"),
    [
        ("23503", True, NoSuchRelation),
        ("23505", True, Conflict),
        ("53100", True, InsufficientStorage),
        ("53100", False, InsufficientStorage),
        ("53300", False, SlowDown),
        ("55P03", True, LockTimeout),
        ("57014", False, SlowDown),
        ("57P03", False, Unavailable),
        ("42501", False, Unavailable),
        ("42501", True, AccessDenied),
        ("22023", False, Unavailable),
        ("22023", True, PolicyFailed),
        ("23514", True, PolicyFailed),
        (None, True, Unavailable),
    ],
)
def test_each_code_has_its_error(code: str | None, judged: bool, expected: type[StorageError]) -> None:
    assert type(to_storage_error(Failed(code), judged=judged)) is expected
