"""Policies that the engine was not written against: which load, and that they decide as in PostgreSQL."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import PolicyFailed
from aerostore.executor import Statement
from aerostore.executor import statements as sql
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_law import Session, SqliteLaw
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.permissions.predicate import Predicate
from aerostore.policy import PolicyLoadError, Source
from aerostore.policy.parse.source import parse
from aerostore.policy.syntax import CreatePolicy
from tests.law.case import BUCKETS, OBJECTS, Caller, Case, World
from tests.law.comparison import Tally
from tests.law.corpus import Shape
from tests.law.expression_side import insertions, load_policies
from tests.law.level import both_filled, compare_shape, compare_statement, gallery
from tests.law.policy_set import PolicySets
from tests.law.population import USERS, Population, words_of
from tests.law.postgres_side import PostgresSide
from tests.law.sqlite_side import SqliteSide

FOLDER = Path(__file__).parent / "unseen"
ROWS = 4
CALLERS = 3
SETS = 50
HOSTILE_SETS = 20
WORLDS = 12
FILES_A_WORLD = 16
_MARK = re.compile(r"^-- @id (\w+)\n", re.MULTILINE)

REFUSED: Mapping[str, str] = {
    "C32": "1:100 0A000",  # jsonb > jsonb
    "C47": "1:64 0A000",  # a subquery over jsonb_array_elements()
    "F30": "1:56 0A000",  # regexp_replace()
    "F41": "1:86 0A000",  # U&'...'
    "F52": "1:105 0A000",  # initcap()
    "F53": "1:63 0A000",  # \w
    "T11": "1:99 0A000",  # unnest() of a column
    "T27": "2:56 0A000",  # a parameter with a default
    "T32": "2:109 0A000",  # an argument by name
    "T44": "1:78 0A000",  # a subquery in FROM
    "T45": "1:64 0A000",  # max()
    "V25": "1:56 0A000",  # to_timestamp()
    "V33": "1:56 0A000",  # power()
    "V45": "1:56 0A000",  # round()
    "V53": "1:56 0A000",  # age()
    "V55": "1:56 0A000",  # to_char()
    "V56": "1:78 0A000",  # the order of text
    "V57": "1:59 0A000",  # ^
    "V60": "1:112 0A000",  # #-
}
"""What only PostgreSQL can enforce, with the place and the code of the refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What somebody wrote. before: the statements that the policy needs. conditions: its own texts."""

    shape: Shape
    before: str
    conditions: tuple[str, ...]


def written() -> Iterator[Written]:
    """Yield the policies of the folder, in order."""
    for path in sorted(FOLDER.glob("*.sql")):
        _, *parts = _MARK.split(path.read_text("utf-8"))
        yield from map(_read, parts[::2], parts[1::2])


def _read(shape_id: str, text: str) -> Written:
    statements, problems = parse(Source(path=shape_id, text=text))
    policy = statements[-1] if statements else None
    if problems or not isinstance(policy, CreatePolicy):
        return Written(shape=Shape(id=shape_id, name="", table="", text=text), before="", conditions=())
    shape = Shape(id=shape_id, name=policy.name, table=".".join(policy.table), text=text.strip())
    conditions = tuple(filter(None, (policy.using_text, policy.check_text)))
    return Written(shape=shape, before=text[: policy.start], conditions=conditions)


ALL = list(written())
LOADING = [each for each in ALL if each.shape.id not in REFUSED]
SHAPES = [each.shape for each in LOADING]
WORDS = [word for shape in SHAPES for word in words_of(shape.text)]


def refusal(policies: str) -> str | None:
    """Return the place and the code of the first refusal, None when the engine accepts."""
    try:
        load_policies(policies)
    except PolicyLoadError as error:
        return " ".join(str(error.problems[0]).removeprefix("case.sql:").split()[:2])
    return None


def test_a_policy_loads_or_is_refused_at_its_first_word_that_only_postgres_knows() -> None:
    refused = {each.shape.id: refusal(each.shape.text) for each in ALL}
    assert {shape_id: place for shape_id, place in refused.items() if place} == REFUSED


@pytest.mark.postgres
def test_postgres_accepts_every_policy(postgres: PostgresSide) -> None:
    refused = {each.shape.id: postgres.refusal(each.shape.text) for each in ALL}
    assert {shape_id: code for shape_id, code in refused.items() if code} == {}


def compare(postgres: PostgresSide, random: Random, callers: Sequence[Caller]) -> Tally:
    shown = gallery(random, SHAPES, rows=ROWS)
    tally = Tally(shown.world)
    with both_filled(postgres, shown.world) as engine:
        for shape in SHAPES:
            ids = {table: shown.ids[shape.id, table] for table in (OBJECTS, BUCKETS)}
            for comparison in compare_shape(postgres, engine, shape, callers, ids):
                tally.add(comparison)
    return tally


@pytest.mark.postgres
def test_unseen_conditions_have_the_values_that_postgres_gives(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed + turn)
        population = Population(random, WORDS)
        tally = compare(postgres, random, [population.caller() for _ in range(CALLERS)])
        tally.require_agreement(raised=0.01)


@pytest.mark.postgres
def test_unseen_conditions_are_never_more_permissive_for_hostile_tokens(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed - 1 - turn)
        population = Population(random, WORDS)
        tally = compare(postgres, random, [population.hostile_caller() for _ in range(CALLERS)])
        tally.require_agreement(raised=0.1)


_COMMANDS = ("all", "all", "select", "insert", "update", "delete")
_ROLES = ("", "to public", "to authenticated", "to anon, authenticated", "to anon")


def policy_file(random: Random) -> str:
    """Return two to six of the policies together, for random commands and roles."""
    chosen = random.sample(LOADING, random.randint(2, 6))
    policies = [_policy(random, number, each) for number, each in enumerate(chosen)]
    granting = [f"create policy all_{table[8:]} on {table} using (true);" for table in (OBJECTS, BUCKETS)]
    return "\n".join([*(each.before for each in chosen), *policies, *random.sample(granting, 1)])


def _policy(random: Random, number: int, source: Written) -> str:
    command = random.choice(_COMMANDS)
    using, check = (f"({random.choice(source.conditions)})" for _ in range(2))
    clauses = {"select": f"using {using}", "delete": f"using {using}", "insert": f"with check {check}"}
    both = random.choice((f"using {using}", f"using {using} with check {check}"))
    kind = random.choice(("permissive", "permissive", "permissive", "restrictive"))
    head = f"create policy p{number} on {source.shape.table} as {kind} for {command}"
    return f"{head} {random.choice(_ROLES)} {clauses.get(command, both)};"


def compare_files(
    postgres: PostgresSide, sqlite: SqliteSide, random: Random, *, sets: int, hostile: bool = False
) -> Tally:
    """Try statements under random sets of the policies."""
    tally = Tally()
    questions = PolicySets(random).questions
    for _ in range(sets):
        policies = policy_file(random)
        population = Population(random, words_of(policies))
        world = population.world(buckets=6, objects=20)
        sqlite.fill(world)
        sqlite.apply(policies)
        with postgres.trial():
            postgres.fill(world)
            postgres.apply(policies)
            for question in questions(world, population):
                caller = population.hostile_caller(through_the_door=True) if hostile else population.caller()
                case = Case(policies=policies, caller=caller, question=question)
                tally.add(compare_statement(postgres, sqlite, case), world)
    return tally


@pytest.mark.postgres
def test_statements_under_unseen_policies_do_what_they_do_in_postgres(
    postgres: PostgresSide, sqlite: SqliteSide, law_size: int, law_seed: int
) -> None:
    tally = compare_files(postgres, sqlite, Random(law_seed), sets=SETS * law_size)
    tally.require_agreement(raised=0.01)


@pytest.mark.postgres
def test_statements_under_unseen_policies_are_never_more_permissive_for_hostile_tokens(
    postgres: PostgresSide, sqlite: SqliteSide, law_size: int, law_seed: int
) -> None:
    random = Random(law_seed + 1)
    tally = compare_files(postgres, sqlite, random, sets=HOSTILE_SETS * law_size, hostile=True)
    tally.require_agreement(raised=0.15)


SEGMENTS = (
    *("a", "A", "b", "ab", "aB", "a0", "a.", "é", "É", "\ud7ff", "\ue000", "\U0010ffff", "a\U0010ffff"),
    *("[", "@", "`", "{", "%", "_", "\\", "*", "?", "'", "-", "\x7f", "\u0080", USERS[0]),
)
_ABOUT_NAMES = (
    *("name = {path}", "{path} = name", "name in ({path}, {path})", "starts_with(name, {path})"),
    *("name ^@ {word}", "(storage.foldername(name))[1] = {word}", "(storage.foldername(name))[2] = {word}"),
    *("path_tokens[1] = {word}", "split_part(name, '/', 1) = {word}", "split_part(name, '/', 2) = ''"),
    *("name like {word} || '%'", "name like any (array[{path} || '%', {word} || '/%'])", "name ~ '^[ab]'"),
    *("name ~ '^a?b'", "name ~ '^a(b|/)'", "name ~ '^(?:a|b)/'", "name similar to '(a|b)%'"),
    *("not (name = {path})", "(name = {path}) is true", "bucket_id <> 'docs'"),
    *("case when name like 'a%' then name = {path} else starts_with(name, {word}) end",),
    *("coalesce((storage.foldername(name))[1], 'a') = {word}", 'name >= {word} collate "C"'),
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def a_path(random: Random) -> str:
    return "/".join(random.choice(SEGMENTS) for _ in range(random.randint(1, 3)))


def a_condition(random: Random, depth: int) -> str:
    if depth == 0 or random.random() < 0.3:
        form = random.choice(_ABOUT_NAMES)
        condition = form.format(path=quoted(a_path(random)), word=quoted(random.choice(SEGMENTS)))
        # A pattern may not end in an escape: that raises, and only where the row is reached.
        return condition.replace("\\", "/") if " like " in form else condition
    parts = [a_condition(random, depth - 1) for _ in range(random.randint(2, 3))]
    return f"({random.choice((' and ', ' or ', ' or ')).join(parts)})"


def policies_about_names(random: Random) -> str:
    kinds = random.choices(("permissive", "restrictive"), (4, 1), k=random.randint(1, 3))
    return "\n".join(
        f"create policy p{number} on storage.objects as {kind} for select"
        f" using ({a_condition(random, random.randint(0, 2))});"
        for number, kind in enumerate(kinds)
    )


def lists(random: Random) -> Iterator[Statement]:
    """Yield three kinds of list, both ways, between bounds that cut through names."""
    lower, upper = random.choice((("", None), ("", None), ("a", None), ("A", "b"), ("a/", "a0")))
    limit, delimiter = random.choice((1, 3, 100)), random.choice(("/", "/", "a"))
    folded: dict[str, Any] = {"lower": sql.folded(lower), "upper": sql.folded(upper) if upper else None}
    plain: dict[str, Any] = {"lower": lower, "upper": upper}
    for order in ("asc", "desc"):
        paging: dict[str, Any] = {"order": order, "limit": limit}
        yield sql.list_names("docs", **plain, **paging)
        yield sql.list_entries("docs", prefix_length=len(lower), delimiter=delimiter, **plain, **paging)
        yield sql.list_folded_entries("docs", prefix_length=len(lower), **folded, **paging)


class WithoutPrefixes(CompiledPolicies):
    """Policies that tell the executor nothing about names, so that it reads every row."""

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        return replace(super().where(table, command, context, known), prefixes=None)


@contextmanager
def database_of(names: Iterable[str]) -> Iterator[Session]:
    """A database in memory with the bucket `docs` and objects of these names."""
    population = Population(Random(1), ())
    objects = [dict(population.object_row("docs")) | {"name": name} for name in names]
    world: World = {
        BUCKETS: [population.bucket_row(each) for each in ("docs", "invoices-2")],
        OBJECTS: objects,
    }
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        migrate_sqlite(connection)
        for statement, values in insertions(world):
            connection.execute(statement, values)
        yield Session(connection)


ME = RlsContext(role="authenticated", user_id=USERS[0], claims={"tenant": "none"})


def test_lists_are_the_same_whether_or_not_they_are_narrowed_to_the_policies_prefixes(
    law_size: int, law_seed: int
) -> None:
    random = Random(law_seed)
    narrowed = 0
    for _ in range(WORLDS * law_size):
        with database_of({a_path(random) for _ in range(60)}) as session:
            for policies in (load_policies(policies_about_names(random)) for _ in range(FILES_A_WORLD)):
                condition = CompiledPolicies(policies).where(
                    "storage_objects", "select", ME, {"bucket_id": "docs"}
                )
                narrowed += bool(condition.prefixes)
                for statement in lists(random):
                    found, wanted = (
                        [tuple(row) for row in SqliteLaw(kind(policies)).execute(session, ME, statement).rows]
                        for kind in (CompiledPolicies, WithoutPrefixes)
                    )
                    assert found == wanted, (condition, statement)
    assert narrowed > WORLDS


def seen(policies: str, *names: str) -> list[str]:
    """List the objects of these names that I see."""
    statement = sql.list_names("docs", lower="", upper=None, order="asc", limit=100)
    with database_of(names) as session:
        law = SqliteLaw(CompiledPolicies(load_policies(policies)))
        return [row["name"] for row in law.execute(session, ME, statement).rows]


def using(condition: str) -> str:
    return f"create policy p on storage.objects for select using ({condition});"


MANY = "\n".join(
    f"create policy p{number} on storage.objects using (name like '{number}%');" for number in range(1100)
)
ANSWERS = (
    (MANY, ["1a"]),
    (using("name = 'x' or starts_with(name, '')"), ["1a", "b"]),
    (using("1.5 / 12345678901234567890 < length(name)"), ["1a", "b"]),
)


@pytest.mark.parametrize(("policies", "names"), ANSWERS)
def test_a_condition_is_what_it_is_in_postgres(policies: str, names: list[str]) -> None:
    visible = "create policy b on storage.buckets using (true);"
    assert seen(policies + visible, "1a", "b") == names


@pytest.mark.parametrize(
    "condition",
    [
        "name <> 'x' or ('\"\"'::jsonb)::int > 3",
        "name <> 'x' or owner = (auth.jwt() ->> 'tenant')::uuid",
    ],
)
def test_what_fails_while_postgres_plans_fails_here(condition: str) -> None:
    with pytest.raises(PolicyFailed):
        seen(using(condition), "1a")
