"""Random values and calls for the tests of the policy engine's functions: empty, huge, malformed, foreign."""

import json
import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function import SLICE, SUBSCRIPT, find_cast, read_text
from aerostore.policy.function.cast import as_text
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import (
    ANY,
    ANYARRAY,
    ANYELEMENT,
    ANYNONARRAY,
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
    Environment,
    Type,
    array_of,
)

SCALARS = (BOOL, INT2, INT4, INT8, NUMERIC, FLOAT8, TEXT, UUID, JSONB)
TIMES = (TIMESTAMPTZ, TIMESTAMP, DATE, INTERVAL)
TYPES = (*SCALARS, *TIMES, JSON)
CAST_TYPES = (*TYPES, array_of(TEXT), array_of(UUID), array_of(INT4), array_of(INT8))

_ALPHABET = "aAbBsS/..%_\\ \xe9{}[],\"'\n\t1-2:+\xdf\u03a3\u0130K\u017f\U0001f600()|^$*?"
# fmt: off
_TEXTS = {
    TEXT: [
        "", " ", "a", "abc", "photos/2026/cat.PNG", "/", "a/", "a//b",
        "\u0130STANBUL \xdf \u0391\u03a3 \u1fb3 \u01c5 \U00010400", "x" * 300, "storage.object.list",
        "object.list", "storage.", "year", "Hour", "epoch", "dow", "second", "request.jwt.claims",
        "request.jwt.claim.sub", "Request.JWT.Claims", "no.such", "%", "_", "\\", "a\\", "%s/%s", "100%",
        "%%", "1", "-1", "a.b.c",
    ],
    BOOL: [
        "t", "f", "true", "FALSE", " yes ", "no", "on", "off", "of", "o", "1", "0", "01", "tr", "y", "",
        "yess",
    ],
    INT2: [
        "0", "1", "-1", "2", "32767", "-32768",
    ],
    INT4: [
        "0", "1", "2", "3", "-1", "-2", "5", "10", "255", "2147483647", "-2147483648", "1000000",
    ],
    INT8: [
        "0", "1", "-1", "7", "2147483648", "9223372036854775807", "-9223372036854775808",
    ],
    NUMERIC: [
        "0", "1", "-1", "0.5", "-0.5", "1.50", "2.5", "1e3", "1E-3", ".5", "5.", "0.00", "-0.0", "3", "7",
        "99999999999999999999.99", "123456789.123456789", "1e40", "0.0000000001", "32767.5", "-32768.5",
    ],
    FLOAT8: [
        "0", "-0", "1", "0.1", "-1.5", "2.5", "1e15", "1e14", "123456789012345678", "1e-5", "0.0001",
        "1.7976931348623157e308", "5e-324", "1e300", "1e-300", "3.3333333333333335", "100", "1e22",
    ],
    UUID: [
        "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2", "D8C7BCE9-CFEB-497B-BD61-E66CE2CBDAA2",
        "{d8c7bce9cfeb497bbd61e66ce2cbdaa2}", "d8c7-bce9-cfeb-497b-bd61-e66c-e2cb-daa2",
        "00000000-0000-0000-0000-000000000000", "ffffffffffffffffffffffffffffffff",
    ],
    TIMESTAMPTZ: [
        "2026-01-31 09:00:00+00", "2024-02-29T23:59:59.999999Z", "2026-03-31 12:00:00.5+05:30",
        "1969-12-31 23:59:59-08", "2026-12-31", "2000-01-01 00:00", "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59+00",
    ],
    TIMESTAMP: [
        "2026-01-31 09:00:00", "2024-02-29T23:59:59.999999", "1970-01-01", "2026-05-31 12:34:56.7",
    ],
    DATE: [
        "2026-01-31", "2024-02-29", "1970-01-01", "9999-12-31", "0001-01-01",
    ],
    INTERVAL: [
        "1 day", "1 mon", "30 days", "-1 month", "24:00:00", "1 year 2 mons 3 days 04:05:06.7",
        "-00:00:01", "1 hour", "13 months -1 day", "2 weeks 3 hours", "0", "86400 seconds",
    ],
}
_MALFORMED = (
    "", " ", "abc", "NaN", "Infinity", "1.", "..", "1e", "+-1", "1 2", " 12 ", "\n7\t", "0x1F", "1_000",
    "99999", "-99999", "99999999999", "9223372036854775808", "99999999999999999999x", "12x", "1e400",
    "1e-400", "1e200000", "1e-20000", "1e99999999999", "--1", "null", "NULL", "nul", "{}", "{ }", "{a}",
    "{a,b}", "{a,,b}", "{,}", "{a,}", "{a b , c}", '{"a","b"}', '{"a" "b"}', '{a"b}', '{NULL,null,"NULL"}',
    "{{a}}", "{a", "a}", "{a}x", "{a} ", '{"a\\"b",c\\,d}', "{\\ }", "{ a\\ }", "{1,2}", "[0:1]={1,2}",
    "[", "]", "[1, 2]", "[1,]", '{"a": 1}', "{'a': 1}", '{"a":1,"a":2}', '"a"', '"\\u0000"', '"\\u00e9"',
    '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\\\\u0000"', '"\\x"', '"\t"', "01", "-0",
    "-0.0", "1.50", "1E5", "1e-5", "-", "+1", ".5", "5.", "1.5e", "tr", "TRUE", " true ", "t",
    "[true, false, null]", "null0", "\ufeff1", "\xa01", "\uff11", "\u0663",
    "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa", "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2 ",
    "{d8c7bce9cfeb497bbd61e66ce2cbdaa2", "d8c7bce9cfeb497bbd61e66ce2cbdaa2}",
    "d8c7bce9--cfeb-497b-bd61e66ce2cbdaa2", "d-8c7bce9cfeb497bbd61e66ce2cbdaa2",
    "d8c7bce9cfeb497bbd61e66ce2cbdaa2-", "2026-02-30", "2026-13-01", "2026-01-01 25:00",
    "2026-01-01 10:60", "2026-01-01 24:00", "2026-01-01T10:00:60", "2026-01-01T10:00:00.1234567",
    "2026-01-01 10:00+16", "2026-01-01Z", "2026-01-01 10:00:00 +01:30", "2026-01-01 10:00:00+01:99",
    "0000-01-01", "now", "today", "infinity", "epoch", "1 fortnight", "1 day 1 day", "1 day ago", "P1D",
    "1.5 hours", "1:2:3", "day", "10", "1 day 99:59:59.999999", "-1 day +02:03:04", "1 hour 02:00:00",
    "9999999999 days",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Call:
    """A function, with the types it is called with and the values."""

    function: Function
    types: tuple[Type, ...]
    arguments: tuple[Any, ...]

    def outcome(self, environment: Environment) -> tuple[str, str | None]:
        """Return ("ok", the value as text) or ("error", SQLSTATE), as PostgreSQL would be seen to answer."""
        if self.function.strict and None in self.arguments:
            return "ok", "{}" if self.function.returns_set else None
        prefix = (environment,) if self.function.reads_environment else ()
        try:
            value = self.function.run(*prefix, *self.arguments)
        except EvaluationError as error:
            return "error", error.code
        return "ok", None if value is None else as_text(value)

    def sql(self) -> str:
        """Return the call as an SQL expression; a set as an array."""
        written = [literal(type_, value) for type_, value in zip(self.types, self.arguments, strict=True)]
        return _call(self.function, written)


def _call(function: Function, written: list[str]) -> str:
    name = function.name
    if name == SUBSCRIPT.name:
        return f"({written[0]})[{written[1]}]"
    if name == SLICE.name:
        return f"({written[0]})[{written[1]}:{written[2]}]"
    if "::" in name:
        return f"({written[0]})::{name.partition('::')[2]}"
    if not name[-1].isalnum():
        return f"{written[0]} {name} {written[1]}" if len(written) == 2 else f"{name} {written[0]}"
    if name in (
        "current_user",
        "current_role",
        "user",
        "current_date",
        "current_timestamp",
        "localtimestamp",
    ):
        return name
    schema = "" if "." in name or name == "statement_timestamp" else "pg_catalog."
    called = f"{schema}{name}({', '.join(written)})"
    return f"coalesce((SELECT array_agg(v) FROM {called} v), '{{}}')" if function.returns_set else called


def literal(type_: Type, value: Any) -> str:
    """Return a value as an SQL literal of its type."""
    if value is None:
        return f"NULL::{type_}"
    quoted = as_text(value).replace("'", "''")
    return f"'{quoted}'::{type_}"


class Sampler:
    """A source of random values and calls; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """Return any text, among others text that some type's input function nearly accepts."""
        pool = self._random.choice(
            [_TEXTS[TEXT], _TEXTS[TEXT], list(_MALFORMED), *_TEXTS.values(), None, None]
        )
        if pool is None:
            return "".join(self._random.choices(_ALPHABET, k=self._random.randrange(9)))
        return self._random.choice(pool)

    def value(self, type_: Type) -> Any:
        """Return a value of `type_`; None at times."""
        if self._random.random() < 0.04:
            return None
        if type_.element:
            return tuple(self.value(type_.element) for _ in range(self._random.choice((0, 1, 1, 2, 2, 3, 4))))
        if type_ == TEXT:
            return self.text()
        if type_ in (JSON, JSONB):
            return read_text(type_, json.dumps(self._json(3), ensure_ascii=self._random.random() < 0.5))
        return read_text(type_, self._random.choice(_READABLE[type_]))

    def moment(self) -> datetime:
        """Return a time that is not NULL."""
        found: datetime = read_text(TIMESTAMPTZ, self._random.choice(_TEXTS[TIMESTAMPTZ]))
        return found

    def call(self, function: Function) -> Call:
        """Return a call of `function`; polymorphic parameters get some type that fits."""
        element = self._random.choice((TEXT, TEXT, INT4, UUID, BOOL, JSONB, NUMERIC, TIMESTAMPTZ, INTERVAL))
        if function.name == "to_jsonb":
            element = self._random.choice((*TYPES, array_of(TEXT)))
        parameters = list(function.parameters)
        if function.variadic:
            parameters += [parameters[-1]] * self._random.randrange(3)
        types = tuple(self._concrete(parameter, element) for parameter in parameters)
        arguments = [self.value(type_) for type_ in types]
        if fitting := _fitting_texts(function):
            place = 1 if "~" in function.name else 0
            arguments[place] = self._random.choice((arguments[place], *fitting))
        return Call(function, types, tuple(arguments))

    def _concrete(self, parameter: Type, element: Type) -> Type:
        if parameter == ANYARRAY:
            return array_of(element)
        if parameter == ANYELEMENT:
            return element
        return self._random.choice(SCALARS) if parameter in (ANY, ANYNONARRAY) else parameter

    def _json(self, depth: int) -> Any:
        kind = self._random.randrange(8 if depth else 5)
        if kind == 0:
            return self._random.choice((None, True, False))
        if kind == 1:
            return self._random.choice((0, 1, 2, -1, 1.5, 100.0, 10**20, 1e-7))
        if kind < 5:
            return self._random.choice(("a", "b", "aa", "", "1", "0", "é", 'q"\\\n\x7f\x01', "true", "null"))
        if kind == 5:
            return [self._json(depth - 1) for _ in range(self._random.randrange(4))]
        keys = self._random.choices(("a", "b", "aa", "", "é", "1", "0"), k=self._random.randrange(4))
        return {key: self._json(depth - 1) for key in keys}


def casts() -> list[Function]:
    """Return every cast between the types that policies use; those that do nothing are left out."""
    rules = [find_cast(source, target) for source in CAST_TYPES for target in CAST_TYPES if source != target]
    return [rule.function for rule in rules if rule and rule.function]


def _fitting_texts(function: Function) -> list[str]:
    """Return texts that a function understands, where random ones would hardly ever be such."""
    if function.parameters == (TEXT,) and function.name.startswith("text::"):
        return [*_TEXTS.get(function.returns, []) * 4, *_MALFORMED]
    return _FITTING.get(function.name, [])


_FIELDS = ["year", "quarter", "month", "day", "hour", "minute", "second", "dow", "isodow", "doy", "Epoch"]
_FITTING = {
    **dict.fromkeys(("extract", "date_part", "date_trunc"), _FIELDS),
    "current_setting": [
        "request.jwt.claims",
        "Request.JWT.claims",
        "storage.operation",
        "no.such",
        "role",
        "",
    ],
}


def _is_readable(type_: Type, text: str) -> bool:
    try:
        read_text(type_, text)
    except EvaluationError:
        return False
    return True


_READABLE = {
    type_: [text for text in (*_TEXTS[type_], *_MALFORMED) if _is_readable(type_, text)]
    for type_ in TYPES
    if type_ in _TEXTS
}
