"""JSON as PostgreSQL's jsonb keeps it: reading, writing, equality and containment."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from aerostore.policy.function.failure import invalid_text
from aerostore.policy.function.number_value import read_numeric, write_numeric
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import JSON, JSONB

DEEPEST = 200
"""Levels of nesting that are read. PostgreSQL's own limit depends on its stack: thousands."""
_LONGEST_INTEGER = 18
_PAIR = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = r"u[dD][89a-fA-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\(?:{_PAIR}|(?P<zero>u0000)|(?P<half>{_HALF})|.)", re.DOTALL)


def read_json(text: str) -> Any:
    r"""Read the text of a jsonb: the last of equal keys wins, numbers are numerics.

    Raises: EvaluationError 22P02; 22P05 for \u0000; 22003 for a number beyond numeric; 54001 when it is
    nested too deeply.
    """
    _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except ValueError as exc:
        check_escapes(text[: _end_of_valid(text, exc)])
        raise invalid_text(JSONB, text) from exc
    check_escapes(text)
    return value


def check_json(text: str) -> None:
    """Check the text of a json, which keeps any number and any escape as written.

    Raises: EvaluationError 22P02; 54001 when it is nested too deeply.
    """
    _check_depth(text)
    try:
        _CHECKER.decode(text)
    except ValueError as exc:
        raise invalid_text(JSON, text) from exc


def check_escapes(text: str) -> None:
    r"""Check what the escapes in JSON stand for, in their order.

    Raises: EvaluationError 22P05 for \u0000; 22P02 for half a surrogate pair.
    """
    if "\\u" not in text:
        return
    for escape in _ESCAPE.finditer(text):
        if escape["zero"]:
            raise EvaluationError("22P05", "unsupported Unicode escape sequence")
        if escape["half"]:
            raise invalid_text(JSON, text)


def write_json(value: Any) -> str:
    """Write a jsonb as PostgreSQL does: sorted keys, one space after a comma or a colon."""
    return "".join(_pieces(value))


def sorted_keys(value: Mapping[str, Any]) -> list[str]:
    """Return the keys in jsonb's order: short ones first, then by their bytes."""
    return sorted(value, key=lambda key: (len(encoded := key.encode()), encoded))


def is_container(value: Any) -> bool:
    """Return whether a JSON value is an object or an array."""
    return isinstance(value, dict | list)


def is_same_json(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal: numbers by value, true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same_json, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def json_contains(outer: Any, inner: Any) -> bool:
    """Return whether jsonb `outer @> inner`: an array also contains a bare value that is its element."""
    if isinstance(outer, list) and not is_container(inner):
        return _has_element(outer, inner)
    return _contains_same_kind(outer, inner)


def _contains_same_kind(outer: Any, inner: Any) -> bool:
    if isinstance(outer, dict) and isinstance(inner, dict):
        return all(key in outer and _contains_same_kind(outer[key], inner[key]) for key in inner)
    if isinstance(outer, list) and isinstance(inner, list):
        return all(_has_element(outer, element) for element in inner)
    return is_same_json(outer, inner)


def _has_element(outer: list[Any], element: Any) -> bool:
    matches = _contains_same_kind if is_container(element) else is_same_json
    return any(matches(candidate, element) for candidate in outer)


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        members = (f"{_quote(key)}: {write_json(value[key])}" for key in sorted_keys(value))
        yield f"{{{', '.join(members)}}}"
    elif isinstance(value, list):
        yield f"[{', '.join(map(write_json, value))}]"
    elif isinstance(value, Decimal):
        yield write_numeric(value)
    else:
        yield _quote(value)


_quote = json.JSONEncoder(ensure_ascii=False).encode


def _end_of_valid(text: str, error: ValueError) -> int:
    """Return how far PostgreSQL reads before it finds what `json` has found."""
    if not isinstance(error, json.JSONDecodeError):
        return 0
    if error.msg.startswith("Unterminated"):
        return len(text)
    # An escape right before the end is called invalid; `pos` is at its `u`.
    return error.pos + len("u0000") if error.msg.startswith("Invalid \\u") else error.pos


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for mark in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
        if depth > DEEPEST:
            raise EvaluationError("54001", "JSON is nested too deeply")


def _read_number(text: str) -> Decimal | int:
    if len(text) <= _LONGEST_INTEGER and text.lstrip("-").isdecimal():
        return int(text)
    return read_numeric(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_CHECKER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
_DECODER = json.JSONDecoder(parse_int=_read_number, parse_float=_read_number, parse_constant=_refuse_constant)
