"""Policy test cases: who asks for what, on which rows, and whether a set of policies permits it.

Decides as the executors do: an operation is a few statements, and each statement asks the policies of
several commands. Needs no server and no database but one in memory.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from aerostore.policy.answer import Condition
from aerostore.policy.catalog import BUCKETS, OBJECTS, Table
from aerostore.policy.policyset import PolicySet, Verdict
from aerostore.policy.problem import EvaluationError
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.layout import create_table, encode, physical_table, quoted
from aerostore.policy.value import Environment

Row: TypeAlias = Mapping[str, Any]


class InvalidCase(ValueError):
    """A case that makes no sense, such as one with rows that no table can hold."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that a caller can ask for. statement: the shape of what it runs on `table`.

    name: as policies read it in `storage.operation()`.
    """

    name: str
    table: str
    statement: str


OPERATIONS: Mapping[str, Operation] = {
    "upload": Operation("storage.object.upload", OBJECTS, "insert"),
    "upsert": Operation("storage.object.upload_update", OBJECTS, "upsert"),
    "download": Operation("storage.object.get_authenticated", OBJECTS, "select"),
    "list": Operation("storage.object.list", OBJECTS, "select"),
    "copy": Operation("storage.object.copy", OBJECTS, "copy"),
    "move": Operation("storage.object.move", OBJECTS, "update"),
    "delete": Operation("storage.object.delete", OBJECTS, "delete"),
    "create bucket": Operation("storage.bucket.create", BUCKETS, "insert"),
    "get bucket": Operation("storage.bucket.get", BUCKETS, "select"),
    "update bucket": Operation("storage.bucket.update", BUCKETS, "update"),
    "delete bucket": Operation("storage.bucket.delete", BUCKETS, "delete"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question to a set of policies and the expected answer.

    old: the row that is there, empty without one. new: the row that the operation would add or leave
    behind. tables: what other rows are there, by the name of their table. why: a sentence of its author.
    """

    operation: Operation
    is_permitted: bool
    environment: Environment
    old: Row = field(default_factory=dict)
    new: Row = field(default_factory=dict)
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a statement asks: whether `command` may meet `row`. check: it is a row to be left behind."""

    command: str
    check: bool
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the policies answer together, and each by itself. error: why they could not be evaluated."""

    question: Question
    is_yes: bool
    verdicts: tuple[Verdict, ...]
    error: EvaluationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answers up to the first no, which decides."""

    answers: tuple[Answer, ...]

    @property
    def is_permitted(self) -> bool:
        """Whether every answer is yes."""
        return all(answer.is_yes for answer in self.answers)


def decide(policies: PolicySet, case: Case) -> Outcome:
    """Put the questions of `case` to `policies`. Raises: InvalidCase for rows that no table can hold."""
    with closing(sqlite3.connect(":memory:")) as connection:
        _fill(connection, policies.tables, case.tables)
        panel = _Panel(policies, case, connection, PolicyCalls(connection))
        return Outcome(answers=tuple(_until_no(panel)))


def _until_no(panel: "_Panel") -> Iterator[Answer]:
    for question in _questions(panel.case):
        answer = panel.answer(question)
        yield answer
        if not answer.is_yes:
            return


@dataclass(frozen=True, slots=True)
class _Panel:
    policies: PolicySet
    case: Case
    connection: sqlite3.Connection
    calls: PolicyCalls

    def answer(self, question: Question) -> Answer:
        """Ask all policies together, then each of them."""
        verdicts = self._verdicts(question)
        try:
            is_yes = self._value(self._condition(question)) is True
        except EvaluationError as error:
            return Answer(question=question, is_yes=False, verdicts=verdicts, error=error)
        return Answer(question=question, is_yes=is_yes, verdicts=verdicts)

    def _condition(self, question: Question) -> Condition:
        ask = self.policies.check if question.check else self.policies.where
        return ask(self.case.operation.table, question.command, self.case.environment, question.row)

    def _verdicts(self, question: Question) -> tuple[Verdict, ...]:
        table, environment = self.case.operation.table, self.case.environment
        if environment.can_bypass_rls:
            return ()
        verdicts = self.policies.verdicts(
            table, question.command, environment, question.row, check=question.check
        )
        return tuple(self._settled(verdict) for verdict in verdicts)

    def _settled(self, verdict: Verdict) -> Verdict:
        """Return `verdict` with what its subqueries find."""
        if verdict.pending is None:
            return verdict
        try:
            return replace(verdict, value=self._value(verdict.pending), pending=None)
        except EvaluationError as error:
            return replace(verdict, error=error, pending=None)

    def _value(self, condition: Condition) -> bool | None:
        """Evaluate a condition about a row of which every column is known."""
        if condition.constant is not None:
            return condition.constant
        with self.calls.running(condition.programs):
            (value,) = self.connection.execute(f"SELECT {condition.sql}", condition.parameters).fetchone()
        return None if value is None else bool(value)


def _questions(case: Case) -> Iterator[Question]:
    """List what the statements of an operation ask, in order, as PostgreSQL's row security does."""
    statement = case.operation.statement
    if statement in {"select", "update", "delete", "copy"}:
        yield _using("select", case.old)
    if statement in {"update", "delete"}:
        yield _using(statement, case.old)
    if statement == "update":
        yield from _changed(case.new)
    if statement in {"insert", "copy", "upsert"}:
        yield Question(command="insert", check=True, row=case.new)
    if statement == "upsert":
        yield from _upserted(case)


def _upserted(case: Case) -> Iterator[Question]:
    yield _using("select", case.new)
    if not case.old:
        return
    yield _using("select", case.old)
    yield _using("update", case.old)
    yield from _changed({**case.new, "id": case.old["id"], "created_at": case.old["created_at"]})


def _changed(row: Row) -> Iterator[Question]:
    yield Question(command="update", check=True, row=row)
    yield _using("select", row)


def _using(command: str, row: Row) -> Question:
    return Question(command=command, check=False, row=row)


def _fill(
    connection: sqlite3.Connection, tables: Mapping[str, Table], rows: Mapping[str, Sequence[Row]]
) -> None:
    for table in tables.values():
        connection.execute(create_table(table) if table.declared else _create_storage_table(table))
        try:
            for row in rows.get(table.name, ()):
                _insert(connection, table, row)
        except sqlite3.Error as exc:
            raise InvalidCase(f"{table.name} cannot hold this row: {exc}") from exc


def _create_storage_table(table: Table) -> str:
    columns = ", ".join(map(quoted, table.columns))
    return f"CREATE TABLE {quoted(physical_table(table.name))} ({columns})"


def _insert(connection: sqlite3.Connection, table: Table, row: Row) -> None:
    names = ", ".join(quoted(name) for name in row)
    marks = ", ".join("?" for _ in row)
    values = [encode(table.columns[name], value) for name, value in row.items()]
    connection.execute(f"INSERT INTO {quoted(physical_table(table.name))} ({names}) VALUES ({marks})", values)
