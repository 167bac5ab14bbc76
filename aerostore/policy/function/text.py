"""Functions and operators on text, as far as they need no locale but that of upper and lower case."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.cast import as_text
from aerostore.policy.function.failure import invalid_parameter, too_large, unsupported
from aerostore.policy.function.io import output
from aerostore.policy.function.letter_case import lower, lower_ascii, upper, upper_ascii
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import (
    ANY,
    ANYARRAY,
    ANYNONARRAY,
    BOOL,
    INT4,
    TEXT,
    Type,
    array_of,
)

LONGEST = 1_000_000
"""Characters that a function may make out of shorter text. PostgreSQL allows a gigabyte."""
_LOWEST_INT4 = -(2**31)
_SPECIFIER = re.compile("%(.?)", re.DOTALL)


def _substring_from(text: str, start: int) -> str:
    return text[max(start - 1, 0) :]


def _substring(text: str, start: int, length: int) -> str:
    if length < 0:
        raise EvaluationError("22011", "negative substring length not allowed")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


def _left(text: str, count: int) -> str:
    return text[:count]


def _right(text: str, count: int) -> str:
    if count >= 0:
        return text[max(len(text) - count, 0) :]
    return text if count == _LOWEST_INT4 else text[-count:]  # PostgreSQL cannot negate the lowest


def _split_part(text: str, delimiter: str, field: int) -> str:
    if field == 0:
        raise invalid_parameter("field position must not be zero")
    parts = text.split(delimiter) if delimiter else [text]
    index = field - 1 if field > 0 else field
    return parts[index] if -len(parts) <= index < len(parts) else ""


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    _check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _position(text: str, part: str) -> int:
    return text.find(part) + 1


def _join(separator: str, values: tuple[Any, ...]) -> str:
    joined = separator.join(output(value) for value in values if value is not None)
    _check_length(len(joined))
    return joined


def _concat(*values: Any) -> str:
    return _join("", values)


def _concat_with_separator(separator: str | None, *values: Any) -> str | None:
    return None if separator is None else _join(separator, values)


def _pad_left(text: str, length: int, fill: str = " ") -> str:
    return _padding(text, length, fill) + text[: max(length, 0)]


def _pad_right(text: str, length: int, fill: str = " ") -> str:
    return text[: max(length, 0)] + _padding(text, length, fill)


def _padding(text: str, length: int, fill: str) -> str:
    _check_length(length)
    missing = length - len(text)
    if missing <= 0 or not fill:
        return ""
    return (fill * (missing // len(fill) + 1))[:missing]


def _repeat(text: str, count: int) -> str:
    _check_length(len(text) * count)
    return text * count


def _translate(text: str, old: str, new: str) -> str:
    table: dict[int, str | None] = {}
    for place, character in enumerate(old):
        table.setdefault(ord(character), new[place] if place < len(new) else None)
    return text.translate(table)


def _character(code: int) -> str:
    if code < 0:
        raise too_large("character number must be positive")
    if code == 0:
        raise too_large("null character not permitted")
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise too_large(f"requested character not valid for encoding: {code}")
    return chr(code)


def _string_to_array(text: str | None, delimiter: str | None, null: str | None = None) -> Any:
    if text is None:
        return None
    return tuple(None if part == null else part for part in _split(text, delimiter))


def _split(text: str, delimiter: str | None) -> list[str]:
    if not text:
        return []
    if delimiter is None:
        return list(text)
    return text.split(delimiter) if delimiter else [text]


def _array_to_string(values: Any, delimiter: str | None, null: str | None = None) -> str | None:
    if values is None or delimiter is None:
        return None
    return _join(delimiter, tuple(null if value is None else value for value in values))


def _format(template: str | None, *values: Any) -> str | None:
    """Fill in `%s` and `%%`; the other forms of format() are refused."""
    if template is None:
        return None
    remaining = iter(values)
    return _SPECIFIER.sub(lambda found: _fill(found[1], remaining), template)


def _fill(specifier: str, remaining: Iterator[Any]) -> str:
    if specifier == "%":
        return "%"
    if not specifier:
        raise invalid_parameter("unterminated format() type specifier")
    if specifier != "s":
        raise unsupported(f"%{specifier} in format()")
    try:
        value = next(remaining)
    except StopIteration:
        raise invalid_parameter("too few arguments for format()") from None
    return "" if value is None else output(value)


def _concatenate(left: Any, right: Any) -> str:
    return as_text(left) + as_text(right)


def _check_length(length: int) -> None:
    if length > LONGEST:
        raise too_large("requested length too large")


def _function(
    name: str,
    parameters: tuple[Type, ...],
    run: Callable[..., Any],
    returns: Type = TEXT,
    *,
    strict: bool = True,
    may_raise: bool = False,
    variadic: bool = False,
) -> Function:
    return Function(
        name=name,
        parameters=parameters,
        returns=returns,
        run=run,
        strict=strict,
        may_raise=may_raise,
        variadic=variadic,
    )


_ONE = (TEXT,)
_TWO = (TEXT, TEXT)
_THREE = (TEXT, TEXT, TEXT)

_MEASURES = (
    *(_function(name, _ONE, len, INT4) for name in ("length", "char_length", "character_length")),
    _function("octet_length", _ONE, lambda text: len(text.encode()), INT4),
    _function("bit_length", _ONE, lambda text: 8 * len(text.encode()), INT4),
    _function("ascii", _ONE, lambda text: ord(text[0]) if text else 0, INT4),
    _function("strpos", _TWO, _position, INT4),
    _function("position", _TWO, _position, INT4),
    _function("starts_with", _TWO, str.startswith, BOOL),
)

_PARTS = (
    *(_function(name, (TEXT, INT4), _substring_from) for name in ("substr", "substring")),
    *(_function(name, (TEXT, INT4, INT4), _substring, may_raise=True) for name in ("substr", "substring")),
    _function("left", (TEXT, INT4), _left),
    _function("right", (TEXT, INT4), _right),
    _function("split_part", (TEXT, TEXT, INT4), _split_part, may_raise=True),
    _function("btrim", _ONE, lambda text: text.strip(" ")),
    _function("btrim", _TWO, str.strip),
    _function("ltrim", _ONE, lambda text: text.lstrip(" ")),
    _function("ltrim", _TWO, str.lstrip),
    _function("rtrim", _ONE, lambda text: text.rstrip(" ")),
    _function("rtrim", _TWO, str.rstrip),
)

_LOWER = _function("lower", _ONE, lower)
_UPPER = _function("upper", _ONE, upper)

BYTEWISE = {_LOWER: replace(_LOWER, run=lower_ascii), _UPPER: replace(_UPPER, run=upper_ascii)}
"""What these functions are for text of COLLATE "C"."""

_CHANGES = (
    _LOWER,
    _UPPER,
    _function("reverse", _ONE, lambda text: text[::-1]),
    _function("md5", _ONE, lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
    _function("replace", _THREE, _replace, may_raise=True),
    _function("translate", _THREE, _translate),
    _function("repeat", (TEXT, INT4), _repeat, may_raise=True),
    _function("chr", (INT4,), _character, may_raise=True),
    *(_function("lpad", (TEXT, INT4, *fill), _pad_left, may_raise=True) for fill in ((), (TEXT,))),
    *(_function("rpad", (TEXT, INT4, *fill), _pad_right, may_raise=True) for fill in ((), (TEXT,))),
)

_JOINS = (
    _function("concat", (ANY,), _concat, strict=False, may_raise=True, variadic=True),
    _function("concat_ws", (TEXT, ANY), _concat_with_separator, strict=False, may_raise=True, variadic=True),
    _function("format", (TEXT,), _format, strict=False, may_raise=True),
    _function("format", (TEXT, ANY), _format, strict=False, may_raise=True, variadic=True),
    _function("string_to_array", _TWO, _string_to_array, array_of(TEXT), strict=False),
    _function("string_to_array", _THREE, _string_to_array, array_of(TEXT), strict=False),
    _function("array_to_string", (ANYARRAY, TEXT), _array_to_string, strict=False, may_raise=True),
    _function("array_to_string", (ANYARRAY, TEXT, TEXT), _array_to_string, strict=False, may_raise=True),
)

FUNCTIONS = (*_MEASURES, *_PARTS, *_CHANGES, *_JOINS)

OPERATORS = (
    _function("||", _TWO, _concatenate),
    _function("||", (TEXT, ANYNONARRAY), _concatenate),
    _function("||", (ANYNONARRAY, TEXT), _concatenate),
    _function("^@", _TWO, str.startswith, BOOL),
)
