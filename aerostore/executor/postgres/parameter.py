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

# A literal, a quoted name, a cast, a parameter, a percent sign: whatever comes first.
_TOKEN = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | :: | :([A-Za-z_]\w*) | %""", re.VERBOSE)


@lru_cache(maxsize=1024)
def to_psycopg(sql: str) -> str:
    """Return `sql` with `:name` parameters as `%(name)s`, and with its rows left to row security.

    For SQL without comments and dollar quotes, which no statement has.
    """
    return _TOKEN.sub(_to_psycopg, sql.replace("{policy}", "TRUE"))


def _to_psycopg(token: re.Match[str]) -> str:
    if token[1]:
        return f"%({token[1]})s"
    return token[0].replace("%", "%%")


def to_postgres(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return `parameters` as psycopg writes them to the column types: objects as jsonb, lists as arrays."""
    return {name: _to_postgres(value) for name, value in parameters.items()}


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
