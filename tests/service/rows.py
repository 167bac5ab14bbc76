"""Where the rows of a stage are: a file of its own, or a database of its own in the shared cluster."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from aerostore.executor import Executor
from aerostore.executor.migrations import shipped_folder
from aerostore.executor.policy_sync import sync_policies
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies, read_policy_files
from aerostore.policy import Source, load
from tests.conformance.executor_fixture import Rights, installed_template, set_policies
from tests.conformance.postgres import PostgresCluster
from tests.conformance.postgres_fixture import SOMEBODY_WAITS, opponent

DEFAULT_SOURCES = read_policy_files(shipped_folder("policies"))
PATIENCE_S = 60.0
"""How long a unit waits for a connection: some tests write a thousand objects at once, on a busy machine."""
DEFAULT_POLICIES = CompiledPolicies(load(DEFAULT_SOURCES))


class Rows(Protocol):
    """The rows of one stage. Nobody may be connected while they are backed up or put back."""

    def executor(self) -> Executor: ...

    def back_up(self) -> Callable[[], None]:
        """Copy all rows; return what puts the copy in their place."""
        ...


class SqliteRows:
    def __init__(self, folder: Path, rights: Rights | str | None) -> None:
        self._path = folder / "rows.db"
        self._policies = CompiledPolicies(load(_sources(rights))) if isinstance(rights, str) else rights

    def executor(self) -> Executor:
        return SqliteExecutor(self._path, self._policies or DEFAULT_POLICIES)

    def back_up(self) -> Callable[[], None]:
        copy = self._path.with_name("copy.db")
        shutil.copyfile(self._path, copy)

        def put_back() -> None:
            for leftover in self._path.parent.glob("rows.db*"):
                leftover.unlink()
            shutil.copyfile(copy, self._path)

        return put_back


class PostgresRows:
    def __init__(self, cluster: PostgresCluster, rights: Rights | str | None) -> None:
        self._cluster = cluster
        self._database = cluster.create_database(template=default_template(cluster))
        if isinstance(rights, str):
            _sync(self.conninfo, _sources(rights))
        elif rights is not None:
            cluster.run(
                'DROP POLICY "owners manage their own objects" ON storage.objects', database=self._database
            )
            set_policies(self.conninfo, rights)

    @property
    def conninfo(self) -> str:
        return self._cluster.conninfo(self._database)

    def executor(self) -> Executor:
        return PostgresExecutor(self.conninfo, connection_wait_s=PATIENCE_S)

    def back_up(self) -> Callable[[], None]:
        copy = self._cluster.create_database(template=self._database)

        def put_back() -> None:
            self.drop()
            self._database = copy

        return put_back

    def is_somebody_stuck(self) -> bool:
        """Tell whether a transaction waits for another one."""
        with opponent(self.conninfo) as connection:
            return bool(connection.execute(SOMEBODY_WAITS.encode()).fetchall())

    def drop(self) -> None:
        self._cluster.drop_database_soon(self._database)


@cache
def default_template(cluster: PostgresCluster) -> str:
    """Return a database with the shipped policies, to copy."""
    name = cluster.create_database(template=installed_template(cluster))
    _sync(cluster.conninfo(name), DEFAULT_SOURCES)
    return name


def _sync(conninfo: str, sources: Sequence[Source]) -> None:
    with ThreadPoolExecutor() as thread:  # the caller's own may have a loop that runs
        thread.submit(asyncio.run, sync_policies(conninfo, sources)).result()


def _sources(text: str) -> Sequence[Source]:
    return [Source(path="test.sql", text=text)]


@contextmanager
def open_rows(
    kind: str, request: pytest.FixtureRequest, folder: Path, rights: Rights | str | None = None
) -> Iterator[Rows]:
    """Make the rows of a stage for the time of the block; the stage must be closed before its end.

    rights: the policies, as text or as an object, else those that are shipped.
    """
    if kind == "sqlite":
        yield SqliteRows(folder, rights)
        return
    made = PostgresRows(request.getfixturevalue("cluster"), rights)
    try:
        yield made
    finally:
        made.drop()
