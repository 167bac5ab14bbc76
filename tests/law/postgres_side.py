"""The judge: a real PostgreSQL, asked in transactions that are always rolled back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from aerostore.executor.postgres.parameter import numbered
from tests.conformance.postgres import PostgresCluster
from tests.law.case import (
    BUCKETS,
    OBJECTS,
    Caller,
    Outcome,
    Question,
    Verdict,
    World,
    changes,
    state,
    state_query,
)

Connection = psycopg.Connection[tuple[Any, ...]]
SCHEMA = Path(__file__).parent / "schema.sql"
_SEARCH_PATH = "SET search_path = aerostore, storage, public, extensions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A USING or WITH CHECK expression as PostgreSQL understood it."""

    table: str
    part: str
    text: str


@contextmanager
def law_database(cluster: PostgresCluster) -> Iterator[Connection]:
    """Connect to a new database with storage's schema, in UTC and sorted by code points."""
    with psycopg.connect(cluster.conninfo("postgres", user="postgres"), autocommit=True) as server:
        server.execute(
            "CREATE DATABASE law TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER libc LOCALE 'C.UTF-8'"
        )
        try:
            with psycopg.connect(cluster.conninfo("law", user="postgres"), autocommit=True) as connection:
                connection.execute("SET timezone = 'UTC'")
                connection.execute(SCHEMA.read_text("utf-8"))
                connection.execute(_SEARCH_PATH)
                yield connection
        finally:
            server.execute("DROP DATABASE law WITH (FORCE)")


class PostgresSide:
    """One connection, as superuser, that takes on a caller's role for each question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._world: World = {}

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Undo what happens in the block. Trials nest."""
        with self._connection.transaction(force_rollback=True):
            yield

    def apply(self, policies: str) -> None:
        """Run the statements of a policy file. Raises: psycopg.Error, as PostgreSQL refuses them."""
        with self._connection.transaction():
            self._connection.execute("SET search_path = public, extensions")
            self._connection.execute(policies.encode())
            self._connection.execute(_SEARCH_PATH)

    def refusal(self, policies: str) -> str | None:
        """Return the SQLSTATE for which PostgreSQL refuses these statements, None when it accepts them."""
        try:
            with self.trial():
                self.apply(policies)
        except psycopg.Error as error:
            return _sqlstate(error)
        return None

    def conditions(self, policy: str) -> list[Condition]:
        """List the expressions of the policies of that name, as PostgreSQL stored them."""
        found = self._connection.execute(
            "SELECT CASE polrelid WHEN 'storage.objects'::regclass THEN %s ELSE %s END, part, text"
            " FROM pg_policy, LATERAL (VALUES ('using', pg_get_expr(polqual, polrelid)),"
            " ('check', pg_get_expr(polwithcheck, polrelid))) AS each (part, text)"
            " WHERE polname = %s AND text IS NOT NULL",
            [OBJECTS, BUCKETS, policy],
        )
        return [Condition(table=table, part=part, text=text) for table, part, text in found]

    def fill(self, world: World) -> None:
        """Put the rows of `world` into its tables, and those of storage into schema law as well."""
        self._world = world
        for table, rows in world.items():
            self._insert(table, rows)
        for table in (BUCKETS, OBJECTS):
            self._insert(table.replace("storage", "law"), world.get(table, ()))

    def _insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        names = list(rows[0])
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for row in rows:
                copy.write_row([row[name] for name in names])

    def become(self, caller: Caller) -> None:
        """Take on the caller's role and settings until the trial ends."""
        settings = {"role": caller.role, **caller.settings}
        calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
        self._connection.execute(
            f"SELECT {calls}".encode(), [part for pair in settings.items() for part in pair]
        )

    def judge(self, condition: Condition, caller: Caller, ids: Sequence[str]) -> dict[str, Verdict]:
        """Return what the condition is for each row of schema law that is named, whoever may see it."""
        with self.trial():
            self.become(caller)
            try:
                return self._judge_all(condition, ids)
            except psycopg.Error as error:
                if len(ids) == 1:
                    return {ids[0]: _sqlstate(error)}
        return {
            each: verdict for one in ids for each, verdict in self.judge(condition, caller, [one]).items()
        }

    def _judge_all(self, condition: Condition, ids: Sequence[str]) -> dict[str, Verdict]:
        table = condition.table.removeprefix("storage.")
        query = f"SELECT id::text, ({condition.text}) FROM law.{table} AS {table} WHERE id::text = ANY (%s)"
        with self.trial():
            return dict(self._connection.execute(_escaped(query), [list(ids)]).fetchall())

    def ask(self, question: Question, caller: Caller) -> Outcome:
        """Try the statement as the caller and return what it did."""
        try:
            with self.trial():
                self.become(caller)
                return self._answer(question)
        except psycopg.Error as error:
            return _sqlstate(error)

    def _answer(self, question: Question) -> Outcome:
        statement = question.statement(self._world)
        text, values = numbered(statement.postgres or statement.sql, statement.parameters)
        cursor = psycopg.RawCursor(self._connection).execute(text, values)
        if question.is_read:
            at = [column.name for column in cursor.description or ()].index("id")
            return sorted([str(row[at])] for row in cursor)
        self._connection.execute("RESET ROLE")
        after = self._connection.execute(state_query(question.table).encode()).fetchall()
        return changes(state(self._world, question.table), after)

    @contextmanager
    def restricted(self, ids: Collection[str]) -> Iterator[None]:
        """Leave only these objects while the block runs."""
        whole = self._world
        with self.trial():
            self._connection.execute("DELETE FROM storage.objects WHERE id::text <> ALL (%s)", [list(ids)])
            self._world = {**whole, OBJECTS: [row for row in whole[OBJECTS] if row["id"] in ids]}
            yield
        self._world = whole

    def count(self, statement: str, caller: Caller) -> int | str:
        """Try a statement as it stands and return how many rows it showed or changed, or its SQLSTATE."""
        try:
            with self.trial():
                self.become(caller)
                return self._connection.execute(statement.encode()).rowcount
        except psycopg.Error as error:
            return _sqlstate(error)


def _sqlstate(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        raise error  # ours: the statement never reached the server
    return error.sqlstate


def _escaped(query: str) -> bytes:
    """Keep `%` of the conditions from being read as a parameter; the one at the end is one."""
    text, parameter, _ = query.rpartition("%s")
    return (text.replace("%", "%%") + parameter + ")").encode()
