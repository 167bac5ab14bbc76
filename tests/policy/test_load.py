"""Which policy files load, what is told about those that do not, and that the corpus does."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aerostore.executor.migrations import migrate_sqlite
from aerostore.policy.catalog import BUILT_IN_ROLES, OBJECTS, Catalog
from aerostore.policy.loader import MAX_QUERY_DEPTH, load
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import PolicyLoadError, Source
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.layout import create_table, physical_table
from aerostore.policy.value import Environment
from tests.policy.typed import OTHER, OWNER, caller, object_row, policies

CORPUS = Path(__file__).parent / "corpus"
COMMANDS = ("select", "insert", "update", "delete")


def refused(*texts: str) -> list[str]:
    """Return the code and place of each problem."""
    with pytest.raises(PolicyLoadError) as failed:
        policies(*texts)
    return [str(problem) for problem in failed.value.problems]


def is_visible(loaded: PolicySet, environment: Environment, **columns: Any) -> bool | None:
    return loaded.where(OBJECTS, "select", environment, object_row("a", **columns)).constant


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["create policy a on storage.objects using (true)"] * 2, ["1.sql:1:1 42710"]),
        (["drop policy a on storage.objects"], ["0.sql:1:1 42704"]),
        (["alter policy a on storage.objects to anon"], ["0.sql:1:1 42704"]),
        (["create policy a on storage.objects to nobody using (true)"], ["0.sql:1:39 42704"]),
        (["create policy a on storage.files using (true)"], ["0.sql:1:1 42P01"]),
        (["create policy a on objects using (true)"], ["0.sql:1:1 42P01"]),
        (
            ["create policy a on storage.objects for insert with check (true);"
             "alter policy a on storage.objects using (true)"],
            ["0.sql:1:65 42601"],
        ),
        (
            ["create policy a on storage.objects for delete using (true);"
             "alter policy a on storage.objects with check (true)"],
            ["0.sql:1:60 42601"],
        ),
        (
            ["create policy a on storage.objects; create policy b on storage.objects;"
             "alter policy a on storage.objects rename to b"],
            ["0.sql:1:72 42710"],
        ),
        (
            ["create policy a on storage.objects using (nope); do $$ $$",
             "create policy b on storage.objects using (nope)"],
            ["0.sql:1:50 0A000", "0.sql:1:43 42703", "1.sql:1:43 42703"],
        ),
    ],
)  # fmt: skip
def test_every_problem_is_reported_with_its_place(texts: list[str], expected: list[str]) -> None:
    found = [" ".join(problem.split()[:2]) for problem in refused(*texts)]

    assert found == expected


def test_tables_whose_policies_read_each_other_are_refused_for_the_roles_that_would_meet_it() -> None:
    objects = (
        "create policy a on storage.objects for {} to {} using (exists (select 1 from storage.buckets));"
    )
    function = """
        create function any_object() returns boolean language sql {} as
            $$ select exists (select 1 from storage.objects) $$;
        create policy b on storage.buckets for select to authenticated using (any_object());
    """
    buckets = function.format("")

    assert "42P17" in refused(objects.format("delete", "public"), buckets)[0]
    assert len(refused(objects.format("select", "public"), buckets)) == 2
    assert policies(objects.format("delete", "anon"), buckets)
    assert policies(objects.format("delete", "public"), function.format("security definer"))


def test_policies_can_be_altered_renamed_and_dropped() -> None:
    loaded = policies(
        """
        create policy a on storage.objects for select to anon using (name = 'a');
        create policy gone on storage.objects using (true);
        """,
        """
        alter policy a on storage.objects rename to b;
        alter policy b on storage.objects to authenticated using (owner_id = auth.uid()::text);
        drop policy gone on storage.objects;
        drop policy if exists never on storage.objects;
        drop policy if exists never on public.nowhere;
        """,
    )

    (policy,) = loaded.policies
    assert policy.name == "b"
    assert policy.roles == {"authenticated"}
    assert policy.statement.using_text == "owner_id = auth.uid()::text"
    assert policy.source.path == "0.sql"
    assert is_visible(loaded, caller(), owner_id=OWNER)
    assert not is_visible(loaded, caller(), owner_id=OTHER)


def test_roles_of_the_project_are_known_when_the_catalog_names_them() -> None:
    catalog = Catalog()
    catalog.roles.add("editor")
    loaded = policies("create policy a on storage.objects for select to editor using (true)", catalog=catalog)

    assert is_visible(loaded, caller("editor"))
    assert not is_visible(loaded, caller())


def test_a_policy_of_a_table_without_row_security_is_a_warning() -> None:
    text = "create table notes (id uuid); create policy a on notes for select using (true);"

    (warning,) = policies(text).warnings
    assert "row security of public.notes is off" in str(warning)
    assert not policies(f"{text} alter table notes enable row level security;").warnings


def test_subqueries_have_a_depth_that_sqlite_can_parse() -> None:
    text = "true"
    for _ in range(MAX_QUERY_DEPTH):
        text = f"exists (select 1 from storage.buckets where {text})"
    deepest = f"create policy a on storage.objects using ({text})"

    assert policies(deepest)
    assert "54001" in refused(deepest.replace("true", "exists (select 1 from storage.buckets)"))[0]


def _corpus() -> Iterator[Source]:
    for path in sorted(CORPUS.glob("[0-4]*.sql")):
        yield Source(path=path.name, text=path.read_text())


def test_the_corpus_loads_and_its_conditions_run() -> None:
    loaded = load(list(_corpus()))
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    for table in loaded.tables.values():
        if table.declared:
            connection.execute(create_table(table))
    calls = PolicyCalls(connection)
    open_conditions = 0
    for policy in loaded.policies:
        alone = PolicySet([policy], loaded.tables, BUILT_IN_ROLES)
        for command in COMMANDS:
            for condition in (
                alone.where(policy.table, command, caller(), {}),
                alone.check(policy.table, command, caller(), {}),
            ):
                sql = f"SELECT 1 FROM {physical_table(policy.table)} WHERE {condition.sql}"
                with calls.running(condition.programs):
                    connection.execute(sql, dict(condition.parameters))
                open_conditions += condition.constant is None
    connection.close()
    assert len(loaded.policies) == 141
    assert open_conditions > 200
