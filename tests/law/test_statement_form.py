"""Which policies each kind of statement asks: 20 forms under every combination of constant policies."""

from random import Random

import pytest

from aerostore.policy import PolicySet
from tests.law.case import BUCKETS, OBJECTS, Caller, Case, Question, Row, World
from tests.law.comparison import Tally
from tests.law.expression_side import environment_of, load_policies, values_of
from tests.law.level import compare_statement
from tests.law.population import Population
from tests.law.postgres_side import PostgresSide
from tests.law.sqlite_side import SqliteSide
from tests.law.statement_form import EXISTING, FORMS, NEW, Asked, Form, constant_policies

ANYONE = Caller(role="anon")
POPULATION = Population(Random(1), ())


def a_row(name: str) -> Row:
    return dict(POPULATION.object_row("docs")) | {"name": name}


OLD = a_row(EXISTING)
WORLD: World = {BUCKETS: [POPULATION.bucket_row("docs")], OBJECTS: [OLD]}


def decided(policies: PolicySet, form: Form) -> int | str:
    """Return what the form's answer must be, from what the engine says to each part that it asks."""
    if not all(is_allowed(policies, asked) for asked in form.hides):
        return 0
    return form.changes if all(is_allowed(policies, asked) for asked in form.refuses) else "42501"


def is_allowed(policies: PolicySet, asked: Asked) -> bool:
    row = values_of(policies.tables[OBJECTS], OLD)
    environment = environment_of(ANYONE)
    decide = policies.check if asked.check else policies.where
    condition = decide(OBJECTS, asked.command, environment, row)
    assert condition.constant is not None
    return condition.constant


@pytest.mark.postgres
@pytest.mark.parametrize("policies", constant_policies())
def test_postgres_asks_each_statement_for_the_policies_that_we_do(
    postgres: PostgresSide, policies: str
) -> None:
    ours = load_policies(policies)
    with postgres.trial():
        postgres.fill(WORLD)
        postgres.apply(policies)
        answers = {name: postgres.count(form.sql, ANYONE) for name, form in FORMS.items()}
    assert answers == {name: decided(ours, form) for name, form in FORMS.items()}


QUESTIONS = (
    Question(form="insert object", row=a_row(NEW)),
    Question(form="upsert object", row=a_row(NEW)),
    Question(form="upsert object", row=a_row(EXISTING)),
    Question(form="move object", target=OLD["id"], row=dict(OLD) | {"name": "moved", "version": "new"}),
    Question(form="delete objects", names=(OLD["id"],)),
    Question(form="see objects"),
)


@pytest.mark.postgres
def test_the_executor_asks_each_statement_for_the_policies_that_postgres_does(
    postgres: PostgresSide, sqlite: SqliteSide
) -> None:
    tally = Tally(WORLD)
    sqlite.fill(WORLD)
    with postgres.trial():
        postgres.fill(WORLD)
        for policies in constant_policies():
            sqlite.apply(policies)
            with postgres.trial():
                postgres.apply(policies)
                for question in QUESTIONS:
                    case = Case(policies=policies, caller=ANYONE, question=question)
                    tally.add(compare_statement(postgres, sqlite, case))
    tally.require_agreement()
