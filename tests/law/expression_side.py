"""The policy engine by itself: what one policy's condition is for each row, in Python and as SQL."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aerostore.executor.migrations import migrate_sqlite
from aerostore.policy import (
    Condition,
    Environment,
    EvaluationError,
    Policy,
    PolicyCalls,
    PolicyLoadError,
    PolicySet,
    Source,
    load,
)
from aerostore.policy.catalog import Table
from aerostore.policy.expression import Expression
from aerostore.policy.fold.evaluate import evaluate
from aerostore.policy.fold.folding import simplify
from aerostore.policy.sqlite.layout import create_table, physical_table, place_of
from aerostore.policy.tree import has_query
from tests.law import corpus
from tests.law.case import OBJECTS, Caller, Outcome, Question, Row, Verdict, World, changes, state
from tests.law.comparison import REFUSED

EVALUATED = "evaluated"
AS_FILTER = "as a filter"
WITH_ROW = "with the row"
"""How the engine judged: three-valued and in Python; by the table's columns; by values it was given."""

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


def load_policies(policies: str) -> PolicySet:
    """Load a policy file after the tables and functions of the corpus. Raises: PolicyLoadError."""
    return load([Source(path="fixture.sql", text=corpus.fixture()), Source(path="case.sql", text=policies)])


def refusal(policies: str) -> str | None:
    """Return the SQLSTATE for which the engine refuses a policy file, None when it accepts it."""
    try:
        load_policies(policies)
    except PolicyLoadError as error:
        return error.problems[0].code
    return None


def environment_of(caller: Caller) -> Environment:
    """Return who asks, as the engine is told."""
    return Environment(
        role=caller.role, now=NOW, settings=caller.settings, can_bypass_rls=caller.context.can_bypass_rls
    )


def stored(row: Row) -> dict[str, Any]:
    """Return a row as SQLite keeps it."""
    return {name: _stored(value) for name, value in row.items()}


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return int(value) if isinstance(value, bool) else value


def values_of(table: Table, row: Row) -> dict[str, Any]:
    """Return every column of `table` for a row, as the engine's values."""
    kept = {"archived_at": None, "is_delete_marker": 0} | stored(row)
    return {name: _value(table.name, name, type_, kept) for name, type_ in table.columns.items()}


def _value(table: str, column: str, type_: Any, kept: Mapping[str, Any]) -> Any:
    place = place_of(table, column, type_)
    value = kept[place.column]
    return None if value is None else place.decode(value)


def insertions(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Return the statements that put `world` into SQLite, with their parameters."""
    return [(_insertion(table, row), stored(row)) for table, rows in world.items() for row in rows]


def _insertion(table: str, row: Row) -> str:
    parameters = ", ".join(f":{name}" for name in row)
    return f"INSERT INTO {physical_table(table)} ({', '.join(row)}) VALUES ({parameters})"


def declarations(policies: PolicySet) -> list[str]:
    """Return the statements that create the tables declared in policy files."""
    return [create_table(table) for table in policies.tables.values() if table.declared]


class ExpressionSide:
    """An SQLite database in memory that holds one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._text = ""
        self._policies = load_policies("")
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._calls = PolicyCalls(self._connection)
        migrate_sqlite(self._connection)
        for statement in declarations(self._policies):
            self._connection.execute(statement)
        for statement, parameters in insertions(world):
            self._connection.execute(statement, parameters)

    def close(self) -> None:
        """Forget the world."""
        self._connection.close()

    def apply(self, policies: str) -> None:
        """Put `policies` in force in place of those before. Raises: PolicyLoadError."""
        if policies != self._text:
            self._policies = load_policies(policies)
            self._text = policies

    def judgements(self, question: Question, caller: Caller) -> Iterator[tuple[str, dict[str, Verdict]]]:
        """Yield what the part of the policy in question is for each row, in each way to judge it."""
        policy = next(each for each in self._policies.policies if each.name == question.target)
        condition = policy.using if question.part == "using" else policy.check
        assert condition is not None
        environment = environment_of(caller)
        rows = self._values(policy.table, question.names)
        if not has_query(condition):
            yield EVALUATED, {row: _verdict(condition, environment, values) for row, values in rows.items()}
        if environment.can_bypass_rls:
            return
        yield AS_FILTER, {row: self._judge(policy, question.part, environment, row, {}) for row in rows}
        yield (
            WITH_ROW,
            {row: self._judge(policy, question.part, environment, row, known) for row, known in rows.items()},
        )

    def ask(self, question: Question, caller: Caller) -> Outcome:
        """Return the rows that the caller sees, or whether it may insert one."""
        environment = environment_of(caller)
        try:
            if question.form == "see objects":
                condition = self._policies.where(OBJECTS, "select", environment, {})
                return sorted(
                    map(list, self._run(f"SELECT id FROM storage_objects WHERE {condition.sql}", condition))
                )
            values = values_of(self._policies.tables[OBJECTS], question.row)
            condition = self._policies.check(OBJECTS, "insert", environment, values)
            admitted = self._run(f"SELECT 1 WHERE {condition.sql}", condition)
        except EvaluationError as error:
            return error.code
        return changes([], state({OBJECTS: [question.row]}, OBJECTS)) if admitted else REFUSED

    def _values(self, table: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        columns = self._policies.tables[table]
        return {row["id"]: values_of(columns, row) for row in self._world[table] if row["id"] in ids}

    def _judge(
        self, policy: Policy, part: str, environment: Environment, row: str, known: Mapping[str, Any]
    ) -> Verdict:
        """Select one row by the condition of the whole policy set. known: its values, told beforehand."""
        decide, default = (
            (self._policies.where, "select") if part == "using" else (self._policies.check, "insert")
        )
        command = default if policy.command == "all" else policy.command
        try:
            condition = decide(policy.table, command, environment, known)
            table = physical_table(policy.table)
            query = f"SELECT 1 FROM {table} WHERE id = :row AND ({condition.sql})"
            return bool(self._run(query, condition, row=row))
        except EvaluationError as error:
            return error.code

    def _run(self, query: str, condition: Condition, **values: str) -> list[Any]:
        with self._calls.running(condition.programs):
            return self._connection.execute(query, {**condition.parameters, **values}).fetchall()


def _verdict(condition: Expression, environment: Environment, values: Mapping[str, Any]) -> Verdict:
    try:
        verdict: bool | None = evaluate(simplify(condition), environment, values)
    except EvaluationError as error:
        return error.code
    return verdict
