"""A large database on one of the two engines: where it is, how big its parts are, what runs it."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from benchmarks.scale_cluster import Cluster
from benchmarks.scale_fill import Report, fill_postgres, fill_sqlite

_SQLITE_SIZES = "SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = TRUE GROUP BY name"
_POSTGRES_SIZES = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace IN ('storage'::regnamespace, 'aerostore'::regnamespace)
"""
# After every key comes one that begins with a tilde.
_KEYS = "SELECT backend_key FROM storage_blobs WHERE backend_key >= '{0}' AND backend_key < '{0}~' ORDER BY 1"
_SEARCH_PATH = "-c search_path=aerostore,storage"


class Place(Protocol):
    """Rows that are measured. data_dir: that of the server; database_url: empty for SQLite."""

    data_dir: Path

    @property
    def database_url(self) -> str: ...

    def running(self) -> AbstractContextManager[None]: ...

    def fill(self, first: int, last: int, *, shared: int, report: Report) -> None: ...

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    def blob_keys(self, prefix: str) -> Iterator[str]: ...

    def sizes(self) -> dict[str, int]: ...

    def processes(self) -> list[int]: ...


class SqlitePlace:
    """A file in the data directory."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.database_url = ""
        self._path = self.data_dir / "aerostore.db"

    @contextmanager
    def running(self) -> Iterator[None]:
        yield

    def fill(self, first: int, last: int, *, shared: int, report: Report) -> None:
        fill_sqlite(self._path, first, last, shared=shared, report=report)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            return database.execute(query).fetchall()

    def blob_keys(self, prefix: str) -> Iterator[str]:
        with closing(sqlite3.connect(self._path)) as database:
            for (key,) in database.execute(_KEYS.format(prefix)):
                yield key

    def sizes(self) -> dict[str, int]:
        return dict(self.rows(_SQLITE_SIZES))

    def processes(self) -> list[int]:
        return []


class PostgresPlace:
    """A cluster of its own. indexes_last: see `fill_postgres`."""

    def __init__(self, directory: Path, port: int, *, indexes_last: bool = False) -> None:
        self._indexes_last = indexes_last
        self.data_dir = directory / "aero"
        self._cluster = Cluster(directory, port)

    @property
    def database_url(self) -> str:
        return self._cluster.url()

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._cluster.running():
            yield

    def fill(self, first: int, last: int, *, shared: int, report: Report) -> None:
        fill_postgres(
            self._superuser(), first, last, shared=shared, report=report, indexes_last=self._indexes_last
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._superuser(), autocommit=True, options=_SEARCH_PATH) as database:
            cursor = database.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def blob_keys(self, prefix: str) -> Iterator[str]:
        with (
            psycopg.connect(self._superuser(), options=_SEARCH_PATH) as database,
            database.cursor("keys") as keys,
        ):
            keys.execute(_KEYS.format(prefix).encode())
            for (key,) in keys:
                yield key

    def sizes(self) -> dict[str, int]:
        return dict(self.rows(_POSTGRES_SIZES))

    def processes(self) -> list[int]:
        return self._cluster.processes()

    def _superuser(self) -> str:
        return self._cluster.url("postgres")
