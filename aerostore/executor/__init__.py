"""Where rows live: the port `Executor`. The only way to rows, and the place where policies are enforced.

The service hands over *units of work*: generators that yield statements and are sent back rows. The same
unit runs on a writer thread (SQLite) or over a network connection (Postgres); it never does I/O itself
and may be run again from its start after a serialisation failure.
Every adapter passes `tests/conformance/test_executor.py`.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from aerostore.domain import RlsContext

T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """Which policies a statement meets: those for `command` on `table`.

    command: select, insert, update, delete or upsert. row: the proposed row by column, as far as the
    statement knows it: whole for insert, upsert and a move, empty for other updates. changed: for update
    and upsert, the condition that finds the changed row afterwards. known: columns whose value the
    statement's own conditions fix, so that policies can be decided for them beforehand. names: the
    parameters that bound the names it reads, for an adapter to narrow to what the policies can admit.
    unasked: a condition on the rows that anybody is given, whatever policies say of them: explanations leave
    those rows out. rows: whole proposed rows of a statement that writes several, in place of `row`; `changed`
    then finds all those that are left.
    """

    table: str
    command: str
    row: Mapping[str, Any] = field(default_factory=dict)
    changed: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)
    names: "NameBounds | None" = None
    unasked: str = ""
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameBounds:
    """Names of the parameters that a statement compares names with: `lower` <= name < `upper`.

    upper: None when the statement has no such condition. folded: the names compared are folded ones.
    """

    lower: str = "lower"
    upper: str | None = "upper"
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SQL statement with named parameters, and the law it runs under.

    sql: `:name` parameters; `{policy}` marks where a row filter belongs. law None: the statement serves
    the server's own bookkeeping and runs as the system. postgres: what Postgres runs in place of `sql`,
    empty where one text serves both engines. reads_many: expect more than a few rows, and no quick answer.
    then, ends_unit: see `together`.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    law: Law | None = None
    postgres: str = ""
    reads_many: bool = False
    then: tuple["Statement", ...] = ()
    ends_unit: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement gave: its rows, or for a write the number of rows it changed.

    then: what the statements gave that went together with it.
    """

    rows: Sequence[Row] = ()
    changed: int = 0
    then: tuple["Result", ...] = ()


def together(first: Statement, *others: Statement, ends_unit: bool = False) -> Statement:
    """Return statements as one step of a unit: they run in this order, and their results come together.

    Over a network they travel in one round trip; when one fails, those behind it do not run and the unit
    fails. ends_unit: the unit yields nothing more, and one that writes cannot fail any more, so that its
    commit goes along.
    """
    return Statement(
        sql=first.sql,
        parameters=first.parameters,
        law=first.law,
        postgres=first.postgres,
        reads_many=first.reads_many,
        then=others,
        ends_unit=ends_unit,
    )


Work = Generator[Statement, Result, T]
WorkFactory = Callable[[], Work[T]]


class Executor(Protocol):
    """Runs units of work in transactions, as the caller. name: label for metrics and `doctor`."""

    name: str

    async def start(self) -> None:
        """Connect and bring the schema up to date. Raises: Unavailable when that is impossible."""
        ...

    async def close(self) -> None:
        """Finish waiting work, then let go of every connection."""
        ...

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` in a read-only transaction that sees every commit answered before this call.

        Rows that a policy hides from `context` do not exist for it.
        """
        ...

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` in one transaction: durable when this returns, without effect when it raises.

        Raises: what `work` raises; AccessDenied when a policy refuses a written row; KeyAlreadyExists when
        a unique constraint does; Unavailable and InsufficientStorage when rows cannot be written.
        """
        ...

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` as `write` would, then roll it back: the real decision without its effect."""
        ...
