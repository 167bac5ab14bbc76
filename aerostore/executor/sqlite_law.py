"""Policies on SQLite: adds their conditions to statements, and judges rows that statements leave behind."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from aerostore.domain import RlsContext, to_iso
from aerostore.errors import AccessDenied
from aerostore.executor import Law, NameBounds, Result, Statement
from aerostore.executor.narrow import NameRange, range_of
from aerostore.executor.sqlite_many import ManyRows
from aerostore.permissions import ROW_VIOLATION
from aerostore.permissions.compiled import to_policy_failure
from aerostore.permissions.predicate import ALWAYS, NEVER, PolicySet, Predicate
from aerostore.policy import EvaluationError, PolicyCalls, create_table
from aerostore.policy.catalog import Table
from aerostore.policy.sqlite.layout import physical_table


class Session:
    """A connection with the function that policies' conditions call."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._calls = PolicyCalls(connection)

    def fetch(self, sql: str, parameters: Mapping[str, Any], predicate: Predicate = ALWAYS) -> Result:
        """Run a statement that may hold the condition of `predicate`. Raises: PolicyFailed."""
        values = {
            name: convert(value) if (convert := _CONVERSIONS.get(type(value))) else value
            for name, value in (*parameters.items(), *predicate.parameters.items())
        }
        if not predicate.programs:
            return _rows(self.connection.execute(sql, values))
        try:
            with self._calls.running(predicate.programs):
                return _rows(self.connection.execute(sql, values))
        except EvaluationError as exc:
            raise to_policy_failure(exc) from exc


