"""Functions and operators on jsonb."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.cast import json_type_name
from aerostore.policy.function.failure import invalid_parameter
from aerostore.policy.function.io import output
from aerostore.policy.function.json_value import (
    is_container,
    json_contains,
    read_json,
    sorted_keys,
    write_json,
)
from aerostore.policy.function.number_value import read_integer, read_numeric
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import (
    ANY,
    ANYELEMENT,
    BOOL,
    INT4,
    JSONB,
    TEXT,
    Json,
    JsonText,
    Type,
    array_of,
)

Values = tuple[Any, ...]
_MISSING = object()


def _member(document: Json, key: str) -> Json | None:
    value = document.value
    return Json(value[key]) if isinstance(value, dict) and key in value else None


def _element(document: Json, index: int) -> Json | None:
    """Return an array's element; a bare value counts as an array of itself, as jsonb stores it."""
    value = document.value
    if isinstance(value, dict):
        return None
    elements = value if isinstance(value, list) else [value]
    return Json(elements[index]) if -len(elements) <= index < len(elements) else None


def _as_text(found: Json | None) -> str | None:
    if found is None or found.value is None:
        return None
    return found.value if isinstance(found.value, str) else write_json(found.value)


def _at_path(document: Json, path: Values) -> Json | None:
    value = document.value
    for step in path:
        value = _MISSING if step is None else _step(value, step)
        if value is _MISSING:
            return None
    return Json(value)


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step, _MISSING)
    index = path_index(step) if isinstance(value, list) else None
    if index is None or not -len(value) <= index < len(value):
        return _MISSING
    return value[index]


def path_index(step: str) -> int | None:
    """Return a path's text as an index, None when it is no integer."""
    try:
        return read_integer(INT4, step.rstrip()) if step.rstrip() == step else None
    except EvaluationError:
        return None


def _has_key(document: Json, key: str) -> bool:
    """Return whether `key` is an object's key, an array's text element, or the bare text itself."""
    value = document.value
    if isinstance(value, dict):
        return key in value
    elements = value if isinstance(value, list) else [value]
    return any(isinstance(element, str) and element == key for element in elements)


def _has_any_key(document: Json, keys: Values) -> bool:
    return any(key is not None and _has_key(document, key) for key in keys)


def _has_all_keys(document: Json, keys: Values) -> bool:
    return all(key is None or _has_key(document, key) for key in keys)


