"""Executors under test, the small policy sets they are made with, and rows to fill them."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from aerostore.domain import SYSTEM, Blob, Bucket, Object, RlsContext
from aerostore.executor import Executor, Result, Row, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions import ALWAYS, Predicate

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

EXECUTORS: dict[str, Callable[[Path, Rights], Executor]] = {
    "sqlite": lambda folder, rights: SqliteExecutor(folder / "rows.db", rights),
}


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


async def add_bucket(executor: Executor, bucket_id: str = "photos") -> None:
    await write(executor, sql.insert_bucket(a_bucket(bucket_id)))


async def add_objects(executor: Executor, *names: str, bucket_id: str = "photos") -> None:
    new = [sql.insert_object(an_object(name, bucket_id=bucket_id)) for name in names]
    await write(executor, *new)
