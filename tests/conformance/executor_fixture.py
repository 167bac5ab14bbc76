"""Executors under test, the small policy sets they are made with, and rows to fill them."""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aerostore.domain import SYSTEM, Blob, Bucket, Object, RlsContext
from aerostore.executor import Executor, Result, Row, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.predicate import ALWAYS, Predicate
from aerostore.policy.catalog import Table
from tests.conformance.postgres import PostgresCluster

NOW = datetime(2026, 1, 31, 9, 0, 0, 123_000, tzinfo=UTC)
CALLER = RlsContext(role="authenticated", user_id="caller")
ANON = RlsContext(role="anon")


class Who(StrEnum):
    """Whom a policy lets through."""

    NOBODY = "nobody"
    OWNER = "owner"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """A policy for each command on both tables, its USING and WITH CHECK equal."""

    select: Who = Who.EVERYONE
    insert: Who = Who.EVERYONE
    update: Who = Who.EVERYONE
    delete: Who = Who.EVERYONE

    @property
    def declared_tables(self) -> Sequence[Table]:
        return ()

    def where(self, _table: str, command: str, context: RlsContext, _known: Mapping[str, Any]) -> Predicate:
        """Return the condition as SQL even where it is constant, so that the database decides."""
        if context.can_bypass_rls:
            return ALWAYS
        if getattr(self, command) is Who.OWNER:
            return Predicate("owner_id = :rls_user_id", {"rls_user_id": context.user_id})
        return Predicate("1 = 1" if getattr(self, command) is Who.EVERYONE else "1 = 0")

    def check(self, table: str, command: str, context: RlsContext, row: Mapping[str, Any]) -> Predicate:
        """Return the condition for a row that is left behind."""
        return self.where(table, command, context, {})


OWNER_ONLY = Rights(select=Who.OWNER, insert=Who.OWNER, update=Who.OWNER, delete=Who.OWNER)
MakeExecutor = Callable[[Rights], Executor]


def sqlite_rows(_request: pytest.FixtureRequest, folder: Path) -> MakeExecutor:
    return lambda rights: SqliteExecutor(folder / "rows.db", rights)


def postgres_rows(request: pytest.FixtureRequest, _folder: Path) -> MakeExecutor:
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    database = cluster.create_database(template=installed_template(cluster))
    request.addfinalizer(lambda: cluster.drop_database(database))

    def make(rights: Rights) -> Executor:
        set_policies(cluster.conninfo(database), rights)
        return PostgresExecutor(cluster.conninfo(database))

    return make


EXECUTORS: dict[str, Callable[[pytest.FixtureRequest, Path], MakeExecutor]] = {
    "sqlite": sqlite_rows,
    "postgres": postgres_rows,
}
"""Adapters by name: each makes the factory of executors that share the rows of one test."""
EVERY_EXECUTOR = [
    pytest.param(name, marks=[pytest.mark.postgres] if name == "postgres" else []) for name in EXECUTORS
]


@cache
def installed_template(cluster: PostgresCluster) -> str:
    """Return a database that is installed, to copy: far quicker than to install each one."""

    async def install() -> None:
        executor = PostgresExecutor(cluster.conninfo(name))
        await executor.start()
        await executor.close()

    name = cluster.create_database()
    with ThreadPoolExecutor() as thread:  # the caller's own may have a loop that runs
        thread.submit(asyncio.run, install()).result()
    return name


_CONDITIONS = {
    Who.NOBODY: "false",
    Who.OWNER: "owner_id = nullif(current_setting('request.jwt.claim.sub', true), '')",
    Who.EVERYONE: "true",
}


def set_policies(conninfo: str, rights: Rights) -> None:
    """Make `rights` the policies of both tables, in place of those they have."""
    with psycopg.connect(conninfo) as connection:
        for table, command in product(("objects", "buckets"), ("select", "insert", "update", "delete")):
            condition = _CONDITIONS[getattr(rights, command)]
            text = {
                "select": f"USING ({condition})",
                "insert": f"WITH CHECK ({condition})",
                "update": f"USING ({condition}) WITH CHECK ({condition})",
                "delete": f"USING ({condition})",
            }[command]
            connection.execute(f'DROP POLICY IF EXISTS "{command}" ON storage.{table}'.encode())
            connection.execute(f'CREATE POLICY "{command}" ON storage.{table} FOR {command} {text}'.encode())


def unit(*statements: Statement) -> Work[list[Result]]:
    """Run `statements` one after the other and return what each gave."""
    results = []
    for statement in statements:
        results.append((yield statement))
    return results


async def write(executor: Executor, *statements: Statement, by: RlsContext = SYSTEM) -> list[Result]:
    return await executor.write(by, lambda: unit(*statements))


async def probe(executor: Executor, *statements: Statement, by: RlsContext = SYSTEM) -> list[Result]:
    return await executor.probe(by, lambda: unit(*statements))


async def rows(executor: Executor, statement: Statement, by: RlsContext = SYSTEM) -> Sequence[Row]:
    [result] = await executor.read(by, lambda: unit(statement))
    return result.rows


async def count(executor: Executor, table: str) -> int:
    [row] = await rows(executor, Statement(sql=f"SELECT count(*) AS n FROM {table}"))
    return int(row["n"])


def a_bucket(bucket_id: str = "photos", **changes: Any) -> Bucket:
    values: dict[str, Any] = {
        "id": bucket_id,
        "name": bucket_id,
        "owner_id": None,
        "public": False,
        "type": "STANDARD",
        "file_size_limit": None,
        "allowed_mime_types": None,
        "versioning_status": "DISABLED",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Bucket(**values | changes)


def an_object(name: str = "a.txt", **changes: Any) -> Object:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "bucket_id": "photos",
        "name": name,
        "owner_id": CALLER.user_id,
        "version": str(uuid.uuid4()),
        "metadata": {"size": 1},
        "user_metadata": None,
        "created_at": NOW,
        "updated_at": NOW,
        "last_accessed_at": NOW,
    }
    return Object(**values | changes)


def a_blob(content: str = "content") -> Blob:
    blob_id = str(uuid.uuid4())
    return Blob(id=blob_id, key=f"sha256/00/{content}.{blob_id}", sha256=content, size_bytes=1)


def connections_of(executor: SqliteExecutor) -> list[sqlite3.Connection]:
    """Return the connections that are open, first the one that writes."""
    assert executor._writer is not None
    return [session.connection for session in (*executor._writer.sessions, *executor._reader.sessions)]


async def add_bucket(executor: Executor, bucket_id: str = "photos") -> None:
    await write(executor, sql.insert_bucket(a_bucket(bucket_id)))


async def add_objects(executor: Executor, *names: str, bucket_id: str = "photos") -> None:
    new = [sql.insert_object(an_object(name, bucket_id=bucket_id)) for name in names]
    await write(executor, *new)
