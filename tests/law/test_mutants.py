"""Can the comparisons see bugs? Each mutant breaks one rule, and the recorded cases must notice."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pytest import MonkeyPatch

from aerostore.executor import narrow, sqlite_law
from aerostore.executor.narrow import NameRange
from aerostore.executor.sqlite_law import SqliteLaw
from aerostore.executor.statements import successor
from aerostore.permissions import compiled
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.permissions.predicate import ALWAYS
from aerostore.policy import EvaluationError, answer, combine, function, ruling
from aerostore.policy.combine import Policy
from aerostore.policy.expression import FALSE, TRUE, Constant, Expression, Function
from aerostore.policy.fold import evaluate, expand
from aerostore.policy.fold import folding as fold
from aerostore.policy.fold import settle as settling
from aerostore.policy.sqlite import layout, native
from aerostore.policy.sqlite.layout import Place
from aerostore.policy.sqlite.program import Program
from aerostore.policy.value import TEXT
from tests.law.case import Recording
from tests.law.comparison import WRONG
from tests.law.recorded import recordings, replay
from tests.law.sqlite_side import SqliteSide

Mutate = Callable[[MonkeyPatch], None]
MUTANTS: dict[str, Mutate] = {}


def mutant(mutate: Mutate) -> Mutate:
    MUTANTS[mutate.__name__] = mutate
    return mutate


def change_functions(
    patch: MonkeyPatch,
    registry: Mapping[str, Any],
    name: str,
    change: Callable[[Function], Callable[..., Any]],
) -> None:
    """Give every function of that name another body."""
    patch.setitem(registry, name, tuple(replace(each, run=change(each)) for each in registry[name]))


# How policies combine


@mutant
def every_permissive_policy_must_agree(patch: MonkeyPatch) -> None:
    patch.setattr(combine, "_any_of", lambda operands: combine._all_of(operands) if operands else FALSE)


@mutant
def restrictive_policies_are_ignored(patch: MonkeyPatch) -> None:
    patch.setattr(combine, "_restrictive", lambda policies: [])


@mutant
def restrictive_policies_grant(patch: MonkeyPatch) -> None:
    patch.setattr(combine, "_permissive", list)
    patch.setattr(combine, "_restrictive", lambda policies: [])


@mutant
def null_counts_as_true(patch: MonkeyPatch) -> None:
    settle = settling.settle

    def lenient(expression: Expression) -> Expression:
        return TRUE if expression == Constant(TRUE.type, None) else settle(expression)

    patch.setattr(answer, "settle", lenient)


@mutant
def for_all_counts_for_no_command(patch: MonkeyPatch) -> None:
    patch.setattr(Policy, "covers", lambda self, command: self.command == command)


@mutant
def check_does_not_default_to_using(patch: MonkeyPatch) -> None:
    patch.setattr(Policy, "check_or_using", property(lambda self: self.check))


@mutant
def policies_hold_for_every_role(patch: MonkeyPatch) -> None:
    patch.setattr(Policy, "applies_to", lambda self, role: True)


@mutant
def policies_hold_for_the_service_role(patch: MonkeyPatch) -> None:
    where = CompiledPolicies.where

    def judged(self: CompiledPolicies, table: str, command: str, context: Any, known: Any) -> Any:
        return where(self, table, command, replace(context, can_bypass_rls=False), known)

    patch.setattr(CompiledPolicies, "where", judged)


@mutant
def subqueries_see_every_bucket(patch: MonkeyPatch) -> None:
    patch.setattr(expand._Expansion, "_guard", lambda self, source, id_: None)


# What statements ask


@mutant
def update_and_delete_do_not_ask_select_policies(patch: MonkeyPatch) -> None:
    patch.setattr(
        SqliteLaw, "_using", lambda self, law, context: self._where(law.command, law, context, law.known)
    )


@mutant
def an_upsert_only_asks_insert_policies(patch: MonkeyPatch) -> None:
    def insert(self: SqliteLaw, session: Any, context: Any, statement: Any, law: Any) -> Any:
        self._require(session, law, self._check("insert", law, context))
        return session.fetch(statement.sql, statement.parameters)

    patch.setattr(SqliteLaw, "_upsert", insert)


@mutant
def a_new_row_is_not_judged(patch: MonkeyPatch) -> None:
    patch.setattr(SqliteLaw, "_require", lambda self, session, law, predicate: None)


@mutant
def a_changed_row_is_not_judged(patch: MonkeyPatch) -> None:
    patch.setattr(SqliteLaw, "_changed", lambda *_: ALWAYS)


@mutant
def a_range_of_names_begins_too_late(patch: MonkeyPatch) -> None:

    def narrower(prefixes: Any, bounds: Any) -> NameRange | None:
        found = narrow.range_of(prefixes, bounds)
        return found and NameRange(successor(found.lower) or "", found.upper)

    patch.setattr(sqlite_law, "range_of", narrower)


# What goes wrong


@mutant
def an_error_counts_as_yes(patch: MonkeyPatch) -> None:
    call = Program.__call__

    def lenient(self: Program, *stored: Any) -> Any:
        try:
            return call(self, *stored)
        except EvaluationError:
            return self.encode(True)

    patch.setattr(Program, "__call__", lenient)


@mutant
def a_subject_that_is_no_uuid_only_matters_where_it_is_read(patch: MonkeyPatch) -> None:
    patch.setattr(ruling, "_call_of_user_id", lambda expression: None)


# What values are


@mutant
def like_ignores_case(patch: MonkeyPatch) -> None:
    patch.setattr(native, "_like", lambda *_, **__: None)
    change_functions(
        patch,
        function._OPERATORS,
        "~~",
        lambda like: lambda text, pattern: like.run(text.lower(), pattern.lower()),
    )


@mutant
def text_is_equal_in_any_case(patch: MonkeyPatch) -> None:
    def folded(equal: Function) -> Callable[..., Any]:
        if equal.parameters[0] != TEXT:
            return equal.run
        return lambda left, right: left.lower() == right.lower()

    change_functions(patch, function._OPERATORS, "=", folded)


@mutant
def foldername_counts_the_file(patch: MonkeyPatch) -> None:
    change_functions(
        patch, function._FUNCTIONS, "storage.foldername", lambda _: lambda name: tuple(name.split("/"))
    )


@mutant
def foldername_of_a_file_at_the_top_is_its_name(patch: MonkeyPatch) -> None:
    change_functions(
        patch, function._FUNCTIONS, "storage.foldername", lambda each: lambda name: each.run(name) or (name,)
    )


@mutant
def split_part_counts_from_zero(patch: MonkeyPatch) -> None:
    change_functions(
        patch,
        function._FUNCTIONS,
        "split_part",
        lambda each: lambda text, by, number: each.run(text, by, number + 1),
    )


@mutant
def json_booleans_are_numbers_as_text(patch: MonkeyPatch) -> None:
    as_number = {"true": "1", "false": "0"}

    def numeric(each: Function) -> Callable[..., Any]:
        return lambda json, key: as_number.get(found := each.run(json, key), found)

    change_functions(patch, function._OPERATORS, "->>", numeric)


@mutant
def nothing_is_distinct_from_null(patch: MonkeyPatch) -> None:
    is_distinct = evaluate.is_distinct

    def lenient(equality: Function, left: Any, right: Any) -> bool:
        return None not in (left, right) and is_distinct(equality, left, right)

    for module in (evaluate, fold):
        patch.setattr(module, "is_distinct", lenient)


@mutant
def no_object_has_an_owner(patch: MonkeyPatch) -> None:
    for column in list(layout._GENERATED):
        if column[1] == "owner":
            patch.setitem(layout._GENERATED, column, Place("owner_id", lambda _: None, is_kept=False))
    patch.setattr(compiled, "owner_of", lambda _: None)


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("mutate", list(MUTANTS.values()), ids=MUTANTS)
def test_recorded_cases_notice_that(mutate: Mutate, sqlite: SqliteSide, monkeypatch: MonkeyPatch) -> None:
    mutate(monkeypatch)
    replayed = (each for path in recordings() for each in replay(Recording.load(path), sqlite))
    assert any(comparison.difference in WRONG for comparison in replayed)
