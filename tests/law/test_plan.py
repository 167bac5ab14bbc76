"""A list costs what its caller can see, not what its bucket holds: told by plan and steps, not by time."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import product
from random import Random

import pytest

from aerostore.domain import RlsContext
from aerostore.executor import Row, Statement
from aerostore.executor import statements as sql
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_law import Session, SqliteLaw, declare_tables
from aerostore.permissions.compiled import CompiledPolicies
from tests.law.case import BUCKETS, OBJECTS, World
from tests.law.expression_side import insertions, load_policies
from tests.law.population import USERS, Population

OWN_FOLDER = """create policy own on storage.objects for select to authenticated
    using (bucket_id = 'docs' and (storage.foldername(name))[1] = (select auth.uid())::text);"""
ME = RlsContext(role="authenticated", user_id=USERS[0])
MY_FOLDER = f"{USERS[0]}/"
MINE = 20


def lists(*, lower: str, upper: str | None, order: str) -> dict[str, Statement]:
    """Return every kind of list of names between two bounds."""
    return {
        "names": sql.list_names("docs", lower=lower, upper=upper, order=order, limit=100),
        "entries": sql.list_entries(
            "docs", prefix_length=0, delimiter="/", lower=lower, upper=upper, order=order, limit=100
        ),
        "folded entries": sql.list_folded_entries(
            "docs", prefix_length=0, lower=lower, upper=upper, order=order, limit=100
        ),
        "folded folders": sql.folder.list_folded_folders(
            "docs", prefix_length=0, root_length=0, lower=lower, upper=upper, order=order, limit=100
        ),
        "folded files": sql.folder.list_folded_files(
            "docs",
            prefix_length=0,
            lower=lower,
            upper=upper,
            column="name",
            order=order,
            limit=100,
            offset=0,
        ),
        "entries by time": sql.list_entries_by_time(
            "docs",
            prefix_length=0,
            delimiter="/",
            lower=lower,
            upper=upper,
            column="created_at",
            order=order,
            beyond=None,
            limit=100,
        ),
    }


STATEMENTS = {
    f"{name} from {lower!r} to {upper!r}, {order}": statement
    for (lower, upper), order in product((("", None), ("3", "4")), ("asc", "desc"))
    for name, statement in lists(lower=lower, upper=upper, order=order).items()
}


def a_world(others: int) -> World:
    """Return a bucket in which I have some objects, and each of `others` users has as many."""
    population = Population(Random(1), ())
    owners = [USERS[0], *(f"{number:08x}-0000-4000-8000-000000000000" for number in range(others))]
    names = [f"{owner}/{number:03}" for owner in owners for number in range(MINE)]
    objects = [dict(population.object_row("docs")) | {"name": name} for name in names]
    return {BUCKETS: [population.bucket_row("docs")], OBJECTS: objects}


class Database:
    """A bucket under the policy OWN_FOLDER."""

    def __init__(self, connection: sqlite3.Connection, world: World) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row
        self._session = Session(connection)
        policies = CompiledPolicies(load_policies(OWN_FOLDER))
        self._law = SqliteLaw(policies)
        migrate_sqlite(connection)
        declare_tables(connection, policies.declared_tables)
        for statement, values in insertions(world):
            connection.execute(statement, values)

    def listed(self, statement: Statement) -> Sequence[Row]:
        """Run a list as me."""
        return self._law.execute(self._session, ME, statement).rows

    def plan(self, statement: Statement) -> list[str]:
        """Return how SQLite runs a list of mine, as it was run: with every value in its place."""
        traced: list[str] = []
        self._connection.set_trace_callback(traced.append)
        self.listed(statement)
        self._connection.set_trace_callback(None)
        [text] = traced
        return [str(line[3]) for line in self._connection.execute(f"EXPLAIN QUERY PLAN {text}")]

    def steps(self, statement: Statement) -> int:
        """Return how many instructions SQLite's machine executes for a list of mine."""
        taken = 0

        def tick() -> int:
            nonlocal taken
            taken += 1
            return 0

        self._connection.set_progress_handler(tick, 1)
        self.listed(statement)
        self._connection.set_progress_handler(None, 0)
        return taken


@contextmanager
def database_among(others: int) -> Iterator[Database]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield Database(connection, a_world(others))


@pytest.fixture(scope="module")
def small() -> Iterator[Database]:
    with database_among(others=3) as database:
        yield database


@pytest.fixture(scope="module")
def large() -> Iterator[Database]:
    with database_among(others=300) as database:
        yield database


@pytest.mark.parametrize("statement", list(STATEMENTS.values()), ids=STATEMENTS)
def test_a_list_under_an_own_folder_policy_seeks_a_range_of_names(
    small: Database, statement: Statement
) -> None:
    touched = [line for line in small.plan(statement) if "storage_objects" in line]
    assert touched
    assert all(line.startswith("SEARCH") and "(bucket_id=?)" not in line for line in touched), touched


@pytest.mark.parametrize("statement", list(STATEMENTS.values()), ids=STATEMENTS)
def test_objects_of_others_cost_a_list_nothing(
    small: Database, large: Database, statement: Statement
) -> None:
    assert large.steps(statement) <= small.steps(statement) * 1.1


def test_a_list_from_the_root_shows_my_folder(large: Database) -> None:
    entries = lists(lower="", upper=None, order="asc")
    assert len(large.listed(entries["names"])) == MINE
    assert [row["folder"] for row in large.listed(entries["folded folders"])] == [MY_FOLDER]
