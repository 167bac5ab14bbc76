import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlmodel import SQLModel

from aerostore.executor.migrations import Migration, load_migrations, migrate_sqlite, split_sqlite
from aerostore.executor.tables import TABLES, column_names
from tests.house.page import ROOT

DIALECTS = ("sqlite", "postgres")
NUMBERED = [migration for migration in load_migrations("sqlite") if not migration.repeatable]
REPEATABLE = [migration for migration in load_migrations("sqlite") if migration.repeatable]
Schema = set[tuple[str, str, str]]


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("dialect", DIALECTS)
def test_numbers_have_no_gap_and_no_double(dialect: str) -> None:
    names = [migration.name for migration in load_migrations(dialect) if not migration.repeatable]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_file_is_overlooked_for_its_name(dialect: str) -> None:
    files = {path.name for path in (ROOT / "migrations" / dialect).iterdir()}
    assert files == {f"{migration.name}.sql" for migration in load_migrations(dialect)}


def test_both_dialects_take_the_same_steps() -> None:
    """The numbered ones: what is repeatable is made of what each dialect has."""
    sqlite, postgres = (
        [each.name for each in load_migrations(dialect) if not each.repeatable] for dialect in DIALECTS
    )
    assert sqlite == postgres


def test_clean_install_runs_everything_in_order(database: sqlite3.Connection) -> None:
    assert migrate_sqlite(database) == [migration.name for migration in [*NUMBERED, *REPEATABLE]]


def test_second_run_does_nothing(database: sqlite3.Connection) -> None:
    migrate_sqlite(database)
    before = "\n".join(database.iterdump())
    assert migrate_sqlite(database) == []
    assert "\n".join(database.iterdump()) == before


@pytest.mark.parametrize("released", range(len(NUMBERED)))
def test_database_of_an_older_release_ends_like_a_clean_install(
    database: sqlite3.Connection, released: int
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as clean:
        migrate_sqlite(clean)
        expected = schema(clean)
    migrate_sqlite(database)
    forget_everything_after(database, released)
    assert migrate_sqlite(database)[: len(NUMBERED) - released] == [each.name for each in NUMBERED[released:]]
    assert schema(database) == expected


def test_what_was_noted_and_stored_before_sums_and_more_kinds_is_kept(database: sqlite3.Connection) -> None:
    migrate_sqlite(database)
    forget_everything_after(database, 3)
    blob = ("id", "key", "hash", 5)
    noted = ("key", "missing", 5, "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", 7)
    database.execute(
        "INSERT INTO storage_blobs (id, backend_key, sha256, size_bytes, created_at)"
        " VALUES (?, ?, ?, ?, '2026-01-01T00:00:00.000Z')",
        blob,
    )
    database.execute("INSERT INTO storage_quarantine VALUES (?, ?, ?, ?, ?, ?)", noted)
    migrate_sqlite(database)
    kept = database.execute("SELECT id, backend_key, sha256, size_bytes, piece_sums FROM storage_blobs")
    assert kept.fetchall() == [(*blob, None)]
    assert database.execute("SELECT * FROM storage_quarantine").fetchall() == [noted]


@pytest.mark.parametrize("repeatable", REPEATABLE, ids=lambda each: each.name)
def test_repeatable_migration_runs_again_after_its_text_changed(
    database: sqlite3.Connection, repeatable: Migration
) -> None:
    migrate_sqlite(database)
    before = schema(database)
    database.execute("UPDATE storage_migrations SET sha256 = 'older' WHERE name = ?", (repeatable.name,))
    assert migrate_sqlite(database) == [repeatable.name]
    assert schema(database) == before


@pytest.mark.parametrize("name", [each.name for each in NUMBERED])
def test_numbered_migration_that_was_edited_is_refused(database: sqlite3.Connection, name: str) -> None:
    migrate_sqlite(database)
    database.execute("UPDATE storage_migrations SET sha256 = 'of another text' WHERE name = ?", (name,))
    with pytest.raises(ValueError, match=f"{name} was edited"):
        migrate_sqlite(database)
    assert not database.in_transaction


def test_database_of_a_newer_release_is_refused(database: sqlite3.Connection) -> None:
    migrate_sqlite(database)
    database.execute("INSERT INTO storage_migrations (name, sha256) VALUES ('9999_come_later', 'x')")
    with pytest.raises(ValueError, match="newer aerostore: it has 9999_come_later"):
        migrate_sqlite(database)
    assert not database.in_transaction


def test_migrations_make_exactly_the_declared_tables(database: sqlite3.Connection) -> None:
    migrate_sqlite(database)
    made = {name for kind, name, _sql in schema(database) if kind == "table"}
    assert made == {str(table.__tablename__) for table in TABLES} | {"storage_migrations"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.__tablename__))
def test_columns_are_those_of_the_declared_table(database: sqlite3.Connection, table: type[SQLModel]) -> None:
    migrate_sqlite(database)
    columns = database.execute(f"PRAGMA table_info({table.__tablename__})").fetchall()
    declared = SQLModel.metadata.tables[str(table.__tablename__)].columns
    assert [name for _, name, *_ in columns] == column_names(table)
    for _, name, _, is_not_null, _, is_key in columns:
        assert bool(is_not_null or is_key) == (not declared[name].nullable), name


def schema(connection: sqlite3.Connection) -> Schema:
    rows = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    )
    return {(kind, name, re.sub(r"\s+", " ", sql)) for kind, name, sql in rows}


def forget_everything_after(connection: sqlite3.Connection, released: int) -> None:
    """Turn a current database into one that has run only the first `released` numbered migrations."""
    made = schema(connection)
    for kind in ("trigger", "view", "table"):
        for name in [name for each, name, _sql in made if each == kind and name != "storage_migrations"]:
            connection.execute(f"DROP {kind} IF EXISTS {name}")
    kept = NUMBERED[:released]
    for statement in [each for migration in kept for each in split_sqlite(migration.sql)]:
        connection.execute(statement)
    connection.execute("DELETE FROM storage_migrations")
    connection.executemany(
        "INSERT INTO storage_migrations (name, sha256) VALUES (?, ?)",
        [(migration.name, migration.sha256) for migration in kept],
    )
