"""Operators on json, the type that keeps its text: `'{"a": 1.0}'::json -> 'a'` is `1.0` as written."""

import json
from collections.abc import Callable
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.json_value import check_escapes
from aerostore.policy.function.jsonb import path_index
from aerostore.policy.value import INT4, JSON, TEXT, JsonText, Type, array_of

_SPACE = " \t\n\r"
_scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode


def _member(document: JsonText, key: str) -> JsonText | None:
    check_escapes(document.text)  # json may hold any, but its operators read every string
    found = _members(document.text).get(key)
    return None if found is None else JsonText(found)


def _element(document: JsonText, index: int) -> JsonText | None:
    check_escapes(document.text)
    elements = _elements(document.text)
    return JsonText(elements[index]) if -len(elements) <= index < len(elements) else None


def _at_path(document: JsonText, path: tuple[str | None, ...]) -> JsonText | None:
    found: JsonText | None = JsonText(document.text.strip(_SPACE))
    check_escapes(document.text)
    for step in path:
        if found is None or step is None:
            return None
        found = _step(found, step)
    return found


def _step(document: JsonText, step: str) -> JsonText | None:
    if document.text.startswith("{"):
        return _member(document, step)
    index = path_index(step)
    return None if index is None else _element(document, index)


def _as_text(found: JsonText | None) -> str | None:
    if found is None or found.text == "null":
        return None
    return str(_scan(found.text)[0]) if found.text.startswith('"') else found.text


def _members(text: str) -> dict[str, str]:
    """Return an object's values as written, by key; the last of equal keys wins."""
    members = {}
    at = _open(text, "{")
    while at is not None:
        key, end = _scan(text, at)
        value_at = _skip(text, _skip(text, end) + 1)
        end = _scan(text, value_at)[1]
        members[key] = text[value_at:end]
        at = _next(text, end)
    return members


def _elements(text: str) -> list[str]:
    """Return an array's elements as written; none of anything else."""
    elements = []
    at = _open(text, "[")
    while at is not None:
        end = _scan(text, at)[1]
        elements.append(text[at:end])
        at = _next(text, end)
    return elements


def _open(text: str, bracket: str) -> int | None:
    """Return where the first item of an object or array begins, None without one."""
    at = _skip(text, 0)
    if text[at] != bracket:
        return None
    first = _skip(text, at + 1)
    return None if text[first] in "]}" else first


def _next(text: str, end: int) -> int | None:
    mark = _skip(text, end)
    return _skip(text, mark + 1) if text[mark] == "," else None


def _skip(text: str, at: int) -> int:
    while text[at] in _SPACE:
        at += 1
    return at


def _function(name: str, key: Type, run: Callable[..., Any], returns: Type) -> Function:
    return Function(name=name, parameters=(JSON, key), returns=returns, run=run, may_raise=True)


_TEXTS = array_of(TEXT)

OPERATORS = (
    _function("->", TEXT, _member, JSON),
    _function("->", INT4, _element, JSON),
    _function("->>", TEXT, lambda document, key: _as_text(_member(document, key)), TEXT),
    _function("->>", INT4, lambda document, index: _as_text(_element(document, index)), TEXT),
    _function("#>", _TEXTS, _at_path, JSON),
    _function("#>>", _TEXTS, lambda document, path: _as_text(_at_path(document, path)), TEXT),
)
