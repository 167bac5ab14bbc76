"""What a list costs each engine in its own unit: told by steps, rows and pages of memory, not by time."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from aerostore import policy
from aerostore.domain import SYSTEM, RlsContext
from aerostore.executor import Executor, Statement, Work, WorkFactory
from aerostore.executor.migrations import migrate_sqlite
from aerostore.executor.sqlite_law import Session, SqliteLaw
from aerostore.permissions.compiled import CompiledPolicies

T = TypeVar("T")


class Counter(Protocol):
    """As much of an executor as a list needs, and what its reads have cost, in how many statements."""

    cost: int
    statements: int

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T: ...


class SqliteCounter:
    """Counts the instructions of SQLite's machine."""

    def __init__(self, connection: sqlite3.Connection, policies: str, filling: Iterable[Statement]) -> None:
        self.cost = self.statements = 0
        self._connection = connection
        connection.row_factory = sqlite3.Row
        self._session = Session(connection)
        source = policy.Source(path="policies/test.sql", text=policies)
        self._law = SqliteLaw(CompiledPolicies(policy.load([source])))
        migrate_sqlite(connection)
        for statement in filling:
            self._law.execute(self._session, SYSTEM, statement)

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        self._connection.set_progress_handler(self._tick, 1)
        unit = work()
        statement = next(unit)
        while True:
            self.statements += 1
            try:
                statement = unit.send(self._law.execute(self._session, context, statement))
            except StopIteration as stop:
                self._connection.set_progress_handler(None, 0)
                answer: T = stop.value
                return answer

    def plan(self, statement: Statement, context: RlsContext) -> list[str]:
        """Return how a statement is run for `context`: traced, with every value in its place."""
        traced: list[str] = []
        self._connection.set_trace_callback(traced.append)
        self._law.execute(self._session, context, statement)
        self._connection.set_trace_callback(None)
        [text] = traced
        return [str(line[3]) for line in self._connection.execute(f"EXPLAIN QUERY PLAN {text}")]

    def _tick(self) -> int:
        self.cost += 1
        return 0


class PostgresCounter:
    """Counts the rows that scans read, those that they filter out included, and pages of memory looked at."""

    def __init__(self, executor: Executor) -> None:
        self.cost = self.statements = self.pages = 0
        self._executor = executor

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._executor.read(context, lambda: self._explained(work()))

    def _explained(self, unit: Work[T]) -> Work[T]:
        statement = next(unit)
        while True:
            [row] = (yield explained(statement)).rows
            plan = json.loads(row["QUERY PLAN"])[0]["Plan"]
            self.statements += 1
            self.cost += rows_read(plan)
            self.pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            try:
                statement = unit.send((yield statement))
            except StopIteration as stop:
                answer: T = stop.value
                return answer


def explained(statement: Statement) -> Statement:
    """Return what tells how `statement` is run, bounds that the executor adds included."""
    explain = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON)"
    postgres = f"{explain} {statement.postgres}" if statement.postgres else ""
    return replace(statement, sql=f"{explain} {statement.sql}", postgres=postgres)


def rows_read(node: Mapping[str, Any]) -> int:
    here = 0
    if "Relation Name" in node:
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        here = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return int(here) + sum(rows_read(child) for child in node.get("Plans", ()))
