"""A reference to compare with: conditions judged row by row, subqueries as loops over all rows."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from aerostore.policy.expression import (
    TARGET,
    Apply,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    Function,
    Query,
    ScalarQuery,
)
from aerostore.policy.fold.evaluate import evaluate
from aerostore.policy.problem import EvaluationError
from aerostore.policy.tree import is_query, rebuild
from aerostore.policy.value import Environment

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Mapping[str, list[dict[str, Any]]]
Scope: TypeAlias = Mapping[int, Row]


class NestedLoops:
    """Judges folded conditions over `rows`, by table."""

    def __init__(self, rows: Rows, environment: Environment) -> None:
        self._rows = rows
        self._environment = environment

    def truth(self, expression: Expression, row: Row) -> bool | None:
        """Return the value of a condition for a row of its table. Raises: EvaluationError."""
        value: bool | None = self._value(expression, {TARGET: row})
        return value

    def _value(self, expression: Expression, scope: Scope) -> Any:
        return evaluate(self._without_queries(expression, scope), self._environment, {})

    def _without_queries(self, expression: Expression, scope: Scope) -> Expression:
        if type(expression) is ColumnOf:
            return Constant(expression.type, scope[expression.source][expression.name])
        if is_query(expression):
            return Apply(expression.type, self._lazily(expression, scope), ())
        return rebuild(expression, lambda part: self._without_queries(part, scope))

    def _lazily(self, node: Expression, scope: Scope) -> Function:
        """Return a function that computes a subquery's result when it is reached."""

        def run() -> Any:
            return self._result(node, scope)

        return Function(name="subquery", parameters=(), returns=node.type, run=run)

    def _result(self, node: Any, scope: Scope) -> Any:
        query: Query = node.query
        matches = [one for one in self._joined(query, dict(scope)) if self._holds(query.where, one)]
        if isinstance(node, ExistsQuery):
            return bool(matches)
        if query.count:
            counted = query.counted
            return sum(counted is None or self._value(counted, one) is not None for one in matches)
        assert query.output is not None
        values = [self._value(query.output, one) for one in matches][: query.limit]
        if not isinstance(node, ScalarQuery):
            return tuple(values)
        if len(values) > 1:
            raise EvaluationError("21000", "more than one row")
        return values[0] if values else None

    def _joined(self, query: Query, scope: dict[int, Row]) -> list[dict[int, Row]]:
        found = [scope]
        for joined in query.joins:
            source = joined.source
            nothing: Row = dict.fromkeys(self._rows[source.table][0])
            wider: list[dict[int, Row]] = []
            for one in found:
                matches = [{**one, source.id: row} for row in self._rows[source.table]]
                kept = [match for match in matches if self._holds(joined.on, match)]
                wider.extend(kept or ([{**one, source.id: nothing}] if joined.left else []))
            found = wider
        return found

    def _holds(self, condition: Expression | None, scope: Scope) -> bool:
        return condition is None or self._value(condition, scope) is True
