"""Rows that are an array's elements: what is asked of each row is asked of the array."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aerostore.policy.bind.collation import function_for
from aerostore.policy.expression import (
    And,
    Apply,
    Collated,
    ColumnOf,
    Expression,
    Function,
    IsTest,
    Quantified,
    RunTime,
)
from aerostore.policy.function import find_cast
from aerostore.policy.problem import Refusal
from aerostore.policy.tree import walk
from aerostore.policy.value import Type, array_of

_SYMMETRIC = frozenset({"=", "<>"})


def unavailable(at: int) -> Refusal:
    """Return why a query over a set-returning function is not understood."""
    return Refusal(
        at,
        "0A000",
        "this query over a set-returning function is not available in the embedded database",
        "compare a value with the elements by `value = ANY (array)` or `value IN (SELECT function(...))`",
    )


def with_each(output: Expression, element: ColumnOf, array: Expression, at: int) -> Expression:
    """Return the array of what `output` makes of each element: the element itself, or a cast of it.

    Raises: Refusal 0A000 for anything else.
    """
    if output == element:
        return array
    if isinstance(output, Collated):
        inner = with_each(output.operand, element, array, at)
        return Collated(inner.type, inner, output.is_bytewise)
    if isinstance(output, Apply) and len(output.arguments) == 1:
        source = output.arguments[0]
        rule = find_cast(array_of(source.type), array_of(output.type))
        if _is_cast(output.function, source.type) and rule and rule.function:
            inner = with_each(source, element, array, at)
            return Apply(array_of(output.type), rule.function, (inner,))
    raise unavailable(at)


def _is_cast(function: Function, source: Type) -> bool:
    rule = find_cast(source, function.returns)
    return rule is not None and rule.function is function


def any_element(where: Expression, element: ColumnOf, array: Expression, at: int) -> Expression:
    """Return whether any element meets `where`: conditions without it, and one comparison with it.

    Raises: Refusal 0A000 for anything else.
    """
    parts = where.operands if isinstance(where, And) else (where,)
    about = [part for part in parts if _mentions(part, element)]
    if len(about) != 1:
        raise unavailable(at)
    compared = _compared(about[0], element, array, at)
    tested = tuple(compared if part is about[0] else part for part in parts)
    return RunTime(where.type, IsTest(And(tested) if len(tested) > 1 else compared, True))


def _compared(test: Expression, element: ColumnOf, array: Expression, at: int) -> Expression:
    if not isinstance(test, Apply) or len(test.arguments) != 2:
        raise unavailable(at)
    left, right = test.arguments
    function = function_for(test.arguments, test.function)
    if _mentions(left, element):
        left, right, function = right, left, _commuted(function)
    if _mentions(left, element):
        raise unavailable(at)
    return Quantified(function, left, with_each(right, element, array, at))


def _mentions(expression: Expression, element: ColumnOf) -> bool:
    return any(part == element for part in walk(expression))


def _commuted(function: Function) -> Function:
    left, right = function.parameters
    if function.name in _SYMMETRIC and left == right:
        return function
    return replace(
        function, name=f"commuted {function.name}", parameters=(right, left), run=_swapped(function.run)
    )


def _swapped(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right: run(right, left)
