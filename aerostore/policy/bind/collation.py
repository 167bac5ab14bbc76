"""Which text is of COLLATE "C", and what its functions do: they know no letter and no space beyond ASCII.

Names of objects and buckets have that collation in PostgreSQL, so lower(name) leaves `É` as it is there,
while lower(auth.email()) does not.
Source: parse_collate.c in PostgreSQL; collations of the columns in migrations/postgres.
"""

from collections.abc import Mapping

from aerostore.policy.catalog import BUCKETS, OBJECTS
from aerostore.policy.expression import (
    TARGET,
    Apply,
    ArrayOf,
    ArrayQuery,
    Case,
    Coalesce,
    ColumnOf,
    Expression,
    Quantified,
    RunTime,
    ScalarQuery,
)
from aerostore.policy.function import bytewise
from aerostore.policy.tree import queries, rebuild
from aerostore.policy.value import TEXT

BYTEWISE_COLUMNS: Mapping[str, frozenset[str]] = {
    OBJECTS: frozenset({"bucket_id", "name", "blob_id"}),
    BUCKETS: frozenset({"id", "name"}),
}


def collate(expression: Expression, target: str) -> Expression:
    """Return a bound condition on the table `target` with each function as its arguments' collation has it.

    A declared SQL function's parameters count with the collations of their own arguments; PostgreSQL gives
    them all the strongest one.
    """
    tables = {
        joined.source.id: joined.source.table for query in queries(expression) for joined in query.joins
    }
    return _Collation({**tables, TARGET: target}).apply(expression)


class _Collation:
    """tables: names of the sources that columns come from."""

    def __init__(self, tables: Mapping[int, str]) -> None:
        self._tables = tables

    def apply(self, expression: Expression) -> Expression:
        rebuilt = rebuild(expression, self.apply)
        match rebuilt:
            case Apply() if any(map(self._is_bytewise, rebuilt.arguments)):
                return Apply(rebuilt.type, bytewise(rebuilt.function), rebuilt.arguments)
            case Quantified() if self._is_bytewise(rebuilt.left) or self._is_bytewise(rebuilt.array):
                operator = bytewise(rebuilt.operator)
                return Quantified(operator, rebuilt.left, rebuilt.array, rebuilt.every)
        return rebuilt

    def _is_bytewise(self, expression: Expression) -> bool:
        """Return whether an expression is text of COLLATE "C": one such operand outdoes the default."""
        if TEXT not in (expression.type, expression.type.element):
            return False
        match expression:
            case ColumnOf(source=source, name=name):
                return name in BYTEWISE_COLUMNS.get(self._tables.get(source, ""), ())
            case Apply(arguments=parts) | Coalesce(operands=parts) | ArrayOf(items=parts):
                return any(map(self._is_bytewise, parts))
            case Case():
                results = (*(result for _, result in expression.branches), expression.otherwise)
                return any(map(self._is_bytewise, results))
            case RunTime(operand=operand):
                return self._is_bytewise(operand)
            case ScalarQuery(query=query) | ArrayQuery(query=query):
                return query.output is not None and self._is_bytewise(query.output)
        return False
