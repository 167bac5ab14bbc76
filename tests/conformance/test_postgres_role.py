"""Whom a statement runs as on Postgres, and what it sees of the request. Nothing outlives a transaction."""

import json
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from aerostore.domain import SYSTEM, RlsContext
from aerostore.errors import AccessDenied, InvalidToken, RoleNotAllowed
from aerostore.executor import Row
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from tests.conformance.executor_fixture import ANON, CALLER, an_object, count, probe, rows, unit, write
from tests.conformance.postgres import OWNER, PostgresCluster
from tests.conformance.postgres_fixture import as_caller, as_system, play

pytestmark = pytest.mark.postgres

USER = "7d8d2f7e-2c4b-4a3e-9f46-0d1c5d3c9a10"
SERVICE = RlsContext(role="service_role", can_bypass_rls=True)
READ_SETTINGS = """
    SELECT current_user::text AS "user", auth.uid() AS uid, auth.role() AS role, auth.jwt() AS jwt,
        storage.operation() AS operation, current_setting('request.path') AS path,
        current_setting('request.method') AS method
"""
LEFTOVERS = """
    SELECT current_user::text, current_setting('role'), current_setting('search_path'),
        current_setting('request.jwt.claims', true), current_setting('storage.operation', true)
"""


async def seen(executor: PostgresExecutor, context: RlsContext, query: str = READ_SETTINGS) -> Row:
    [row] = await rows(executor, as_caller(query), by=context)
    return row


def test_a_statement_runs_as_its_caller_with_the_request_in_settings(postgres_url: str) -> None:
    context = RlsContext(
        role="authenticated",
        user_id=USER,
        claims={"sub": "forged", "role": "service_role", "app": {"name": "ä\U0001f600'\\u0000;--"}},
        operation="storage.object.list",
        method="POST",
        path="/storage/v1/object/list/photos",
    )
    row = play(postgres_url, lambda executor: seen(executor, context))
    assert json.loads(row["jwt"]) == {**context.claims, "sub": USER, "role": "authenticated"}
    assert dict(row) | {"jwt": ""} == {
        "user": "authenticated",
        "uid": USER,
        "role": "authenticated",
        "jwt": "",
        "operation": "storage.object.list",
        "path": "/object/list/photos",
        "method": "POST",
    }


def test_who_has_not_signed_in_has_no_uid(postgres_url: str) -> None:
    row = play(postgres_url, lambda executor: seen(executor, ANON))
    assert (row["user"], row["uid"], row["role"]) == ("anon", None, "anon")
    assert json.loads(row["jwt"]) == {"role": "anon"}


def test_nothing_of_a_request_is_left_on_the_connection(postgres_url: str) -> None:
    context = RlsContext(role="authenticated", user_id=USER, operation="storage.object.get")

    async def scenario(executor: PostgresExecutor) -> None:
        async def leftovers() -> list[Any]:
            async with executor._connections._pool.connection() as connection:
                [row] = await (await connection.execute(LEFTOVERS)).fetchall()
                return [value or None for value in row]  # a setting once set stays as ''

        before = await leftovers()
        assert before[0] == OWNER
        await seen(executor, context)
        assert await leftovers() == before
        await write(executor, sql.insert_object(an_object()), by=CALLER)
        assert await leftovers() == before
        with pytest.raises(AccessDenied):
            await write(executor, as_caller("SELECT * FROM storage_blobs"), by=context)
        assert await leftovers() == before

    play(postgres_url, scenario, pool_size=1)


