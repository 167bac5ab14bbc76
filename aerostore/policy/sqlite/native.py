"""What SQLite decides by itself, exactly as PostgreSQL would: connectives, comparisons, patterns, paths.

`native` is for expressions that cannot raise. A condition is written exactly, in three-valued logic, or,
where only its being true counts (positive), with false and NULL alike.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from aerostore.policy.expression import (
    And,
    Apply,
    ArrayQuery,
    ColumnOf,
    Constant,
    ExistsQuery,
    Expression,
    IsTest,
    Not,
    Or,
    Quantified,
    Query,
    ScalarQuery,
)
from aerostore.policy.fold.name_path import like_to_glob, segment_of, text_constant, upper_bound
from aerostore.policy.sqlite.layout import COMPARABLE, INTEGERS, Place
from aerostore.policy.value import BOOL, TEXT, UUID, Type

MOST_LISTED = 100
_LONGEST_CHAIN = 50
_LONGEST_PATTERN = 10_000  # SQLite's own limit is 50,000 bytes
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Writer(Protocol):
    """What native conditions are written with."""

    @property
    def is_full(self) -> bool:
        """Whether no more parameters should be bound: what else there is can be a program."""
        ...

    def bind(self, type_: Type, value: Any) -> str:
        """Return the parameter that holds `value`."""
        ...

    def column(self, node: ColumnOf) -> tuple[str, Place]:
        """Return the stored column as SQL, and how the value comes from it."""
        ...

    def condition(self, expression: Expression, *, positive: bool) -> str:
        """Return an expression that cannot raise as SQL, whatever it takes."""
        ...

    def program(self, expression: Expression) -> str:
        """Return a call that evaluates `expression` in Python."""
        ...

    def select(self, query: Query, output: str) -> str:
        """Return a subquery that selects `output`, without parentheses."""
        ...

    def output(self, query: Query) -> str:
        """Return what a subquery selects, encoded, as SQL."""
        ...


Native: TypeAlias = str | None


def native(writer: Writer, expression: Expression, positive: bool) -> Native:
    """Return `expression` as SQL without a program around it; None when it needs one."""
    rule = _CONDITIONS.get(type(expression))
    return rule(writer, expression, positive) if rule else None


def native_value(writer: Writer, expression: Expression) -> Native:
    """Return the encoded value of `expression` as SQL without a program around it."""
    match expression:
        case Constant():
            return writer.bind(expression.type, expression.value)
        case ColumnOf():
            sql, place = writer.column(expression)
            return sql if place.is_kept else None
        case Apply() if expression.function.name == "uuid::text":
            return native_value(writer, expression.arguments[0])  # that is how a uuid is stored
        case ScalarQuery():
            return f"({writer.select(expression.query, writer.output(expression.query))})"
    return None


def _constant(writer: Writer, node: Constant, positive: bool) -> Native:
    return "NULL" if node.value is None else str(node.value).upper()


def _column(writer: Writer, node: ColumnOf, positive: bool) -> Native:
    return native_value(writer, node) if node.type == BOOL else None


def _not(writer: Writer, node: Not, positive: bool) -> Native:
    operand = native(writer, node.operand, False)
    return operand and f"NOT ({operand})"


def _is_test(writer: Writer, node: IsTest, positive: bool) -> Native:
    if node.value is None and node.operand.type != BOOL:
        operand = native_value(writer, node.operand)
    else:
        operand = native(writer, node.operand, False)
    what = "NULL" if node.value is None else str(node.value).upper()
    return operand and f"({operand}) IS {'NOT ' if node.negated else ''}{what}"


def _connective(writer: Writer, node: And | Or, positive: bool) -> Native:
    """Write what can be native, and one program for all the rest: in any order, as nothing here raises."""
    written: list[str] = []
    rest: list[Expression] = []
    for operand in node.operands:
        sql = None if writer.is_full else native(writer, operand, positive)
        if sql is None:
            rest.append(operand)
        else:
            written.append(sql)
    if not written:
        return None
    if rest:
        written.append(writer.program(rest[0] if len(rest) == 1 else type(node)(tuple(rest))))
    return _balanced(written, " AND " if isinstance(node, And) else " OR ")


def _balanced(operands: Sequence[str], word: str) -> str:
    """Write a chain so that many operands are no deep expression, of which SQLite allows 1,000 levels."""
    if len(operands) <= _LONGEST_CHAIN:
        return word.join(f"({sql})" for sql in operands)
    links = range(0, len(operands), _LONGEST_CHAIN)
    return _balanced([_balanced(operands[at : at + _LONGEST_CHAIN], word) for at in links], word)


def _exists(writer: Writer, node: ExistsQuery, positive: bool) -> Native:
    output = "count(*)" if node.query.count else "1"
    return f"EXISTS ({writer.select(node.query, output)})"


def _apply(writer: Writer, node: Apply, positive: bool) -> Native:
    if len(node.arguments) != 2:
        return None
    left, right = node.arguments
    symbol = node.function.name
    if symbol in _COMPARISONS:
        return _compare(writer, symbol, left, right, positive)
    if symbol in ("~~", "!~~"):
        return _like(writer, left, right, negated=symbol == "!~~")
    if symbol in ("starts_with", "^@"):
        column, prefix = native_value(writer, left), text_constant(right)
        return None if column is None or prefix is None else _in_range(writer, column, prefix)
    return None


def _compare(writer: Writer, symbol: str, left: Expression, right: Expression, positive: bool) -> Native:
    if not _is_comparable(symbol, left.type, right.type):
        return None
    sides = _native_sides(writer, left, right)
    if sides:
        return f"{sides[0]} {symbol} {sides[1]}"
    if symbol != "=" or not positive:
        return None
    for side, other in ((left, right), (right, left)):
        if type(other) is Constant:
            return _is_owner(writer, side, other) or _is_first_segment(writer, side, other)
    return None


def _native_sides(writer: Writer, left: Expression, right: Expression) -> tuple[str, str] | None:
    """Return both sides of a comparison as SQL when SQLite gains from comparing them itself."""
    sides = [None if type(side) is Constant else native_value(writer, side) for side in (left, right)]
    if sides == [None, None]:
        return None
    first, second = (
        written or (native_value(writer, side) if type(side) is Constant else writer.program(side))
        for written, side in zip(sides, (left, right), strict=True)
    )
    return (first, second) if first and second else None


def _is_comparable(symbol: str, left: Type, right: Type) -> bool:
    if left in INTEGERS and right in INTEGERS:
        return True
    return symbol in ("=", "<>") and left == right and left in COMPARABLE


def _is_owner(writer: Writer, side: Expression, other: Constant) -> Native:
    """Write `owner = constant` over owner_id, which spells the same uuid in any case."""
    if type(side) is not ColumnOf or side.type != UUID:
        return None
    sql, _ = writer.column(side)
    return f"lower({sql}) = {writer.bind(UUID, other.value)}"


def _is_first_segment(writer: Writer, side: Expression, other: Expression) -> Native:
    segment, text, name = segment_of(side), text_constant(other), _name_column(writer, side)
    if segment is None or segment.level != 1 or text is None or name is None:
        return None
    if "/" in text:
        return "FALSE"
    below = _in_range(writer, name, f"{text}/")
    if segment.is_folder or not (text or segment.reads_missing):
        return below
    return f"{name} = {writer.bind(TEXT, text)} OR {below}"


def _name_column(writer: Writer, side: Expression) -> Native:
    """Return the column that a segment is part of; path_tokens comes from it, too."""
    if type(side) is Apply and side.arguments:
        return _name_column(writer, side.arguments[0])
    return writer.column(side)[0] if type(side) is ColumnOf else None


def _in_range(writer: Writer, column: str, prefix: str) -> str:
    above = upper_bound(prefix)
    lower = f"{column} >= {writer.bind(TEXT, prefix)}"
    return lower if above is None else f"{lower} AND {column} < {writer.bind(TEXT, above)}"


def _like(writer: Writer, left: Expression, right: Expression, *, negated: bool) -> Native:
    column, pattern = native_value(writer, left), text_constant(right)
    if column is None or pattern is None or len(pattern) > _LONGEST_PATTERN:
        return None
    prefix = pattern.removesuffix("%")
    if prefix != pattern and prefix and not set(prefix) & set("%_\\"):
        found = _in_range(writer, column, prefix)
    else:
        found = f"{column} GLOB {writer.bind(TEXT, like_to_glob(pattern))}"
    return f"NOT ({found})" if negated else found


def _quantified(writer: Writer, node: Quantified, positive: bool) -> Native:
    symbol = node.operator.name
    if (symbol, node.every) not in (("=", False), ("<>", True)):
        return None
    if type(node.array) is ArrayQuery:
        return _in_query(writer, node, node.array)
    if type(node.array) is not Constant or not node.array.value:
        return None
    return _in_list(writer, node, node.array, positive)


def _in_query(writer: Writer, node: Quantified, array: ArrayQuery) -> Native:
    element = array.type.element
    if element is None or array.query.count or not _is_comparable("=", node.left.type, element):
        return None
    left = native_value(writer, node.left) or writer.program(node.left)
    return f"{left} {_in_word(node)} ({writer.select(array.query, writer.output(array.query))})"


def _in_list(writer: Writer, node: Quantified, array: Constant, positive: bool) -> Native:
    element = array.type.element
    if element is None or not _is_comparable("=", node.left.type, element):
        return None
    if type(node.left) is not Constant and (left := native_value(writer, node.left)):
        return f"{left} {_in_word(node)} ({_listed(writer, array.type, element, array.value)})"
    if not positive or node.every or len(array.value) > MOST_LISTED:
        return None
    constants = [Constant(element, each) for each in array.value if each is not None]
    tests = [
        _is_owner(writer, node.left, each) or _is_first_segment(writer, node.left, each) for each in constants
    ]
    return " OR ".join(f"({test})" for test in tests) if tests and all(tests) else None


def _listed(writer: Writer, type_: Type, element: Type, values: Sequence[Any]) -> str:
    if len(values) > MOST_LISTED:
        return f"SELECT value FROM json_each({writer.bind(type_, values)})"
    return ", ".join(writer.bind(element, value) for value in values)


def _in_word(node: Quantified) -> str:
    return "NOT IN" if node.every else "IN"


_CONDITIONS: Mapping[type, Callable[[Writer, Any, bool], Native]] = {
    Constant: _constant,
    ColumnOf: _column,
    And: _connective,
    Or: _connective,
    Not: _not,
    IsTest: _is_test,
    ExistsQuery: _exists,
    Apply: _apply,
    Quantified: _quantified,
}
