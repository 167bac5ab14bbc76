"""Judgements by the policy engine: each policy and each of its parts; subqueries read the SQLite file."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aerostore.domain import RlsContext
from aerostore.errors import Unavailable
from aerostore.executor.judge import Asked, Judgement, applicability
from aerostore.executor.judge_parts import error_value, part_of, says_nothing, value_of
from aerostore.permissions import BUCKETS, OBJECTS
from aerostore.permissions.compiled import environment_of
from aerostore.policy import syntax
from aerostore.policy.catalog import Catalog, Table
from aerostore.policy.combine import Policy
from aerostore.policy.describe.outline import Value, outline
from aerostore.policy.describe.part_value import PartValues
from aerostore.policy.describe.sql import to_text
from aerostore.policy.function.io import write_text
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import EvaluationError, Refusal
from aerostore.policy.sqlite.calls import PolicyCalls
from aerostore.policy.sqlite.condition import Written
from aerostore.policy.sqlite.layout import place_of
from aerostore.policy.value import Environment

_TABLES = {OBJECTS: "storage.objects", BUCKETS: "storage.buckets"}


class SqliteJudge:
    """A `Judge` over the SQLite file at `path`. catalog: what `policies` were loaded with."""

    def __init__(self, path: Path, policies: PolicySet, catalog: Catalog) -> None:
        self._path = path
        self._policies = policies
        self._parts = PartValues(policies, catalog)

    async def judge(self, context: RlsContext, questions: Sequence[Asked]) -> Sequence[tuple[Judgement, ...]]:
        """Ask the policies on a connection of its own, in one snapshot."""
        return await asyncio.to_thread(self._judge, context, questions)

    def _judge(self, context: RlsContext, questions: Sequence[Asked]) -> list[tuple[Judgement, ...]]:
        environment = environment_of(context)
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                connection.execute("BEGIN")
                calls = PolicyCalls(connection)
                inquiry = _Inquiry(self._parts, environment, partial(_run, connection, calls))
                return [self._ask(inquiry, asked) for asked in questions]
        except sqlite3.Error as exc:
            raise Unavailable("The rows that policies read cannot be reached") from exc

    def _ask(self, inquiry: "_Inquiry", asked: Asked) -> tuple[Judgement, ...]:
        table = _TABLES[asked.table]
        row = _columns(self._policies.tables[table], asked.row)
        concerned = [
            policy
            for policy in self._policies.policies
            if policy.table == table and policy.covers(asked.command)
        ]
        by_name = sorted(concerned, key=lambda policy: policy.name.encode())
        return tuple(inquiry.judgement(policy, row, check=asked.check) for policy in by_name)


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """One caller's questions, on one connection."""

    parts: PartValues
    environment: Environment
    run: Callable[[Written], None]

    def judgement(self, policy: Policy, row: Mapping[str, Any], *, check: bool) -> Judgement:
        statement, role = policy.statement, self.environment.role
        expression = (statement.check or statement.using) if check else statement.using
        about = _about(policy)
        if expression is None:
            return Judgement(**about, applies=False, reason=says_nothing(check=check))
        applies = policy.applies_to(role)
        about |= {
            "applies": applies,
            "reason": applicability(role, about["roles"], applies=applies),
            "expression": to_text(expression),
        }
        return self._valued(about, policy, expression, row) if applies else Judgement(**about)

    def _valued(
        self,
        about: Mapping[str, Any],
        policy: Policy,
        expression: syntax.Expression,
        row: Mapping[str, Any],
    ) -> Judgement:
        outlined = outline(expression)
        values = {to_text(part): self._value(part, policy, row) for part in outlined.expressions()}
        whole = values[to_text(expression)]
        return Judgement(**about, result=whole.truth, error=whole.error, part=part_of(outlined, values))

    def _value(self, part: syntax.Expression, policy: Policy, row: Mapping[str, Any]) -> Value:
        try:
            type_, value = self.parts.value(part, policy, self.environment, row, self.run)
        except (EvaluationError, Refusal) as exc:
            return error_value(exc.code, exc.message)
        return value_of(None if value is None else write_text(type_, value), str(type_))


def _about(policy: Policy) -> dict[str, Any]:
    line, _column = policy.source.line_and_column(policy.statement.at)
    return {
        "name": policy.name,
        "permissive": policy.permissive,
        "roles": tuple(sorted(policy.roles)),
        "source": f"{policy.source.path}:{line}",
        "comment": " ".join(policy.statement.comment.split()),
    }


def _columns(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of plain values as the engine has it, with the columns that follow from others."""
    stored = {name: _stored(value) for name, value in row.items()}
    places = {name: place_of(table.name, name, type_) for name, type_ in table.columns.items()}
    return {
        name: None if stored.get(place.column) is None else place.decode(stored[place.column])
        for name, place in places.items()
    }


def _stored(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _run(connection: sqlite3.Connection, calls: PolicyCalls, written: Written) -> None:
    with calls.running(written.programs):
        connection.execute(f"SELECT ({written.sql})", written.parameters).fetchall()
