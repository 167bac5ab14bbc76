"""Every expression of the corpus, judged for random rows and callers: the value is PostgreSQL's."""

from collections.abc import Sequence
from random import Random

import pytest

from tests.law import corpus
from tests.law.case import BUCKETS, OBJECTS, Caller
from tests.law.comparison import Tally
from tests.law.expression_side import refusal
from tests.law.level import both_filled, compare_shape, gallery
from tests.law.population import Population, words_of
from tests.law.postgres_side import PostgresSide

pytestmark = pytest.mark.postgres

ROWS = 12
CALLERS = 6
SHAPES = list(corpus.shapes())
WORDS = [word for shape in SHAPES for word in words_of(shape.text)]


def compare(postgres: PostgresSide, random: Random, callers: Sequence[Caller]) -> Tally:
    shown = gallery(random, SHAPES, rows=ROWS)
    tally = Tally(shown.world)
    with both_filled(postgres, shown.world) as engine:
        for shape in SHAPES:
            ids = {table: shown.ids[shape.id, table] for table in (OBJECTS, BUCKETS)}
            for comparison in compare_shape(postgres, engine, shape, callers, ids):
                tally.add(comparison)
    return tally


def test_no_shape_is_refused() -> None:
    assert not [shape.id for shape in corpus.shapes() if refusal(shape.text)]


def test_expressions_have_the_values_that_postgres_gives(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed + turn)
        population = Population(random, WORDS)
        tally = compare(postgres, random, [population.caller() for _ in range(CALLERS)])
        tally.require_agreement(raised=0.01)


def test_expressions_are_never_more_permissive_for_hostile_tokens(
    postgres: PostgresSide, law_size: int, law_seed: int
) -> None:
    for turn in range(law_size):
        random = Random(law_seed - 1 - turn)
        population = Population(random, WORDS)
        tally = compare(postgres, random, [population.hostile_caller() for _ in range(CALLERS)])
        tally.require_agreement(raised=0.1)
