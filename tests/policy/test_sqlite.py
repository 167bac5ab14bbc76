"""What conditions become in SQL, and where SQLite's freedom to evaluate in any order must not show."""

import sqlite3
from collections.abc import Iterator

import pytest

from aerostore.policy.catalog import OBJECTS
from aerostore.policy.problem import EvaluationError
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.condition import Written, write
from tests.policy.small_world import CALLER, NAMES, passing, prepared, small_world, to_sql
from tests.policy.typed import OWNER


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = small_world()
    yield connection
    connection.close()


def written(text: str) -> Written:
    return to_sql(prepared(text))


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("bucket_id = 'files'", 'storage_objects."bucket_id" = :p0'),
        ("bucket_id in ('files', 'other')", 'storage_objects."bucket_id" IN (:p0, :p1)'),
        ("not is_delete_marker", 'NOT (storage_objects."is_delete_marker")'),
        ("owner_id is null", '(storage_objects."owner_id") IS NULL'),
        (
            "(storage.foldername(name))[1] = 'a'",
            'storage_objects."name" >= :p0 AND storage_objects."name" < :p1',
        ),
        ("name like 'a/%'", 'storage_objects."name" >= :p0 AND storage_objects."name" < :p1'),
        ("name like '%.png'", 'storage_objects."name" GLOB :p0'),
        ("owner = auth.uid()", 'lower(storage_objects."owner_id") = :p0'),
        (
            "exists (select 1 from members m where m.person = auth.uid() and m.team::text = owner_id)",
            'EXISTS (SELECT 1 FROM "public_members" AS p_1'
            ' WHERE ((p_1."person" = :p0) AND (p_1."team" = storage_objects."owner_id")))',
        ),
        (
            "(select role from members where team = auth.uid() and person = auth.uid()) = 'admin'",
            '(SELECT p_1."role" FROM "public_members" AS p_1'
            ' WHERE ((p_1."team" = :p0) AND (p_1."person" = :p1)) LIMIT 1) = :p2',
        ),
    ],
)
def test_what_means_the_same_in_sqlite_is_written_as_sql(text: str, sql: str) -> None:
    assert written(text).sql == f"({sql})"
    assert not written(text).programs


def test_everything_else_is_evaluated_in_python_with_the_columns_it_needs() -> None:
    found = written("lower(storage.extension(name)) = 'png' and bucket_id = 'files'")

    assert found.sql == ('((storage_objects."bucket_id" = :p0) AND (policy(\'p0\', storage_objects."name")))')
    assert list(found.programs) == ["p0"]


def test_constants_are_parameters() -> None:
    found = written("name = 'x''; drop table storage_objects; --'")

    assert "drop" not in found.sql
    assert list(found.parameters.values()) == ["x'; drop table storage_objects; --"]


def test_a_part_that_may_raise_is_evaluated_behind_what_guards_it(database: sqlite3.Connection) -> None:
    guarded = written(
        f"(storage.foldername(name))[1] = '{OWNER}' and (storage.foldername(name))[1]::uuid = owner"
    )

    assert "policy" in guarded.sql
    passing(database, guarded)  # other names are no uuids: an unguarded cast would raise


def test_an_alternative_that_may_raise_is_not_tried_before_those_that_stand_before_it(
    database: sqlite3.Connection,
) -> None:
    assert len(passing(database, written("version = 'v' or name::uuid is null"))) == 2 * len(NAMES)
    with pytest.raises(EvaluationError):
        passing(database, written("name::uuid is null or version = 'v'"))


def test_a_subquery_behind_a_guard_is_not_run_for_rows_that_the_guard_keeps_out(
    database: sqlite3.Connection,
) -> None:
    member = "exists (select 1 from members m where m.team = (storage.foldername(name))[1]::uuid)"

    guarded = written(f"(version = 'w' and {member}) or version = 'v'")
    assert len(passing(database, guarded)) == 2 * len(NAMES)
    with pytest.raises(EvaluationError):
        passing(database, written(member))


def test_what_a_subquery_may_raise_for_any_of_its_rows_is_evaluated_even_when_it_has_none(
    database: sqlite3.Connection,
) -> None:
    member = (
        "exists (select 1 from members m where m.team = (storage.foldername(name))[1]::uuid and m.level = 99)"
    )

    with pytest.raises(EvaluationError):
        passing(database, written(f"not {member}"))


