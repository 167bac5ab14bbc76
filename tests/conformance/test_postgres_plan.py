"""Plans that the Postgres server keeps: they hurry nothing past a policy, and whoever loses them goes on."""

import asyncio
from collections.abc import Sequence
from typing import LiteralString

import psycopg
import pytest

from aerostore.domain import RlsContext
from aerostore.executor import Row, Statement
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.postgres.line import _MOST_PREPARED
from tests.conformance.executor_fixture import (
    CALLER,
    NOW,
    a_blob,
    add_objects,
    an_object,
    rows,
    write,
)
from tests.conformance.postgres import OWNER, PostgresCluster
from tests.conformance.postgres_fixture import HERE, as_system, play, until

pytestmark = pytest.mark.postgres

EDITOR = RlsContext(role="editor", user_id="editor")
SEE = sql.find_visible_object("photos", "a")
KEPT = as_system("SELECT count(*) AS n FROM pg_prepared_statements")
CHANGES: dict[str, LiteralString] = {
    "revoked": "REVOKE team FROM editor",
    "revoked further away": "REVOKE company FROM team",
    "no longer inherits": "ALTER ROLE editor NOINHERIT",
    "granted to a role with a stricter policy": "GRANT strict TO editor",
}


@pytest.fixture
def with_roles(cluster: PostgresCluster, database: str) -> str:
    """A database where `editor` sees objects as a member of a member of `company`."""
    for role in ("editor", "team", "company", "strict"):
        cluster.run("DROP ROLE IF EXISTS {}", role)
        cluster.run("CREATE ROLE {} NOLOGIN INHERIT", role)
    cluster.run("GRANT editor TO {}", OWNER)
    cluster.run("GRANT team TO editor; GRANT company TO team")
    cluster.run(
        """
        GRANT USAGE ON SCHEMA storage, aerostore TO editor;
        GRANT SELECT ON storage.objects, aerostore.storage_objects TO editor;
        DROP POLICY "select" ON storage.objects;
        CREATE POLICY p ON storage.objects FOR SELECT TO company USING (true);
        CREATE POLICY q ON storage.objects AS RESTRICTIVE FOR SELECT TO strict USING (false);
        """,
        database=database,
    )
    return cluster.conninfo(database)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_role_counts_at_once_for_statements_with_a_plan(
    cluster: PostgresCluster, with_roles: str, change: LiteralString
) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        await add_objects(executor, "a")
        for _ in range(8):  # as often as it takes for a plan that is not made for its values
            assert await rows(executor, SEE, by=EDITOR)
        assert (await rows(executor, KEPT))[0]["n"] > 0
        cluster.run(change)
        assert not await rows(executor, SEE, by=EDITOR)

    play(with_roles, scenario, pool_size=1)


@pytest.mark.parametrize("on", [True, False])
def test_plans_are_kept_only_where_they_are_wanted(postgres_url: str, on: bool) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for _ in range(3):
            await rows(executor, SEE, by=CALLER)
        assert ((await rows(executor, KEPT))[0]["n"] > 0) is on

    play(postgres_url, scenario, pool_size=1, prepared_statements=on)


def test_plans_of_one_connection_are_bounded(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        most = 0
        for number in range(2 * _MOST_PREPARED):
            [row] = await rows(executor, Statement(sql=f"{KEPT.sql} WHERE {number} = {number}"))
            most = max(most, row["n"])
        assert _MOST_PREPARED - 5 < most < _MOST_PREPARED + 5, "a unit has a few"

    play(postgres_url, scenario, pool_size=1)


def test_a_list_of_many_names_takes_no_place_among_the_plans(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        await rows(executor, KEPT)
        [before] = await rows(executor, KEPT)
        for length in range(50, 60):
            await write(executor, sql.lock_objects("photos", [f"{n}" for n in range(length)]))
        [after] = await rows(executor, KEPT)
        assert after["n"] - before["n"] <= 3, "what opens and ends a write"

    play(postgres_url, scenario, pool_size=1)


@pytest.mark.parametrize("loss", ["DEALLOCATE ALL", "PREPARE"])
def test_who_loses_plans_to_something_in_between_goes_on_without(postgres_url: str, loss: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        await rows(executor, SEE, by=CALLER)
        if loss == "PREPARE":  # another client of a pooler had the same connection, and made the same plan
            [line] = executor._connections._lines.values()
            line._prepared.clear()
        else:
            await write(executor, as_system(loss))
        await write(executor, sql.insert_object(an_object("a")), by=CALLER)
        assert await rows(executor, SEE, by=CALLER)
        assert executor._plans.family_of(None) is None

    play(postgres_url, scenario, pool_size=1)


def test_units_that_lose_their_plans_at_the_same_time_all_go_on_without(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        await add_objects(executor, "a")

        async def ask_all() -> list[Sequence[Row]]:
            return list(await asyncio.gather(*(rows(executor, SEE, by=CALLER) for _ in range(8))))

        for _ in range(3):
            await ask_all()
        await executor._connections.returned()
        lines = list(executor._connections._lines.values())
        assert len(lines) == 2
        for line in lines:
            await line.connection.execute("DEALLOCATE ALL")
        assert all(await ask_all())

    play(postgres_url, scenario, pool_size=2)


def test_columns_that_change_their_type_do_not_stop_statements_with_a_plan(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        await add_objects(executor, "a")
        for _ in range(3):
            assert await rows(executor, SEE)
        await executor._connections.returned()
        with psycopg.connect(postgres_url) as connection:
            connection.execute("DROP VIEW aerostore.storage_objects")
            connection.execute("ALTER TABLE storage.objects ALTER version TYPE varchar")
            connection.execute("CREATE VIEW aerostore.storage_objects AS SELECT * FROM storage.objects")
        assert await rows(executor, SEE)

    play(postgres_url, scenario, pool_size=1)


def test_plans_made_for_an_empty_table_do_not_read_all_of_it_when_it_has_grown(
    cluster: PostgresCluster, database: str
) -> None:
    """A session keeps its plans until a table is analysed, and nobody does that in the first minute."""

    async def scenario(executor: PostgresExecutor) -> None:
        for number in range(12):  # as often as it takes for a plan that is kept
            blob = a_blob(str(number))
            found, *_ = await write(
                executor,
                sql.find_blob_by_content(blob.sha256, blob.size_bytes),
                sql.insert_blob(blob, NOW),
                sql.insert_object(an_object(str(number), blob_id=blob.id)),
            )
            assert not found.rows

    conninfo = cluster.conninfo(database)
    whole_reads = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'storage_blobs'"
    with psycopg.connect(conninfo, autocommit=True) as monitor:
        before = monitor.execute(whole_reads).fetchone()
        play(conninfo, scenario, pool_size=1)
        # A session that has ended has told what it read.
        asyncio.run(until(monitor, f"SELECT WHERE NOT EXISTS (SELECT {HERE})"))
        assert monitor.execute(whole_reads).fetchone() == before
