"""Lists on Postgres read what policies can admit, and are right however the policies change."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import pytest

from aerostore.domain import RlsContext
from aerostore.executor import Statement
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.postgres.narrowing import Narrowing
from tests.conformance.executor_fixture import rows
from tests.conformance.postgres import PostgresCluster
from tests.conformance.postgres_fixture import as_caller, play

pytestmark = pytest.mark.postgres

ME = "7d8d2f7e-2c4b-4a3e-9f46-0d1c5d3c9a10"
CALLER = RlsContext(role="authenticated", user_id=ME)
OTHERS = 5000
FEW = 100  # other policies and the like, in the catalogue
OWN_FOLDER = "(storage.foldername(name))[1] = auth.uid()::text"
FILL = f"""
    INSERT INTO storage.objects (bucket_id, name, version)
    SELECT 'photos', i || '/x', '1' FROM generate_series(1, {OTHERS}) AS i
    UNION ALL SELECT 'photos', '{ME}/' || i, '1' FROM generate_series(1, 5) AS i
"""
PAGES: Mapping[str, Callable[[str], Statement]] = {
    "names": lambda order: sql.list_names("photos", lower="", upper=None, order=order, limit=100),
    "names below": lambda order: sql.list_names("photos", lower="1", upper="8", order=order, limit=100),
    "entries": lambda order: sql.list_entries(
        "photos", prefix_length=0, delimiter="/", lower="", upper=None, order=order, limit=100
    ),
    "folded entries": lambda order: sql.list_folded_entries(
        "photos", prefix_length=0, lower="", upper=None, order=order, limit=100
    ),
}


@pytest.fixture
def filled_url(postgres_url: str) -> str:
    """A database whose callers see their own folder, among those of many others."""
    run(postgres_url, FILL, *only(OWN_FOLDER), "ANALYZE storage.objects")
    return postgres_url


def only(condition: str) -> tuple[str, ...]:
    """Return statements that leave one policy to read objects by."""
    return (
        "DO $$ DECLARE p record; BEGIN FOR p IN SELECT polname FROM pg_policy"
        " WHERE polrelid = 'storage.objects'::regclass AND polcmd IN ('r', '*') LOOP"
        " EXECUTE format('DROP POLICY %I ON storage.objects', p.polname); END LOOP; END $$",
        f"CREATE POLICY own ON storage.objects FOR SELECT USING ({condition})",
    )


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def hidden_rows_read(executor: PostgresExecutor, statement: Statement) -> int:
    """Return how many rows were read and filtered out."""
    narrowed = executor._narrowing.narrowed(statement, CALLER)
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) {narrowed.sql}"
    [row] = await rows(executor, as_caller(explain, **narrowed.parameters), by=CALLER)
    return _filtered(json.loads(row["QUERY PLAN"])[0]["Plan"])


def _filtered(node: Mapping[str, Any]) -> int:
    here = int(node.get("Rows Removed by Filter", 0)) * int(node.get("Actual Loops", 1))
    return here + sum(_filtered(child) for child in node.get("Plans", ()))


async def page(executor: PostgresExecutor, statement: Statement) -> list[str]:
    return [row["name"] for row in await rows(executor, statement, by=CALLER)]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("kind", PAGES)
def test_a_list_does_not_read_what_policies_hide(filled_url: str, kind: str, order: str) -> None:
    statement = PAGES[kind](order)
    assert play(filled_url, lambda executor: hidden_rows_read(executor, statement)) < FEW


def test_without_bounds_a_list_would_read_it_all(filled_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Narrowing, "narrowed", lambda self, statement, context: statement)
    statement = PAGES["names"]("asc")
    assert play(filled_url, lambda executor: hidden_rows_read(executor, statement)) >= OTHERS


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("kind", PAGES)
def test_bounds_change_no_answer(
    filled_url: str, kind: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(filled_url, f"CREATE POLICY p ON storage.objects FOR SELECT USING ({OWN_FOLDER} OR name LIKE '2%')")
    statement = PAGES[kind](order)
    narrowed = play(filled_url, lambda executor: page(executor, statement))
    monkeypatch.setattr(Narrowing, "narrowed", lambda self, statement, context: statement)
    assert narrowed == play(filled_url, lambda executor: page(executor, statement))


CHANGES = {
    "a policy more": "CREATE POLICY wider ON storage.objects FOR SELECT USING (name = '7/x')",
    "another condition": f"ALTER POLICY own ON storage.objects USING ({OWN_FOLDER} OR name = '7/x')",
    "row security off": "ALTER TABLE storage.objects DISABLE ROW LEVEL SECURITY",
    "a role that bypasses it": "ALTER ROLE authenticated BYPASSRLS",
    "a role that inherits": "GRANT members TO authenticated; ALTER ROLE authenticated INHERIT",
    "another function": "CREATE OR REPLACE FUNCTION storage.foldername(name text) RETURNS text[]"
    f" LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY['{ME}'] $$",
}
UNDO_CHANGES = """
    ALTER ROLE authenticated NOINHERIT NOBYPASSRLS;
    DROP POLICY theirs ON storage.objects;
    DROP ROLE members
