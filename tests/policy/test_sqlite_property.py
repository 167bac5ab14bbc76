"""Random conditions pass the same rows in SQLite as when each row is judged in Python."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence

import pytest

from aerostore.policy.catalog import OBJECTS
from aerostore.policy.expression import Expression
from aerostore.policy.problem import EvaluationError
from aerostore.policy.sqlite.calls import PolicyCalls
from tests.policy.nested_loops import NestedLoops, Row
from tests.policy.small_world import CALLER, passing, prepared, rows_of, small_world, to_sql
from tests.policy.typed import OWNER


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = small_world()
    yield connection
    connection.close()


def _text(rng: random.Random) -> str:
    return rng.choice(("'a'", "'A'", "''", f"'{OWNER}'", "'a/b.png'", "'é'", "owner_id", "bucket_id", "name"))


def _calm(rng: random.Random) -> str:
    segment = f"(storage.foldername(name))[{rng.randint(1, 2)}]"
    return rng.choice(
        (
            f"{_text(rng)} = {_text(rng)}",
            f"{_text(rng)} <> {_text(rng)}",
            f"{segment} = {_text(rng)}",
            f"{segment} in ({_text(rng)}, 'a', null)",
            f"bucket_id in ({_text(rng)}, 'files')",
            "bucket_id <> all (array['files', null])",
            f"split_part(name, '/', 1) = {_text(rng)}",
            "path_tokens[1] in ('a', '')",
            "owner = auth.uid()",
            "owner in (auth.uid(), null)",
            "owner is null",
            "name like 'a%'",
            "name like 'a*b/[x]_%'",
            "name not like '_/%'",
            "name like 'a\\%b%'",
            "name like any (array['a%', '%.png'])",
            "name ilike 'A%'",
            "name ~ '^[a-z]/'",
            "starts_with(name, 'a/')",
            "is_delete_marker",
            "user_metadata ->> 'public' = 'true'",
            "lower(name) = name",
            "created_at < now()",
            "null::boolean",
        )
    )


def _risky(rng: random.Random) -> str:
    return rng.choice(
        (
            "owner_id::uuid = auth.uid()",
            "(storage.foldername(name))[1]::uuid is not null",
            "(metadata ->> 'size')::int > 3",
            "(select role from members where person = auth.uid()) = 'admin'",
            "exists (select 1 from members m where m.team = owner_id::uuid)",
        )
    )


def _query(rng: random.Random) -> str:
    return rng.choice(
        (
            "exists (select 1 from members m where m.person = auth.uid() and m.team::text = owner_id)",
            "exists (select 1 from members m where (storage.foldername(name))[1] = m.team::text)",
            "exists (select 1 from members m left join members n on n.team = m.person and n.level > 1"
            " where n.role is null and m.person = owner)",
            "owner_id in (select m.team::text from members m where m.role = 'admin')",
            "owner not in (select m.team from members m where m.level = 2)",
            "bucket_id in (select id from storage.buckets where public)",
            "(select count(*) from members m where m.person = owner) > 1",
            "(select count(m.role) from members m where m.person = owner) = 1",
            "(select m.level from members m where m.team = owner and m.person = auth.uid()) = 2",
            "2 = all (select m.level from members m where m.team = owner)",
            "'admin' = any (array(select m.role from members m where m.person = owner))",
            "exists (select 1 from storage.buckets b where b.owner = auth.uid() and b.id = bucket_id"
            " and exists (select 1 from members m where m.person = b.owner and m.role = left(name, 1)))",
        )
    )


def random_condition(rng: random.Random, leaf: Callable[[random.Random], str], depth: int) -> str:
    if not depth or rng.random() < 0.15:
        return leaf(rng)
    left, right = random_condition(rng, leaf, depth - 1), random_condition(rng, leaf, depth - 1)
    return rng.choice(
        (
            f"({left} and {right})",
            f"({left} or {right})",
            f"({left} and {right} and {leaf(rng)})",
            f"(not {left})",
            f"({left} is true)",
            f"({left} is not false)",
            f"({left} is null)",
            f"coalesce({left}, {right})",
            f"(case when {left} then {right} else {leaf(rng)} end)",
        )
    )


def test_conditions_that_cannot_raise_pass_the_same_rows_in_sqlite(database: sqlite3.Connection) -> None:
    rng = random.Random(11)
    rows = rows_of(database)
    judge = NestedLoops(rows, CALLER)
    some = 0
    for number in range(600):
        text = random_condition(rng, rng.choice((_calm, _query)), number % 4)
        expression = prepared(text)
        expected = {(row["bucket_id"], row["name"]) for row in rows[OBJECTS] if judge.truth(expression, row)}
        assert passing(database, to_sql(expression)) == expected, text
        some += 0 < len(expected) < len(rows[OBJECTS])
    assert some > 200


def test_a_condition_that_may_raise_never_lets_a_row_pass_that_fails(database: sqlite3.Connection) -> None:
    rng = random.Random(12)
    rows = rows_of(database)
    judge = NestedLoops(rows, CALLER)
    raised, needless = 0, 0

    def leaf(rng: random.Random) -> str:
        return rng.choice((_calm, _calm, _query, _risky))(rng)

    for number in range(600):
        expression = prepared(random_condition(rng, leaf, number % 4))
        expected, failed = _judged(expression, judge, rows[OBJECTS])
        try:
            found = passing(database, to_sql(expression))
        except EvaluationError:
            raised += 1
            needless += not failed
        else:
            assert found == expected, expression
    assert raised > 100
    assert needless < 10


def _judged(
    expression: Expression, judge: NestedLoops, rows: Sequence[Row]
) -> tuple[set[tuple[str, str]], bool]:
    """Return which objects pass, and whether judging any of them raises."""
    passed: set[tuple[str, str]] = set()
    failed = False
    for row in rows:
        try:
            passed |= {(row["bucket_id"], row["name"])} if judge.truth(expression, row) else set()
        except EvaluationError:
            failed = True
    return passed, failed


def test_columns_may_come_from_values_instead_of_the_table(database: sqlite3.Connection) -> None:
    rng = random.Random(13)
    rows = rows_of(database)
    judge = NestedLoops(rows, CALLER)
    for number in range(200):
        text = random_condition(rng, _query, number % 3)
        row = rng.choice(rows[OBJECTS])
        expression = prepared(text, row)
        found = to_sql(expression)
        assert "storage_objects." not in found.sql
        with PolicyCalls(database).running(found.programs):
            passes = database.execute(f"SELECT 1 WHERE {found.sql}", dict(found.parameters)).fetchone()
        assert (passes is not None) == (judge.truth(expression, row) is True), text
