"""What SQLAlchemy Core costs for one statement, beside the present path: text from the tables and sqlite3.

Both paths run the same statements over one schema in memory, so that only the paths differ. From the root
of the repository: `python -m benchmarks.statements`. See docs/decisions/0004-sql-as-text.md.
"""

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields

from sqlalchemy import Connection, Table, bindparam, create_engine, insert, select
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel

from aerostore.domain import Blob, Object, utc_now
from aerostore.executor import Statement, statements
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_law import Session

ROUNDS, CALLS = 15, 4000
_OBJECTS: Table = SQLModel.metadata.tables["storage_objects"]
_COLUMNS = [each.name for each in fields(Object)]
_BLOB_ID, _BUCKET = "00000000-0000-0000-0000-000000000000", "photos"

FIND = select(_OBJECTS).where(
    _OBJECTS.c.bucket_id == bindparam("bucket"),
    _OBJECTS.c.name == bindparam("key"),
    _OBJECTS.c.archived_at.is_(None),
)
INSERT = insert(_OBJECTS)


def an_object(number: int) -> Object:
    now = utc_now()
    return Object(
        id=f"{number:036d}",
        bucket_id=_BUCKET,
        name=f"holidays/2026/picture-{number}.jpg",
        owner_id="alice",
        version=f"{number:036d}",
        metadata={"eTag": '"0"', "size": 4096, "mimetype": "image/jpeg", "cacheControl": "max-age=3600"},
        user_metadata={},
        created_at=now,
        updated_at=now,
        last_accessed_at=now,
        blob_id=_BLOB_ID,
    )


def a_database() -> sqlite3.Connection:
    """Return the real schema with 10,000 objects, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    migrate_sqlite(connection)
    connection.execute("INSERT INTO storage_buckets (id, name) VALUES (:id, :id)", {"id": _BUCKET})
    blob = Blob(id=_BLOB_ID, key="sha256/00/0", sha256="0", size_bytes=4096)
    session = Session(connection)
    text_path(session, statements.insert_blob(blob, utc_now()))
    for number in range(10_000):
        text_path(session, statements.insert_object(an_object(number)))
    return connection


def text_path(session: Session, statement: Statement) -> int:
    """Run `statement` as the executor's threads do: the method that they call is the thing measured."""
    return len(session.fetch(statement.sql, statement.parameters).rows)


@contextmanager
def core_connection(connection: sqlite3.Connection) -> Iterator[Connection]:
    """Yield an SQLAlchemy connection to the same database; its engine caches compiled statements."""
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as core:
        yield core


def core_find(core: Connection, name: str) -> int:
    rows = core.execute(FIND, {"bucket": _BUCKET, "key": name}).mappings().fetchall()
    return len(rows)


def core_insert(core: Connection, new: Object) -> int:
    return core.execute(INSERT, {name: getattr(new, name) for name in _COLUMNS}).rowcount


def microseconds(connection: sqlite3.Connection, call: Callable[[int], int]) -> float:
    """Return the time of one call, as a mean over `CALLS` in a transaction that is undone."""
    connection.execute("SAVEPOINT measured")
    started = time.perf_counter()
    for number in range(CALLS):
        call(number)
    spent = time.perf_counter() - started
    connection.execute("ROLLBACK TO measured")
    connection.execute("RELEASE measured")
    return spent / CALLS * 1e6


def compare(
    connection: sqlite3.Connection, name: str, text: Callable[[int], int], core: Callable[[int], int]
) -> None:
    """Print the medians of both paths, and the median of the ratios within each round."""
    pairs = [(microseconds(connection, text), microseconds(connection, core)) for _ in range(ROUNDS)]
    text_us, core_us = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(core / text for text, core in pairs)
    print(f"{name:14} text {text_us:6.1f} us   core {core_us:6.1f} us   core / text {ratio:4.2f}")


def main() -> None:
    connection = a_database()
    session = Session(connection)
    names = [an_object(number).name for number in range(CALLS)]
    fresh = [an_object(100_000 + number) for number in range(CALLS)]
    with core_connection(connection) as core:
        compare(
            connection,
            "find_object",
            lambda number: text_path(session, statements.find_object(_BUCKET, names[number])),
            lambda number: core_find(core, names[number]),
        )
        compare(
            connection,
            "insert_object",
            lambda number: text_path(session, statements.insert_object(fresh[number])),
            lambda number: core_insert(core, fresh[number]),
        )


if __name__ == "__main__":
    main()
