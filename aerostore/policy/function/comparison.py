"""Comparison operators: equality for every type, order for those whose order needs no locale."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.json_value import is_same_json
from aerostore.policy.function.time_value import DAY_MICROSECONDS
from aerostore.policy.value import (
    ANYARRAY,
    BOOL,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Interval,
    Json,
    Type,
)

ORDERED = (BOOL, INT2, INT4, INT8, NUMERIC, FLOAT8, TEXT, UUID, TIMESTAMPTZ, TIMESTAMP, DATE, INTERVAL)
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def is_same(left: Any, right: Any) -> bool:
    """Return whether two values of one type are equal; None equals None, as inside arrays."""
    if left is None or right is None:
        return left is right
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, Json):
        return is_same_json(left.value, right.value)
    return bool(sort_key(left) == sort_key(right))


def sort_key(value: Any) -> Any:
    """Return what orders a value of one of the ORDERED types; text by code points, as COLLATE "C" does."""
    if isinstance(value, Interval):
        # A month counts as 30 days and a day as 24 hours (PostgreSQL, interval_cmp_value).
        return (value.months * 30 + value.days) * DAY_MICROSECONDS + value.microseconds
    return value


def _differ(left: Any, right: Any) -> bool:
    return not is_same(left, right)


def _comparison(symbol: str, type_: Type) -> Function:
    compare = _ORDER[symbol]
    return Function(
        name=symbol,
        parameters=(type_, type_),
        returns=BOOL,
        run=lambda left, right: compare(sort_key(left), sort_key(right)),
    )


def _equality(type_: Type) -> Function:
    return Function(name="=", parameters=(type_, type_), returns=BOOL, run=is_same)


def _inequality(type_: Type) -> Function:
    return Function(name="<>", parameters=(type_, type_), returns=BOOL, run=_differ)


_COMPARED_AS_EQUAL = (*ORDERED, JSONB, ANYARRAY)

OPERATORS = (
    *map(_equality, _COMPARED_AS_EQUAL),
    *map(_inequality, _COMPARED_AS_EQUAL),
    *(_comparison(symbol, type_) for symbol in _ORDER for type_ in ORDERED),
)


def equality(type_: Type) -> Function | None:
    """Return the `=` of a type, for arrays too; None for a type without one, such as json."""
    if type_.element:
        return _equality(type_) if equality(type_.element) else None
    return _find("=", type_)


def ordering(type_: Type) -> Function | None:
    """Return the `<` of a type; None for a type whose order is not offered."""
    return _find("<", type_)


def needs_collation(function: Function) -> bool:
    """Return whether `function` orders text: exact only under COLLATE "C", so the binder demands that."""
    return function.name in _ORDER and function.parameters == (TEXT, TEXT)


def _find(symbol: str, type_: Type) -> Function | None:
    wanted = (type_, type_)
    return next((found for found in OPERATORS if found.name == symbol and found.parameters == wanted), None)
