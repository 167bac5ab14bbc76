"""Subqueries: EXISTS, IN and ANY over a SELECT, a SELECT as a value or as an array.

A SELECT without FROM becomes a plain expression; one over a built-in set-returning function an array.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aerostore.policy import syntax
from aerostore.policy.bind.cast import implicitly, settled
from aerostore.policy.bind.comparison import operator_for, quantified
from aerostore.policy.bind.element import any_element, unavailable, with_each
from aerostore.policy.bind.from_clause import From, bind_from, conjunction
from aerostore.policy.bind.operator import Operand, collatable, operand
from aerostore.policy.bind.scope import Counting, Rows, Scope, bind
from aerostore.policy.expression import (
    TRUE,
    ArrayOf,
    ArrayQuery,
    Case,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    IsTest,
    Not,
    Quantified,
    Query,
    RunTime,
    ScalarQuery,
)
from aerostore.policy.function import equality, ordering
from aerostore.policy.problem import Refusal
from aerostore.policy.sqlite.layout import SORTABLE
from aerostore.policy.tree import children
from aerostore.policy.value import BOOL, TEXT, UNKNOWN, array_of

_HIGHEST_LIMIT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Selection:
    """What a SELECT of one column gives. query: without joins, one row, which WHERE may drop.

    array, element: there is a row for each element of this array, and `element` stands for it in the query.
    """

    at: int
    query: Query
    output: Expression
    array: Expression | None = None
    element: ColumnOf | None = None


@bind.register
def bind_exists(node: syntax.Exists, scope: Scope) -> Expression:
    """Return EXISTS (SELECT ...), whatever it selects."""
    select = node.select
    found = bind_from(select.joins, scope)
    where = found.where(select.where)
    _check_items(select, found, where)
    if found.array is not None and found.element is not None:
        if where is None or select.limit is not None:
            raise unavailable(select.at)
        return any_element(where, found.element, found.array, select.at)
    query = Query(tuple(found.joins), where, limit=_limit(select))
    if query.joins:
        return ExistsQuery(query)
    return RunTime(BOOL, TRUE if where is None else IsTest(where, True))


def _check_items(select: syntax.Select, found: From, where: Expression | None) -> None:
    counting = Counting(tuple(found.joins), where)
    scope = replace(found.scope("the select list of EXISTS"), counting=counting)
    for item in select.items:
        if not isinstance(item, syntax.Star):
            bind(item, scope)
    if counting.counts:
        raise Refusal(
            select.at, "0A000", "EXISTS over an aggregate is always true", "compare the count instead"
        )


@bind.register
def bind_scalar(node: syntax.ScalarSelect, scope: Scope) -> Expression:
    """Return (SELECT ...) as a value."""
    return scalar(bind_select(node.select, scope))


@bind.register
def bind_array_select(node: syntax.ArraySelect, scope: Scope) -> Expression:
    """Return ARRAY(SELECT ...)."""
    return listed(bind_select(node.select, scope, is_ordered=True))


@bind.register
def bind_in_select(node: syntax.InSelect, scope: Scope) -> Expression:
    """Return IN (SELECT ...): equal to any of the rows."""
    left = operand(node.operand, scope)
    found = _compared("=", left, node.select, scope, node.at, every=False)
    return Not(found) if node.negated else found


@bind.register
def bind_quantified(node: syntax.Quantified, scope: Scope) -> Expression:
    """Return a comparison with any, or every, element of an array or row of a SELECT."""
    left = operand(node.left, scope)
    if isinstance(node.right, syntax.Select):
        return _compared(node.operator, left, node.right, scope, node.at, every=node.every)
    return quantified(node.operator, left, operand(node.right, scope), node.at, every=node.every)


def _compared(
    symbol: str, left: Operand, select: syntax.Select, scope: Scope, at: int, *, every: bool
) -> Expression:
    rows = bind_select(select, scope, too_many="subquery has too many columns")
    function = operator_for(symbol, left, Operand(rows.output, select), rows.output.type, at)
    value = implicitly(left.value, function.parameters[0], left.at)
    output = implicitly(rows.output, function.parameters[1], select.at)
    return Quantified(function, value, listed(replace(rows, output=output)), every)


def scalar(rows: Selection, *, first: bool = False) -> Expression:
    """Return the only value that `rows` give. first: more rows are no error, the first one counts."""
    if rows.array is not None:
        raise unavailable(rows.at)
    query, output = rows.query, rows.output
    if not query.joins:
        return RunTime(output.type, _if_kept(query, output, Constant(output.type, None)))
    limit = 1 if first else query.limit
    return ScalarQuery(output.type, replace(query, output=output, limit=limit))


def listed(rows: Selection) -> Expression:
    """Return all values that `rows` give as an array."""
    query, output = rows.query, rows.output
    type_ = array_of(output.type)
    if rows.array is not None and rows.element is not None:
        if query != Query((), None):
            raise unavailable(rows.at)
        return RunTime(type_, with_each(output, rows.element, rows.array, rows.at))
    if query.joins:
        return ArrayQuery(type_, replace(query, output=output))
    return RunTime(type_, _if_kept(query, ArrayOf(type_, (output,)), Constant(type_, ())))


def _if_kept(query: Query, value: Expression, otherwise: Expression) -> Expression:
    """Return `value` if the one row of a query without tables meets its WHERE."""
    return value if query.where is None else Case(value.type, ((query.where, value),), otherwise)


def bind_select(
    select: syntax.Select,
    around: Scope,
    *,
    too_many: str = "subquery must return only one column",
    is_ordered: bool = False,
) -> Selection:
    """Return a SELECT of one column. around: where it stands. is_ordered: the order of the rows matters.

    Raises: Refusal 42601 with the message `too_many` for more or fewer columns.
    """
    found = bind_from(select.joins, around)
    where = found.where(select.where)
    counting = Counting(tuple(found.joins), where)
    rows: list[Rows] | None = None if select.joins else []
    scope = replace(found.scope("the select list"), counting=counting, rows=rows)
    output = _output(select, scope, too_many)
    if counting.counts:
        _check_aggregation(select, output, counting)
        return Selection(select.at, Query((), None), output)
    query = Query(tuple(found.joins), where, distinct=_distinct(select, output), limit=_limit(select))
    if query.limit is not None or is_ordered:
        query = replace(query, order_by=tuple(_order(select, scope.within("ORDER BY"))))
    if rows:
        return _over_function(select, query, output, rows[0])
    return Selection(select.at, query, output, found.array, found.element)


def _output(select: syntax.Select, scope: Scope, too_many: str) -> Expression:
    """Return the one column that is selected; one of a query without tables is fixed while it runs."""
    columns = [column for item in select.items for column in _columns(item, scope)]
    if len(columns) != 1:
        raise Refusal(select.at, "42601", too_many)
    return columns[0]


def _columns(item: syntax.Expression | syntax.Star, scope: Scope) -> Iterator[Expression]:
    if not isinstance(item, syntax.Star):
        yield settled(bind(item, scope), item.at)
        return
    for entry in scope.entries:
        if not item.table or item.table[-1] == entry.alias:
            for name in entry.columns:
                yield bind(syntax.Name(item.at, (entry.alias, name)), scope)


def _over_function(select: syntax.Select, query: Query, output: Expression, rows: Rows) -> Selection:
    """Return a SELECT without FROM that calls a set-returning function: it has the function's rows."""
    if rows.query:
        where = conjunction([part for part in (rows.query.where, query.where) if part])
        return Selection(select.at, replace(query, joins=rows.query.joins, where=where), output)
    return Selection(select.at, query, output, rows.array, rows.element)


