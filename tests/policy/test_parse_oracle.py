"""The parser reads what PostgreSQL's own grammar reads, and reads it as the same tree, or refuses it."""

import random
import re

import pytest

from tests.policy.mutation import CORPUS, characters, corpus_statements, mutate
from tests.policy.oracle import Disagreement, compare, compare_generated

REFUSED_IN_CORPUS = {
    "R09": "42601 WITH CHECK cannot be applied to SELECT or DELETE",
    "R10": "42601 only WITH CHECK expression allowed for INSERT",
    "R12": "both refuse",
    "R13": "both refuse",
    "R17": "0A000 OVER after a call is not supported",
    "R22": "0A000 WITH in a query is not supported",
    "R23": "0A000 DO is not supported",
}
REFUSED_WHEN_GENERATED = {
    "0A000 COLLATE of a column is not supported",
    "42601 conflicting or redundant options",
    *(f'42P16 multiple primary keys for table "{name}" are not allowed' for name in ("objects", "c")),
}
"""PostgreSQL refuses all but the first after parsing."""

CASES = [
    pytest.param(text, id=f"{path.stem}-{name}")
    for path in sorted(CORPUS.glob("*.sql"))
    for name, text in re.findall(r"^-- @id (\w+)[^\n]*\n(.*?)(?=^-- @id|\Z)", path.read_text(), re.M | re.S)
]


@pytest.mark.parametrize("text", CASES)
def test_corpus_is_read_as_postgresql_reads_it(text: str, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id.rpartition("-")[2]
    assert compare(text) == REFUSED_IN_CORPUS.get(name, "same")


def test_tables_and_functions_of_the_corpus_are_read_as_postgresql_reads_them() -> None:
    assert compare((CORPUS / "00_fixture_pg.sql").read_text()) == "same"


def test_generated_statements_are_read_as_postgresql_reads_them() -> None:
    answers = compare_generated(4000, seed=31)
    assert answers["same"] > 2000
    assert set(answers) <= {"same", "both refuse"} | REFUSED_WHEN_GENERATED


def test_nothing_is_accepted_of_changed_statements_that_postgresql_refuses() -> None:
    rng = random.Random(7)
    statements = corpus_statements()
    answers = [compare(mutate(rng.choice(statements), rng)) for _ in range(4000)]
    assert answers.count("same") > 200


def test_odd_characters_become_the_tokens_that_postgresql_makes_of_them() -> None:
    rng = random.Random(5)
    answers = [compare(characters(rng)) for _ in range(5000)]
    assert answers.count("same") > 100


@pytest.mark.parametrize(
    "text", ["create policy p on t using (a = 0x1F)", "create policy p on t using (1_000 > a)"]
)
def test_what_only_later_versions_read_is_refused(text: str) -> None:
    assert compare(text).startswith("42601 trailing junk after numeric literal")


def test_comparison_sees_a_tree_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aerostore.policy.parse.operator._OPERATORS", {})
    with pytest.raises(Disagreement):
        compare("create policy p on t using (a + b * c = d)")
