"""Arithmetic on integers, numerics and doubles."""

from collections.abc import Callable
from decimal import Decimal
from operator import add, mul, sub
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.failure import out_of_range, too_large
from aerostore.policy.function.number_value import EXACT, fit_float, fit_integer, fit_numeric
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import FLOAT8, INT2, INT4, INT8, NUMERIC, Type

_INTEGERS = (INT2, INT4, INT8)
_SIGNIFICANT_DIGITS = 16
_LARGEST_SCALE = 1000
_LONGEST_DIVIDED = 5_000
_GROUP = 4
"""Digits that PostgreSQL's numeric keeps together; its division counts in such groups."""


def _refuse_zero(divisor: Any) -> None:
    if not divisor:
        raise EvaluationError("22012", "division by zero")


def _divide_integers(dividend: int, divisor: int) -> int:
    _refuse_zero(divisor)
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _remainder_of_integers(dividend: int, divisor: int) -> int:
    return dividend - divisor * _divide_integers(dividend, divisor)


def _refuse_long(*values: Decimal) -> None:
    """Refuse numbers that take long to divide: they come from whoever sends metadata."""
    if any(max(value.adjusted(), -_exponent(value)) > _LONGEST_DIVIDED for value in values):
        raise too_large(f"numbers of more than {_LONGEST_DIVIDED} digits are not divided")


def _divide_numerics(dividend: Decimal, divisor: Decimal) -> Decimal:
    _refuse_zero(divisor)
    _refuse_long(dividend, divisor)
    return _divide_to_scale(dividend, divisor, _division_scale(dividend, divisor))


def _divide_to_scale(dividend: Decimal, divisor: Decimal, scale: int) -> Decimal:
    """Divide, rounding half away from zero at `scale` digits after the point."""
    shift = max(-_exponent(dividend), -_exponent(divisor))
    top, bottom = int(EXACT.scaleb(dividend, shift + scale)), int(EXACT.scaleb(divisor, shift))
    half_up = (2 * abs(top) + abs(bottom)) // (2 * abs(bottom))
    quotient = half_up if (top < 0) == (bottom < 0) else -half_up
    return EXACT.scaleb(Decimal(quotient), -scale)


def _division_scale(dividend: Decimal, divisor: Decimal) -> int:
    """Return how many digits after the point PostgreSQL gives a quotient (select_div_scale)."""
    weight, first = _leading_group(dividend)
    divisor_weight, divisor_first = _leading_group(divisor)
    quotient_weight = weight - divisor_weight - (first <= divisor_first)
    scale = _SIGNIFICANT_DIGITS - quotient_weight * _GROUP
    return min(max(scale, -_exponent(dividend), -_exponent(divisor), 0), _LARGEST_SCALE)


def _leading_group(value: Decimal) -> tuple[int, int]:
    """Return the power of 10,000 that a number begins with, and that group's value."""
    if not value:
        return 0, 0
    weight = value.adjusted() // _GROUP
    return weight, int(EXACT.scaleb(value.copy_abs(), -weight * _GROUP))


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def _remainder_of_numerics(dividend: Decimal, divisor: Decimal) -> Decimal:
    _refuse_zero(divisor)
    _refuse_long(dividend, divisor)
    return EXACT.remainder(dividend, divisor)


def _multiply_floats(left: float, right: float) -> float:
    return _refuse_underflow(left * right, left and right)


def _divide_floats(dividend: float, divisor: float) -> float:
    _refuse_zero(divisor)
    return _refuse_underflow(dividend / divisor, dividend)


def _refuse_underflow(result: float, expected: float) -> float:
    if result == 0 and expected:
        raise out_of_range(FLOAT8)
    return result


def round_half_away(value: Decimal) -> int:
    """Round to an integer, halves away from zero."""
    return int(EXACT.quantize(value, Decimal(1)))


def _binary(symbol: str, type_: Type, run: Callable[[Any, Any], Any], fit: Callable[[Any], Any]) -> Function:
    return Function(
        name=symbol,
        parameters=(type_, type_),
        returns=type_,
        run=lambda left, right: fit(run(left, right)),
        may_raise=True,
    )


def _unary(name: str, type_: Type, run: Callable[[Any], Any], *, may_raise: bool = False) -> Function:
    return Function(name=name, parameters=(type_,), returns=type_, run=run, may_raise=may_raise)


def _fitting(type_: Type) -> Callable[[int], int]:
    return lambda value: fit_integer(type_, value)


def _integer_arithmetic(type_: Type) -> tuple[Function, ...]:
    fit = _fitting(type_)
    return (
        _binary("+", type_, add, fit),
        _binary("-", type_, sub, fit),
        _binary("*", type_, mul, fit),
        _binary("/", type_, _divide_integers, fit),
        _binary("%", type_, _remainder_of_integers, fit),
        _unary("-", type_, lambda value: fit(-value), may_raise=True),
        _unary("+", type_, lambda value: value),
    )


_NUMERIC_ARITHMETIC = (
    _binary("+", NUMERIC, EXACT.add, fit_numeric),
    _binary("-", NUMERIC, EXACT.subtract, fit_numeric),
    _binary("*", NUMERIC, EXACT.multiply, fit_numeric),
    _binary("/", NUMERIC, _divide_numerics, fit_numeric),
    _binary("%", NUMERIC, _remainder_of_numerics, fit_numeric),
    _unary("-", NUMERIC, lambda value: fit_numeric(EXACT.minus(value))),
    _unary("+", NUMERIC, lambda value: value),
)

_FLOAT_ARITHMETIC = (
    _binary("+", FLOAT8, add, fit_float),
    _binary("-", FLOAT8, sub, fit_float),
    _binary("*", FLOAT8, _multiply_floats, fit_float),
    _binary("/", FLOAT8, _divide_floats, fit_float),
    _unary("-", FLOAT8, lambda value: -value),
    _unary("+", FLOAT8, lambda value: value),
)

OPERATORS = (
    *(operator for type_ in _INTEGERS for operator in _integer_arithmetic(type_)),
    *_NUMERIC_ARITHMETIC,
    *_FLOAT_ARITHMETIC,
)


def _absolute(type_: Type) -> Function:
    fit = _fitting(type_)
    return _unary("abs", type_, lambda value: fit(abs(value)), may_raise=True)


FUNCTIONS = (
    *map(_absolute, _INTEGERS),
    _unary("abs", NUMERIC, EXACT.abs),
    _unary("abs", FLOAT8, abs),
    *(_binary("mod", type_, _remainder_of_integers, _fitting(type_)) for type_ in _INTEGERS),
    _binary("mod", NUMERIC, _remainder_of_numerics, fit_numeric),
)