def test_what_raises_for_rows_of_a_subquery_is_not_hidden_by_what_stands_behind_it(
    database: sqlite3.Connection,
) -> None:
    exposed = "not exists (select 1 from members m where m.role::int > 1 and m.level = 99)"
    guarded = "not exists (select 1 from members m where m.level = 99 and m.role::int > 1)"

    with pytest.raises(EvaluationError):
        passing(database, written(exposed))
    assert len(passing(database, written(guarded))) == 2 * len(NAMES)


def test_such_a_subquery_still_finds_its_rows_by_key(database: sqlite3.Connection) -> None:
    found = written(
        "exists (select 1 from members m"
        " where m.team = (storage.foldername(name))[1]::uuid and m.person = auth.uid())"
    )
    with PolicyCalls(database).running(found.programs):
        plan = database.execute(
            f"EXPLAIN QUERY PLAN SELECT 1 FROM storage_objects WHERE {found.sql}", dict(found.parameters)
        ).fetchall()

    assert any("SEARCH p_1 USING" in step[3] and "team=? AND person=?" in step[3] for step in plan)


def test_a_second_row_of_a_scalar_subquery_is_an_error(database: sqlite3.Connection) -> None:
    with pytest.raises(EvaluationError) as failed:
        passing(database, written("(select role from members where team = auth.uid()) = name"))
    assert failed.value.code == "21000"
    nested = "owner_id in (select (select n.role from members n where n.team = m.team) from members m)"
    with pytest.raises(EvaluationError):
        passing(database, written(nested))


def test_one_condition_can_stand_next_to_another(database: sqlite3.Connection) -> None:
    text = "lower(name) like 'a%' and exists (select 1 from members m where m.team::text = owner_id)"
    one, other = (write(prepared(text), CALLER, OBJECTS, name) for name in ("using", "check"))
    both = Written(
        f"{one.sql} AND {other.sql}",
        {**one.parameters, **other.parameters},
        {**one.programs, **other.programs},
    )

    assert not one.parameters.keys() & other.parameters.keys()
    assert passing(database, both) == passing(database, one) != set()


# Calls


def test_what_a_program_raised_comes_out_of_the_statement(database: sqlite3.Connection) -> None:
    def fail(*_: object) -> object:
        raise EvaluationError("22P02", "no uuid")

    with pytest.raises(EvaluationError, match="no uuid"), PolicyCalls(database).running({"p0": fail}):
        database.execute("SELECT policy('p0', 1)").fetchall()


def test_other_errors_of_a_statement_stay_what_they_are(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"), PolicyCalls(database).running({}):
        database.execute("SELECT missing").fetchall()


def test_programs_are_callable_only_while_they_run(database: sqlite3.Connection) -> None:
    calls = PolicyCalls(database)
    with calls.running({"p0": lambda: 1}):
        assert database.execute("SELECT policy('p0')").fetchone()[0] == 1
    with pytest.raises(sqlite3.OperationalError):
        database.execute("SELECT policy('p0')")


@pytest.mark.parametrize("symbol", ["or", "and"])
def test_thousands_of_operands_are_no_deep_expression(symbol: str, database: sqlite3.Connection) -> None:
    sign = "=" if symbol == "or" else "<>"
    listed = f" {symbol} ".join(f"name {sign} 'x{number}'" for number in range(12_000))
    found = passing(database, written(f"name {sign} 'a' {symbol} {listed}"))
    assert ("files", "a") in found if symbol == "or" else ("files", "a") not in found


def test_a_program_takes_more_leaves_than_a_function_has_arguments(database: sqlite3.Connection) -> None:
    members = "exists (select 1 from members m where m.role = objects.name || '{}')"
    listed = " or ".join(members.format(number) for number in range(300))
    risky = f"({listed} or (metadata ->> 'size')::int > 1) and name like 'a/%'"
    with pytest.raises(EvaluationError):
        passing(database, written(risky))
    assert passing(database, written(risky.replace("::int > 1", " = '5'")))


def test_an_empty_prefix_is_a_prefix_of_every_name(database: sqlite3.Connection) -> None:
    everything = passing(database, written("name = 'x' or starts_with(name, '')"))
    assert len(everything) == 2 * len(NAMES)


@pytest.mark.parametrize("rest", ["", ", null"])
@pytest.mark.parametrize("operator", ["in", "not in"])
def test_a_long_list_decides_as_a_short_one_does(
    operator: str, rest: str, database: sqlite3.Connection
) -> None:
    texts = ["a", "é/ü.png", "it''s \\"]
    short = ", ".join(f"'{text}'" for text in texts)
    long = ", ".join(f"'{text}'" for text in texts * 50)
    found = written(f"name {operator} ({long}{rest})")
    assert not found.programs
    assert passing(database, found) == passing(database, written(f"name {operator} ({short}{rest})"))
