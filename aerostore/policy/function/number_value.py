"""Numbers as text: what PostgreSQL reads as an integer, a numeric or a double, and what it writes."""

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from math import inf, isinf, nextafter

from aerostore.policy.function.failure import invalid_text, out_of_range, unsupported
from aerostore.policy.value import FLOAT8, INT2, INT4, INT8, NUMERIC, Type

EXACT = Context(prec=200_000, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Arithmetic that never rounds unasked within the limits of numeric; when asked, halves away from zero."""
DIGITS_BEFORE_POINT = 131_072
DIGITS_AFTER_POINT = 16_383

SPACE = " \t\n\v\f\r"
_MOST_DIGITS = 19
_BITS = {INT2: 16, INT4: 32, INT8: 64}
_INTEGER = re.compile(rf"[{SPACE}]*([-+]?[0-9]+)")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[-+]?0[xX]")
_SHORTEST_PLAIN = range(-4, 15)


def fit_integer(type_: Type, value: int) -> int:
    """Return `value`. Raises: EvaluationError 22003 when the integer type cannot hold it."""
    limit = 1 << (_BITS[type_] - 1)
    if not -limit <= value < limit:
        raise out_of_range(type_)
    return value


def fit_numeric(value: Decimal) -> Decimal:
    """Return `value` without a positive exponent or a negative zero, as numeric keeps it.

    Raises: EvaluationError 22003 beyond the digits that numeric has.
    """
    digits = value.as_tuple()
    exponent = int(digits.exponent)
    if exponent < -DIGITS_AFTER_POINT or (value and value.adjusted() >= DIGITS_BEFORE_POINT):
        raise out_of_range(NUMERIC)
    if not value:
        return Decimal((0, (0,), min(exponent, 0)))
    return value if exponent <= 0 else EXACT.quantize(value, Decimal(1))


def fit_float(value: float) -> float:
    """Return `value`. Raises: EvaluationError 22003 when it overflowed."""
    if isinf(value):
        raise out_of_range(FLOAT8)
    return value


def read_integer(type_: Type, text: str) -> int:
    """Read an integer. Raises: EvaluationError 22P02, 22003."""
    found = _INTEGER.match(text)
    if not found:
        raise invalid_text(type_, text)
    digits = found[1].lstrip("+-0")
    if len(digits) > _MOST_DIGITS:
        raise out_of_range(type_)
    value = fit_integer(type_, int(digits or 0) * (-1 if found[1].startswith("-") else 1))
    if text[found.end() :].strip(SPACE):
        raise invalid_text(type_, text)
    return value


def read_numeric(text: str) -> Decimal:
    """Read a numeric. Raises: EvaluationError 22P02, 22003; 0A000 for NaN and infinity."""
    stripped = _finite(NUMERIC, text)
    exponent = stripped.lower().partition("e")[2]
    if len(exponent.lstrip("+-0")) > 6:
        raise out_of_range(NUMERIC)
    return fit_numeric(Decimal(stripped))


def read_float(text: str) -> float:
    """Read a double. Raises: EvaluationError 22P02, 22003; 0A000 for NaN and infinity."""
    stripped = _finite(FLOAT8, text)
    value = fit_float(float(stripped))
    mantissa = stripped.lower().partition("e")[0]
    if value == 0 and mantissa.strip("+-.0"):
        raise out_of_range(FLOAT8)
    return value


def write_numeric(value: Decimal) -> str:
    """Write a numeric with all the digits of its scale."""
    return format(value, "f")


def write_float(value: float) -> str:
    """Write a double with the fewest digits that read back as itself."""
    sign, digits, exponent = _shortest(value).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + int(exponent) if value else 1
    minus = "-" if sign else ""
    if point - 1 not in _SHORTEST_PLAIN:
        fraction = f".{shown[1:]}" if shown[1:] else ""
        return f"{minus}{shown[0]}{fraction}e{point - 1:+03d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{shown}"
    fraction = f".{shown[point:]}" if shown[point:] else ""
    return f"{minus}{shown[:point].ljust(point, '0')}{fraction}"


def _shortest(value: float) -> Decimal:
    """Return the shortest decimal that reads back as `value`, but none halfway to its neighbour.

    Python takes those where rounding to even saves them, PostgreSQL does not: 9.999999999999999e+22.
    """
    found = Decimal(repr(value))
    neighbour = nextafter(value, inf if found > Decimal(value) else -inf)
    halfway = EXACT.multiply(found, Decimal(2)) == EXACT.add(Decimal(value), Decimal(neighbour))
    if not halfway:
        return found
    shorter = Decimal(f"{value:.15e}")
    return shorter if shorter != found and float(shorter) == value else Decimal(f"{value:.16e}")


def _finite(type_: Type, text: str) -> str:
    stripped = text.strip(SPACE)
    if _NOT_FINITE.fullmatch(stripped) or (type_ == FLOAT8 and _HEXADECIMAL.match(stripped)):
        raise unsupported(f'{type_} input "{text}": only finite decimal numbers')
    if not _DECIMAL.fullmatch(stripped):
        raise invalid_text(type_, text)
    return stripped