def _check_aggregation(select: syntax.Select, output: Expression, counting: Counting) -> None:
    if select.order_by or select.limit is not None or select.distinct:
        raise Refusal(select.at, "0A000", "a count has one row: leave out DISTINCT, ORDER BY and LIMIT")
    own = {joined.source.id for joined in counting.joins}
    for column in _outside(output, counting.counts):
        if isinstance(column, ColumnOf) and column.source in own:
            message = "must appear in the GROUP BY clause or be used in an aggregate function"
            raise Refusal(select.at, "42803", f'column "{column.name}" {message}')


def _outside(expression: Expression, counts: list[Expression]) -> Iterator[Expression]:
    if any(expression is count for count in counts):
        return
    yield expression
    for child in children(expression):
        yield from _outside(child, counts)


def _distinct(select: syntax.Select, output: Expression) -> bool:
    if select.distinct and equality(output.type) is None:
        raise Refusal(select.at, "42883", f"could not identify an equality operator for type {output.type}")
    if select.distinct and (output.type.element or output.type) not in SORTABLE:
        raise Refusal(select.at, "0A000", f"DISTINCT values of type {output.type} are not available")
    return select.distinct


def _limit(select: syntax.Select) -> int | None:
    node = select.limit
    if node is None or node == syntax.Literal(node.at, None):
        return None
    value = node.value if isinstance(node, syntax.Literal) else None
    if type(value) is not int or not 0 < value <= _HIGHEST_LIMIT:
        raise Refusal(node.at, "0A000", "LIMIT must be a positive integer constant")
    return value


def _order(select: syntax.Select, scope: Scope) -> Iterator[tuple[Expression, bool]]:
    for node, descending in select.order_by:
        key = collatable(node, scope)
        if ordering(key.type) is None or key.type not in SORTABLE | {UNKNOWN}:
            raise Refusal(node.at, "0A000", f"the order of type {key.type} is not available")
        if key.type == TEXT and not key.collated:
            raise Refusal(node.at, "0A000", "the order of text depends on the database", 'add COLLATE "C"')
        yield settled(key.value, key.at), descending
