"""The levels on which the engines are compared; each returns a tally."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

from tests.law.case import BUCKETS, OBJECTS, Caller, Case, Outcome, Question, Row, Verdict, World
from tests.law.comparison import (
    REFUSED,
    Comparison,
    Difference,
    Tally,
    as_filter,
    compare_outcomes,
    compare_verdicts,
)
from tests.law.corpus import Shape
from tests.law.expression_side import EVALUATED, ExpressionSide
from tests.law.policy_set import PolicySets
from tests.law.population import Population, words_of
from tests.law.postgres_side import PostgresSide
from tests.law.sqlite_side import SqliteSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """A world with rows aimed at each of several shapes. ids: of those rows, by shape and table."""

    world: World
    ids: dict[tuple[str, str], list[str]]


def gallery(random: Random, shapes: Sequence[Shape], *, rows: int) -> Gallery:
    """Return a world that has about `rows` objects and buckets for each shape."""
    objects: dict[tuple[str, str], Row] = {}
    ids: dict[tuple[str, str], list[str]] = {}
    for shape in shapes:
        aimed = {place: row for place, row in _aimed(random, shape, rows) if place not in objects}
        objects |= aimed
        ids[shape.id, OBJECTS] = [row["id"] for row in aimed.values()]
    population = Population(random, ())
    buckets = sorted({row["bucket_id"] for row in objects.values()} | {"user-1", "users"})
    for shape in shapes:
        ids[shape.id, BUCKETS] = random.sample(buckets, min(rows, len(buckets)))
    declared = population.declared([row["name"] for row in objects.values()])
    world = {
        BUCKETS: [population.bucket_row(each) for each in buckets],
        OBJECTS: [*objects.values()],
        **declared,
    }
    return Gallery(world=world, ids=ids)


def _aimed(random: Random, shape: Shape, rows: int) -> Iterator[tuple[tuple[str, str], Row]]:
    population = Population(random, words_of(shape.text))
    for _ in range(rows):
        row = population.object_row(odd_json=True)
        yield (row["bucket_id"], row["name"]), row


@contextmanager
def both_filled(postgres: PostgresSide, world: World) -> Iterator[ExpressionSide]:
    """Fill PostgreSQL and an engine in memory with `world` for as long as the block runs."""
    engine = ExpressionSide(world)
    try:
        with postgres.trial():
            postgres.fill(world)
            yield engine
    finally:
        engine.close()


def compare_shape(
    postgres: PostgresSide,
    engine: ExpressionSide,
    shape: Shape,
    callers: Sequence[Caller],
    ids: dict[str, list[str]],
) -> Iterator[Comparison]:
    """Judge the rows `ids`, given by table, by each condition of the policy `shape`."""
    with postgres.trial():
        postgres.apply(shape.for_anyone)
        engine.apply(shape.for_anyone)
        for condition in postgres.conditions(shape.name):
            question = Question(
                form=f"judge {condition.part}", target=shape.name, names=tuple(ids[condition.table])
            )
            for caller in callers:
                expected = postgres.judge(condition, caller, question.names)
                case = Case(policies=shape.for_anyone, caller=caller, question=question)
                yield from compare_judgement(expected, engine, case)


def compare_judgement(
    expected: Mapping[str, Verdict], engine: ExpressionSide, case: Case
) -> Iterator[Comparison]:
    """Judge rows by one condition, in every way that the engine can. expected: PostgreSQL's verdicts."""
    for how, found in engine.judgements(case.question, case.caller):
        for row, verdict in found.items():
            wanted = expected[row] if how == EVALUATED else as_filter(expected[row])
            question = replace(case.question, names=(row,))
            about_one = replace(case, question=question, answer=[[row, expected[row]]])
            difference = compare_verdicts(wanted, verdict)
            yield Comparison(case=about_one, found=verdict, difference=difference, how=how)


def compare_policy_sets(
    postgres: PostgresSide, sqlite: SqliteSide, random: Random, *, sets: int, hostile: bool = False
) -> Tally:
    """Try statements under random policy sets; each set has a world and callers of its own."""
    tally = Tally()
    source = PolicySets(random)
    for _ in range(sets):
        policies = source.policies()
        population = Population(random, words_of(policies))
        world = population.world(buckets=6, objects=24)
        sqlite.fill(world)
        sqlite.apply(policies)
        with postgres.trial():
            postgres.fill(world)
            postgres.apply(policies)
            for question in source.questions(world, population):
                caller = population.hostile_caller(through_the_door=True) if hostile else population.caller()
                case = Case(policies=policies, caller=caller, question=question)
                tally.add(compare_statement(postgres, sqlite, case), world)
    return tally


def compare_statement(postgres: PostgresSide, sqlite: SqliteSide, case: Case) -> Comparison:
    """Try one statement on both, under policies and rows that are there already."""
    expected = postgres.ask(case.question, case.caller)
    found = sqlite.ask(case.question, case.caller)
    difference = compare_outcomes(expected, found)
    if difference is Difference.PERMISSIVE and _met_another_row(postgres, case, expected, found):
        difference = Difference.OTHER_ROW
    return Comparison(case=replace(case, answer=expected), found=found, difference=difference)


def _met_another_row(postgres: PostgresSide, case: Case, expected: Outcome, found: Outcome) -> bool:
    """Return whether PostgreSQL agrees when only the rows are there that the statement is about."""
    if not isinstance(expected, str) or expected == REFUSED or isinstance(found, str):
        return False
    with postgres.restricted({row[0] if case.question.is_read else row[1] for row in found}):
        return postgres.ask(case.question, case.caller) == found