@pytest.mark.parametrize(
    "role",
    [
        "postgres",
        OWNER,
        f'{OWNER}"; DROP TABLE storage.objects; --',
        "nobody of that name",
        "none",
        "NONE",
        "pg_read_all_data",
        "",
        "anon\x00",
        "\ud800",
    ],
)
def test_a_role_that_was_not_granted_never_reaches_the_database(postgres_url: str, role: str) -> None:
    asked = []

    def work() -> Any:
        asked.append(role)
        yield as_caller("SELECT 1")

    async def scenario(executor: PostgresExecutor) -> None:
        for ask in (executor.read, executor.write, executor.probe):
            with pytest.raises(RoleNotAllowed):
                await ask(RlsContext(role=role, user_id=USER), work)
            with pytest.raises(RoleNotAllowed):
                await ask(RlsContext(role=role, can_bypass_rls=True), work)

    play(postgres_url, scenario)
    assert asked == []


def test_a_role_granted_to_the_login_role_is_open_to_callers(cluster: PostgresCluster, database: str) -> None:
    cluster.run("CREATE ROLE reviewer NOLOGIN")
    cluster.run("GRANT reviewer TO {}", OWNER)
    cluster.run("GRANT authenticated TO reviewer")
    reviewer = RlsContext(role="reviewer", user_id=USER)

    async def scenario(executor: PostgresExecutor) -> None:
        assert (await seen(executor, reviewer))["user"] == "reviewer"
        await write(executor, sql.insert_object(an_object()), by=reviewer)

    play(cluster.conninfo(database), scenario)


MIGHTY = {
    "a superuser": "CREATE ROLE mighty SUPERUSER",
    "who bypasses row security": "CREATE ROLE mighty BYPASSRLS",
    "who has the owner's rights": f"CREATE ROLE mighty IN ROLE {OWNER}",
}


@pytest.mark.parametrize("creation", MIGHTY.values(), ids=MIGHTY)
def test_a_role_that_policies_do_not_hold_is_not_open_to_callers(
    cluster: PostgresCluster, database: str, creation: LiteralString
) -> None:
    cluster.run(creation)
    cluster.run("GRANT mighty TO postgres")

    async def scenario(executor: PostgresExecutor) -> None:
        assert (await seen(executor, ANON))["user"] == "anon"
        with pytest.raises(RoleNotAllowed):
            await seen(executor, RlsContext(role="mighty"))

    try:
        play(cluster.conninfo(database, user="postgres"), scenario)
    finally:
        cluster.run("DROP ROLE mighty")


def test_only_the_system_reaches_the_servers_own_rows(postgres_url: str) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        for context in (ANON, CALLER):
            for table in ("storage_blobs", "storage_events", "storage_leases", "storage_migrations"):
                with pytest.raises(AccessDenied, match=table) as denied:
                    await rows(executor, as_caller(f"SELECT * FROM {table}"), by=context)
                assert "GRANT" in (denied.value.hint or "")
        mixed = as_caller("SELECT 1"), as_system("SELECT count(*) AS n FROM storage_blobs")
        assert len(await probe(executor, *mixed, by=CALLER)) == 2

    play(postgres_url, scenario)


def test_a_statement_after_one_of_the_system_is_the_callers_again(postgres_url: str) -> None:
    user = 'SELECT current_user::text AS "user"'

    async def scenario(executor: PostgresExecutor) -> None:
        statements = as_caller(user), as_system(user), as_system(user), as_caller(user)
        results = await executor.write(CALLER, lambda: unit(*statements))
        users = [result.rows[0]["user"] for result in results]
        assert users == ["authenticated", OWNER, OWNER, "authenticated"]

    play(postgres_url, scenario)


@pytest.mark.parametrize("context", [SYSTEM, SERVICE], ids=["system", "service key"])
def test_the_service_role_runs_as_the_owner_but_says_who_it_is(
    postgres_url: str, context: RlsContext
) -> None:
    row = play(postgres_url, lambda executor: seen(executor, context))
    assert (row["user"], row["role"]) == (OWNER, "service_role")


