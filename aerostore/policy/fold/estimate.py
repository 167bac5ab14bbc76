"""What PostgreSQL evaluates while it plans, to guess how many rows a condition leaves.

In a comparison of a column with something that no row changes, that other side is evaluated beforehand, and
a query fails where it fails, whatever the rows are. Within CASE nothing is guessed, and `(SELECT value)` is
not known before the query runs.
Source: PostgreSQL, get_restriction_variable in selfuncs.c, clause_selectivity in clausesel.c.
"""

from collections.abc import Iterator

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
    RunTime,
)
from aerostore.policy.fold.hazard import may_raise
from aerostore.policy.tree import children, is_query, queries, walk


def estimated(expression: Expression, *, is_filter: bool) -> tuple[Expression, ...]:
    """Return the operands of a condition that are evaluated before any row is read, and may raise.

    is_filter: rows are selected by the condition; otherwise it judges a new row, and only its subqueries
    select any.
    """
    conditions = [expression] if is_filter else []
    for query in queries(expression):
        conditions += [part for part in (query.where, *(joined.on for joined in query.joins)) if part]
    comparisons = (comparison for condition in conditions for comparison in _comparisons(condition))
    return tuple(operand for comparison in comparisons for operand in _fixed_operands(comparison))


def _comparisons(condition: Expression) -> Iterator[Expression]:
    match condition:
        case And(operands=operands) | Or(operands=operands):
            for operand in operands:
                yield from _comparisons(operand)
        case Not(operand=operand) | RunTime(operand=operand) | IsTest(operand=operand, value=True | False):
            yield from _comparisons(operand)
        case Quantified() | IsDistinct():
            yield condition
        case Apply(function=function) if not function.name[0].isalpha():
            yield condition


def _fixed_operands(comparison: Expression) -> Iterator[Expression]:
    operands = children(comparison)
    if any(map(_reads_column, operands)):
        yield from (operand for operand in operands if _is_fixed(operand) and _has_risky_call(operand))


def _reads_column(operand: Expression) -> bool:
    return any(type(part) is ColumnOf for part in walk(operand))


def _is_fixed(operand: Expression) -> bool:
    return not any(type(part) in (ColumnOf, RunTime) or is_query(part) for part in walk(operand))


def _has_risky_call(operand: Expression) -> bool:
    """Return whether it raises for some claims, not only for a token that cannot be read at all."""
    risky = (type(part) is Apply and part.arguments and part.function.may_raise for part in walk(operand))
    return may_raise(operand) and any(risky)
