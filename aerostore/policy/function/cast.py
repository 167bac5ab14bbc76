"""Casts between types: which exist, where PostgreSQL applies them, and what they do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Literal

from aerostore.policy.expression import Function
from aerostore.policy.function.failure import invalid_parameter, out_of_range
from aerostore.policy.function.io import output, read_text
from aerostore.policy.function.number import round_half_away
from aerostore.policy.function.number_value import fit_float, fit_integer, fit_numeric
from aerostore.policy.value import (
    BOOL,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSON,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    Json,
    JsonText,
    Type,
    array_of,
)

Context = Literal["implicit", "assignment", "explicit"]


@dataclass(frozen=True, slots=True)
class CastRule:
    """How one type becomes another. function: None when the value is already right.

    context: where it applies unasked: `implicit` in any expression, the others only where a cast is
    written (policies assign nothing).
    """

    function: Function | None
    context: Context


def as_text(value: Any) -> str:
    """Return `value::text`: as its type prints it, but a boolean in full."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return output(value)


def _integer_from_numeric(target: Type, value: Decimal) -> int:
    return fit_integer(target, round_half_away(value))


def _integer_from_float(target: Type, value: float) -> int:
    return fit_integer(target, round(value))


def _numeric_from_float(value: float) -> Decimal:
    # PostgreSQL keeps the 15 digits that every double has (float8_numeric).
    return fit_numeric(Decimal(f"{value:.15g}"))


def _float_from_numeric(value: Decimal) -> float:
    result = float(value)
    if value and not result:
        raise out_of_range(FLOAT8)
    return fit_float(result)


def _midnight(value: date) -> datetime:
    return datetime(value.year, value.month, value.day)


def _json_scalar(target: Type, wanted: tuple[type, ...], convert: Callable[[Any], Any], value: Json) -> Any:
    if isinstance(value.value, wanted) and (bool in wanted or not isinstance(value.value, bool)):
        return convert(value.value)
    raise invalid_parameter(f"cannot cast jsonb {json_type_name(value.value)} to type {target}")


def json_type_name(value: Any) -> str:
    """Return what jsonb_typeof() calls a JSON value."""
    kinds: Mapping[type, str] = {bool: "boolean", str: "string", dict: "object", list: "array"}
    return "null" if value is None else kinds.get(type(value), "number")


def _cast(
    source: Type, target: Type, context: Context, run: Callable[[Any], Any], *, may_raise: bool = False
) -> tuple[tuple[Type, Type], CastRule]:
    function = Function(
        name=f"{source}::{target}", parameters=(source,), returns=target, run=run, may_raise=may_raise
    )
    return (source, target), CastRule(function, context)


def _number_casts() -> list[tuple[tuple[Type, Type], CastRule]]:
    integers = (INT2, INT4, INT8)
    rules = []
    for place, source in enumerate(integers):
        for target in integers[:place]:
            rules.append(_cast(source, target, "assignment", partial(fit_integer, target), may_raise=True))
        for target in integers[place + 1 :]:
            rules.append(_cast(source, target, "implicit", int))
        rules.append(_cast(source, NUMERIC, "implicit", Decimal))
        rules.append(_cast(source, FLOAT8, "implicit", float))
        to_integer = partial(_integer_from_numeric, source)
        rules.append(_cast(NUMERIC, source, "assignment", to_integer, may_raise=True))
        to_integer = partial(_integer_from_float, source)
        rules.append(_cast(FLOAT8, source, "assignment", to_integer, may_raise=True))
    return rules


def _json_casts() -> list[tuple[tuple[Type, Type], CastRule]]:
    number = (int, Decimal)
    converters: dict[Type, Callable[[Any], Any]] = {
        INT2: lambda value: _integer_from_numeric(INT2, Decimal(value)),
        INT4: lambda value: _integer_from_numeric(INT4, Decimal(value)),
        INT8: lambda value: _integer_from_numeric(INT8, Decimal(value)),
        NUMERIC: Decimal,
        FLOAT8: lambda value: _float_from_numeric(Decimal(value)),
    }
    rules = [
        _cast(JSONB, target, "explicit", partial(_json_scalar, target, number, convert), may_raise=True)
        for target, convert in converters.items()
    ]
    to_bool = partial(_json_scalar, BOOL, (bool,), bool)
    return [*rules, _cast(JSONB, BOOL, "explicit", to_bool, may_raise=True)]


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _naive(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


_RULES: Mapping[tuple[Type, Type], CastRule] = dict(
    [
        *_number_casts(),
        *_json_casts(),
        _cast(NUMERIC, FLOAT8, "implicit", _float_from_numeric, may_raise=True),
        _cast(FLOAT8, NUMERIC, "assignment", _numeric_from_float),
        _cast(INT4, BOOL, "explicit", bool),
        _cast(BOOL, INT4, "explicit", int),
        _cast(DATE, TIMESTAMP, "implicit", _midnight),
        _cast(DATE, TIMESTAMPTZ, "implicit", lambda value: _aware(_midnight(value))),
        _cast(TIMESTAMP, TIMESTAMPTZ, "implicit", _aware),
        _cast(TIMESTAMP, DATE, "assignment", datetime.date),
        _cast(TIMESTAMPTZ, TIMESTAMP, "assignment", _naive),
        _cast(TIMESTAMPTZ, DATE, "assignment", lambda value: _naive(value).date()),
        _cast(JSONB, JSON, "assignment", lambda value: JsonText(output(value))),
        _cast(JSON, JSONB, "assignment", lambda value: read_text(JSONB, value.text), may_raise=True),
    ]
)


@lru_cache(maxsize=512)
def find_cast(source: Type, target: Type) -> CastRule | None:
    """Find how `source` becomes `target`; None when PostgreSQL has no such cast.

    Unknown literals are not cast: `read_text` reads them as the target type.
    """
    if source == target:
        return CastRule(None, "implicit")
    if rule := _RULES.get((source, target)):
        return rule
    if source.element and target.element:
        return _array_cast(source.element, target.element)
    if target == TEXT:
        return _cast(source, target, "assignment", as_text)[1]
    if source == TEXT:
        return _cast(source, target, "explicit", partial(read_text, target), may_raise=True)[1]
    return None


def _array_cast(source: Type, target: Type) -> CastRule | None:
    rule = find_cast(source, target)
    if rule is None or rule.function is None:
        return rule
    run = rule.function.run
    function = Function(
        name=f"{source}[]::{target}[]",
        parameters=(array_of(source),),
        returns=array_of(target),
        run=lambda values: tuple(None if value is None else run(value) for value in values),
        may_raise=rule.function.may_raise,
    )
    return CastRule(function, rule.context)
