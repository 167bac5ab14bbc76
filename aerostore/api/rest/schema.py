"""The shape of JSON bodies and query strings: a checker with the coercions and messages of AJV.

It knows types, limits and choices. Rules for names, sizes and types of content live with the nouns.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from aerostore.api.json_depth import is_writable
from aerostore.errors import MalformedJson, SchemaViolation

Kind = Literal["string", "integer", "boolean", "integer_or_string", "string_array", "object"]

# The largest integer that every JSON reader keeps exact (RFC 8259 section 6).
_MAX_INTEGER = 2**53 - 1
_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
_EMPTY_JSON = "Body cannot be empty when content-type is set to 'application/json'"
_BROKEN_JSON = "Body is not valid JSON but content-type is set to 'application/json'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What one property may be.

    nullable: null stays None instead of becoming 0, false or "". minimum, maximum: both allowed, for
    integers. choices: for strings. min_items, max_items: for arrays. fields: the properties of an object;
    None keeps every property as it came.
    """

    kind: Kind
    required: bool = False
    nullable: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: Sequence[str] | None = None
    min_items: int = 0
    max_items: int | None = None
    fields: "Mapping[str, Field] | None" = None


def parse_json_body(raw: bytes, content_type: str | None) -> object:
    """Read a request body as the JSON it is announced to be; None when it is announced as something else.

    Raises: MalformedJson when the body is empty or is not JSON.
    Source: RFC 8259, without lone surrogates and with at most 1,024 levels.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return None
    if not raw:
        raise MalformedJson(_EMPTY_JSON)
    try:
        parsed: object = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(_BROKEN_JSON) from exc
    return parsed


def validate(value: object, fields: Mapping[str, Field], *, where: str) -> dict[str, Any]:
    """Return the properties of `value` that `fields` names, each coerced to its kind; drop the others.

    where: `body` or `querystring`, the start of every message. A property that is absent stays absent.
    A parameter that may come more than once is a list; a list never passes for a scalar.
    Raises: SchemaViolation for the first rule that does not hold, missing properties first.
    Source: AJV's type coercion, as Supabase Storage uses it.
    """
    if not isinstance(value, Mapping):
        raise SchemaViolation(f"{where} must be object")
    for name, field in fields.items():
        if field.required and name not in value:
            raise SchemaViolation(f"{where} must have required property '{name}'")
    present = {name: field for name, field in fields.items() if name in value}
    return {name: _coerce(value[name], field, f"{where}/{name}") for name, field in present.items()}


def _coerce(value: object, field: Field, path: str) -> Any:
    if value is None and field.nullable:
        return None
    return _COERCIONS[field.kind](value, field, path)


def _to_string(value: object, field: Field, path: str) -> str:
    text = _parse_text(value)
    if text is None:
        raise SchemaViolation(f"{path} must be string")
    if field.choices is not None and text not in field.choices:
        raise SchemaViolation(f"{path} must be equal to one of the allowed values")
    return text


def _to_integer(value: object, field: Field, path: str) -> int:
    number = _parse_integer(value)
    if number is None:
        raise SchemaViolation(f"{path} must be integer")
    lowest = -_MAX_INTEGER if field.minimum is None else field.minimum
    highest = _MAX_INTEGER if field.maximum is None else field.maximum
    if number < lowest:
        raise SchemaViolation(f"{path} must be >= {lowest}")
    if number > highest:
        raise SchemaViolation(f"{path} must be <= {highest}")
    return number


def _to_boolean(value: object, _field: Field, path: str) -> bool:
    if value is None or value == "false" or value == 0:
        return False
    if value == "true" or value == 1:
        return True
    raise SchemaViolation(f"{path} must be boolean")


def _to_integer_or_string(value: object, field: Field, path: str) -> int | str:
    if _parse_integer(value) is None:
        return _to_string(value, field, path)
    return _to_integer(value, field, path)


def _to_string_array(value: object, field: Field, path: str) -> list[str]:
    if not isinstance(value, list):
        raise SchemaViolation(f"{path} must be array")
    if field.max_items is not None and len(value) > field.max_items:
        raise SchemaViolation(f"{path} must NOT have more than {field.max_items} items")
    if len(value) < field.min_items:
        raise SchemaViolation(f"{path} must NOT have fewer than {field.min_items} items")
    return [_to_string(item, field, f"{path}/{index}") for index, item in enumerate(value)]


def _to_object(value: object, field: Field, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SchemaViolation(f"{path} must be object")
    if field.fields is not None:
        return validate(value, field.fields, where=path)
    if not is_writable(value):
        raise SchemaViolation(f"{path} is nested too deeply", hint="Use fewer levels.")
    return dict(value)


def _parse_text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, str | int | float) else None


def _parse_integer(value: object) -> int | None:
    if value is None:
        return 0
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, int) else None


_COERCIONS: Mapping[Kind, Callable[[object, Field, str], Any]] = {
    "string": _to_string,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "integer_or_string": _to_integer_or_string,
    "string_array": _to_string_array,
    "object": _to_object,
}
