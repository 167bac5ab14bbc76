"""What both engines are asked: policies, a world of rows, a caller, a question; and how JSON keeps it.

Rows are written as PostgreSQL reads them: uuids, times and JSON as text, arrays as lists.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from aerostore.domain import RlsContext
from aerostore.executor import Law, Statement
from aerostore.executor import statements as sql
from aerostore.executor.row import to_bucket, to_object
from aerostore.permissions.request_setting import request_settings

OBJECTS = "storage.objects"
BUCKETS = "storage.buckets"
Row: TypeAlias = Mapping[str, Any]

Verdict: TypeAlias = bool | str | None
"""What a condition is for one row: true, false, NULL, or the SQLSTATE that it raises."""

Outcome: TypeAlias = str | list[list[Any]]
"""What a statement did: the SQLSTATE that it raised, or the rows it showed or changed, sorted.

For a judgement: pairs of a row's id and the verdict.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. overrides: settings as no request of ours would send them."""

    role: str
    subject: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    operation: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> RlsContext:
        """The caller as the executor is told."""
        return RlsContext(
            role=self.role,
            user_id=self.subject,
            claims=self.claims,
            operation=self.operation,
            can_bypass_rls=self.role == "service_role",
        )

    @property
    def settings(self) -> dict[str, str]:
        """What policies can read of the request."""
        return {**request_settings(self.context), **self.overrides}

    @property
    def is_well_formed(self) -> bool:
        """Whether the token names no subject or a uuid, so that auth.uid() cannot fail."""
        return not self.overrides and (not self.subject or _is_uuid(self.subject))


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


World: TypeAlias = Mapping[str, Sequence[Row]]
"""Rows by table, in an order in which they can be inserted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A statement to try. row: the proposed row. target: id of the row that is named. names: those searched.

    `judge using` and `judge check` are no statements: they ask what that part of the policy called `target`
    is for each row whose id is in `names`.
    """

    form: str
    row: Row = field(default_factory=dict)
    target: str = ""
    names: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """The table that the statement is about."""
        return BUCKETS if "bucket" in self.form else OBJECTS

    @property
    def is_read(self) -> bool:
        """Whether the statement only shows rows."""
        return self.form in _READS

    @property
    def part(self) -> str:
        """The part of a policy that is judged: `using` or `check`; empty for a statement."""
        verb, _, part = self.form.partition(" ")
        return part if verb == "judge" else ""

    def statement(self, world: World) -> Statement:
        """Return the statement of the executor that puts this question."""
        return _STATEMENTS[self.form](self, world)


def _row_of(question: Question, world: World) -> Row:
    return next(row for row in world[question.table] if row["id"] == question.target)


def _move(question: Question, world: World) -> Statement:
    return sql.move_object(to_object(_row_of(question, world)), to_object(question.row))


def _page_of(question: Question) -> dict[str, Any]:
    lower, upper = question.names
    bounds = {"lower": lower, "upper": upper or None}
    return {"bucket_id": question.row["bucket_id"], "order": "asc", "limit": 999, **bounds}


def _list_by_time(question: Question, _world: World) -> Statement:
    return sql.listing.list_by_time(**_page_of(question), column="created_at", beyond=None)


_SEE = Statement(
    sql="SELECT id FROM storage_objects WHERE {policy}", law=Law(table="storage_objects", command="select")
)
_STATEMENTS: Mapping[str, Callable[["Question", World], Statement]] = {
    "see objects": lambda *_: _SEE,
    "find object": lambda q, _: sql.find_visible_object(q.row["bucket_id"], q.names[0]),
    "find objects": lambda q, _: sql.find_visible_objects(q.row["bucket_id"], q.names),
    "find listed objects": lambda q, _: sql.listing.find_listed(q.row["bucket_id"], q.names),
    "list objects": lambda q, _: sql.list_names(**_page_of(q)),
    "list listed objects": lambda q, _: sql.listing.list_listed(**_page_of(q)),
    "list objects by time": _list_by_time,
    "insert object": lambda q, _: sql.insert_object(to_object(q.row)),
    "upsert object": lambda q, _: sql.upsert_object(to_object(q.row)),
    "move object": _move,
    "delete objects": lambda q, _: sql.delete_objects(q.names),
    "list buckets": lambda *_: sql.list_buckets(search=None, column=None, order="asc", limit=None, offset=0),
    "insert bucket": lambda q, _: sql.insert_bucket(to_bucket(q.row)),
    "update bucket": lambda q, _: sql.update_bucket(q.target, q.row),
    "delete bucket": lambda q, _: sql.delete_bucket(q.target),
}
FORMS = frozenset(_STATEMENTS)
_READS = frozenset(form for form in FORMS if form.startswith(("see", "find", "list")))

_STATE: Mapping[str, tuple[str, ...]] = {
    OBJECTS: ("id", "bucket_id", "name", "owner_id", "version"),
    BUCKETS: ("id", "name", "owner_id", "public", "file_size_limit"),
}
"""As much of a table as statements change."""


def state_query(table: str) -> str:
    """Return the query for the rows of `table` as `state` shows them."""
    columns = ", ".join(_STATE[table]).replace("id,", "CAST(id AS text) AS id,", 1)
    return f"SELECT {columns} FROM {table.replace('.', '_')}"


def state(world: World, table: str) -> list[list[Any]]:
    """Return the rows of `table` before any statement, as far as statements change them."""
    return [[row[name] for name in _STATE[table]] for row in world.get(table, ())]


def changes(before: Sequence[Sequence[Any]], after: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return the rows that are gone, marked `-`, and those that are new, marked `+`."""
    old, new = {tuple(row) for row in before}, {tuple(row) for row in after}
    found = [["-", *row] for row in old - new] + [["+", *row] for row in new - old]
    return sorted(found, key=repr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A question about policies, with PostgreSQL's answer when it is known."""

    policies: str
    caller: Caller
    question: Question
    answer: Outcome | None = None

    def to_json(self) -> dict[str, Any]:
        """Return this case as JSON keeps it."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> "Case":
        """Read what `to_json` gave."""
        question = value["question"]
        return Case(
            policies=value["policies"],
            caller=Caller(**value["caller"]),
            question=Question(**question | {"names": tuple(question["names"])}),
            answer=value["answer"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Cases that share a world."""

    world: World
    cases: Sequence[Case]

    def save(self, path: Path) -> None:
        """Write this recording to `path`."""
        value = {"world": self.world, "cases": [case.to_json() for case in self.cases]}
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")

    @staticmethod
    def load(path: Path) -> "Recording":
        """Read what `save` wrote."""
        value = json.loads(path.read_text("utf-8"))
        return Recording(world=value["world"], cases=[Case.from_json(each) for each in value["cases"]])
