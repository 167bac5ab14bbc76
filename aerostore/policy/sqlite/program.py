"""Parts of a condition that Python evaluates while SQLite runs it, row by row."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from aerostore.policy.expression import (
    TARGET,
    And,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    Expression,
    IsTest,
    Or,
)
from aerostore.policy.fold.evaluate import evaluate
from aerostore.policy.fold.hoist import hoist
from aerostore.policy.tree import QueryNode, has_query, is_query, rebuild
from aerostore.policy.value import Environment

Reach = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a program is given for each row: a column or a subquery's result.

    reach: conditions that all hold when the program comes to need it; none of them holds a subquery.
    proven: parts of a subquery that the program has evaluated by then, so that they cannot raise.
    """

    expression: Expression
    reach: Reach = ()
    proven: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Evaluates `expression`, whose columns are its leaves by number, and returns what SQLite can compare.

    decoders: for each leaf, stored value to value. encode: value to stored value.
    """

    expression: Expression
    environment: Environment
    decoders: Sequence[Callable[[Any], Any]]
    encode: Callable[[Any], Any]

    def __call__(self, *stored: Any) -> Any:
        """Return the encoded value for one row's leaves. Raises: EvaluationError."""
        return self.encode(evaluate(self.expression, self.environment, _Leaves(self.decoders, stored)))


def pack(*stored: Any) -> str:
    """Return stored values of leaves as one, for a program that has more of them than SQLite passes."""
    return json.dumps(stored)


def run_packed(program: Callable[..., Any], *packs: str) -> Any:
    """Return what `program` gives for the leaves in `packs`. Raises: EvaluationError."""
    return program(*chain.from_iterable(map(json.loads, packs)))


class _Leaves(dict[str, Any]):
    """Values of leaves by their numbers, decoded when they are first needed."""

    __slots__ = ("_decoders", "_stored")

    def __init__(self, decoders: Sequence[Callable[[Any], Any]], stored: Sequence[Any]) -> None:
        super().__init__()
        self._decoders = decoders
        self._stored = stored

    def __missing__(self, number: str) -> Any:
        stored = self._stored[int(number)]
        value = self[number] = None if stored is None else self._decoders[int(number)](stored)
        return value


def split_leaves(expression: Expression) -> tuple[Expression, list[Leaf]]:
    """Return `expression` over numbered leaves instead of columns and subqueries, and those leaves."""
    cutter = _Cutter()
    return cutter.cut(expression, ()), cutter.leaves


class _Cutter:
    def __init__(self) -> None:
        self.leaves: list[Leaf] = []
        self._columns: dict[tuple[int, str], str] = {}

    def cut(self, node: Expression, reach: Reach) -> Expression:
        if type(node) is ColumnOf:
            return replace(node, source=TARGET, name=self._column(node))
        if is_query(node):
            return self._query(node, reach)
        rule = _RULES.get(type(node))
        cut: Expression = (
            rule(self, node, reach) if rule else rebuild(node, lambda part: self.cut(part, reach))
        )
        return cut

    def cut_in_turn(
        self, operands: Sequence[Expression], reach: Reach, passed: Callable[[Expression], Expression]
    ) -> tuple[Expression, ...]:
        """Cut operands of which each is reached when those before it have `passed`."""
        cut = []
        for operand in operands:
            cut.append(self.cut(operand, reach))
            reach = _further(reach, passed, operand)
        return tuple(cut)

    def _query(self, node: QueryNode, reach: Reach) -> Expression:
        hoisted = hoist(node.query)
        if hoisted is None:
            return ColumnOf(node.type, TARGET, self._add(Leaf(node, reach)))
        result = ColumnOf(node.type, TARGET, self._add(Leaf(node, reach, hoisted.parts)))
        evaluated = IsTest(self.cut(hoisted.condition, reach), None, negated=True)
        return Case(node.type, ((evaluated, result),), Constant(node.type, None))

    def _column(self, node: ColumnOf) -> str:
        key = (node.source, node.name)
        if key not in self._columns:
            self._columns[key] = self._add(Leaf(node))
        return self._columns[key]

    def _add(self, leaf: Leaf) -> str:
        self.leaves.append(leaf)
        return str(len(self.leaves) - 1)


def _further(reach: Reach, passed: Callable[[Expression], Expression], operand: Expression) -> Reach:
    """Return `reach` behind `operand`; without it when a subquery would have to run once more to tell."""
    return reach if has_query(operand) else (*reach, passed(operand))


def _is_true(operand: Expression) -> Expression:
    return IsTest(operand, True)


def _is_not_true(operand: Expression) -> Expression:
    return IsTest(operand, True, negated=True)


def _is_not_false(operand: Expression) -> Expression:
    return IsTest(operand, False, negated=True)


def _is_null(operand: Expression) -> Expression:
    return IsTest(operand, None)


def _cut_and(cutter: _Cutter, node: And, reach: Reach) -> Expression:
    return And(cutter.cut_in_turn(node.operands, reach, _is_not_false))


def _cut_or(cutter: _Cutter, node: Or, reach: Reach) -> Expression:
    return Or(cutter.cut_in_turn(node.operands, reach, _is_not_true))


def _cut_coalesce(cutter: _Cutter, node: Coalesce, reach: Reach) -> Expression:
    return Coalesce(node.type, cutter.cut_in_turn(node.operands, reach, _is_null))


def _cut_case(cutter: _Cutter, node: Case, reach: Reach) -> Expression:
    branches = []
    for condition, result in node.branches:
        taken = _further(reach, _is_true, condition)
        branches.append((cutter.cut(condition, reach), cutter.cut(result, taken)))
        reach = _further(reach, _is_not_true, condition)
    return Case(node.type, tuple(branches), cutter.cut(node.otherwise, reach))


_RULES: Mapping[type, Callable[[_Cutter, Any, Reach], Expression]] = {
    And: _cut_and,
    Or: _cut_or,
    Coalesce: _cut_coalesce,
    Case: _cut_case,
}