"""


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_list_follows_a_change_of_the_law_at_once(
    filled_url: str, cluster: PostgresCluster, database: str, change: str
) -> None:
    cluster.run(
        "CREATE ROLE members;"
        " CREATE POLICY theirs ON storage.objects FOR SELECT TO members USING (name = '7/x')",
        database=database,
    )
    statement = sql.list_names("photos", lower="7/", upper="70", order="asc", limit=100)

    async def scenario(executor: PostgresExecutor) -> tuple[list[str], list[str]]:
        before = await page(executor, statement)
        await asyncio.to_thread(cluster.run, change, database=database)
        return before, await page(executor, statement)

    try:
        assert play(filled_url, scenario) == ([], ["7/x"])
    finally:
        cluster.run(UNDO_CHANGES, database=database)


def test_policies_are_read_again_after_a_change(filled_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = PAGES["names"]("asc")

    async def scenario(executor: PostgresExecutor) -> int:
        await asyncio.to_thread(run, filled_url, *only("name LIKE '7/%'"))
        monkeypatch.setattr(Narrowing, "is_due", lambda _self: True)
        await page(executor, statement)
        for task in list(executor._background):
            await task
        return await hidden_rows_read(executor, statement)

    assert play(filled_url, scenario) < FEW


UNKNOWABLE = {
    "what only Postgres can read": "name = '7/x' OR to_tsvector('simple', name) @@ 'x'",
    "rows of another table": "EXISTS (SELECT FROM storage.buckets AS b WHERE b.id = bucket_id)",
    "a setting of the database": "(storage.foldername(name))[1] = current_setting('app.folder', true)",
}


@pytest.mark.parametrize("condition", UNKNOWABLE.values(), ids=UNKNOWABLE)
def test_a_condition_that_the_engine_cannot_know_leaves_nothing_out(
    filled_url: str, cluster: PostgresCluster, database: str, condition: str
) -> None:
    cluster.run(f"ALTER DATABASE {database} SET app.folder = '7'", database=database)
    run(filled_url, f"CREATE POLICY odd ON storage.objects FOR SELECT USING ({condition})")
    statement = sql.list_names("photos", lower="7/", upper="70", order="asc", limit=100)
    assert play(filled_url, lambda executor: page(executor, statement)) == ["7/x"]


def test_a_database_with_functions_of_its_own_gets_no_bounds(
    filled_url: str, cluster: PostgresCluster, database: str
) -> None:
    cluster.run(
        "CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS"
        " $$ SELECT '00000000-0000-4000-8000-000000000007'::uuid $$;"
        " INSERT INTO storage.objects (bucket_id, name, version)"
        " VALUES ('photos', '00000000-0000-4000-8000-000000000007/x', '1')",
        database=database,
    )
    seen = play(filled_url, lambda executor: page(executor, PAGES["names"]("asc")))
    assert seen == ["00000000-0000-4000-8000-000000000007/x"]
