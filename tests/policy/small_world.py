"""A small database with rows that are hard to judge, and conditions as a request meets them."""

import itertools
import random
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from aerostore.executor.migrations import migrate_sqlite
from aerostore.policy.catalog import OBJECTS, Table
from aerostore.policy.expression import TRUE, Expression
from aerostore.policy.fold.expand import expand
from aerostore.policy.fold.folding import fold, simplify
from aerostore.policy.fold.settle import settle
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.condition import Written, write
from aerostore.policy.sqlite.layout import create_table, physical_table, place_of
from tests.policy.typed import MEMBERS, OTHER, OWNER, caller, condition, tables

TABLES = tables(MEMBERS)
CALLER = caller(level=2)
NAMES = (
    "a/b.png",
    "a/c/d.jpg",
    "a",
    "a/",
    "/a",
    "A/b.png",
    f"{OWNER}/avatar.png",
    f"{OTHER}/x",
    "a*b/[x]?.png",
    "aXb/[x]?.png",
    "",
    "a%b/_",
    "é/ü.png",
    "a//b",
    "b\\c",
    "\ud7ff/z",
    "a0",
    "\U0010ffff/q",
)


def small_world() -> sqlite3.Connection:
    """Return a database with two buckets, each with an object of every name, and some members."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    connection.execute(create_table(TABLES["public.members"]))
    rng = random.Random(3)
    for bucket, public, owner in (("files", 1, OWNER), ("other", 0, None)):
        connection.execute(
            "INSERT INTO storage_buckets (id, name, public, owner_id) VALUES (?, ?, ?, ?)",
            (bucket, bucket, public, owner),
        )
        for name in NAMES:
            _add_object(connection, bucket, name, rng)
    for team, person in itertools.product((OWNER, OTHER), repeat=2):
        connection.execute(
            "INSERT INTO public_members (team, person, role, level) VALUES (?, ?, ?, ?)",
            (team, person, rng.choice(("admin", "member", None)), rng.choice((1, 2, None))),
        )
    return connection


def _add_object(connection: sqlite3.Connection, bucket: str, name: str, rng: random.Random) -> None:
    connection.execute(
        "INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, metadata, user_metadata)"
        " VALUES (?, ?, ?, ?, 'v', ?, ?)",
        (
            str(UUID(int=rng.getrandbits(128))),
            bucket,
            name,
            rng.choice((OWNER, OWNER.upper(), OTHER, "legacy", None)),
            rng.choice(('{"size": 5, "mimetype": "image/png"}', "{}", '{"size": "many"}')),
            rng.choice((None, '{"public": true}', '{"level": 3}')),
        ),
    )


def rows_of(connection: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    """Return all rows, by table, as values of the policy engine."""
    connection.row_factory = sqlite3.Row
    found = {}
    for name, table in TABLES.items():
        stored = connection.execute(f"SELECT * FROM {physical_table(name)}").fetchall()
        found[name] = [_values(table, row) for row in stored]
    return found


def _values(table: Table, row: sqlite3.Row) -> dict[str, Any]:
    places = {name: place_of(table.name, name, type_) for name, type_ in table.columns.items()}
    return {name: _decoded(row[place.column], place.decode) for name, place in places.items()}


def _decoded(stored: Any, decode: Callable[[Any], Any]) -> Any:
    return None if stored is None else decode(stored)


def prepared(text: str, columns: Mapping[str, Any] | None = None) -> Expression:
    """Return a condition expanded, simplified and folded for CALLER; nothing hides rows of tables."""
    expanded = expand(condition(text, declared=MEMBERS), TABLES, lambda table: TRUE)
    return settle(fold(simplify(expanded), CALLER, columns or {}))


def to_sql(expression: Expression) -> Written:
    """Return a prepared condition as SQL."""
    return write(expression, CALLER, OBJECTS, "p")


def passing(connection: sqlite3.Connection, written: Written) -> set[tuple[str, str]]:
    """Return bucket and name of the objects that a condition lets pass."""
    with PolicyCalls(connection).running(written.programs):
        found = connection.execute(
            f"SELECT bucket_id, name FROM storage_objects WHERE {written.sql}", dict(written.parameters)
        )
        return {(row[0], row[1]) for row in found}
