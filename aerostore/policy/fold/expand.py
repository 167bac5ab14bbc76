"""Subqueries as a role runs them: row security inside, and one row at most where a key says so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import TypeAlias

from aerostore.policy.catalog import Table
from aerostore.policy.expression import (
    TARGET,
    And,
    Apply,
    ColumnOf,
    Expression,
    Joined,
    Query,
    RunTime,
    ScalarQuery,
    Source,
)
from aerostore.policy.sqlite.layout import COMPARABLE
from aerostore.policy.tree import is_query, rebuild, rebuild_query, walk
from aerostore.policy.value import BOOL

Security: TypeAlias = Callable[[str], Expression]
"""For a table with row security, the condition its visible rows meet."""
_Ids: TypeAlias = Mapping[int, int]


def expand(expression: Expression, tables: Mapping[str, Table], security: Security) -> Expression:
    """Return `expression` with `security` applied inside its subqueries, and with fresh source ids.

    security gives conditions over TARGET, and names no table whose own condition reads it again.
    """
    return _Expansion(tables, security).expand(expression, {TARGET: TARGET})


class _Expansion:
    def __init__(self, tables: Mapping[str, Table], security: Security) -> None:
        self._tables = tables
        self._security = security
        self._fresh = count(TARGET + 1)

    def expand(self, node: Expression, ids: _Ids) -> Expression:
        if type(node) is ColumnOf:
            return replace(node, source=ids[node.source])
        if not is_query(node):
            return rebuild(node, lambda part: self.expand(part, ids))
        query = self._query(node.query, ids)
        if type(node) is ScalarQuery and _has_one_row(query, self._tables):
            query = replace(query, limit=1)
        return replace(node, query=query)

    def _query(self, query: Query, around: _Ids) -> Query:
        ids = {**around, **{joined.source.id: next(self._fresh) for joined in query.joins}}
        inner = rebuild_query(query, lambda part: self.expand(part, ids))
        guards = [self._guard(joined.source, ids[joined.source.id]) for joined in query.joins]
        joins = [
            Joined(
                replace(joined.source, id=ids[joined.source.id]),
                joined.left,
                _both(guard if number else None, joined.on),
            )
            for number, (joined, guard) in enumerate(zip(inner.joins, guards, strict=True))
        ]
        first = guards[0] if guards else None
        return replace(inner, joins=tuple(joins), where=_both(first, inner.where))

    def _guard(self, source: Source, id_: int) -> Expression | None:
        """Return the condition that row security puts on the rows of `source`."""
        table = self._tables[source.table]
        if source.as_owner or not table.row_security:
            return None
        condition = self.expand(self._security(table.name), {TARGET: id_})
        return RunTime(BOOL, condition)  # no literal for what stands beside it


def _both(one: Expression | None, other: Expression | None) -> Expression | None:
    if one is None or other is None:
        return other if one is None else one
    return And((one, other))


def _has_one_row(query: Query, tables: Mapping[str, Table]) -> bool:
    """Return whether a query over one table fixes all columns of a key by equality.

    Only keys whose values SQLite compares as PostgreSQL does are unique in both.
    """
    if len(query.joins) != 1 or query.where is None or query.count or query.limit is not None:
        return False
    source = query.joins[0].source
    table = tables[source.table]
    fixed = {name for name in _fixed_columns(query.where, source.id) if table.columns[name] in COMPARABLE}
    return any(fixed.issuperset(key) for key in table.keys)


def _fixed_columns(condition: Expression, source: int) -> Iterator[str]:
    if type(condition) is And:
        for operand in condition.operands:
            yield from _fixed_columns(operand, source)
    elif type(condition) is Apply and condition.function.name == "=" and len(condition.arguments) == 2:
        left, right = condition.arguments
        for side, other in ((left, right), (right, left)):
            if type(side) is ColumnOf and side.source == source and not _reads(other, source):
                yield side.name


def _reads(expression: Expression, source: int) -> bool:
    return any(type(part) is ColumnOf and part.source == source for part in walk(expression))
