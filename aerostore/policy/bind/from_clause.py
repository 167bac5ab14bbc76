"""FROM: the tables of a subquery, and set-returning functions that stand there like tables."""

from dataclasses import dataclass, field, replace

from aerostore.policy import syntax
from aerostore.policy.bind.cast import condition
from aerostore.policy.bind.element import unavailable
from aerostore.policy.bind.scope import Entry, Rows, Scope, bind, entry_of
from aerostore.policy.catalog import Table
from aerostore.policy.expression import And, ColumnOf, Expression, Joined, Source
from aerostore.policy.problem import Refusal

_HIDDEN_SCHEMAS = frozenset({"auth", "pg_catalog", "information_schema"})
_MOST_TABLES = 60  # SQLite joins 64 at most
_CALLED_VALUE = frozenset({"jsonb_array_elements", "jsonb_array_elements_text"})
"""Functions whose column is called `value`; that of others is called as they are in FROM."""


@dataclass(slots=True)
class From:
    """FROM as far as it is bound. conditions: what its functions demand of their rows.

    array, element: there is a row for each element of this array, and `element` stands for it.
    """

    around: Scope
    entries: list[Entry] = field(default_factory=list)
    joins: list[Joined] = field(default_factory=list)
    conditions: list[Expression] = field(default_factory=list)
    array: Expression | None = None
    element: ColumnOf | None = None

    def scope(self, clause: str) -> Scope:
        """Return the names that `clause` of this query can use."""
        around = self.around
        return Scope(frame=around.frame, entries=tuple(self.entries), outer=around, clause=clause)

    def where(self, node: syntax.Expression | None) -> Expression | None:
        """Return the condition on its rows: WHERE, and what its functions demand."""
        parts = list(self.conditions)
        if node is not None:
            parts.append(condition(bind(node, self.scope("WHERE")), node.at, "WHERE"))
        return conjunction(parts)


def conjunction(parts: list[Expression]) -> Expression | None:
    """Return all of `parts` as one condition, None when there are none."""
    if len(parts) <= 1:
        return parts[0] if parts else None
    return And(tuple(parts))


def bind_from(joins: tuple[syntax.Join, ...], around: Scope) -> From:
    """Return FROM bound. around: where the query stands.

    Raises: Refusal for unknown tables, for those that policies cannot read, and for a table's own policy
    that reads the table.
    """
    found = From(around)
    for join in joins:
        _refuse_second(join.item, found)
        if join.item.call is None:
            _add_table(join, found)
        else:
            _add_function(join, join.item.call, found)
    if len(found.joins) > _MOST_TABLES:
        raise Refusal(joins[0].item.at, "54001", f"more than {_MOST_TABLES} tables in one subquery")
    if found.array is not None and len(joins) > 1:
        raise unavailable(joins[0].item.at)
    return found


def _name_of(item: syntax.TableItem) -> str:
    return item.alias or (item.call.name if item.call else item.name)[-1]


def _refuse_second(item: syntax.TableItem, found: From) -> None:
    name = _name_of(item)
    if any(entry.alias == name for entry in found.entries):
        raise Refusal(item.at, "42712", f'table name "{name}" specified more than once')


def _add_table(join: syntax.Join, found: From) -> None:
    frame = found.around.frame
    table = _find_table(join.item, found.around)
    source = Source(next(frame.sources), table.name, frame.as_owner)
    found.entries.append(_renamed(entry_of(table, source.id, join.item.alias), join.item))
    found.joins.append(Joined(source, join.kind == "left", _on(join, found)))


def _on(join: syntax.Join, found: From) -> Expression | None:
    if join.on is None:
        return None
    return condition(bind(join.on, found.scope("JOIN conditions")), join.on.at, "JOIN/ON")


def _renamed(entry: Entry, item: syntax.TableItem) -> Entry:
    """Return `entry` with the column names that an alias list gives to its first columns."""
    old = list(entry.columns)
    if len(item.columns) > len(old):
        counts = f"{len(old)} columns available but {len(item.columns)} columns specified"
        raise Refusal(item.at, "42P10", f'table "{entry.alias}" has {counts}')
    new = [*item.columns, *old[len(item.columns) :]]
    return replace(entry, columns=dict(zip(new, entry.columns.values(), strict=True)))


def _find_table(item: syntax.TableItem, around: Scope) -> Table:
    frame = around.frame
    table = frame.catalog.find_table(item.name, frame.search_path)
    if table is None:
        raise _unknown_table(item)
    if table.name == frame.target and not frame.as_owner:
        raise Refusal(
            item.at,
            "42P17",
            f'infinite recursion detected in policy for relation "{item.name[-1]}"',
            "read the table in a SECURITY DEFINER function",
        )
    return table


def _unknown_table(item: syntax.TableItem) -> Refusal:
    name = ".".join(item.name)
    if item.name[0] in _HIDDEN_SCHEMAS or item.name[0].startswith("pg_"):
        return Refusal(
            item.at,
            "0A000",
            f'relation "{name}" is not available in the embedded database',
            "move the fact into a JWT claim",
        )
    return Refusal(
        item.at,
        "42P01",
        f'relation "{name}" does not exist in the embedded database',
        "declare it with CREATE TABLE in a policy file, or move the fact into a JWT claim",
    )


def _add_function(join: syntax.Join, call: syntax.Call, found: From) -> None:
    if join.kind == "left":
        raise unavailable(join.item.at)
    left: list[Rows] = []
    value = bind(call, replace(found.scope("functions in FROM"), rows=left))
    if not left or left[0].value is not value:
        raise Refusal(call.at, "0A000", "only a function that returns a set can stand in FROM here")
    _take(left[0], found, join.item.at)
    column = "value" if call.name[-1] in _CALLED_VALUE else _name_of(join.item)
    entry = Entry(_name_of(join.item), {column: value}, row=value)
    found.entries.append(_renamed(entry, join.item))
    if (on := _on(join, found)) is not None:
        found.conditions.append(on)


def _take(rows: Rows, found: From, at: int) -> None:
    if found.array is not None:
        raise unavailable(at)
    found.array, found.element = rows.array, rows.element
    if rows.query:
        found.joins.extend(rows.query.joins)
        found.conditions.extend([rows.query.where] if rows.query.where else [])
