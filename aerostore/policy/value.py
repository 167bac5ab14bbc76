"""PostgreSQL's types as far as policies use them, and the Python values that stand for theirs.

bool, int2, int4, int8: bool and int. numeric: Decimal. float8: float. text: str. uuid: uuid.UUID.
jsonb: `Json`, so that JSON's null is not SQL's. json: `JsonText`. timestamptz: aware datetime in UTC.
timestamp: naive datetime. date: date. interval: `Interval`. An array: a tuple, one-dimensional. NULL of
any type: None. The session's time zone is UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Type:
    """A type by its internal name; element: what an array consists of."""

    name: str
    element: "Type | None" = None

    def __str__(self) -> str:
        return f"{self.element}[]" if self.element else _SPOKEN.get(self.name, self.name)


BOOL = Type("bool")
INT2 = Type("int2")
INT4 = Type("int4")
INT8 = Type("int8")
NUMERIC = Type("numeric")
FLOAT8 = Type("float8")
TEXT = Type("text")
UUID = Type("uuid")
JSONB = Type("jsonb")
JSON = Type("json")
TIMESTAMPTZ = Type("timestamptz")
TIMESTAMP = Type("timestamp")
DATE = Type("date")
INTERVAL = Type("interval")
UNKNOWN = Type("unknown")
"""The type of a quoted literal until its surroundings decide."""

ANYARRAY = Type("anyarray")
ANYELEMENT = Type("anyelement")
ANYNONARRAY = Type("anynonarray")
"""Any one type that is no array; nothing else of the signature depends on it."""
ANY = Type("any")
"""Each argument may have a type of its own; an unknown literal is text."""

_SPOKEN = {
    "bool": "boolean",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float8": "double precision",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
}


def array_of(element: Type) -> Type:
    """Return the type of arrays of `element`."""
    return Type(f"_{element.name}", element)


@dataclass(frozen=True, slots=True)
class Json:
    """A jsonb value. value: None, bool, int, Decimal, str, list or dict, as `json` reads it."""

    value: Any


@dataclass(frozen=True, slots=True)
class JsonText:
    """A json value: valid JSON, kept as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of time in the three units that PostgreSQL keeps apart."""

    months: int = 0
    days: int = 0
    microseconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Who asks, as a policy can see it.

    role: the effective role. settings: what current_setting() reads, such as `request.jwt.claims` (JSON
    text), `request.jwt.claim.sub`, `request.jwt.claim.role`, `storage.operation`. now: the time of the
    transaction. can_bypass_rls: no policy applies.
    """

    role: str
    now: datetime
    settings: Mapping[str, str]
    can_bypass_rls: bool = False
