"""Policies nobody wrote: Hypothesis looks for one that the engine judges otherwise than PostgreSQL."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.law import grammar
from tests.law.case import BUCKETS, OBJECTS, Caller, Case, Question, Row, World
from tests.law.comparison import WRONG, Comparison, Tally, compare_outcomes
from tests.law.corpus import Shape
from tests.law.expression_side import ExpressionSide, refusal
from tests.law.level import both_filled, compare_shape
from tests.law.population import Population
from tests.law.postgres_side import PostgresSide

pytestmark = pytest.mark.postgres

POLICIES = 400
HOSTILE_POLICIES = 200
OBJECTS_IN_WORLD = 24
DEPTH = 3
REFUSED_BY_US = {"0A000"}
"""SQLSTATEs of what PostgreSQL takes and the engine says it does not."""


def search(examples: int, start: int, check: Callable[[str], None]) -> None:
    """Give `check` generated expressions until it fails, then the least one for which it does."""

    @seed(start)
    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(grammar.conditions(DEPTH))
    def judge(expression: str) -> None:
        check(expression)

    judge()


class Court:
    """Compares everything that both engines say about one policy after the other."""

    def __init__(
        self, postgres: PostgresSide, engine: ExpressionSide, population: Population, world: World
    ) -> None:
        self.tally = Tally(world)
        self.refused = 0
        self._postgres = postgres
        self._engine = engine
        self._new_rows = [population.new_object_row(world) for _ in range(40)]
        self._ids = [row["id"] for row in world[OBJECTS]]

    def compare(self, expression: str, caller: Caller) -> None:
        shape = Shape(
            id="",
            name="generated",
            table=OBJECTS,
            text=f"create policy generated on storage.objects using ({expression});",
        )
        theirs, ours = self._postgres.refusal(shape.text), refusal(shape.text)
        if theirs or ours:
            assert ours == theirs or ours in REFUSED_BY_US, f"{expression}\n{theirs=} {ours=}"
            self.refused += 1
            return
        ids = {OBJECTS: self._ids, BUCKETS: []}
        for comparison in compare_shape(self._postgres, self._engine, shape, [caller], ids):
            self._add(comparison)
        self._compare_statements(shape, caller, self._new_rows[len(expression) % len(self._new_rows)])

    def _compare_statements(self, shape: Shape, caller: Caller, new: Row) -> None:
        with self._postgres.trial():
            self._postgres.apply(shape.for_anyone)
            for question in (
                Question(form="see objects"),
                Question(form="insert object", row=new),
            ):
                expected, found = self._postgres.ask(question, caller), self._engine.ask(question, caller)
                case = Case(policies=shape.for_anyone, caller=caller, question=question, answer=expected)
                difference = compare_outcomes(expected, found)
                self._add(Comparison(case=case, found=found, difference=difference))

    def _add(self, comparison: Comparison) -> None:
        self.tally.add(comparison)
        assert comparison.difference not in WRONG, self.tally.report()


def hold_court(postgres: PostgresSide, random: Random, *, hostile: bool, examples: int, start: int) -> Court:
    population = Population(random, grammar.WORDS)
    world = population.world(buckets=8, objects=OBJECTS_IN_WORLD, odd_json=True)
    with both_filled(postgres, world) as engine:
        court = Court(postgres, engine, population, world)
        callers = [population.hostile_caller() if hostile else population.caller() for _ in range(40)]
        search(examples, start, lambda expression: court.compare(expression, callers[len(expression) % 40]))
    return court


def test_generated_policies_mean_what_they_mean_in_postgres(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed + turn)
        court = hold_court(postgres, random, hostile=False, examples=POLICIES, start=law_seed + turn)
        court.tally.require_agreement(raised=0.005)
        assert court.refused < POLICIES * 0.2


def test_generated_policies_are_never_more_permissive_for_hostile_tokens(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed - 1 - turn)
        court = hold_court(
            postgres, random, hostile=True, examples=HOSTILE_POLICIES, start=law_seed - 1 - turn
        )
        court.tally.require_agreement(raised=0.05)