def _concatenate(left: Json, right: Json) -> Json:
    if isinstance(left.value, dict) and isinstance(right.value, dict):
        return Json({**left.value, **right.value})
    return Json(_listed(left.value) + _listed(right.value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _without_key(document: Json, key: str) -> Json:
    return _without_keys(document, (key,))


def _without_keys(document: Json, keys: Values) -> Json:
    value = document.value
    if not is_container(value):
        raise invalid_parameter("cannot delete from scalar")
    if isinstance(value, dict):
        return Json({key: value[key] for key in value if key not in keys})
    return Json([element for element in value if not isinstance(element, str) or element not in keys])


def _without_element(document: Json, index: int) -> Json:
    value = document.value
    if isinstance(value, dict):
        raise invalid_parameter("cannot delete from object using integer index")
    if not isinstance(value, list):
        raise invalid_parameter("cannot delete from scalar")
    place = index if index >= 0 else len(value) + index
    return Json([element for at, element in enumerate(value) if at != place])


def _array_of(document: Json, purpose: str) -> list[Any]:
    if isinstance(document.value, list):
        return document.value
    kind = "an object" if isinstance(document.value, dict) else "a scalar"
    raise invalid_parameter(f"cannot {purpose} {kind}")


def _array_length(document: Json) -> int:
    return len(_array_of(document, "get array length of"))


def _array_elements(document: Json) -> Values:
    return tuple(map(Json, _array_of(document, "extract elements from")))


def _array_elements_text(document: Json) -> Values:
    return tuple(map(_as_text, _array_elements(document)))


def _object_keys(document: Json) -> Values:
    if not isinstance(document.value, dict):
        kind = "an array" if isinstance(document.value, list) else "a scalar"
        raise invalid_parameter(f"cannot call jsonb_object_keys on {kind}")
    return tuple(sorted_keys(document.value))


def to_json(value: Any) -> Any:
    """Return the JSON value of a SQL value, as to_jsonb() makes it."""
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    if isinstance(value, tuple):
        return [to_json(element) for element in value]
    if isinstance(value, Json):
        return value.value
    if isinstance(value, float):
        return read_numeric(output(value))
    if isinstance(value, JsonText):
        return read_json(value.text)
    return _iso(value) if isinstance(value, date) else output(value)


def _iso(value: date) -> str:
    text = output(value).replace(" ", "T")
    return f"{text}:00" if isinstance(value, datetime) and value.tzinfo else text


def _to_jsonb(value: Any) -> Json:
    return Json(to_json(value))


def _build_array(*values: Any) -> Json:
    return Json([to_json(value) for value in values])


def _build_object(*values: Any) -> Json:
    if len(values) % 2:
        raise invalid_parameter("argument list must have even number of elements")
    pairs = list(pairwise(values))[::2]
    return Json({_key(key): to_json(value) for key, value in pairs})


def _key(value: Any) -> str:
    if value is None:
        raise invalid_parameter("key must not be null")
    if isinstance(value, tuple | Json | JsonText):
        raise invalid_parameter("key value must be scalar, not array, composite, or json")
    shown = output(value) if isinstance(value, float) else to_json(value)
    return shown if isinstance(shown, str) else write_json(shown)


def _function(
    name: str,
    parameters: tuple[Type, ...],
    run: Callable[..., Any],
    returns: Type = JSONB,
    *,
    strict: bool = True,
    may_raise: bool = False,
    variadic: bool = False,
    returns_set: bool = False,
) -> Function:
    return Function(
        name=name,
        parameters=parameters,
        returns=returns,
        run=run,
        strict=strict,
        may_raise=may_raise,
        variadic=variadic,
        returns_set=returns_set,
    )


_TEXTS = array_of(TEXT)
_WITH_KEY = (JSONB, TEXT)
_WITH_KEYS = (JSONB, _TEXTS)
_WITH_INDEX = (JSONB, INT4)

FUNCTIONS = (
    _function("jsonb_typeof", (JSONB,), lambda document: json_type_name(document.value), TEXT),
    _function("jsonb_array_length", (JSONB,), _array_length, INT4, may_raise=True),
    _function("jsonb_array_elements", (JSONB,), _array_elements, may_raise=True, returns_set=True),
    _function(
        "jsonb_array_elements_text", (JSONB,), _array_elements_text, TEXT, may_raise=True, returns_set=True
    ),
    _function("jsonb_object_keys", (JSONB,), _object_keys, TEXT, may_raise=True, returns_set=True),
    _function(
        "jsonb_extract_path", _WITH_KEY, lambda document, *path: _at_path(document, path), variadic=True
    ),
    _function(
        "jsonb_extract_path_text",
        _WITH_KEY,
        lambda document, *path: _as_text(_at_path(document, path)),
        TEXT,
        variadic=True,
    ),
    _function("jsonb_exists", _WITH_KEY, _has_key, BOOL),
    _function("to_jsonb", (ANYELEMENT,), _to_jsonb, may_raise=True),
    _function("jsonb_build_object", (), lambda: Json({})),
    _function("jsonb_build_object", (ANY,), _build_object, strict=False, may_raise=True, variadic=True),
    _function("jsonb_build_array", (), lambda: Json([])),
    _function("jsonb_build_array", (ANY,), _build_array, strict=False, may_raise=True, variadic=True),
)

OPERATORS = (
    _function("->", _WITH_KEY, _member),
    _function("->", _WITH_INDEX, _element),
    _function("->>", _WITH_KEY, lambda document, key: _as_text(_member(document, key)), TEXT),
    _function("->>", _WITH_INDEX, lambda document, index: _as_text(_element(document, index)), TEXT),
    _function("#>", _WITH_KEYS, _at_path),
    _function("#>>", _WITH_KEYS, lambda document, path: _as_text(_at_path(document, path)), TEXT),
    _function("?", _WITH_KEY, _has_key, BOOL),
    _function("?|", _WITH_KEYS, _has_any_key, BOOL),
    _function("?&", _WITH_KEYS, _has_all_keys, BOOL),
    _function("@>", (JSONB, JSONB), lambda outer, inner: json_contains(outer.value, inner.value), BOOL),
    _function("<@", (JSONB, JSONB), lambda inner, outer: json_contains(outer.value, inner.value), BOOL),
    _function("||", (JSONB, JSONB), _concatenate),
    _function("-", _WITH_KEY, _without_key, may_raise=True),
    _function("-", _WITH_KEYS, _without_keys, may_raise=True),
    _function("-", _WITH_INDEX, _without_element, may_raise=True),
)
