"""Random policy sets and real statements: the same rows are seen and changed, the same is refused."""

from random import Random

import pytest

from tests.law.level import compare_policy_sets
from tests.law.postgres_side import PostgresSide
from tests.law.sqlite_side import SqliteSide

pytestmark = pytest.mark.postgres

SETS = 150
HOSTILE_SETS = 40


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
