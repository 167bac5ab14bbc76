"""What is left of an expression once a request and some of its row are known.

`simplify` does when loading what PostgreSQL's planner does with literals; `fold` does for one request what
its executor would do, and keeps what only the rows can tell. Neither is ever more permissive.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import is_
from typing import Any

from aerostore.policy.expression import (
    FALSE,
    NULL_CONDITION,
    TARGET,
    TRUE,
    And,
    Apply,
    ArrayOf,
    ArrayQuery,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    Failure,
    Function,
    IsDistinct,
    IsTest,
    Not,
    Or,
    Quantified,
    RunTime,
    ScalarQuery,
)
from aerostore.policy.fold.evaluate import Columns, call, compare_each, is_distinct
from aerostore.policy.fold.hazard import may_raise
from aerostore.policy.fold.query import without_query
from aerostore.policy.fold.volatility import is_immutable
from aerostore.policy.problem import EvaluationError
from aerostore.policy.tree import QueryNode, rebuild_query
from aerostore.policy.value import BOOL, Environment, Type

_NO_COLUMNS: Columns = {}
_ALL_CONSTANT = {Constant}
_TRUTH: Mapping[bool | None, Constant] = {True: TRUE, False: FALSE, None: NULL_CONDITION}


def fold(expression: Expression, environment: Environment, columns: Columns) -> Expression:
    """Return what is left to decide about `expression`: a Constant when nothing is.

    columns: those of the judged row whose value is known. A part that fails becomes a Failure where it is
    not certain to be reached, and the whole becomes one where it is.
    """
    return _Folding(environment, columns).fold(expression)


def fold_alone(expressions: Iterable[Expression], environment: Environment) -> Iterator[Expression]:
    """Yield what is left of each of `expressions` without any row."""
    return map(_Folding(environment, _NO_COLUMNS).fold, expressions)


def simplify(expression: Expression) -> Expression:
    """Return `expression` as PostgreSQL's planner leaves it: literals are computed before anything runs.

    `x OR true` is true even if x would raise; a strict function of a literal NULL is NULL.
    Raises: EvaluationError when a computation of literals fails: PostgreSQL then fails every query.
    """
    return _Folding(None, _NO_COLUMNS).fold(expression)


class _Folding:
    """One pass over an expression. environment: None while planning."""

    __slots__ = ("columns", "environment", "planning", "without_arguments")

    def __init__(self, environment: Environment | None, columns: Columns) -> None:
        self.environment = environment
        self.columns = columns
        self.planning = environment is None
        self.without_arguments: dict[str, Expression] = {}

    def fold(self, expression: Expression) -> Expression:
        folded: Expression = _RULES[type(expression)](self, expression)
        return folded

    def fold_each(self, expressions: Iterable[Expression]) -> tuple[Expression, ...]:
        fold = self.fold
        return tuple([each if type(each) is Constant else fold(each) for each in expressions])

    def attempt(self, type_: Type, compute: Callable[..., Any], *arguments: Any) -> Expression:
        """Return what `compute` gives, or the Failure that it raises."""
        try:
            value = compute(*arguments)
        except EvaluationError as exc:
            if self.planning:
                raise
            return Failure(type_, exc.code, exc.message)
        return _TRUTH[value] if type_ is BOOL else Constant(type_, value)

    def can_call(self, function: Function) -> bool:
        return not self.planning or is_immutable(function)

    def can_drop(self, expressions: Iterable[Expression]) -> bool:
        """Return whether the planner, or the fact that they cannot raise, allows to skip `expressions`."""
        return self.planning or not any(map(may_raise, expressions))


def _column(folding: _Folding, node: ColumnOf) -> Expression:
    if node.source != TARGET or node.name not in folding.columns:
        return node
    return Constant(node.type, folding.columns[node.name])


def _run_time(folding: _Folding, node: RunTime) -> Expression:
    operand = folding.fold(node.operand)
    return RunTime(node.type, operand) if folding.planning else operand


def _apply(folding: _Folding, node: Apply) -> Expression:
    if not node.arguments:
        return _apply_to_nothing(folding, node)
    function = node.function
    arguments = folding.fold_each(node.arguments)
    kinds = set(map(type, arguments))
    if Failure in kinds:
        return _failed(arguments, node.type)
    if kinds == _ALL_CONSTANT and folding.can_call(function):
        return folding.attempt(node.type, call, function, folding.environment, _values(arguments))
    if Constant in kinds and function.strict and _has_null(arguments) and folding.can_drop(arguments):
        return Constant(node.type, None)
    return node if _same(arguments, node.arguments) else Apply(node.type, function, arguments)


def _apply_to_nothing(folding: _Folding, node: Apply) -> Expression:
    """Call `auth.uid()` and its like once for a request, not once for a policy."""
    if not folding.can_call(node.function):
        return node
    known = folding.without_arguments
    name = node.function.name
    if name not in known:
        known[name] = folding.attempt(node.type, call, node.function, folding.environment, ())
    return known[name]


def _and(folding: _Folding, node: And) -> Expression:
    return _connective(folding, node, FALSE)


def _or(folding: _Folding, node: Or) -> Expression:
    return _connective(folding, node, TRUE)


def _connective(folding: _Folding, node: And | Or, decisive: Constant) -> Expression:
    """Fold the operands from left to right until one is `decisive` and none before it could raise."""
    kind = type(node)
    kept: list[Expression] = []
    for operand in node.operands:
        folded = folding.fold(operand)
        if type(folded) is Constant:
            if folded.value is decisive.value:
                return decisive if folding.can_drop(kept) else kind((*kept, decisive))
            if folded.value is None and NULL_CONDITION not in kept:
                kept.append(NULL_CONDITION)
            continue
        if type(folded) is Failure:
            return kind((*kept, folded)) if set(map(type, kept)) - _ALL_CONSTANT else folded
        kept.extend(folded.operands if type(folded) is kind else (folded,))
    if len(kept) > 1:
        return node if _same(kept, node.operands) else kind(tuple(kept))
    return kept[0] if kept else _TRUTH[not decisive.value]


def _not(folding: _Folding, node: Not) -> Expression:
    operand = folding.fold(node.operand)
    match operand:
        case Constant():
            return operand if operand.value is None else Constant(BOOL, not operand.value)
        case Failure():
            return operand
        case Not():
            return operand.operand
    return node if operand is node.operand else Not(operand)


def _is_test(folding: _Folding, node: IsTest) -> Expression:
    operand = folding.fold(node.operand)
    match operand:
        case Constant():
            return Constant(BOOL, (operand.value is node.value) is not node.negated)
        case Failure():
            return replace(operand, type=BOOL)
    return node if operand is node.operand else IsTest(operand, node.value, node.negated)


def _is_distinct(folding: _Folding, node: IsDistinct) -> Expression:
    left, right = folding.fold(node.left), folding.fold(node.right)
    if Failure in (type(left), type(right)):
        return _failed((left, right), BOOL)
    if type(left) is Constant and type(right) is Constant and folding.can_call(node.equality):
        return Constant(BOOL, is_distinct(node.equality, left.value, right.value) is not node.negated)
    for one, other in ((left, right), (right, left)):
        if type(one) is Constant and one.value is None:
            return IsTest(other, None, negated=not node.negated)
    return replace(node, left=left, right=right)


def _case(folding: _Folding, node: Case) -> Expression:
    branches: list[tuple[Expression, Expression]] = []
    otherwise = node.otherwise
    for condition, result in node.branches:
        folded = folding.fold(condition)
        if type(folded) is Constant and folded.value is not True:
            continue
        if type(folded) is Constant or type(folded) is Failure:
            otherwise = result if type(folded) is Constant else replace(folded, type=node.type)
            break
        branches.append((folded, folding.fold(result)))
    last = folding.fold(otherwise)
    return Case(node.type, tuple(branches), last) if branches else last


def _coalesce(folding: _Folding, node: Coalesce) -> Expression:
    kept: list[Expression] = []
    for operand in node.operands:
        folded = folding.fold(operand)
        if type(folded) is Constant and folded.value is None:
            continue
        kept.append(folded)
        if type(folded) is Constant or type(folded) is Failure:
            break
    if not kept:
        return Constant(node.type, None)
    return kept[0] if len(kept) == 1 else Coalesce(node.type, tuple(kept))


def _array_of(folding: _Folding, node: ArrayOf) -> Expression:
    items = folding.fold_each(node.items)
    kinds = set(map(type, items))
    if Failure in kinds:
        return _failed(items, node.type)
    if kinds <= _ALL_CONSTANT:
        return Constant(node.type, tuple(_values(items)))
    return node if _same(items, node.items) else ArrayOf(node.type, items)


def _quantified(folding: _Folding, node: Quantified) -> Expression:
    left, array = folding.fold(node.left), folding.fold(node.array)
    if Failure in (type(left), type(array)):
        return _failed((left, array), BOOL)
    if type(array) is Constant and folding.can_call(node.operator):
        if type(left) is Constant:
            return _compare_constants(folding, node, left.value, array.value)
        if not array.value and not may_raise(left):
            return NULL_CONDITION if array.value is None else Constant(BOOL, node.every)
    same = left is node.left and array is node.array
    return node if same else replace(node, left=left, array=array)


def _compare_constants(folding: _Folding, node: Quantified, left: Any, elements: Any) -> Expression:
    if elements is None:
        return NULL_CONDITION

    def compare() -> bool | None:
        return compare_each(node.operator, folding.environment, left, elements, every=node.every)

    return folding.attempt(BOOL, compare)


def _query_node(folding: _Folding, node: QueryNode) -> Expression:
    folded = replace(node, query=rebuild_query(node.query, folding.fold))
    decided = None if folding.planning else without_query(folded)
    return folded if decided is None else folding.fold(decided)


_RULES: Mapping[type, Callable[[_Folding, Any], Expression]] = {
    Constant: lambda folding, node: node,
    Failure: lambda folding, node: node,
    ColumnOf: _column,
    RunTime: _run_time,
    Apply: _apply,
    And: _and,
    Or: _or,
    Not: _not,
    IsTest: _is_test,
    IsDistinct: _is_distinct,
    Case: _case,
    Coalesce: _coalesce,
    ArrayOf: _array_of,
    Quantified: _quantified,
    ExistsQuery: _query_node,
    ScalarQuery: _query_node,
    ArrayQuery: _query_node,
}


def _failed(expressions: Iterable[Expression], type_: Type) -> Expression:
    """Return the first failure among `expressions`, all of which are certain to be evaluated."""
    failure = next(expression for expression in expressions if type(expression) is Failure)
    return replace(failure, type=type_)


def _values(constants: Iterable[Expression]) -> list[Any]:
    return [constant.value for constant in constants if type(constant) is Constant]


def _has_null(expressions: Iterable[Expression]) -> bool:
    return any(type(expression) is Constant and expression.value is None for expression in expressions)


def _same(one: Sequence[Expression], other: Sequence[Expression]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))
