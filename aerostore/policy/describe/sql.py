"""Expressions back to SQL text that PostgreSQL reads as the same expression, without needless parentheses.

Source: PostgreSQL's grammar (gram.y), "Operator Precedence" in its documentation.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from functools import singledispatch

from aerostore.policy import syntax
from aerostore.policy.describe.quoting import PLAIN_NAME, quoted_identifier, quoted_name, quoted_text

_CATALOG = "pg_catalog"
_PATTERN_OPERATORS = {"~~": "LIKE", "~~*": "ILIKE", "!~~": "NOT LIKE", "!~~*": "NOT ILIKE"}
_SIMILAR_OPERATORS = {"~": "SIMILAR TO", "!~": "NOT SIMILAR TO"}


class _Level(IntEnum):
    """How tightly a construct binds."""

    OR = 1
    AND = 2
    NOT = 3
    IS = 4
    COMPARISON = 5
    MATCH = 6
    OTHER = 7
    ADDITION = 8
    MULTIPLICATION = 9
    POWER = 10
    COLLATE = 11
    SIGN = 12
    CAST = 13
    ATOM = 14


_LEVELS = {
    **dict.fromkeys(("<", ">", "=", "<=", ">=", "<>"), _Level.COMPARISON),
    **dict.fromkeys(("+", "-"), _Level.ADDITION),
    **dict.fromkeys(("*", "/", "%"), _Level.MULTIPLICATION),
    "^": _Level.POWER,
}
_NOT_ASSOCIATIVE = {_Level.COMPARISON, _Level.MATCH}
_Written = tuple[str, _Level]


def to_text(expression: syntax.Expression) -> str:
    """Return `expression` as SQL."""
    return _write(expression)[0]


def select_text(select: syntax.Select) -> str:
    """Return a query as SQL, without parentheses around it."""
    distinct = "DISTINCT " if select.distinct else ""
    clauses = [f"SELECT {distinct}{_list(select.items)}", *_from(select.joins)]
    if select.where is not None:
        clauses.append(f"WHERE {to_text(select.where)}")
    if select.order_by:
        keys = [to_text(key) + (" DESC" if descending else "") for key, descending in select.order_by]
        clauses.append(f"ORDER BY {', '.join(keys)}")
    if select.limit is not None:
        clauses.append(f"LIMIT {to_text(select.limit)}")
    return " ".join(clauses)


def _list(items: Sequence[syntax.Expression | syntax.Star]) -> str:
    return ", ".join(_item(each) for each in items)


def _item(item: syntax.Expression | syntax.Star) -> str:
    if isinstance(item, syntax.Star):
        return ".".join([*(quoted_identifier(part) for part in item.table), "*"])
    return to_text(item)


def _from(joins: Sequence[syntax.Join]) -> Iterable[str]:
    for position, join in enumerate(joins):
        item = _table(join.item)
        if position == 0:
            yield f"FROM {item}"
        elif join.on is None:
            yield f"CROSS JOIN {item}"
        else:
            word = "LEFT JOIN" if join.kind == "left" else "JOIN"
            yield f"{word} {item} ON {to_text(join.on)}"


def _table(item: syntax.TableItem) -> str:
    text = quoted_name(item.name) if item.call is None else to_text(item.call)
    if item.alias is None:
        return text
    columns = f" ({', '.join(map(quoted_identifier, item.columns))})" if item.columns else ""
    return f"{text} AS {quoted_identifier(item.alias)}{columns}"


def _at_least(expression: syntax.Expression, level: int) -> str:
    """Return the text of an operand, in parentheses when it binds less tightly than `level`."""
    text, own = _write(expression)
    return text if own >= level else f"({text})"


def _above(expression: syntax.Expression, level: _Level) -> str:
    return _at_least(expression, level + 1)


@singledispatch
def _write(expression: object) -> _Written:
    raise TypeError(type(expression).__name__)


@_write.register
def _(literal: syntax.Literal) -> _Written:
    value = literal.value
    if value is None:
        return "NULL", _Level.ATOM
    if isinstance(value, bool):
        return str(value).lower(), _Level.ATOM
    if isinstance(value, str):
        return quoted_text(value), _Level.ATOM
    signed = value.is_signed() if isinstance(value, Decimal) else value < 0
    return str(value), _Level.SIGN if signed else _Level.ATOM


@_write.register
def _(name: syntax.Name) -> _Written:
    return quoted_name(name.parts), _Level.ATOM


@_write.register
def _(call: syntax.Call) -> _Written:
    if call.keyword:
        name = ".".join(call.name)
        return (f"{name}({_list(call.arguments)})" if call.arguments else name), _Level.ATOM
    if call.name == (_CATALOG, "substring") and len(call.arguments) in {2, 3}:
        return f"substring({_substring_arguments(call.arguments)})", _Level.ATOM
    arguments = "*" if call.is_star else _list(call.arguments)
    return f"{quoted_name(call.name)}({arguments})", _Level.ATOM


def _substring_arguments(arguments: Sequence[syntax.Expression]) -> str:
    words = ("", " FROM ", " FOR ")
    return "".join(word + to_text(each) for word, each in zip(words, arguments, strict=False))


@_write.register
def _(cast: syntax.Cast) -> _Written:
    return f"{_at_least(cast.operand, _Level.CAST)}::{_type_text(cast.type_name)}", _Level.CAST


def _type_text(type_name: syntax.TypeName) -> str:
    # A keyword stays bare: quoted, `boolean` or `interval` would name another type.
    parts = [part if PLAIN_NAME.fullmatch(part) else quoted_identifier(part) for part in type_name.name]
    return ".".join(parts) + ("[]" if type_name.is_array else "")


@_write.register
def _(unary: syntax.Unary) -> _Written:
    if unary.operator not in {"+", "-"}:
        return f"{unary.operator} {_above(unary.operand, _Level.OTHER)}", _Level.OTHER
    operand = _at_least(unary.operand, _Level.SIGN)
    space = " " if operand[0] in "+-" else ""  # two signs would begin a comment
    return f"{unary.operator}{space}{operand}", _Level.SIGN


@_write.register
def _(binary: syntax.Binary) -> _Written:
    special = _pattern_match(binary)
    if special is not None:
        return special
    level = _LEVELS.get(binary.operator, _Level.OTHER)
    left = _left(binary.left, level)
    return f"{left} {binary.operator} {_above(binary.right, level)}", level


def _left(operand: syntax.Expression, level: _Level) -> str:
    return _above(operand, level) if level in _NOT_ASSOCIATIVE else _at_least(operand, level)


def _pattern_match(binary: syntax.Binary) -> _Written | None:
    """Return LIKE and SIMILAR TO as people write them; None for any other operator."""
    left, right = _above(binary.left, _Level.MATCH), binary.right
    if binary.operator in _PATTERN_OPERATORS:
        word = _PATTERN_OPERATORS[binary.operator]
        return f"{left} {word} {_pattern(right, 'like_escape')}", _Level.MATCH
    if binary.operator in _SIMILAR_OPERATORS and _is_catalog_call(right, "similar_to_escape", {1, 2}):
        word = _SIMILAR_OPERATORS[binary.operator]
        return f"{left} {word} {_pattern(right, 'similar_to_escape')}", _Level.MATCH
    return None


def _pattern(right: syntax.Expression, function: str) -> str:
    if not isinstance(right, syntax.Call) or not _is_catalog_call(right, function, {1, 2}):
        return _above(right, _Level.MATCH)
    operands = [_above(each, _Level.MATCH) for each in right.arguments]
    return " ESCAPE ".join(operands)


def _is_catalog_call(expression: syntax.Expression, name: str, counts: set[int]) -> bool:
    return (
        isinstance(expression, syntax.Call)
        and expression.name == (_CATALOG, name)
        and len(expression.arguments) in counts
    )


@_write.register
def _(every: syntax.And) -> _Written:
    return " AND ".join(_above(each, _Level.AND) for each in every.operands), _Level.AND


@_write.register
def _(some: syntax.Or) -> _Written:
    return " OR ".join(_above(each, _Level.OR) for each in some.operands), _Level.OR


@_write.register
def _(negation: syntax.Not) -> _Written:
    return f"NOT {_at_least(negation.operand, _Level.NOT)}", _Level.NOT


@_write.register
def _(test: syntax.IsTest) -> _Written:
    word = "IS NOT" if test.negated else "IS"
    return f"{_above(test.operand, _Level.COMPARISON)} {word} {test.what.upper()}", _Level.IS


@_write.register
def _(test: syntax.IsDistinct) -> _Written:
    word = "IS NOT DISTINCT FROM" if test.negated else "IS DISTINCT FROM"
    left, right = (_above(each, _Level.COMPARISON) for each in (test.left, test.right))
    return f"{left} {word} {right}", _Level.IS


@_write.register
def _(between: syntax.Between) -> _Written:
    word = _negatable("BETWEEN", between.negated) + (" SYMMETRIC" if between.symmetric else "")
    operand = _above(between.operand, _Level.MATCH)
    # The grammar takes less on the left of this AND than elsewhere.
    low, high = _at_least(between.low, _Level.CAST), _above(between.high, _Level.MATCH)
    return f"{operand} {word} {low} AND {high}", _Level.MATCH


@_write.register
def _(test: syntax.InList) -> _Written:
    operand = _above(test.operand, _Level.MATCH)
    return f"{operand} {_negatable('IN', test.negated)} ({_list(test.items)})", _Level.MATCH


@_write.register
def _(test: syntax.InSelect) -> _Written:
    operand = _above(test.operand, _Level.MATCH)
    return f"{operand} {_negatable('IN', test.negated)} ({select_text(test.select)})", _Level.MATCH


def _negatable(word: str, negated: bool) -> str:
    return f"NOT {word}" if negated else word


@_write.register
def _(test: syntax.Quantified) -> _Written:
    right = test.right
    array = select_text(right) if isinstance(right, syntax.Select) else to_text(right)
    word = "ALL" if test.every else "ANY"
    operator = _PATTERN_OPERATORS.get(test.operator, test.operator)
    level = _Level.MATCH if operator != test.operator else _LEVELS.get(operator, _Level.OTHER)
    return f"{_left(test.left, level)} {operator} {word} ({array})", level


@_write.register
def _(array: syntax.ArrayOf) -> _Written:
    return f"ARRAY[{_list(array.items)}]", _Level.ATOM


@_write.register
def _(array: syntax.ArraySelect) -> _Written:
    return f"ARRAY({select_text(array.select)})", _Level.ATOM


@_write.register
def _(element: syntax.Subscript) -> _Written:
    return f"{_subscripted(element.operand)}[{to_text(element.index)}]", _Level.ATOM


@_write.register
def _(part: syntax.Slice) -> _Written:
    low, high = ("" if each is None else to_text(each) for each in (part.low, part.high))
    return f"{_subscripted(part.operand)}[{low}:{high}]", _Level.ATOM


def _subscripted(operand: syntax.Expression) -> str:
    # Two subscripts in a row would be one element of an array of two dimensions.
    bare = isinstance(operand, syntax.Name | syntax.ScalarSelect)
    return to_text(operand) if bare else f"({to_text(operand)})"


@_write.register
def _(case: syntax.Case) -> _Written:
    words = ["CASE"] if case.operand is None else ["CASE", to_text(case.operand)]
    for condition, result in case.branches:
        words += ["WHEN", to_text(condition), "THEN", to_text(result)]
    if case.otherwise is not None:
        words += ["ELSE", to_text(case.otherwise)]
    return " ".join([*words, "END"]), _Level.ATOM


@_write.register
def _(collated: syntax.Collate) -> _Written:
    operand = _at_least(collated.operand, _Level.COLLATE)
    return f"{operand} COLLATE {quoted_name(collated.collation)}", _Level.COLLATE


@_write.register
def _(test: syntax.Exists) -> _Written:
    return f"EXISTS ({select_text(test.select)})", _Level.ATOM


@_write.register
def _(query: syntax.ScalarSelect) -> _Written:
    return f"({select_text(query.select)})", _Level.ATOM
