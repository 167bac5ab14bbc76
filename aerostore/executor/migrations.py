"""Schema changes: numbered files run once, `repeatable_*` files run again whenever their text changes.

The files of each dialect lie in `migrations/<dialect>/`. Adapters decide how to run them.
"""

import hashlib
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from aerostore.errors import Unavailable

_NUMBERED = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_ADOPTED = "aerostore:adopted"
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file. repeatable: run it whenever `sha256` differs from the applied one."""

    name: str
    sql: str
    repeatable: bool

    @property
    def sha256(self) -> str:
        """The hash of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_folder(name: str) -> Path:
    """Return the folder `name` that ships with aerostore: inside the wheel, or beside it in a checkout."""
    packed = _PACKAGE / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def load_migrations(dialect: str) -> list[Migration]:
    """Read the migrations of `dialect` in the order to run them: numbered first, then repeatable."""
    files = sorted((shipped_folder("migrations") / dialect).glob("*.sql"))
    numbered = [path for path in files if _NUMBERED.fullmatch(path.name)]
    repeatable = [path for path in files if path.name.startswith("repeatable_")]
    return [
        Migration(name=path.stem, sql=path.read_text("utf-8"), repeatable=path in repeatable)
        for path in [*numbered, *repeatable]
    ]


def migrate_sqlite(connection: sqlite3.Connection) -> list[str]:
    """Bring an SQLite database up to date in one transaction; return the names of what was run.

    Safe when several processes start at once. Raises: ValueError when a numbered migration was edited
    after it ran, or when the database comes from a newer aerostore.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        ran = _apply(connection, load_migrations("sqlite"))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return ran


def _apply(connection: sqlite3.Connection, migrations: list[Migration]) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS storage_migrations (name TEXT PRIMARY KEY NOT NULL, sha256 TEXT NOT NULL,"
        " applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"
    )
    due = _due(migrations, _applied(connection))
    for migration in due:
        for statement in split_sqlite(migration.sql):
            connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO storage_migrations (name, sha256) VALUES (?, ?)",
            (migration.name, migration.sha256),
        )
    return [migration.name for migration in due]


def due_migrations(path: Path) -> list[str]:
    """Return the names of what the SQLite database at `path` still needs, in order, and run nothing.

    Raises: Unavailable when it cannot be read, was made by a newer aerostore, or has an edited migration.
    """
    shipped = load_migrations("sqlite")
    if not path.exists():
        return [migration.name for migration in shipped]
    try:
        with closing(sqlite3.connect(_to_look_at(path), uri=True)) as connection:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'storage_migrations'")
            applied = _applied(connection) if known.fetchone() else {}
        return [migration.name for migration in _due(shipped, applied)]
    except (sqlite3.Error, ValueError) as exc:
        raise Unavailable(
            f"The database {path} cannot be read: {exc}",
            hint="Check its permissions; install the aerostore that made it; if damaged, restore a backup.",
        ) from exc


def _to_look_at(path: Path) -> str:
    """Return the URI of a connection that changes nothing: no log is emptied, and none is made.

    Whoever closes last would empty the log, which only a writer may do.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if has_log else "&immutable=1")


def _applied(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the hash of each migration that ran, by name."""
    rows = connection.execute("SELECT name, sha256 FROM storage_migrations").fetchall()
    return {str(name): str(sha256) for name, sha256 in rows}


def _due(shipped: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    unknown = sorted(set(applied) - {migration.name for migration in shipped})
    if unknown:
        raise ValueError(f"it was made by a newer aerostore: it has {', '.join(unknown)}")
    due = [migration for migration in shipped if applied.get(migration.name) != migration.sha256]
    for migration in due:
        if migration.name in applied and not migration.repeatable:
            raise ValueError(f"migration {migration.name} was edited after it ran")
    return due


async def migrate_postgres(connection: AsyncConnection[Any]) -> list[str]:
    """Bring a Postgres database up to date in the open transaction; return the names of what was run.

    The caller holds a lock against others who start at once. Raises: ValueError as `migrate_sqlite` does.
    """
    due = _due(load_migrations("postgres"), await _applied_to_postgres(connection))
    if due:
        await create_marker(connection)
    for migration in due:
        await connection.execute(migration.sql.encode())
        await note_as_applied(connection, migration)
    return [migration.name for migration in due]


async def create_marker(connection: AsyncConnection[Any]) -> None:
    """Create the table that tells which migrations a Postgres database has had, and that it is ours."""
    await connection.execute("CREATE SCHEMA IF NOT EXISTS aerostore")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS aerostore.storage_migrations (name text PRIMARY KEY,"
        " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )


async def note_as_applied(connection: AsyncConnection[Any], migration: Migration) -> None:
    """Record that `migration` ran on a Postgres database."""
    await connection.execute(
        "INSERT INTO aerostore.storage_migrations (name, sha256) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = excluded.applied_at",
        (migration.name, migration.sha256),
    )


async def note_as_adopted(connection: AsyncConnection[Any]) -> None:
    """Record that the storage tables of a Postgres database were there before aerostore."""
    await connection.execute(f"COMMENT ON SCHEMA aerostore IS '{_ADOPTED}'")


async def is_adopted(connection: AsyncConnection[Any]) -> bool:
    """Tell whether the storage tables of a Postgres database were there before aerostore."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute("SELECT obj_description(to_regnamespace('aerostore'), 'pg_namespace')")
        return await cursor.fetchone() == (_ADOPTED,)


async def due_migrations_postgres(conninfo: str) -> list[str]:
    """Return the names of what the Postgres database still needs, in order, and run nothing.

    Raises: Unavailable as `due_migrations` does.
    """
    try:
        async with await AsyncConnection.connect(conninfo, prepare_threshold=None) as connection:
            applied = await _applied_to_postgres(connection)
        return [migration.name for migration in _due(load_migrations("postgres"), applied)]
    except (psycopg.Error, ValueError) as exc:
        raise Unavailable(
            f"The database cannot be read: {first_line(exc)}",
            hint="Check AEROSTORE_DATABASE_URL, that PostgreSQL runs there and lets the role in; install the"
            " aerostore that migrated it.",
        ) from exc


async def _applied_to_postgres(connection: AsyncConnection[Any]) -> dict[str, str]:
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute("SELECT 1 WHERE to_regclass('aerostore.storage_migrations') IS NOT NULL")
        if not await cursor.fetchall():
            return {}
        await cursor.execute("SELECT name, sha256 FROM aerostore.storage_migrations")
        return {name: sha256 for name, sha256 in await cursor.fetchall()}


def first_line(exc: Exception) -> str:
    """Return what `exc` says, as part of a sentence of one line: libpq adds lines of advice."""
    return str(exc).strip().partition("\n")[0].rstrip(".?")


def split_sqlite(script: str) -> list[str]:
    """Cut an SQLite script into statements; a trigger's body stays whole."""
    statements: list[str] = []
    waiting = ""
    for line in script.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            statements.append(waiting.strip())
            waiting = ""
    return statements
