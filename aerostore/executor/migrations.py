"""Schema changes: numbered files run once, `repeatable_*` files run again whenever their text changes.

The files of each dialect lie in `migrations/<dialect>/`. Adapters decide how to run them.
"""

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_NUMBERED = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
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
    applied = dict(connection.execute("SELECT name, sha256 FROM storage_migrations").fetchall())
    unknown = sorted(set(applied) - {migration.name for migration in migrations})
    if unknown:
        raise ValueError(f"this database was made by a newer aerostore: it has {', '.join(unknown)}")
    due = [migration for migration in migrations if _is_due(migration, applied.get(migration.name))]
    for migration in due:
        for statement in split_sqlite(migration.sql):
            connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO storage_migrations (name, sha256) VALUES (?, ?)",
            (migration.name, migration.sha256),
        )
    return [migration.name for migration in due]


def _is_due(migration: Migration, applied_sha256: str | None) -> bool:
    if applied_sha256 is None:
        return True
    if applied_sha256 == migration.sha256:
        return False
    if not migration.repeatable:
        raise ValueError(f"migration {migration.name} was edited after it ran on this database")
    return True


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
