"""Subqueries whose result follows without reading a table."""

from aerostore.policy.expression import (
    TRUE,
    And,
    ArrayOf,
    ArrayQuery,
    Case,
    Constant,
    ExistsQuery,
    Expression,
    IsTest,
    Query,
    ScalarQuery,
)
from aerostore.policy.tree import QueryNode
from aerostore.policy.value import BOOL


def without_query(node: QueryNode) -> Expression | None:
    """Return what a folded subquery comes to when it has no row, or reads no table; None otherwise."""
    if not _is_empty(node.query) and node.query.joins:
        return None
    match node:
        case ExistsQuery():
            return _exists(node.query)
        case ScalarQuery():
            return _scalar(node)
        case ArrayQuery():
            return _array(node)


def _is_empty(query: Query) -> bool:
    """Return whether no row can come out, before any count."""
    inner = [joined.on for joined in query.joins if not joined.left]
    never = any(type(part) is Constant and part.value is not True for part in (query.where, *inner))
    return never or query.limit == 0


def _exists(query: Query) -> Expression:
    if query.count or _is_empty(query):
        return Constant(BOOL, query.count and query.limit != 0)
    return IsTest(query.where or TRUE, True)


def _scalar(node: ScalarQuery) -> Expression:
    query = node.query
    nothing = Constant(node.type, 0 if query.count and query.limit != 0 else None)
    if _is_empty(query):
        return nothing
    if not query.count:
        return _if_kept(query, query.output or nothing, nothing)
    counted = () if query.counted is None else (IsTest(query.counted, None, negated=True),)
    return Case(node.type, ((And((query.where or TRUE, *counted)), Constant(node.type, 1)),), nothing)


def _array(node: ArrayQuery) -> Expression:
    nothing = Constant(node.type, ())
    if _is_empty(node.query) or node.query.output is None:
        return nothing
    return _if_kept(node.query, ArrayOf(node.type, (node.query.output,)), nothing)


def _if_kept(query: Query, value: Expression, otherwise: Expression) -> Expression:
    """Return `value` if the one row of a query without tables meets its WHERE."""
    return value if query.where is None else Case(value.type, ((query.where, value),), otherwise)
