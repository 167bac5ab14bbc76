"""Taking over storage tables that something else made: what is missing is added, what does not fit refused.

The rows stay. Their bytes are not here: a download of one finds none until it is written anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from aerostore.errors import Unavailable
from aerostore.executor.migrations import create_marker, load_migrations, note_as_adopted, note_as_applied

_CREATES_TABLE = re.compile(r"CREATE TABLE (storage\.\w+)")
_BYTEWISE = {"C", "POSIX"}
# What statements use: the type, and how to make the column when it is missing; None: it must be there.
_TEXT, _TIME = ("text", ""), ("timestamp with time zone", "DEFAULT now()")
_COLUMNS: dict[str, dict[str, tuple[str, str | None]]] = {
    "storage.buckets": {
        "id": ("text", None),
        "name": ("text", None),
        "owner_id": _TEXT,
        "public": ("boolean", "NOT NULL DEFAULT false"),
        "type": ("text", "NOT NULL DEFAULT 'STANDARD'"),
        "file_size_limit": ("bigint", ""),
        "allowed_mime_types": ("text[]", ""),
        "versioning_status": ("text", "NOT NULL DEFAULT 'DISABLED'"),
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    "storage.objects": {
        "id": ("uuid", None),
        "bucket_id": ("text", None),
        "name": ("text", None),
        "owner_id": _TEXT,
        "version": _TEXT,
        "blob_id": ("text", 'COLLATE "C" REFERENCES aerostore.storage_blobs (id)'),
        "metadata": ("jsonb", ""),
        "user_metadata": ("jsonb", ""),
        "created_at": _TIME,
        "updated_at": _TIME,
        "last_accessed_at": _TIME,
        "archived_at": ("timestamp with time zone", ""),
        "is_delete_marker": ("boolean", "NOT NULL DEFAULT false"),
    },
}
# Supabase has an enum there, which takes and gives the same words.
_ALSO_TAKEN = {("type", "storage.buckettype")}
_COMPARED_BYTEWISE = {"storage.buckets": {"id", "name"}, "storage.objects": {"bucket_id", "name"}}
_FILLED = {
    "storage.buckets": {"created_at": "now()", "updated_at": "now()"},
    "storage.objects": {
        "version": "gen_random_uuid()::text",
        "created_at": "now()",
        "updated_at": "now()",
        "last_accessed_at": "now()",
    },
}
_FIND_COLUMNS = """
SELECT attname::text AS name, format_type(atttypid, NULL) AS type,
    CASE collname WHEN 'default' THEN (
        SELECT CASE datlocprovider WHEN 'c' THEN datcollate ELSE 'default' END
        FROM pg_database WHERE datname = current_database()
    ) ELSE collname::text END AS collation
FROM pg_attribute LEFT JOIN pg_collation ON pg_collation.oid = attcollation
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column as the database has it. collation: of the database when the column has none of its own."""

    name: str
    type: str
    collation: str | None


def refuse_foreign() -> Unavailable:
    """Return the error for storage tables that nobody allowed us to adopt."""
    return Unavailable(
        "This database has a storage schema that is not aerostore's",
        hint="Use another database, or let 'aerostore migrate --adopt' take it over; with --check it only"
        " shows how. docs/how-to/use-postgres.md says what that means.",
    )


async def adopt_tables(connection: AsyncConnection[Any]) -> None:
    """Make the storage tables that are there ours, in the open transaction.

    Raises: Unavailable when a column does not fit.
    """
    for statement in await plan_adoption(connection):
        await connection.execute(statement.encode())
    await create_marker(connection)
    await note_as_adopted(connection)
    await note_as_applied(connection, load_migrations("postgres")[0])


async def plan_adoption(connection: AsyncConnection[Any]) -> list[str]:
    """Return the statements that adopt the storage tables, and run none of them.

    They are the first migration, with changes of the tables that are there in place of their creation.
    Raises: Unavailable when a column does not fit, with every reason.
    """
    found = {table: await _find_columns(connection, table) for table in _COLUMNS}
    problems = [each for table, columns in found.items() if columns for each in _problems(table, columns)]
    if problems:
        raise Unavailable(
            f"The storage tables cannot be adopted: {'; '.join(problems)}",
            hint="Change the columns, or start in an empty database and copy policies and rows over.",
        )
    statements: list[str] = []
    for statement in load_migrations("postgres")[0].sql.split(";\n"):
        creates = _CREATES_TABLE.search(statement)
        columns = found.get(creates[1], {}) if creates else {}
        statements.extend(_changes(creates[1], columns) if creates and columns else [statement])
    return statements


async def _find_columns(connection: AsyncConnection[Any], table: str) -> dict[str, _Column]:
    rows = await (await connection.execute(_FIND_COLUMNS, (table,))).fetchall()
    return {row["name"]: _Column(**row) for row in rows}


def _problems(table: str, columns: dict[str, _Column]) -> Iterator[str]:
    for name, (wanted, creation) in _COLUMNS[table].items():
        column = columns.get(name)
        if column is None:
            if creation is None:
                yield f"{table}.{name} is missing"
        elif column.type != wanted and (name, column.type) not in _ALSO_TAKEN:
            yield f"{table}.{name} is {column.type}, not {wanted}"
        elif name in _COMPARED_BYTEWISE[table] and column.collation not in _BYTEWISE:
            yield f'{table}.{name} does not sort bytewise: COLLATE "C"'


def _changes(table: str, columns: dict[str, _Column]) -> Iterator[str]:
    for name, (type_, creation) in _COLUMNS[table].items():
        if name not in columns:
            yield f"ALTER TABLE {table} ADD COLUMN {name} {type_} {creation}".rstrip()
    for name, value in _FILLED[table].items():
        yield f"UPDATE {table} SET {name} = {value} WHERE {name} IS NULL"
