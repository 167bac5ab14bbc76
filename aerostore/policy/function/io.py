"""Values as text: what PostgreSQL's input functions accept and its output functions print."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID as Uuid

from aerostore.policy.function.array_value import read_array, write_array
from aerostore.policy.function.failure import invalid_text
from aerostore.policy.function.json_value import check_json, read_json, write_json
from aerostore.policy.function.number_value import (
    SPACE,
    read_float,
    read_integer,
    read_numeric,
    write_float,
    write_numeric,
)
from aerostore.policy.function.time_value import (
    read_date,
    read_interval,
    read_timestamp,
    read_timestamptz,
    write_date,
    write_interval,
    write_timestamp,
    write_timestamptz,
)
from aerostore.policy.value import (
    BOOL,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Interval,
    Json,
    JsonText,
    Type,
)

_UUID = re.compile(r"(?P<brace>\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(brace)\})")


def read_text(type_: Type, text: str) -> Any:
    """Read a value of `type_` as the type's input function does.

    Raises: EvaluationError with PostgreSQL's code for text that is no such value; 0A000 for forms whose
    meaning this engine does not know exactly (dates other than ISO 8601, infinity, nested arrays).
    """
    if type_.element:
        return read_array(text, partial(read_text, type_.element))
    return _READERS[type_](text)


def write_text(type_: Type, value: Any) -> str:
    """Write a value as the type's output function does; true is `t`. `value` is not None."""
    del type_  # the value knows: only the caller's signature needs it
    return output(value)


def output(value: Any) -> str:
    """Write a value that is not None as its type's output function does."""
    return next(write(value) for kind, write in _WRITERS.items() if isinstance(value, kind))


def read_bool(text: str) -> bool:
    """Read a boolean: any unambiguous beginning of true, false, yes, no, on, off; or 1, 0."""
    word = text.strip(SPACE).lower()
    if word in ("on", "1") or _begins(word, "true", "yes"):
        return True
    if word in ("of", "off", "0") or _begins(word, "false", "no"):
        return False
    raise invalid_text(BOOL, text)


def _begins(word: str, *whole: str) -> bool:
    return bool(word) and any(each.startswith(word) for each in whole)


def read_uuid(text: str) -> Uuid:
    """Read a uuid: hyphens may stand after every fourth digit, braces around the whole."""
    if not _UUID.fullmatch(text):
        raise invalid_text(UUID, text)
    return Uuid(text)


def _read_jsonb(text: str) -> Json:
    return Json(read_json(text))


def _read_json(text: str) -> JsonText:
    check_json(text)
    return JsonText(text)


_READERS: Mapping[Type, Callable[[str], Any]] = {
    BOOL: read_bool,
    INT2: partial(read_integer, INT2),
    INT4: partial(read_integer, INT4),
    INT8: partial(read_integer, INT8),
    NUMERIC: read_numeric,
    FLOAT8: read_float,
    TEXT: str,
    UUID: read_uuid,
    JSONB: _read_jsonb,
    JSON: _read_json,
    TIMESTAMPTZ: read_timestamptz,
    TIMESTAMP: read_timestamp,
    DATE: read_date,
    INTERVAL: read_interval,
}


def _write_bool(value: bool) -> str:
    return "t" if value else "f"


def _write_moment(value: datetime) -> str:
    return write_timestamptz(value) if value.tzinfo else write_timestamp(value)


# The order matters: a bool is an int, a datetime is a date.
_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: str,
    bool: _write_bool,
    int: str,
    Decimal: write_numeric,
    float: write_float,
    Uuid: str,
    Json: lambda value: write_json(value.value),
    JsonText: lambda value: str(value.text),
    datetime: _write_moment,
    date: write_date,
    Interval: write_interval,
    tuple: lambda value: write_array(value, output),
}
