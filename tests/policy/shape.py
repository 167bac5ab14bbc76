"""Typed expressions as one line each, for tests to compare."""

from collections.abc import Callable, Mapping
from typing import Any

from aerostore.policy.expression import (
    And,
    Apply,
    ArrayOf,
    ArrayQuery,
    Case,
    Coalesce,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    IsDistinct,
    IsTest,
    Not,
    Or,
    Quantified,
    Query,
    RunTime,
    ScalarQuery,
)


def shape(expression: Expression) -> str:
    """Return `expression` in words close to SQL; a column of source 1 is `1.name`, one of the row `name`."""
    return _SHAPES[type(expression)](expression)


def _constant(node: Constant) -> str:
    return f"{node.value!r}:{node.type.name}"


def _column(node: ColumnOf) -> str:
    return f"{node.source}.{node.name}" if node.source else node.name


def _joined(word: str, parts: tuple[Expression, ...]) -> str:
    return f"({f' {word} '.join(map(shape, parts))})"


def _list(name: str, parts: tuple[Expression, ...]) -> str:
    return f"{name}({', '.join(map(shape, parts))})"


def _test(node: IsTest) -> str:
    return f"({shape(node.operand)} IS {'NOT ' if node.negated else ''}{node.value})"


def _distinct(node: IsDistinct) -> str:
    return f"({shape(node.left)} IS {'NOT ' if node.negated else ''}DISTINCT FROM {shape(node.right)})"


def _case(node: Case) -> str:
    branches = [f"WHEN {shape(condition)} THEN {shape(result)}" for condition, result in node.branches]
    return f"CASE {' '.join(branches)} ELSE {shape(node.otherwise)}"


def _quantified(node: Quantified) -> str:
    word = "ALL" if node.every else "ANY"
    return f"({shape(node.left)} {node.operator.name} {word} {shape(node.array)})"


def _query(query: Query) -> str:
    parts = [f"count({shape(query.counted) if query.counted else '*'})"] if query.count else []
    parts += ["DISTINCT"] if query.distinct else []
    parts += [shape(query.output)] if query.output else []
    for joined in query.joins:
        source = joined.source
        owner = " AS OWNER" if source.as_owner else ""
        on = f" ON {shape(joined.on)}" if joined.on else ""
        parts.append(f"{'LEFT ' if joined.left else ''}FROM {source.table} {source.id}{owner}{on}")
    parts += [f"WHERE {shape(query.where)}"] if query.where else []
    parts += [f"ORDER BY {shape(key)}{' DESC' if descending else ''}" for key, descending in query.order_by]
    parts += [] if query.limit is None else [f"LIMIT {query.limit}"]
    return " ".join(parts)


_SHAPES: Mapping[type, Callable[[Any], str]] = {
    Constant: _constant,
    ColumnOf: _column,
    Apply: lambda node: _list(node.function.name, node.arguments),
    And: lambda node: _joined("AND", node.operands),
    Or: lambda node: _joined("OR", node.operands),
    Not: lambda node: f"NOT {shape(node.operand)}",
    IsTest: _test,
    IsDistinct: _distinct,
    Case: _case,
    Coalesce: lambda node: _list("coalesce", node.operands),
    ArrayOf: lambda node: _list("array", node.items),
    Quantified: _quantified,
    ExistsQuery: lambda node: f"EXISTS[{_query(node.query)}]",
    ScalarQuery: lambda node: f"[{_query(node.query)}]",
    ArrayQuery: lambda node: f"ARRAY[{_query(node.query)}]",
    RunTime: lambda node: f"run({shape(node.operand)})",
}
