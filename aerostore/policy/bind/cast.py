"""Casts of bound expressions, and literals that get their type from where they stand."""

from collections.abc import Sequence

from aerostore.policy.bind.type import common_type, turns_into
from aerostore.policy.expression import Apply, Constant, Expression
from aerostore.policy.function import find_cast
from aerostore.policy.function.io import read_text
from aerostore.policy.problem import EvaluationError, Refusal
from aerostore.policy.value import BOOL, TEXT, UNKNOWN, Type

_RANK = {"implicit": 0, "assignment": 1, "explicit": 2}


def cast(operand: Expression, target: Type, at: int, context: str = "explicit") -> Expression | None:
    """Return `operand` as a `target`, or None when `context` has no cast that does it.

    context: `implicit`, `assignment` or `explicit`, as in PostgreSQL's pg_cast.
    Raises: Refusal when a literal is no such value.
    """
    if isinstance(operand, Constant) and operand.type == UNKNOWN:
        return _read_literal(operand, target, at)
    if operand.type == target:
        return operand
    rule = find_cast(operand.type, target)
    if rule is None or _RANK[rule.context] > _RANK[context]:
        return None
    return Apply(target, rule.function, (operand,)) if rule.function else operand


def _read_literal(literal: Constant, target: Type, at: int) -> Constant:
    if literal.value is None:
        return Constant(target, None)
    try:
        return Constant(target, read_text(target, literal.value))
    except EvaluationError as error:
        hint = (
            "a literal beside an array is read as one: take one element, (array)[1]" if target.element else ""
        )
        raise Refusal(at, error.code, error.message, hint) from error


def implicitly(operand: Expression, target: Type, at: int) -> Expression:
    """Return `operand` as a `target`, without a written cast. Raises: Refusal 42846."""
    found = cast(operand, target, at, "implicit")
    if found is None:
        raise Refusal(at, "42846", f"cannot cast type {operand.type} to {target}")
    return found


def settled(operand: Expression, at: int) -> Expression:
    """Return `operand`; a literal that nothing gave a type to is text."""
    return implicitly(operand, TEXT, at) if operand.type == UNKNOWN else operand


def condition(operand: Expression, at: int, construct: str) -> Expression:
    """Return `operand` as a boolean. construct: what requires it, as PostgreSQL's message says."""
    found = cast(operand, BOOL, at, "assignment")
    if found is None:
        raise Refusal(at, "42804", f"argument of {construct} must be type boolean, not type {operand.type}")
    return found


def alike(
    operands: Sequence[Expression], places: Sequence[int], construct: str
) -> tuple[Type, tuple[Expression, ...]]:
    """Return the type that `operands` have in common, and them as of that type.

    Raises: Refusal 42804 when there is none, 42846 when one operand does not turn into it.
    """
    types = [operand.type for operand in operands]
    shared = common_type(types)
    if shared is None:
        raise _unlike(types, places, construct)
    for operand, at in zip(operands, places, strict=True):
        if not turns_into(operand.type, shared):
            raise Refusal(at, "42846", f"{construct} could not convert type {operand.type} to {shared}")
    pairs = zip(operands, places, strict=True)
    return shared, tuple(implicitly(operand, shared, at) for operand, at in pairs)


def _unlike(types: Sequence[Type], places: Sequence[int], construct: str) -> Refusal:
    """Return the refusal at the first operand that does not go with those before it."""
    odd = next(count for count in range(1, len(types)) if common_type(types[: count + 1]) is None)
    message = f"{construct} types {common_type(types[:odd])} and {types[odd]} cannot be matched"
    return Refusal(places[odd], "42804", message)
