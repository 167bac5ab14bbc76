"""The engine as the server runs it: under the real executor, in one database whose law can be exchanged."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aerostore.domain import SYSTEM, RlsContext
from aerostore.errors import (
    AccessDenied,
    BucketAlreadyExists,
    KeyAlreadyExists,
    NoSuchRelation,
    PolicyFailed,
    ResourceReferenced,
    StorageError,
)
from aerostore.executor import Result, Statement, Work
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.permissions.predicate import PolicySet, Predicate
from aerostore.policy import EvaluationError
from aerostore.policy.catalog import Table
from aerostore.policy.sqlite.layout import physical_table
from tests.law.case import BUCKETS, Caller, Outcome, Question, World, changes, state, state_query
from tests.law.expression_side import insertions, load_policies

_SQLSTATES: Mapping[type[StorageError], str] = {
    AccessDenied: "42501",
    KeyAlreadyExists: "23505",
    BucketAlreadyExists: "23505",
    NoSuchRelation: "23503",
    ResourceReferenced: "23503",
}


class _CurrentLaw:
    """The policies in force, exchanged between cases."""

    def __init__(self) -> None:
        self.policies: PolicySet = CompiledPolicies(load_policies(""))

    @property
    def declared_tables(self) -> Sequence[Table]:
        return self.policies.declared_tables

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        return self.policies.where(table, command, context, known)

    def check(self, table: str, command: str, context: RlsContext, row: Mapping[str, Any]) -> Predicate:
        return self.policies.check(table, command, context, row)


class SqliteSide:
    """A started executor over a file in `folder`. Close it in the end."""

    def __init__(self, folder: Path) -> None:
        self._law = _CurrentLaw()
        self._text = ""
        self._world: World = {}
        self._runner = asyncio.Runner()
        self._executor = SqliteExecutor(folder / "law.db", self._law, readers=1)
        self._runner.run(self._executor.start())

    def close(self) -> None:
        """Stop the executor."""
        self._runner.run(self._executor.close())
        self._runner.close()

    def apply(self, policies: str) -> None:
        """Put `policies` in force in place of those before. Raises: PolicyLoadError."""
        if policies != self._text:
            self._law.policies = CompiledPolicies(load_policies(policies))
            self._text = policies

    def fill(self, world: World) -> None:
        """Replace all rows by those of `world`."""
        steps = [Statement(sql=f"DELETE FROM {physical_table(table)}") for table in reversed([*self._world])]
        steps += [Statement(sql=sql, parameters=values) for sql, values in insertions(world)]
        self._runner.run(self._executor.write(SYSTEM, lambda: _all(steps)))
        self._world = world

    def ask(self, question: Question, caller: Caller) -> Outcome:
        """Try the statement as the caller, as a request would, and return what it did."""
        statement = question.statement(self._world)
        try:
            if question.is_read:
                seen = self._runner.run(self._executor.read(caller.context, lambda: _all([statement])))
                return sorted([str(row["id"])] for row in seen[0].rows)
            tried = [statement, Statement(sql=state_query(question.table))]
            done = self._runner.run(self._executor.probe(caller.context, lambda: _all(tried)))
        except StorageError as error:
            return _sqlstate(error)
        after = [_as_asked(question.table, list(row)) for row in done[1].rows]
        return changes(state(self._world, question.table), after)


def _all(statements: Sequence[Statement]) -> Work[list[Result]]:
    results = []
    for statement in statements:
        results.append((yield statement))
    return results


def _as_asked(table: str, row: list[Any]) -> list[Any]:
    if table == BUCKETS:
        row[3] = bool(row[3])
    return row


def _sqlstate(error: StorageError) -> str:
    if isinstance(error, PolicyFailed):
        cause = error.__cause__
        return cause.code if isinstance(cause, EvaluationError) else "policy failed"
    if type(error) not in _SQLSTATES:
        raise error
    return _SQLSTATES[type(error)]
