"""Typed conditions as SQL for SQLite.

What means the same there is written as SQL, subqueries included; everything else becomes a call of
`policy(key, ...)`, which evaluates that part in Python. What may raise stays whole inside one such call,
because SQLite evaluates the operands of AND and OR in any order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from aerostore.policy.expression import (
    TARGET,
    And,
    ArrayQuery,
    ColumnOf,
    ExistsQuery,
    Expression,
    Or,
    Query,
    ScalarQuery,
)
from aerostore.policy.fold.hazard import may_raise
from aerostore.policy.problem import EvaluationError
from aerostore.policy.sqlite.layout import Decode, Place, decoder, encode, physical_table, place_of, quoted
from aerostore.policy.sqlite.native import native, native_value
from aerostore.policy.sqlite.program import Leaf, Program, pack, run_packed, split_leaves
from aerostore.policy.tree import has_query, queries
from aerostore.policy.value import FLOAT8, Environment, Type, array_of

_MOST_PARAMETERS = 10_000  # SQLite allows 32,766 in one statement
_MOST_LEAVES = 100  # SQLite allows 127 arguments of a function


@dataclass(frozen=True, slots=True)
class Written:
    """A condition as SQL. programs: what it calls as `policy(key, ...)`."""

    sql: str
    parameters: Mapping[str, Any]
    programs: Mapping[str, Callable[..., Any]]


def write(expression: Expression, environment: Environment, target: str, name: str) -> Written:
    """Return a folded condition on rows of `target` as SQL: true for a row exactly when `expression` is.

    It names the row's columns as `storage_objects."name"`. name: what parameters, programs and aliases
    begin with.
    """
    writer = _Writer(expression, environment, target, name)
    sql = writer.rows_where(expression, is_judged=True)
    return Written(sql, writer.parameters, writer.programs)


class _Writer:
    """Implements `native.Writer`."""

    def __init__(self, expression: Expression, environment: Environment, target: str, name: str) -> None:
        self.parameters: dict[str, Any] = {}
        self.programs: dict[str, Callable[..., Any]] = {}
        self._environment = environment
        self._proven: dict[int, Expression] = {}
        self._name = name
        self._sources = {TARGET: (physical_table(target), target)}
        for query in queries(expression):
            for joined in query.joins:
                source = joined.source
                self._sources[source.id] = (f"{name}_{source.id}", source.table)

    @property
    def is_full(self) -> bool:
        return len(self.parameters) > _MOST_PARAMETERS

    def bind(self, type_: Type, value: Any) -> str:
        key = f"{self._name}{len(self.parameters)}"
        self.parameters[key] = encode(type_, value)
        return f":{key}"

    def column(self, node: ColumnOf) -> tuple[str, Place]:
        alias, table = self._sources[node.source]
        place = place_of(table, node.name, node.type)
        return f"{alias}.{quoted(place.column)}", place

    def rows_where(self, expression: Expression, *, is_judged: bool = False) -> str:
        """Write a condition that rows are selected by.

        is_judged: these are the rows that the policies judge. What stands behind a part that may raise can
        then keep a row from it: that row does not pass anyway.
        """
        if not self._may_raise(expression):
            return f"({self.condition(expression, positive=True)})"
        if type(expression) is Or:
            return self._rows_where_any(expression)
        operands = expression.operands if type(expression) is And else (expression,)
        return self._rows_where_all(operands, is_judged=is_judged)

    def _rows_where_all(self, operands: Sequence[Expression], *, is_judged: bool) -> str:
        """Write conjuncts of which one may raise: that one in a program behind those that stand before it.

        What cannot raise also stands by itself, where an index can serve it.
        """
        risky = [self._may_raise(operand) for operand in operands]
        alone: list[Expression] = []
        together: list[Expression] = []
        for number, operand in enumerate(operands):
            is_alone = not risky[number] and (is_judged or not any(risky[:number]))
            alone.extend([operand] if is_alone else [])
            together.extend([] if is_alone and has_query(operand) else [operand])
        program = self.program(_all_of(together))
        return f"({self.condition(_all_of(alone), positive=True)}) AND {program}" if alone else program

    def _rows_where_any(self, expression: Or) -> str:
        """Write alternatives of which one may raise; those before the first that may are tried natively."""
        first = next(number for number, operand in enumerate(expression.operands) if self._may_raise(operand))
        rest = self.program(_any_of(expression.operands[first:]))
        if not first:
            return rest
        calm = self.condition(_any_of(expression.operands[:first]), positive=True)
        return f"CASE WHEN {calm} THEN 1 ELSE {rest} END"

    def _may_raise(self, expression: Expression) -> bool:
        return may_raise(expression, self._proven)

    def condition(self, expression: Expression, *, positive: bool) -> str:
        return native(self, expression, positive) or self.program(expression)

    def program(self, expression: Expression) -> str:
        return self._program(expression, partial(encode, expression.type))

    def _program(self, expression: Expression, encode_value: Callable[[Any], Any]) -> str:
        cut, leaves = split_leaves(expression)
        written = [self._leaf(leaf) for leaf in leaves]
        program = Program(cut, self._environment, [decode for _, decode in written], encode_value)
        arguments = [sql for sql, _ in written]
        if len(arguments) <= _MOST_LEAVES:
            return self._call(program, arguments)
        parts = [arguments[at : at + _MOST_LEAVES] for at in range(0, len(arguments), _MOST_LEAVES)]
        return self._call(partial(run_packed, program), [self._call(pack, part) for part in parts])

    def _call(self, program: Callable[..., Any], arguments: Iterable[str]) -> str:
        key = f"{self._name}{len(self.programs)}"
        self.programs[key] = program
        listed = "".join(f", {sql}" for sql in arguments)
        return f"policy('{key}'{listed})"

    def _leaf(self, leaf: Leaf) -> tuple[str, Decode]:
        node = leaf.expression
        if type(node) is ColumnOf:
            sql, place = self.column(node)
            return sql, place.decode
        before, self._proven = self._proven, {**self._proven, **{id(part): part for part in leaf.proven}}
        sql, decode = self._query_leaf(node)
        self._proven = before
        if leaf.reach and may_raise(node):
            sql = f"CASE WHEN {self.program(_all_of(leaf.reach))} THEN {sql} END"
        return sql, decode

    def _query_leaf(self, node: Expression) -> tuple[str, Decode]:
        match node:
            case ExistsQuery():
                return self.condition(node, positive=False), bool
            case ScalarQuery() if node.query.count or node.query.limit == 1:
                return f"({self.select(node.query, self.output(node.query))})", decoder(node.type)
            case ScalarQuery():
                return self._values(node.query, most=2), partial(_only_value, decoder(array_of(node.type)))
            case ArrayQuery():
                return self._values(node.query), decoder(node.type)
        raise TypeError(f"no subquery: {node!r}")

    def _values(self, query: Query, most: int | None = None) -> str:
        """Write all values of a subquery as one JSON array. most: more than these need not be counted."""
        limits = [limit for limit in (query.limit, most) if limit is not None]
        limited = replace(query, limit=min(limits, default=None))
        return f"(SELECT json_group_array(x) FROM ({self.select(limited, f'{self._element(query)} AS x')}))"

    def _element(self, query: Query) -> str:
        if query.output is not None and query.output.type == FLOAT8:
            return self._program(query.output, _exact_float)  # SQLite writes 15 digits into JSON
        return self.output(query)

    def output(self, query: Query) -> str:
        if query.count:
            return f"count({'*' if query.counted is None else self._value(query.counted)})"
        return "NULL" if query.output is None else self._value(query.output)

    def _value(self, expression: Expression) -> str:
        written = None if self._may_raise(expression) else native_value(self, expression)
        return written or self.program(expression)

    def select(self, query: Query, output: str) -> str:
        distinct = "DISTINCT " if query.distinct and not query.count else ""
        clauses = [f"SELECT {distinct}{output}", *self._from(query), *self._order(query)]
        if query.limit is not None and not query.count:
            clauses.append(f"LIMIT {query.limit}")
        return " ".join(clauses)

    def _from(self, query: Query) -> Iterator[str]:
        for number, joined in enumerate(query.joins):
            alias, table = self._sources[joined.source.id]
            kind = "FROM" if not number else "LEFT JOIN" if joined.left else "JOIN"
            on = f" ON {self.rows_where(joined.on)}" if joined.on is not None else ""
            yield f"{kind} {quoted(physical_table(table))} AS {alias}{on}"
        if query.where is not None:
            yield f"WHERE {self.rows_where(query.where)}"

    def _order(self, query: Query) -> Iterator[str]:
        if query.order_by and not query.count:
            keys = (f"{self._value(key)} {_DIRECTIONS[descending]}" for key, descending in query.order_by)
            yield f"ORDER BY {', '.join(keys)}"


# PostgreSQL's defaults: NULL is greater than everything.
_DIRECTIONS = {False: "ASC NULLS LAST", True: "DESC NULLS FIRST"}


def _all_of(operands: Iterable[Expression]) -> Expression:
    listed = tuple(operands)
    return listed[0] if len(listed) == 1 else And(listed)


def _any_of(operands: Iterable[Expression]) -> Expression:
    listed = tuple(operands)
    return listed[0] if len(listed) == 1 else Or(listed)


def _exact_float(value: float | None) -> str | None:
    return None if value is None else repr(value)


def _only_value(decode: Decode, stored: str) -> Any:
    values = decode(stored)
    if len(values) > 1:
        raise EvaluationError("21000", "more than one row returned by a subquery used as an expression")
    return values[0] if values else None
