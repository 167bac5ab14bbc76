"""What may raise in a subquery whichever of its rows is looked at: it depends on the row outside only.

PostgreSQL evaluates such a part for every row, or once as the key of an index. Evaluated beforehand, it
cannot raise inside any more, and SQLite may look for the rows by it as well.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aerostore.policy.expression import (
    And,
    Apply,
    ColumnOf,
    Expression,
    IsDistinct,
    IsTest,
    Not,
    Or,
    Quantified,
    Query,
)
from aerostore.policy.fold.hazard import may_raise
from aerostore.policy.tree import is_query, walk


@dataclass(frozen=True, slots=True)
class Hoisted:
    """condition: never NULL and never what decides; it raises what `parts` raise."""

    condition: Expression
    parts: tuple[Expression, ...]


def hoist(query: Query) -> Hoisted | None:
    """Return what can be evaluated before `query`; None when nothing of that may raise.

    A conjunct about the outer row alone guards those behind it, as PostgreSQL tests it before it reads
    the table.
    """
    own = frozenset(joined.source.id for joined in query.joins)
    tests: list[Expression] = []
    parts: list[Expression] = []
    for conjunct in _conjuncts(query):
        if _is_outer(conjunct, own):
            tests.append(IsTest(conjunct, True))
            parts.extend([conjunct] if may_raise(conjunct) else [])
            continue
        for part in _certain_parts(conjunct, own):
            tests.append(_evaluated(part))
            parts.append(part)
    return Hoisted(And(tuple(tests)), tuple(parts)) if parts else None


def _evaluated(part: Expression) -> Expression:
    """Return a condition that is true once `part` has been evaluated."""
    return IsTest(IsTest(part, None), None, negated=True)


def _conjuncts(query: Query) -> Iterator[Expression]:
    inner = [joined.on for joined in query.joins if not joined.left]
    for condition in (*inner, query.where):
        if type(condition) is And:
            yield from condition.operands
        elif condition is not None:
            yield condition


def _is_outer(expression: Expression, own: frozenset[int]) -> bool:
    """Return whether `expression` has one value for all rows of the query, without a subquery."""
    return not any(
        is_query(part) or (type(part) is ColumnOf and part.source in own) for part in walk(expression)
    )


def _certain_parts(expression: Expression, own: frozenset[int]) -> Iterator[Expression]:
    """List the parts that may raise, depend on the outer row alone, and are evaluated in any case."""
    if not may_raise(expression):
        return
    if _is_outer(expression, own):
        yield expression
        return
    certain = _CERTAIN.get(type(expression), lambda node: ())
    for part in certain(expression):
        yield from _certain_parts(part, own)


_CERTAIN: Mapping[type, Callable[[Any], tuple[Expression, ...]]] = {
    Apply: lambda node: node.arguments,
    And: lambda node: node.operands[:1],
    Or: lambda node: node.operands[:1],
    Not: lambda node: (node.operand,),
    IsTest: lambda node: (node.operand,),
    IsDistinct: lambda node: (node.left, node.right),
    Quantified: lambda node: (node.left, node.array),
}
