"""Where SQLite keeps the rows that policies read, and how it writes their values.

Text, integers and floats are themselves; bool is 0 or 1; uuid is its lower-case canonical text; timestamptz
is `2026-01-31T09:00:00.000Z`; jsonb is JSON text; an array is JSON text of encoded elements; numeric, date,
timestamp and interval are text as PostgreSQL writes it. Equal values of the types in COMPARABLE are equal
there, too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, TypeAlias
from uuid import UUID as Uuid

from aerostore.policy.catalog import BUCKETS, OBJECTS, Table
from aerostore.policy.function.io import read_text, write_text
from aerostore.policy.function.storage import owner_of, path_tokens
from aerostore.policy.value import (
    BOOL,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Type,
)

INTEGERS = frozenset({INT2, INT4, INT8})
COMPARABLE = frozenset({TEXT, UUID, BOOL}) | INTEGERS
SORTABLE = COMPARABLE | {FLOAT8, TIMESTAMPTZ, TIMESTAMP, DATE}
"""Types whose stored values are equal, and in order, when the values are."""
Decode: TypeAlias = Callable[[Any], Any]

_UUID_SHAPE = "-".join("[0-9a-f]" * length for length in (8, 4, 4, 4, 12))
_MOMENT_SHAPE = "{0}{0}{0}{0}-{0}{0}-{0}{0}T{0}{0}:{0}{0}:{0}{0}.{0}{0}{0}Z".format("[0-9]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column's value comes from. column: in SQLite. is_kept: the column holds the encoded value.

    decode: stored value, not NULL, to the value; may raise EvaluationError for what was stored wrongly.
    """

    column: str
    decode: Decode
    is_kept: bool = True


def physical_table(name: str) -> str:
    """Return what SQLite calls a table: `storage.objects` is `storage_objects`."""
    return name.replace(".", "_")


def quoted(identifier: str) -> str:
    """Return `identifier` as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def place_of(table: str, column: str, type_: Type) -> Place:
    """Return where the value of a column comes from; generated columns come from another one."""
    return _GENERATED.get((table, column)) or Place(column, decoder(type_))


@lru_cache(maxsize=64)
def decoder(type_: Type) -> Decode:
    """Return what turns a stored value of `type_`, not NULL, into the value."""
    if type_.element:
        return partial(_decode_array, decoder(type_.element))
    return _DECODERS.get(type_) or partial(read_text, type_)


def encode(type_: Type, value: Any) -> Any:
    """Return `value` as it is stored; None stays None."""
    if value is None:
        return None
    if type_.element:
        encoded = [encode(type_.element, element) for element in value]
        return json.dumps(encoded, ensure_ascii=False, separators=(",", ":"))
    rule = _ENCODERS.get(type_)
    return rule(value) if rule else write_text(type_, value)


def create_table(table: Table) -> str:
    """Return the CREATE TABLE statement for a declared table; its checks keep every encoding canonical."""
    lines = [_column_definition(table, name, type_) for name, type_ in table.columns.items()]
    lines += [f"UNIQUE ({', '.join(map(quoted, key))})" for key in table.keys]
    body = ",\n    ".join(lines)
    return f"CREATE TABLE IF NOT EXISTS {quoted(physical_table(table.name))} (\n    {body}\n) STRICT"


def _column_definition(table: Table, name: str, type_: Type) -> str:
    not_null = " NOT NULL" if name in table.not_null else ""
    check = _check(quoted(name), type_)
    return f"{quoted(name)} {_storage_class(type_)}{not_null}{f' CHECK ({check})' if check else ''}"


def _storage_class(type_: Type) -> str:
    if type_ in INTEGERS or type_ == BOOL:
        return "INTEGER"
    return "REAL" if type_ == FLOAT8 else "TEXT"


def _check(column: str, type_: Type) -> str:
    if type_.element:
        return f"{column} IS NULL OR json_valid({column}) AND json_type({column}) = 'array'"
    rule = _CHECKS.get(type_.name)
    return rule.format(column=column) if rule else ""


_CHECKS: Mapping[str, str] = {
    "bool": "{column} IN (0, 1)",
    "int2": "{column} BETWEEN -32768 AND 32767",
    "int4": "{column} BETWEEN -2147483648 AND 2147483647",
    "uuid": f"{{column}} GLOB '{_UUID_SHAPE}'",
    "timestamptz": f"{{column}} GLOB '{_MOMENT_SHAPE}'",
    "jsonb": "{column} IS NULL OR json_valid({column})",  # older SQLite: json_valid(NULL) is 0
    "text": "instr({column}, char(0)) = 0",
}


def _decode_array(decode: Decode, stored: str) -> tuple[Any, ...]:
    elements = json.loads(stored, parse_float=Decimal)
    return tuple([None if element is None else decode(element) for element in elements])


def _decode_numeric(stored: Any) -> Decimal:
    value: Decimal = read_text(NUMERIC, str(stored))
    return value


def _encode_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_DECODERS: Mapping[Type, Decode] = {
    TEXT: str,
    INT2: int,
    INT4: int,
    INT8: int,
    BOOL: bool,
    FLOAT8: float,
    UUID: Uuid,
    NUMERIC: _decode_numeric,
    TIMESTAMPTZ: datetime.fromisoformat,
}
_ENCODERS: Mapping[Type, Callable[[Any], Any]] = {
    TEXT: str,
    INT2: int,
    INT4: int,
    INT8: int,
    BOOL: int,
    FLOAT8: float,
    UUID: str,
    TIMESTAMPTZ: _encode_moment,
}
_GENERATED: Mapping[tuple[str, str], Place] = {
    (OBJECTS, "owner"): Place("owner_id", owner_of, is_kept=False),
    (BUCKETS, "owner"): Place("owner_id", owner_of, is_kept=False),
    (OBJECTS, "path_tokens"): Place("name", path_tokens, is_kept=False),
}
