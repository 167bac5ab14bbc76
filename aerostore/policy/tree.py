"""Walking typed expressions: what a node consists of, and a node with other parts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeGuard

from aerostore.policy.expression import (
    TARGET,
    And,
    Apply,
    ArrayOf,
    ArrayQuery,
    Case,
    Coalesce,
    Collated,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    Failure,
    IsDistinct,
    IsTest,
    Joined,
    Not,
    Or,
    Quantified,
    Query,
    RunTime,
    ScalarQuery,
)

Change: TypeAlias = Callable[[Expression], Expression]
QueryNode: TypeAlias = ExistsQuery | ScalarQuery | ArrayQuery


def is_query(expression: Expression) -> TypeGuard[QueryNode]:
    """Return whether `expression` is a subquery."""
    return type(expression) in _QUERY_NODES


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the parts of `expression` in the order of their evaluation; those of its query, too."""
    found: tuple[Expression, ...] = _CHILDREN[type(expression)](expression)
    return found


def walk(expression: Expression) -> Iterator[Expression]:
    """List `expression` and everything in it, also what its subqueries consist of; outer parts first."""
    pending = [expression]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(children(node))


def rebuild(expression: Expression, change: Change) -> Expression:
    """Return `expression` with each of its parts replaced by what `change` makes of it."""
    rule = _REBUILD.get(type(expression))
    rebuilt: Expression = rule(expression, change) if rule else expression
    return rebuilt


def rebuild_query(query: Query, change: Change) -> Query:
    """Return `query` with each of its expressions replaced by what `change` makes of it."""
    return replace(
        query,
        joins=tuple(
            Joined(joined.source, joined.left, joined.on and change(joined.on)) for joined in query.joins
        ),
        where=query.where and change(query.where),
        output=query.output and change(query.output),
        counted=query.counted and change(query.counted),
        order_by=tuple((change(key), descending) for key, descending in query.order_by),
    )


def has_query(expression: Expression) -> bool:
    """Return whether a subquery remains in `expression`."""
    return any(is_query(part) for part in walk(expression))


def queries(expression: Expression) -> Iterator[Query]:
    """List the subqueries in `expression`, outer ones first."""
    return (part.query for part in walk(expression) if is_query(part))


def query_depth(expression: Expression) -> int:
    """Return how many subqueries of `expression` are inside each other."""
    inner = max(map(query_depth, children(expression)), default=0)
    return inner + is_query(expression)


def target_column(expression: Expression) -> str | None:
    """Return the name of the judged row's column that `expression` is; None when it is something else."""
    if type(expression) is ColumnOf and expression.source == TARGET:
        return expression.name
    return None


_QUERY_NODES = frozenset({ExistsQuery, ScalarQuery, ArrayQuery})


def _query_children(node: QueryNode) -> tuple[Expression, ...]:
    query = node.query
    found = [joined.on for joined in query.joins]
    found += [query.where, query.counted, query.output, *(key for key, _ in query.order_by)]
    return tuple(part for part in found if part is not None)


def _case_children(node: Case) -> tuple[Expression, ...]:
    return (*(part for branch in node.branches for part in branch), node.otherwise)


_CHILDREN: Mapping[type, Callable[[Any], tuple[Expression, ...]]] = {
    Constant: lambda node: (),
    ColumnOf: lambda node: (),
    Failure: lambda node: (),
    Apply: lambda node: node.arguments,
    And: lambda node: node.operands,
    Or: lambda node: node.operands,
    Coalesce: lambda node: node.operands,
    ArrayOf: lambda node: node.items,
    Not: lambda node: (node.operand,),
    IsTest: lambda node: (node.operand,),
    RunTime: lambda node: (node.operand,),
    Collated: lambda node: (node.operand,),
    IsDistinct: lambda node: (node.left, node.right),
    Quantified: lambda node: (node.left, node.array),
    Case: _case_children,
    **dict.fromkeys(_QUERY_NODES, _query_children),
}


def _rebuild_query_node(node: QueryNode, change: Change) -> Expression:
    return replace(node, query=rebuild_query(node.query, change))


def _rebuild_case(node: Case, change: Change) -> Expression:
    branches = tuple((change(condition), change(result)) for condition, result in node.branches)
    return Case(node.type, branches, change(node.otherwise))


_REBUILD: Mapping[type, Callable[[Any, Change], Expression]] = {
    Apply: lambda node, change: Apply(node.type, node.function, tuple(map(change, node.arguments))),
    And: lambda node, change: And(tuple(map(change, node.operands))),
    Or: lambda node, change: Or(tuple(map(change, node.operands))),
    Coalesce: lambda node, change: Coalesce(node.type, tuple(map(change, node.operands))),
    ArrayOf: lambda node, change: ArrayOf(node.type, tuple(map(change, node.items))),
    Not: lambda node, change: Not(change(node.operand)),
    IsTest: lambda node, change: IsTest(change(node.operand), node.value, node.negated),
    RunTime: lambda node, change: RunTime(node.type, change(node.operand)),
    Collated: lambda node, change: Collated(node.type, change(node.operand), node.is_bytewise),
    IsDistinct: lambda node, change: replace(node, left=change(node.left), right=change(node.right)),
    Quantified: lambda node, change: replace(node, left=change(node.left), array=change(node.array)),
    Case: _rebuild_case,
    **dict.fromkeys(_QUERY_NODES, _rebuild_query_node),
}
