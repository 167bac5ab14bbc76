"""Every function, operator, cast and regular expression beside PostgreSQL: equal values, equal SQLSTATEs."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
import pytest

from aerostore.policy.expression import Function
from aerostore.policy.fold.volatility import is_immutable
from aerostore.policy.function import FUNCTIONS, OPERATORS, SLICE, SUBSCRIPT, bytewise, why_refused
from aerostore.policy.function.letter_case import lower, upper
from aerostore.policy.problem import EvaluationError
from aerostore.policy.regex.extract import extract
from aerostore.policy.regex.match import compile_regex, regex_from_similar
from aerostore.policy.value import TEXT, Environment
from tests.conformance.postgres import PostgresCluster
from tests.conformance.postgres import cluster as cluster
from tests.law.postgres_side import law_database
from tests.policy.regex_sample import PatternSampler
from tests.policy.sample import Sampler, casts, literal

pytestmark = pytest.mark.postgres

Connection = psycopg.Connection[tuple[Any, ...]]
Outcome = tuple[str, str | None]

SEED = 20260131
CALLS = 150
PATTERNS = 1_500
OURS_ALONE = frozenset({"0A000", "54000", "54001"})
"""What may fail here and not there: refused because not exact, or too large."""

ATTEMPT = """
CREATE FUNCTION attempt(expression text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO result;
    RETURN ARRAY['ok', result];
EXCEPTION WHEN OTHERS THEN
    RETURN ARRAY['error', sqlstate];
END $$
"""
INDEPENDENT = (
    *(function for function in FUNCTIONS if not function.reads_environment),
    *OPERATORS,
    *casts(),
    SUBSCRIPT,
    SLICE,
)
CALLABLE = """
SELECT DISTINCT proname FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
    AND prorettype NOT IN ('internal'::regtype, 'cstring'::regtype)
    AND 'internal'::regtype <> ALL (proargtypes) AND 'cstring'::regtype <> ALL (proargtypes)
    AND format_type(prorettype, NULL) !~ '(handler|trigger)$'
"""
"""Names of PostgreSQL's functions that SQL can call."""
VOLATILITIES = """
SELECT coalesce(
    (SELECT coalesce(made.provolatile::text, 'i') FROM pg_cast LEFT JOIN pg_proc made ON made.oid = castfunc
        WHERE castsource = %(source)s::regtype AND casttarget = %(target)s::regtype),
    (SELECT output.provolatile::text || input.provolatile::text
        FROM pg_type one JOIN pg_proc output ON output.oid = one.typoutput,
            pg_type other JOIN pg_proc input ON input.oid = other.typinput
        WHERE one.oid = %(source)s::regtype AND other.oid = %(target)s::regtype)
)
"""
"""The volatility of a cast: of its function, or of writing the one type and reading the other."""
LOCALE_DEPENDENT = [function for function in INDEPENDENT if bytewise(function) != function]

UPPER_CASE_ID = "D8C7BCE9-CFEB-497B-BD61-E66CE2CBDAA2"
CALLERS: Sequence[Mapping[str, str]] = (
    {},
    {"request.jwt.claims": f'{{"sub": "{UPPER_CASE_ID}", "role": "anon", "email": "\\u00c9@x"}}'},
    {
        "request.jwt.claims": '{"sub": 5, "email": null, "role": ["a", {}]}',
        "storage.operation": "object.list",
    },
    {
        "request.jwt.claims": '{"sub": ""}',
        "request.jwt.claim.role": "authenticated",
        "storage.operation": "",
    },
    {"request.jwt.claims": "not JSON", "storage.operation": "storage.object.list"},
    {"request.jwt.claims": "[1]", "request.jwt.claim.sub": "me", "storage.operation": "storage."},
    {"request.jwt.claims": '"x"', "request.jwt.claim": '{"a": 1.50}', "request.jwt.claim.email": "e"},
    {"request.jwt.claims": '{"sub": "\\u0000"}', "request.jwt.claim.sub": ""},
)


@pytest.fixture(scope="module")
def connection(cluster: PostgresCluster) -> Iterator[Connection]:
    """A superuser in a database of the C library's C.UTF-8, which is what exactness is promised for."""
    with law_database(cluster) as opened:
        opened.execute("SET search_path = public")
        opened.execute(ATTEMPT)
        yield opened


@pytest.fixture
def fresh(cluster: PostgresCluster, connection: Connection) -> Iterator[Connection]:
    """Another connection to that database: in a session, what was once set is never NULL again."""
    with psycopg.connect(cluster.conninfo(connection.info.dbname, user="postgres")) as opened:
        opened.execute("SET timezone = 'UTC'")
        yield opened


def answers(connection: Connection, expressions: list[str]) -> list[Outcome]:
    rows = connection.execute(
        "SELECT attempt(e) FROM unnest(%s::text[]) WITH ORDINALITY AS asked (e, place) ORDER BY place",
        (expressions,),
    )
    return [(answer[0], answer[1]) for (answer,) in rows]


def assert_equal(connection: Connection, ours: list[tuple[str, Outcome]]) -> int:
    """Compare outcomes by expression; return how many could be."""
    theirs = answers(connection, [expression for expression, _ in ours])
    compared = [
        (expression, here, there)
        for (expression, here), there in zip(ours, theirs, strict=True)
        if here[0] == "ok" or here[1] not in OURS_ALONE
    ]
    assert [each for each in compared if each[1] != each[2]] == []
    return len(compared)


def outcome(run: Any, *arguments: Any) -> Outcome:
    try:
        value = run(*arguments)
    except EvaluationError as error:
        return "error", error.code
    return "ok", value if isinstance(value, str | None) else "true" if value else "false"


def matches(text: str, pattern: str, ignore_case: bool = False) -> bool:
    return compile_regex(pattern, ignore_case=ignore_case).search(text)


def is_similar(text: str, pattern: str) -> bool:
    return compile_regex(regex_from_similar(pattern, "\\")).search(text)


def name_of(function: Function) -> str:
    return f"{function.name}({', '.join(map(str, function.parameters))})"


@pytest.mark.parametrize("caller", CALLERS)
def test_functions_that_read_the_request_answer_as_postgres_does(
    fresh: Connection, caller: Mapping[str, str]
) -> None:
    sampler = Sampler(SEED)
    fresh.execute("SET LOCAL ROLE authenticated")
    for name, value in caller.items():
        fresh.execute("SELECT set_config(%s, %s, true)", (name, value))
    (now,) = fresh.execute("SELECT now()").fetchone() or ()
    environment = Environment(role="authenticated", now=now, settings=dict(caller))
    for function in FUNCTIONS:
        if function.reads_environment:
            calls = [sampler.call(function) for _ in range(20 if function.parameters else 1)]
            assert_equal(fresh, [(call.sql(), call.outcome(environment)) for call in calls])


@pytest.mark.parametrize("function", INDEPENDENT, ids=name_of)
def test_function_answers_as_postgres_does(connection: Connection, function: Function) -> None:
    sampler = Sampler(SEED)
    environment = Environment(role="postgres", now=sampler.moment(), settings={})
    calls = [sampler.call(function) for _ in range(CALLS)]
    compared = assert_equal(connection, [(call.sql(), call.outcome(environment)) for call in calls])
    assert compared > CALLS // 10


@pytest.mark.parametrize("function", LOCALE_DEPENDENT, ids=name_of)
def test_function_of_bytewise_text_answers_as_postgres_does(
    connection: Connection, function: Function
) -> None:
    sampler = Sampler(SEED)
    environment = Environment(role="postgres", now=sampler.moment(), settings={})
    calls = [sampler.call(bytewise(function)) for _ in range(CALLS)]
    asked = [
        (call.sql().replace("::text", '::text COLLATE "C"', 1), call.outcome(environment)) for call in calls
    ]
    assert_equal(connection, asked)


def test_letters_change_case_as_in_postgres_for_every_code_point(connection: Connection) -> None:
    rows = connection.execute(
        "SELECT chr(code), lower(chr(code)), upper(chr(code)) FROM generate_series(1, 1114111) AS code"
        " WHERE code NOT BETWEEN 55296 AND 57343"
    ).fetchall()
    assert len(rows) == 1_112_063
    assert [row for row in rows if row != (row[0], lower(row[0]), upper(row[0]))] == []


@pytest.mark.parametrize("collation", ("default", "C"))
@pytest.mark.parametrize("pattern", (r"\s", r"\d", r"[[:space:]]", r"[^[:digit:]]", r"\S"))
def test_classes_hold_the_same_characters_as_in_postgres(
    connection: Connection, collation: str, pattern: str
) -> None:
    rows = connection.execute(
        f"SELECT chr(code), (chr(code) COLLATE \"{collation}\") ~ '{pattern}'"
        " FROM generate_series(1, 70000) AS code WHERE code NOT BETWEEN 55296 AND 57343"
    ).fetchall()
    regex = compile_regex(pattern, bytewise=collation == "C")
    assert [character for character, matches in rows if regex.search(character) != matches] == []


def test_regular_expressions_match_what_they_match_in_postgres(connection: Connection) -> None:
    sampler = PatternSampler(random.Random(SEED))
    asked: list[tuple[str, Outcome]] = []
    for _ in range(PATTERNS):
        pattern = sampler.pattern()
        for text in (sampler.text() for _ in range(4)):
            written = f"{literal(TEXT, text)} ~ {literal(TEXT, pattern)}"
            asked.append((written, outcome(matches, text, pattern)))
            written = f"{literal(TEXT, text)} ~* {literal(TEXT, pattern)}"
            asked.append((written, outcome(matches, text, pattern, True)))
    assert assert_equal(connection, asked) > len(asked) // 2
    assert sum(here == ("ok", "true") for _, here in asked) > len(asked) // 10


def test_similar_patterns_match_what_they_match_in_postgres(connection: Connection) -> None:
    sampler = PatternSampler(random.Random(SEED))
    asked: list[tuple[str, Outcome]] = []
    for _ in range(PATTERNS):
        pattern, text = sampler.similar(), sampler.text()
        written = f"{literal(TEXT, text)} SIMILAR TO {literal(TEXT, pattern)}"
        asked.append((written, outcome(is_similar, text, pattern)))
    assert assert_equal(connection, asked) > len(asked) // 2


def test_substring_extracts_what_it_extracts_in_postgres(connection: Connection) -> None:
    sampler = PatternSampler(random.Random(SEED))
    asked: list[tuple[str, Outcome]] = []
    for _ in range(4 * PATTERNS):
        pattern, text = sampler.simple(), sampler.text()
        written = f"substring({literal(TEXT, text)} FROM {literal(TEXT, pattern)})"
        asked.append((written, outcome(extract, text, pattern)))
    assert assert_equal(connection, asked) > len(asked) // 4
    assert sum(here[0] == "ok" and bool(here[1]) for _, here in asked) > 100


def test_every_function_of_postgres_is_offered_or_named_as_refused(connection: Connection) -> None:
    offered = {function.name for function in FUNCTIONS} | {"count"}
    names = [name for (name,) in connection.execute(CALLABLE)]
    assert len(names) > 1000
    assert not [name for name in names if name not in offered and why_refused(name) is None]


def test_the_planner_computes_the_casts_of_literals_that_it_computes_in_postgres(
    connection: Connection,
) -> None:
    for cast in casts():
        source, target = str(cast.parameters[0]), str(cast.returns)
        if source.endswith("[]") and target.endswith("[]"):
            continue  # as the cast of their elements
        found = connection.execute(VOLATILITIES, {"source": source, "target": target}).fetchone()
        assert found is not None
        assert is_immutable(cast) == ("s" not in found[0]), cast.name


def test_like_matches_what_it_matches_in_postgres(connection: Connection) -> None:
    generator = random.Random(SEED)
    asked: list[tuple[str, Outcome]] = []
    like = next(operator for operator in OPERATORS if operator.name == "~~")
    for _ in range(10 * PATTERNS):
        text = "".join(generator.choices("aab\\é", k=generator.randrange(6)))
        pattern = "".join(generator.choices("ab%%_\\é", k=generator.randrange(7)))
        asked.append(
            (f"{literal(TEXT, text)} LIKE {literal(TEXT, pattern)}", outcome(like.run, text, pattern))
        )
    assert assert_equal(connection, asked) == len(asked)
