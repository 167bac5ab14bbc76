"""Judgements by Postgres itself: its own policies, evaluated one by one in the caller's role, then undone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row

from aerostore.domain import RlsContext
from aerostore.errors import Unavailable
from aerostore.executor.judge import Asked, Judgement, applicability
from aerostore.executor.judge_parts import error_value, part_of, says_nothing, texts_of, value_of
from aerostore.permissions import BUCKETS, OBJECTS
from aerostore.permissions.request_setting import request_settings
from aerostore.policy.describe.outline import Outline, Value, outline
from aerostore.policy.function.storage import owner_of
from aerostore.policy.parse.source import parse, parse_expression
from aerostore.policy.problem import Refusal, Source
from aerostore.policy.syntax import CreatePolicy

CONNECT_TIMEOUT_S = 10
Connection: TypeAlias = AsyncConnection[dict[str, Any]]
_TABLES = {OBJECTS: "storage.objects", BUCKETS: "storage.buckets"}
_COMMANDS = {"select": "r", "insert": "a", "update": "w", "delete": "d"}
_SETTINGS = {
    "search_path": "pg_catalog, aerostore, storage, public, extensions, pg_temp",
    "statement_timeout": "10s",
    "TimeZone": "UTC",
}
# With nothing else on the path every name is printed with its schema.
_PRINTING = "SET LOCAL search_path = pg_catalog"
_POLICIES = """
SELECT polname::text AS name, polpermissive AS permissive,
    ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role)::text END
        FROM unnest(polroles) AS role ORDER BY 1) AS roles,
    EXISTS (SELECT FROM unnest(polroles) AS role
        WHERE CASE WHEN role = 0 THEN true ELSE pg_has_role(%(role)s, role, 'USAGE') END) AS applies,
    pg_get_expr(polqual, polrelid) AS using, pg_get_expr(polwithcheck, polrelid) AS with_check
FROM pg_policy
WHERE polrelid = %(table)s::regclass AND polcmd IN ('*', %(command)s) ORDER BY polname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a policy was written: `policies/x.sql:12`, and why, as its author put it."""

    source: str
    comment: str = ""


def read_origins(sources: Iterable[Source]) -> dict[tuple[str, str], Origin]:
    """Return where policy files create which policy; what cannot be read in them is left out."""
    return {
        (".".join(statement.table), statement.name): Origin(
            source=f"{source.path}:{source.line_and_column(statement.at)[0]}",
            comment=" ".join(statement.comment.split()),
        )
        for source in sources
        for statement in parse(source)[0]
        if isinstance(statement, CreatePolicy)
    }


class PostgresJudge:
    """A `Judge` over the database at `conninfo`. origins: what `read_origins` found in the policy files."""

    def __init__(self, conninfo: str, origins: Mapping[tuple[str, str], Origin] | None = None) -> None:
        self._conninfo = conninfo
        self._origins = origins or {}

    async def judge(self, context: RlsContext, questions: Sequence[Asked]) -> Sequence[tuple[Judgement, ...]]:
        """Ask the policies in one read-only transaction."""
        try:
            connecting = AsyncConnection.connect(
                self._conninfo,
                row_factory=dict_row,
                prepare_threshold=None,
                connect_timeout=CONNECT_TIMEOUT_S,
            )
            async with await connecting as connection:
                await connection.set_read_only(True)
                judged = [await self._ask(connection, context, asked) for asked in questions]
                await connection.rollback()
                return judged
        except psycopg.Error as exc:
            raise Unavailable("The policies of the database cannot be asked") from exc

    async def _ask(self, connection: Connection, context: RlsContext, asked: Asked) -> tuple[Judgement, ...]:
        named = {
            "role": context.role,
            "table": _TABLES[asked.table],
            "command": _COMMANDS[asked.command],
        }
        await _set_local(connection, {"role": "none"})
        await connection.execute(_PRINTING)
        policies = await (await connection.execute(_POLICIES, named)).fetchall()
        await _set_local(connection, {**request_settings(context), **_SETTINGS, "role": context.role})
        row = _Row(connection, asked)
        return tuple([await self._judgement(row, context.role, policy) for policy in policies])

    async def _judgement(self, row: "_Row", role: str, policy: Mapping[str, Any]) -> Judgement:
        check, applies = row.asked.check, policy["applies"]
        expression = (policy["with_check"] or policy["using"]) if check else policy["using"]
        origin = self._origins.get((_TABLES[row.asked.table], policy["name"]), Origin(source=""))
        about: dict[str, Any] = {
            "name": policy["name"],
            "permissive": policy["permissive"],
            "roles": tuple(policy["roles"]),
            "source": origin.source,
            "comment": origin.comment,
        }
        if expression is None:
            return Judgement(**about, applies=False, reason=says_nothing(check=check))
        about |= {
            "applies": applies,
            "reason": applicability(role, policy["roles"], applies=applies),
            "expression": expression,
        }
        return await row.judged(about) if applies else Judgement(**about)


class _Row:
    """A row that policies are evaluated on, whether it is in the table or not."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self._connection = connection
        self.asked = asked
        self._table = _TABLES[asked.table]
        self._json = json.dumps(_with_generated(asked), ensure_ascii=False, default=str)

    async def judged(self, about: Mapping[str, Any]) -> Judgement:
        """Return the judgement of an applying policy."""
        expression = about["expression"]
        whole = await self._value(expression)
        outlined = _outline(expression)
        part = None
        if outlined is not None:
            values = await self._values(texts_of(outlined))
            part = part_of(outlined, values)
        return Judgement(**about, result=whole.truth, error=whole.error, part=part)

    async def _values(self, texts: Sequence[str]) -> dict[str, Value]:
        return {text: await self._value(text) for text in texts}

    async def _value(self, expression: str) -> Value:
        # MATERIALIZED: the planner must not put the row's values into the expression, where it would
        # compute, and fail, before anything runs. The alias is what policies call the table.
        query = sql.SQL(
            "WITH {alias} AS MATERIALIZED"
            " (SELECT * FROM jsonb_populate_record(NULL::{table}, {row}::jsonb))"
            " SELECT value::text AS value, pg_typeof(value)::text AS type"
            " FROM (SELECT {expression} AS value FROM {alias}) AS evaluated"
        ).format(
            alias=sql.Identifier(self._table.partition(".")[2]),
            table=sql.Identifier(*self._table.split(".")),
            row=sql.Literal(self._json),
            expression=sql.SQL(f"({expression})"),
        )
        try:
            async with self._connection.transaction():
                found = await (await self._connection.execute(query)).fetchone()
        except psycopg.Error as exc:
            if exc.sqlstate is None:
                raise
            return error_value(exc.sqlstate, exc.diag.message_primary or "")
        return value_of(found["value"], found["type"]) if found else Value(text="NULL")


def _with_generated(asked: Asked) -> dict[str, Any]:
    row = dict(asked.row)
    row["owner"] = owner_of(row.get("owner_id"))
    if asked.table == OBJECTS:
        row["path_tokens"] = row["name"].split("/") if row["name"] else []
    return row


def _outline(expression: str) -> Outline | None:
    """Take apart what Postgres printed; None for what only Postgres understands."""
    try:
        return outline(parse_expression(expression))
    except Refusal:
        return None


async def _set_local(connection: Connection, settings: Mapping[str, str]) -> None:
    calls = sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(name, value) for name, value in settings.items()
    )
    await connection.execute(sql.SQL("SELECT {}").format(calls))
