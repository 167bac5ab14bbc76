"""Rows in SQLite: WAL, full sync, one writer thread, readers beside it.

Policies are predicates that this adapter adds to the statements. Vendor errors end here.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from aerostore.domain import RlsContext
from aerostore.errors import Unavailable
from aerostore.executor import WorkFactory
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_file import BUSY_TIMEOUT_MS, DatabaseFile
from aerostore.executor.sqlite_law import SqliteLaw, declare_tables
from aerostore.executor.sqlite_reader import SqliteReader
from aerostore.executor.sqlite_unit import run_unit
from aerostore.executor.sqlite_writer import SqliteWriter
from aerostore.permissions.predicate import PolicySet

T = TypeVar("T")


class SqliteExecutor:
    """An `Executor` over one SQLite file.

    policies: the law. readers: threads for reads that are not short. lock_wait_s: how long a write waits
    for another process that writes. clock: seconds that only grow.
    """

    name = "sqlite"

    def __init__(
        self,
        path: Path,
        policies: PolicySet,
        *,
        readers: int = 4,
        lock_wait_s: float = BUSY_TIMEOUT_MS / 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._file = DatabaseFile(path)
        self._law = SqliteLaw(policies)
        self._declared_tables = policies.declared_tables
        self._new_writer = partial(SqliteWriter, self._file, lock_wait_s=lock_wait_s, clock=clock)
        self._writer: SqliteWriter | None = None
        self._reader = SqliteReader(self._file, self._law, threads=readers, clock=clock)

    async def start(self) -> None:
        """Open the database, migrate it and start the writer."""
        try:
            writer = await asyncio.to_thread(self._prepare)
        except (sqlite3.Error, ValueError, OSError) as exc:
            raise Unavailable(
                f"The database {self._path} cannot be opened: {exc}",
                hint="Check that the data directory exists, is writable and has room.",
            ) from exc
        writer.start()
        self._writer = writer

    async def close(self) -> None:
        """Finish waiting units, then close every connection."""
        writer, self._writer = self._writer, None  # first: what joins the queue behind the end never runs
        if writer is not None:
            await asyncio.to_thread(writer.close)
        await asyncio.to_thread(self._reader.close)

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` in one snapshot: at once when it is short, else on a thread."""
        self._require_open()
        return await self._reader.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Queue `work` for the writer thread; answered after its commit is on disk."""
        return await self._submit(context, work, keep=True)

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` on the writer thread and undo it."""
        return await self._submit(context, work, keep=False)

    async def _submit(self, context: RlsContext, work: WorkFactory[T], *, keep: bool) -> T:
        writer = self._require_open()
        return await writer.submit(lambda session: run_unit(self._law, session, context, work), keep=keep)

    def _require_open(self) -> SqliteWriter:
        if self._writer is None:
            raise Unavailable("The database is not open")
        return self._writer

    def _prepare(self) -> SqliteWriter:
        self._file.create()
        writer = self._new_writer()
        connection = writer.open().connection
        try:
            migrate_sqlite(connection)
            declare_tables(connection, self._declared_tables)
            self._reader.open()
        except BaseException:
            writer.close()
            raise
        return writer
