"""Names: what a column reference means where it stands; and the dispatch over the nodes of the syntax."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import singledispatch

from aerostore.policy.bind.type import require_supported
from aerostore.policy.catalog import Catalog, Table
from aerostore.policy.expression import ColumnOf, Expression, Joined, Query
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import CreateFunction, Name


@dataclass(frozen=True, slots=True)
class Entry:
    """What a name before a dot can stand for: a row of FROM, or the row that the policy judges.

    relation: the table, when it goes by its own name and may be called by its qualified one. row: what the
    name alone means when no column is called so; None for a row of several columns.
    """

    alias: str
    columns: Mapping[str, Expression]
    relation: str | None = None
    row: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all of one text shares: the policy's own, or the body of a function that it calls.

    target: the table whose policy this is. sources: ids for the tables of subqueries. callers: functions
    whose bodies led here. parameters: what `$1` and named parameters stand for. as_owner: tables are read
    by a SECURITY DEFINER function.
    """

    catalog: Catalog
    target: str
    sources: Iterator[int]
    search_path: tuple[str, ...]
    callers: tuple[CreateFunction, ...] = ()
    parameters: Mapping[str, Expression] = field(default_factory=dict)
    as_owner: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """What a set-returning function gives. value: its value in one row.

    query: the rows of one that is a query over tables. array: the values of any other; `element` stands for
    one of them.
    """

    value: Expression
    query: Query | None = None
    array: Expression | None = None
    element: ColumnOf | None = None


@dataclass(slots=True)
class Counting:
    """The rows of a query whose select list may count them. counts: the count() calls met there."""

    joins: tuple[Joined, ...]
    where: Expression | None
    counts: list[Expression] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where an expression stands, and what names mean there.

    clause: the place as messages name it. counting: the rows that count() counts here, None where no
    aggregate may be. rows: where a set-returning function leaves what it gives, None where none may be.
    """

    frame: Frame
    entries: tuple[Entry, ...] = ()
    outer: "Scope | None" = None
    clause: str = "policy expressions"
    counting: Counting | None = None
    rows: list[Rows] | None = None

    def within(self, clause: str) -> "Scope":
        """Return the same names in a place where neither aggregates nor set-returning functions may be."""
        return replace(self, clause=clause, counting=None, rows=None)

    def by_row(self) -> "Scope":
        """Return the same place, but within a construct that takes one row at a time, such as CASE."""
        return replace(self, rows=None)

    def leave(self, rows: Rows, at: int) -> Expression:
        """Leave what a set-returning function gives for the query around it; return the value in one row.

        Raises: Refusal 0A000 where there may be no such function, or no second one.
        """
        if self.rows is None:
            raise Refusal(at, "0A000", f"set-returning functions are not allowed in {self.clause}")
        if self.rows:
            raise Refusal(at, "0A000", "only one set-returning function can be selected at a time")
        self.rows.append(rows)
        return rows.value

    def levels(self) -> Iterator["Scope"]:
        """List this scope and those around it, the innermost first."""
        scope: Scope | None = self
        while scope:
            yield scope
            scope = scope.outer


@singledispatch
def bind(node: object, scope: Scope) -> Expression:
    """Return what a syntax node means in `scope`. The modules that know a node's rules register it here.

    A literal of no type yet is a Constant of type unknown, and nothing else is.
    Raises: Refusal at the place PostgreSQL would point to.
    """
    raise TypeError(f"no rule for {type(node).__name__}")


def entry_of(table: Table, source: int, alias: str | None = None) -> Entry:
    """Return how names reach a row of `table` that has the id `source`."""
    columns = {
        name: ColumnOf(type_, source, name, name in table.bytewise) for name, type_ in table.columns.items()
    }
    own_name = table.name.rpartition(".")[2]
    return Entry(alias or own_name, columns, None if alias else table.name)


@bind.register
def bind_name(node: Name, scope: Scope) -> Expression:
    """Return the column or parameter that a name means.

    Raises: Refusal 42703, 42702 or 42P01.
    """
    found = _qualified(node, scope) if len(node.parts) > 1 else _unqualified(node, scope)
    found = found or _row(node, scope) or scope.frame.parameters.get(_parameter(node, scope))
    if found is None:
        raise _undefined(node, scope)
    if isinstance(found, ColumnOf):
        require_supported(found.type, node.at)
    return found


def _parameter(node: Name, scope: Scope) -> str:
    """Return a parameter's name; inside its function it may also be qualified with the function's."""
    callers = scope.frame.callers
    if len(node.parts) == 2 and callers and node.parts[0] == callers[-1].name[-1]:
        return node.parts[1]
    return node.parts[0] if len(node.parts) == 1 else ""


def _unqualified(node: Name, scope: Scope) -> Expression | None:
    column = node.parts[0]
    for level in scope.levels():
        found = [entry.columns[column] for entry in level.entries if column in entry.columns]
        if len(found) > 1:
            raise Refusal(node.at, "42702", f'column reference "{column}" is ambiguous')
        if found:
            return found[0]
    return None


def _qualified(node: Name, scope: Scope) -> Expression | None:
    *table, column = node.parts
    entry = _find_entry(tuple(table), scope)
    return entry.columns.get(column) if entry else None


def _row(node: Name, scope: Scope) -> Expression | None:
    entry = _find_entry(node.parts, scope) if len(node.parts) == 1 else None
    return entry.row if entry else None


def _find_entry(table: tuple[str, ...], scope: Scope) -> Entry | None:
    for level in scope.levels():
        for entry in level.entries:
            if ".".join(table) == (entry.alias if len(table) == 1 else entry.relation):
                return entry
    return None


def _undefined(node: Name, scope: Scope) -> Refusal:
    *table, column = node.parts
    if table and not _find_entry(tuple(table), scope):
        return Refusal(node.at, "42P01", f'missing FROM-clause entry for table "{table[-1]}"')
    if not table and _find_entry((column,), scope):
        message = f'a whole row such as "{column}" cannot be used as a value'
        return Refusal(node.at, "0A000", message, "name one of its columns")
    spoken = f'"{column}"' if not table else ".".join(node.parts)
    return Refusal(node.at, "42703", f"column {spoken} does not exist", _suggestion(column, scope))


def _suggestion(column: str, scope: Scope) -> str:
    known = {name for level in scope.levels() for entry in level.entries for name in entry.columns}
    close = get_close_matches(column, sorted(known | scope.frame.parameters.keys()), 1)
    return f'did you mean "{close[0]}"?' if close else ""
