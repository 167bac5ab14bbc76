"""The value of an expression, by PostgreSQL's rules of evaluation: what is not reached cannot fail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aerostore.policy.expression import (
    And,
    Apply,
    ArrayOf,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    Expression,
    Failure,
    Function,
    IsDistinct,
    IsTest,
    Not,
    Or,
    Quantified,
    RunTime,
)
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import Environment

Columns = Mapping[str, Any]


def evaluate(expression: Expression, environment: Environment | None, columns: Columns) -> Any:
    """Return the value of `expression` for a row; None is NULL.

    columns: every column of the judged row that `expression` reads. environment: None when nothing in
    `expression` reads it. It holds no subquery.
    Raises: EvaluationError where PostgreSQL would raise when it reaches that part.
    """
    return _RULES[type(expression)](expression, environment, columns)


def call(function: Function, environment: Environment | None, arguments: Sequence[Any]) -> Any:
    """Return what `function` makes of `arguments`: NULL for any NULL when it is strict."""
    if function.strict and any(argument is None for argument in arguments):
        return None
    if function.reads_environment:
        return function.run(environment, *arguments)
    return function.run(*arguments)


def compare_each(
    operator: Function, environment: Environment | None, left: Any, elements: Sequence[Any], *, every: bool
) -> bool | None:
    """Return `left operator ANY (elements)`, or ALL; stops where the result is known."""
    unknown = False
    for element in elements:
        result = call(operator, environment, (left, element))
        if result is None:
            unknown = True
        elif result is not every:
            return not every
    return None if unknown else every


def is_distinct(equality: Function, left: Any, right: Any) -> bool:
    """Return `left IS DISTINCT FROM right`: NULL is like NULL and like nothing else."""
    if left is None or right is None:
        return left is not right
    return not equality.run(left, right)


def _apply(node: Apply, environment: Environment | None, columns: Columns) -> Any:
    arguments = [evaluate(argument, environment, columns) for argument in node.arguments]
    return call(node.function, environment, arguments)


def _and(node: And, environment: Environment | None, columns: Columns) -> bool | None:
    unknown = False
    for operand in node.operands:
        value = evaluate(operand, environment, columns)
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


def _or(node: Or, environment: Environment | None, columns: Columns) -> bool | None:
    unknown = False
    for operand in node.operands:
        value = evaluate(operand, environment, columns)
        if value is True:
            return True
        unknown = unknown or value is None
    return None if unknown else False


def _not(node: Not, environment: Environment | None, columns: Columns) -> bool | None:
    value = evaluate(node.operand, environment, columns)
    return None if value is None else not value


def _is_test(node: IsTest, environment: Environment | None, columns: Columns) -> bool:
    return (evaluate(node.operand, environment, columns) is node.value) is not node.negated


def _is_distinct(node: IsDistinct, environment: Environment | None, columns: Columns) -> bool:
    left = evaluate(node.left, environment, columns)
    right = evaluate(node.right, environment, columns)
    return is_distinct(node.equality, left, right) is not node.negated


def _case(node: Case, environment: Environment | None, columns: Columns) -> Any:
    for condition, result in node.branches:
        if evaluate(condition, environment, columns) is True:
            return evaluate(result, environment, columns)
    return evaluate(node.otherwise, environment, columns)


def _coalesce(node: Coalesce, environment: Environment | None, columns: Columns) -> Any:
    for operand in node.operands:
        value = evaluate(operand, environment, columns)
        if value is not None:
            return value
    return None


def _array_of(node: ArrayOf, environment: Environment | None, columns: Columns) -> tuple[Any, ...]:
    return tuple(evaluate(item, environment, columns) for item in node.items)


def _quantified(node: Quantified, environment: Environment | None, columns: Columns) -> bool | None:
    left = evaluate(node.left, environment, columns)
    elements = evaluate(node.array, environment, columns)
    if elements is None:
        return None
    return compare_each(node.operator, environment, left, elements, every=node.every)


def _failure(node: Failure, environment: Environment | None, columns: Columns) -> Any:
    raise EvaluationError(node.code, node.message)


_RULES: Mapping[type, Callable[[Any, Environment | None, Columns], Any]] = {
    Constant: lambda node, environment, columns: node.value,
    ColumnOf: lambda node, environment, columns: columns[node.name],
    RunTime: lambda node, environment, columns: evaluate(node.operand, environment, columns),
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
    Failure: _failure,
}
