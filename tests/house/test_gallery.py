"""The policies that are shipped as examples do what their cases say, without a server and on PostgreSQL."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from aerostore.cli.case_file import WrittenCase, read_case_file
from aerostore.cli.policy_files import read_sources
from aerostore.cli.written_case import to_case
from aerostore.executor.migrations import load_migrations
from aerostore.executor.policy_sync import sync_policies
from aerostore.policy import PolicySet, load
from aerostore.policy.case import Case, Row, decide
from aerostore.policy.script import read_script
from aerostore.policy.value import Json
from tests.conformance.postgres import PostgresCluster
from tests.conformance.postgres import cluster as cluster
from tests.house.page import ROOT

GALLERY = ROOT / "policies" / "gallery"
POLICIES = [ROOT / "policies" / "default.sql", *sorted(GALLERY.glob("*.sql"))]
CASE_FILES = [path.with_suffix(".test.yaml") for path in POLICIES]
NOW = datetime.now(UTC)
GENERATED = {"owner", "path_tokens"}

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


def cases() -> Iterator[Any]:
    for path in CASE_FILES:
        for written in read_case_file(path).cases:
            yield pytest.param(written, id=f"{path.name.partition('.')[0]}:{written.line}")


def policy_set(path: Path) -> PolicySet:
    return load(read_sources(read_case_file(path).policies))


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_policy_file_loads_without_a_warning(path: Path) -> None:
    loaded = load(read_sources([path]))
    assert (len(loaded.policies) > 0, loaded.warnings) == (True, ())


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_policy_says_why_it_is_there(path: Path) -> None:
    assert [
        policy.name for policy in load(read_sources([path])).policies if not policy.statement.comment
    ] == []


@pytest.mark.parametrize("written", list(cases()))
def test_case_comes_out_as_written(written: WrittenCase) -> None:
    loaded = policy_set(written.path)
    case = to_case(written, loaded.tables, now=NOW)
    assert decide(loaded, case).is_permitted is case.is_permitted


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.name)
def test_file_of_cases_permits_and_denies_and_says_why(path: Path) -> None:
    file = read_case_file(path)
    assert {key for written in file.cases for key in written.own} >= {"allow", "deny"}
    assert [written.line for written in file.cases if not written.get("why")] == []


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_without_any_one_policy_some_case_comes_out_differently(path: Path) -> None:
    (source,) = read_sources([path])
    file = read_case_file(path.with_suffix(".test.yaml"))
    others = [each for each in read_sources(file.policies) if each.path != source.path]
    for definition in read_script([source]).definitions:
        kept = [each for each in read_script([source]).definitions if each.name != definition.name]
        rest = type(source)(path=source.path, text=";\n".join(each.text for each in kept))
        weaker = load([*others, rest])
        assert any(
            decide(weaker, case).is_permitted is not case.is_permitted
            for case in (to_case(written, weaker.tables, now=NOW) for written in file.cases)
        ), definition.name


def test_gallery_is_not_in_force() -> None:
    assert [path.name for path in (ROOT / "policies").glob("*.sql")] == ["default.sql"]


# On PostgreSQL


@pytest.fixture(scope="module")
def installed(cluster: PostgresCluster) -> Iterator[str]:
    """The name of a migrated database without policies."""
    name = cluster.create_database()
    with psycopg.connect(cluster.conninfo(name)) as connection:
        for migration in load_migrations("postgres"):
            connection.execute("SET LOCAL search_path = aerostore, storage")
            connection.execute(migration.sql.encode())
    yield name
    cluster.drop_database(name)


@pytest.mark.postgres
@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.name)
def test_postgres_decides_the_cases_in_the_same_way(
    cluster: PostgresCluster, installed: str, path: Path
) -> None:
    file = read_case_file(path)
    asyncio.run(sync_policies(cluster.conninfo(installed), read_sources(file.policies)))
    loaded = load(read_sources(file.policies))
    written = [each for each in file.cases if each.get("now") is None]  # nobody sets PostgreSQL's clock
    tried = [to_case(each, loaded.tables, now=NOW) for each in written]
    with psycopg.connect(cluster.conninfo(installed)) as connection:
        answers = [is_permitted_by_postgres(connection, case) for case in tried]
    assert answers == [case.is_permitted for case in tried]


def is_permitted_by_postgres(connection: Connection, case: Case) -> bool:
    """Run the statements of `case` as its caller, and undo them."""
    add_bucket_rows(connection, case)
    if case.old:
        insert(connection, case.operation.table, case.old)
    settings = {**case.environment.settings, "role": case.environment.role}
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))
    try:
        return attempt(connection, case)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DataError):
        return False
    finally:
        connection.rollback()


def add_bucket_rows(connection: Connection, case: Case) -> None:
    if case.operation.table == "storage.buckets":
        return
    for row in case.tables["storage.buckets"]:
        insert(connection, "storage.buckets", row)


def attempt(connection: Connection, case: Case) -> bool:
    table, statement = case.operation.table, case.operation.statement
    if statement == "insert":
        insert(connection, table, case.new)
        return True
    if statement == "upsert":
        insert(connection, table, case.new, "(bucket_id, name) WHERE archived_at IS NULL")
        return True
    if statement == "copy":
        seen = run(connection, "SELECT FROM {} WHERE id = %(id)s", table, case.old)
        insert(connection, table, {**case.new, "id": "7f9619ff-8b86-4d01-b42d-00cf4fc964ff"})
        return seen
    if statement == "update":
        changed = "UPDATE {} SET name = %(name)s, bucket_id = %(bucket_id)s WHERE id = %(id)s"
        return run(connection, changed, table, {**case.new, "id": case.old["id"]})
    verb = "DELETE FROM" if statement == "delete" else "SELECT FROM"
    return run(connection, f"{verb} {{}} WHERE id = %(id)s", table, case.old)


def run(connection: Connection, text: str, table: str, row: Row) -> bool:
    query = sql.SQL(text).format(sql.Identifier(*table.split(".")))
    return connection.execute(query, to_postgres(row)).rowcount == 1


def insert(connection: Connection, table: str, row: Row, conflict: str = "") -> None:
    columns = to_postgres({name: value for name, value in row.items() if name not in GENERATED})
    text = f"INSERT INTO {{}} ({', '.join(columns)}) VALUES ({', '.join(f'%({name})s' for name in columns)})"
    if conflict:
        text += (
            f" ON CONFLICT {conflict} DO UPDATE SET metadata = excluded.metadata, version = excluded.version"
        )
    run(connection, text, table, columns)


def to_postgres(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: Jsonb(value.value) if isinstance(value, Json) else value for name, value in row.items()}
    return {name: None if name == "blob_id" else value for name, value in plain.items()}