class SqliteLaw:
    """What each command needs. policies: whose conditions hold.

    Source: PostgreSQL, CREATE POLICY, "Policies Applied by Command Type".
    """

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies

    def execute(self, session: Session, context: RlsContext, statement: Statement) -> Result:
        """Run `statement` as `context`. Raises: AccessDenied, PolicyFailed."""
        law = statement.law
        if law is None:
            return session.fetch(statement.sql, statement.parameters)
        if law.rows:
            return self._execute_many(session, context, statement, law)
        if law.command == "insert":
            self._require(session, law, self._check("insert", law, context))
            return session.fetch(statement.sql, statement.parameters)
        if law.command == "upsert":
            return self._upsert(session, context, statement, law)
        if law.command == "update":
            return self._update(session, context, statement, law)
        return _filtered(session, statement, law, self._using(law, context))

    def _update(self, session: Session, context: RlsContext, statement: Statement, law: Law) -> Result:
        left = self._changed(law, context)
        try:
            result = _filtered(session, statement, law, self._using(law, context))
        except sqlite3.IntegrityError:
            # Policies come first in PostgreSQL: who may not have a name must not learn that it is taken.
            if law.row:
                self._require(session, law, left)
            raise
        if result.changed:
            self._require_row(session, statement, law, left)
        return result

    def _upsert(self, session: Session, context: RlsContext, statement: Statement, law: Law) -> Result:
        """Insert or update; a row that policies hide is an error here, not skipped."""
        # First of all: PostgreSQL plans the update as well, so a token that its policies cannot read fails.
        visible = _both(
            self._where("update", law, context, {}), self._where("select", law, context, law.known)
        )
        left = self._changed(law, context)
        self._require(session, law, self._check("insert", law, context))
        self._require(session, law, self._where("select", law, context, law.row))
        taken = f"SELECT 1 FROM {law.table} WHERE {law.changed}"
        if not session.fetch(taken, statement.parameters).rows:
            return session.fetch(statement.sql, statement.parameters)
        self._require_row(session, statement, law, visible)
        result = session.fetch(statement.sql, statement.parameters)
        self._require_row(session, statement, law, left)
        return result

    def _execute_many(self, session: Session, context: RlsContext, statement: Statement, law: Law) -> Result:
        """Write several rows, or none when one is refused; each is judged as if written alone."""
        many, parameters = ManyRows(session.fetch, law), statement.parameters
        if law.command == "update":
            return self._update_many(session, context, statement, law, many)
        check = self._policies.check(law.table, "insert", context, {})
        if law.command == "insert":
            many.require_proposed(check)
            return session.fetch(statement.sql, parameters)
        visible = _both(
            self._where("update", law, context, {}), self._where("select", law, context, law.known)
        )
        left = self._changed(law, context)
        many.require_proposed(_both(check, self._where("select", law, context, {})))
        many.require_stored(parameters, visible)
        taken = many.stored_ids(parameters)
        result = session.fetch(statement.sql, parameters)
        many.require_stored(parameters, left, taken)
        return result

    def _update_many(
        self, session: Session, context: RlsContext, statement: Statement, law: Law, many: ManyRows
    ) -> Result:
        left = self._changed(law, context)
        try:
            result = _filtered(session, statement, law, self._using(law, context))
        except sqlite3.IntegrityError:
            many.require_proposed(left)  # as for one row
            raise
        many.require_stored(statement.parameters, left)
        return result

    def _using(self, law: Law, context: RlsContext) -> Predicate:
        """Update and delete name their row in WHERE, so PostgreSQL asks the select policies as well."""
        select = self._where("select", law, context, law.known)
        if law.command == "select":
            return select
        return _both(self._where(law.command, law, context, law.known), select)

    def _where(self, command: str, law: Law, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        return self._policies.where(law.table, command, context, known)

    def _check(self, command: str, law: Law, context: RlsContext) -> Predicate:
        return self._policies.check(law.table, command, context, law.row)

    def _changed(self, law: Law, context: RlsContext) -> Predicate:
        """Return what the row must meet as an update leaves it: only the table knows what it kept."""
        check = self._check("update", replace(law, row={}), context)
        return _both(check, self._where("select", law, context, {}))

    def _require(self, session: Session, law: Law, predicate: Predicate) -> None:
        """Judge the proposed row, which is not in the table yet."""
        if predicate is ALWAYS:
            return
        columns = ", ".join(f":{name} AS {name}" for name in law.row)
        sql = f"SELECT 1 FROM (SELECT {columns}) AS {law.table} WHERE {predicate.sql}"
        if not session.fetch(sql, law.row, predicate).rows:
            raise AccessDenied(ROW_VIOLATION)

    def _require_row(self, session: Session, statement: Statement, law: Law, predicate: Predicate) -> None:
        """Judge the row that `law.changed` finds in the table."""
        if predicate is ALWAYS:
            return
        sql = f"SELECT 1 FROM {law.table} WHERE {law.changed} AND ({predicate.sql})"
        if not session.fetch(sql, statement.parameters, predicate).rows:
            raise AccessDenied(ROW_VIOLATION)


def _both(one: Predicate, other: Predicate) -> Predicate:
    if one is ALWAYS or one == other:
        return other
    if other is ALWAYS:
        return one
    if NEVER in (one, other):
        return NEVER
    return Predicate(
        f"({one.sql}) AND ({other.sql})",
        {**one.parameters, **other.parameters},
        {**one.programs, **other.programs},
        one.prefixes if other.prefixes is None else other.prefixes,
    )


def _filtered(session: Session, statement: Statement, law: Law, using: Predicate) -> Result:
    condition, parameters = using.sql, statement.parameters
    found = range_of(using.prefixes, law.names)
    if found and law.names:
        condition, parameters = _narrowed(law.table, law.names, found, condition, parameters)
    return session.fetch(_filled(statement.sql, condition), parameters, using)


def _narrowed(
    table: str, names: NameBounds, found: NameRange, condition: str, parameters: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Move the statement's own bounds to `found` where that is narrower: SQLite seeks by one on each side."""
    narrower = {**parameters, names.lower: max(parameters[names.lower], found.lower)}
    if found.upper is None:
        return condition, narrower
    if names.upper:
        return condition, {**narrower, names.upper: min(parameters[names.upper], found.upper)}
    column = f"{table}.{'folded_name' if names.folded else 'name'}"
    return f"({condition}) AND {column} < :policy_upper", {**narrower, "policy_upper": found.upper}


@lru_cache(maxsize=1024)
def _filled(sql: str, condition: str) -> str:
    return sql.replace("{policy}", f"({condition})")


def _rows(cursor: sqlite3.Cursor) -> Result:
    rows: Sequence[Mapping[str, Any]] = cursor.fetchall()
    return Result(rows=rows, changed=max(cursor.rowcount, 0))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_CONVERSIONS: Mapping[type, Callable[[Any], str]] = {
    **dict.fromkeys((dict, list, tuple), _to_json),
    datetime: to_iso,
}


def declare_tables(connection: sqlite3.Connection, tables: Sequence[Table]) -> None:
    """Create the tables that policies declare, where they are missing.

    Raises: ValueError when one exists without all of its columns; its rows are never touched.
    """
    for table in tables:
        name = physical_table(table.name)
        columns = {row["name"] for row in connection.execute("SELECT name FROM pragma_table_info(?)", [name])}
        if not columns:
            connection.execute(create_table(table))
        elif missing := sorted(set(table.columns) - columns):
            raise ValueError(f"its table {name} lacks columns of its CREATE TABLE: {', '.join(missing)}")