def test_a_login_role_that_owns_nothing_works_through_the_service_role(
    cluster: PostgresCluster, database: str
) -> None:
    cluster.run("CREATE ROLE tenant LOGIN")
    cluster.run(f"ALTER ROLE tenant PASSWORD '{cluster.password}'")
    cluster.run("GRANT anon, authenticated, service_role TO tenant")

    async def scenario(executor: PostgresExecutor) -> None:
        assert (await seen(executor, SERVICE))["user"] == "service_role"
        await write(executor, sql.insert_object(an_object()))
        assert await count(executor, "storage_objects") == 1
        assert (await seen(executor, ANON))["user"] == "anon"

    play(cluster.conninfo(database, user="tenant"), scenario)


@pytest.mark.parametrize(
    "claims", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, {"a": float("inf")}], ids=ascii
)
def test_claims_that_postgres_cannot_hold_are_refused(postgres_url: str, claims: dict[str, Any]) -> None:
    async def scenario(executor: PostgresExecutor) -> None:
        with pytest.raises(InvalidToken, match="claims"):
            await seen(executor, RlsContext(role="anon", claims=claims))
        with pytest.raises(InvalidToken, match="claims"):
            await seen(executor, RlsContext(role="anon", user_id="\x00"))

    play(postgres_url, scenario)


def test_a_path_may_hold_anything(postgres_url: str) -> None:
    context = RlsContext(role="anon", path="/object/a\x00\ud800'")
    row = play(postgres_url, lambda executor: seen(executor, context))
    assert row["path"] == "/object/a\ufffd?'"


def test_what_is_made_in_public_never_stands_in_for_ours(cluster: PostgresCluster, database: str) -> None:
    url = cluster.conninfo(database)
    with psycopg.connect(cluster.conninfo(database, user="postgres")) as connection:
        connection.execute(
            """
            CREATE TABLE public.storage_objects (LIKE storage.objects);
            CREATE TABLE public.objects (LIKE storage.objects);
            CREATE FUNCTION public.instr(text, text) RETURNS integer LANGUAGE sql AS 'SELECT 1 / 0';
            CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS 'SELECT (1 / 0)::text';
            CREATE FUNCTION public.set_config(text, text, boolean) RETURNS int LANGUAGE sql AS 'SELECT 1 / 0';
            GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
            ALTER DATABASE {} SET search_path = public, pg_catalog
        """.replace("{}", database).encode()
        )

    async def scenario(executor: PostgresExecutor) -> None:
        await write(executor, sql.insert_object(an_object("a/b")), by=CALLER)
        page = sql.list_entries(
            "photos", prefix_length=0, delimiter="/", lower="", upper=None, order="asc", limit=9
        )
        assert [row["name"] for row in await rows(executor, page, by=CALLER)] == ["a/b"]
        real = await rows(executor, as_system("SELECT count(*) AS n FROM storage.objects"))
        assert real[0]["n"] == 1

    play(url, scenario)


def test_a_temporary_table_never_stands_in_for_ours(postgres_url: str) -> None:
    """Behind a pooler, somebody else's session may have one."""

    async def scenario(executor: PostgresExecutor) -> None:
        async with executor._connections._pool.connection() as connection:
            await connection.execute("CREATE TEMPORARY TABLE storage_objects (id text)")
        await write(executor, sql.insert_object(an_object()), by=CALLER)
        assert await count(executor, "storage_objects") == 1

    play(postgres_url, scenario, pool_size=1)


def test_times_in_policies_are_utc_whatever_the_server_says(cluster: PostgresCluster, database: str) -> None:
    cluster.run("ALTER DATABASE {} SET timezone = 'Asia/Kathmandu'", database)
    cluster.run("ALTER DATABASE {} SET datestyle = 'German'", database)
    new = an_object()

    async def scenario(executor: PostgresExecutor) -> None:
        await write(executor, sql.insert_object(new))
        [row] = await rows(executor, sql.find_object("photos", new.name))
        assert row["created_at"] == new.created_at
        assert row["created_at"].utcoffset() == timedelta(0)
        zone = "SELECT current_setting('TimeZone') AS zone"
        assert (await seen(executor, CALLER, zone))["zone"] == "UTC"

    play(cluster.conninfo(database), scenario)
