"""Random policy sets and real statements: the same rows are seen and changed, the same is refused."""

from random import Random

import pytest

from tests.law.case import FORMS, Caller, Case
from tests.law.level import compare_policy_sets, compare_statement
from tests.law.policy_set import PolicySets
from tests.law.population import Population
from tests.law.postgres_side import PostgresSide
from tests.law.sqlite_side import SqliteSide

pytestmark = pytest.mark.postgres

SETS = 150
HOSTILE_SETS = 40

NOBODY_TO_ASK = Caller(role="service_role")
OUR_MISTAKES = ("42", "0A", "XX")
"""Classes of SQLSTATEs that only a statement of ours can raise when no policy is asked."""


def test_every_statement_runs_on_both_engines_when_no_policy_is_asked(
    postgres: PostgresSide, sqlite: SqliteSide, law_seed: int
) -> None:
    random = Random(law_seed)
    population = Population(random, ())
    world = population.world(buckets=6, objects=24)
    sqlite.fill(world)
    asked = set()
    with postgres.trial():
        postgres.fill(world)
        for question in PolicySets(random).questions(world, population):
            case = Case(policies="", caller=NOBODY_TO_ASK, question=question)
            comparison = compare_statement(postgres, sqlite, case)
            assert comparison.difference is None, comparison
            assert not any(code.startswith(OUR_MISTAKES) for code in comparison.codes), comparison
            asked.add(question.form)
    assert asked == FORMS


def test_statements_do_what_they_do_in_postgres(
    postgres: PostgresSide, sqlite: SqliteSide, law_size: int, law_seed: int
) -> None:
    tally = compare_policy_sets(postgres, sqlite, Random(law_seed), sets=SETS * law_size)
    tally.require_agreement(raised=0.005)


def test_statements_are_never_more_permissive_for_hostile_tokens(
    postgres: PostgresSide, sqlite: SqliteSide, law_size: int, law_seed: int
) -> None:
    tally = compare_policy_sets(
        postgres, sqlite, Random(law_seed + 1), sets=HOSTILE_SETS * law_size, hostile=True
    )
    tally.require_agreement(raised=0.15)
