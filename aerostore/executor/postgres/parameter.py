"""Statements and values as psycopg wants them, and how it reads values back."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Loader
from psycopg.types.json import Jsonb
from psycopg.types.string import TextLoader

# A literal, a quoted name, a cast, a parameter: whatever comes first.
_TOKEN = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | :: | :([A-Za-z_]\w*)""", re.VERBOSE)


def numbered(sql: str, parameters: Mapping[str, Any]) -> tuple[bytes, list[Any]]:
    """Return `sql` with `$1` and so on for `:name`, its rows left to row security, and the values for these.

    For SQL without comments and dollar quotes, which no statement has. Objects become jsonb, lists arrays.
    """
    text, names = _numbered(sql)
    return text, [_to_postgres(parameters[name]) for name in names]


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    names: dict[str, int] = {}

    def number(token: re.Match[str]) -> str:
        name = token[1]
        return f"${names.setdefault(name, len(names) + 1)}" if name else token[0]

    text = _TOKEN.sub(number, sql.replace("{policy}", "TRUE"))
    return text.encode(), tuple(names)


def _to_postgres(value: Any) -> Any:
    if isinstance(value, dict):
        return Jsonb(value, dumps=_dump)
    return list(value) if isinstance(value, tuple) else value


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _WholeNumberLoader(Loader):
    """Reads numeric as int: what statements get by summing bigint columns."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class _IsoTimeLoader(Loader):
    """Reads timestamptz as each transaction has it written: ISO 8601 in UTC.

    psycopg's own asks the connection for the style, which learns of a change after the first result only.
    """

    def load(self, data: Buffer) -> datetime:
        return datetime.fromisoformat(bytes(data).decode())


async def read_like_sqlite(connection: AsyncConnection[Any]) -> None:
    """Make `connection` read ids and JSON as text and sums as int: one `to_<type>` serves both engines."""
    for name in ("uuid", "json", "jsonb"):
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("numeric", _WholeNumberLoader)
    connection.adapters.register_loader("timestamptz", _IsoTimeLoader)
