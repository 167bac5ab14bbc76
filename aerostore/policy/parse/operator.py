"""Expressions: operators by PostgreSQL's precedence. Operands are in `operand`.

Source: PostgreSQL 15, gram.y, a_expr and b_expr. Precedence decides only between an operator that waits for
its right side and the next one. What ends by itself, such as `IS NULL` or `IN (...)`, waits for nothing: any
operator may follow.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum

from aerostore.policy.parse import operand as parse_operand
from aerostore.policy.parse import query as parse_query
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import Kind
from aerostore.policy.parse.name import qualified_name
from aerostore.policy.parse.type_name import type_name
from aerostore.policy.syntax import (
    And,
    Between,
    Binary,
    Call,
    Cast,
    Collate,
    Expression,
    InList,
    InSelect,
    IsDistinct,
    IsTest,
    Literal,
    Not,
    Or,
    Quantified,
    Select,
    Unary,
)


class Level(IntEnum):
    """How tightly operators bind; NONE: what follows is no operator."""

    NONE = 0
    OR = 1
    AND = 2
    NOT = 3
    IS = 4
    COMPARISON = 5
    LIKE = 6
    OPERATOR = 7
    SUM = 8
    PRODUCT = 9
    POWER = 10
    COLLATE = 11
    SIGN = 12
    CAST = 13


_NON_ASSOCIATIVE = frozenset({Level.IS, Level.COMPARISON, Level.LIKE})
_WORDS: Mapping[str, Level] = {
    "or": Level.OR,
    "and": Level.AND,
    "is": Level.IS,
    "isnull": Level.IS,
    "notnull": Level.IS,
    "between": Level.LIKE,
    "in": Level.LIKE,
    "like": Level.LIKE,
    "ilike": Level.LIKE,
    "similar": Level.LIKE,
    "collate": Level.COLLATE,
}
_OPERATORS: Mapping[str, Level] = {
    **dict.fromkeys(("<", ">", "=", "<=", ">=", "<>"), Level.COMPARISON),
    **dict.fromkeys("+-", Level.SUM),
    **dict.fromkeys("*/%", Level.PRODUCT),
    "^": Level.POWER,
}
_WAITING = (Binary, Between, IsDistinct)
"""What has an expression at its right end."""

_QUANTIFIERS = ("any", "some", "all")
_NEGATABLE = ("between", "in", "like", "ilike", "similar")
_MATCHES: Mapping[str, str] = {"like": "~~", "ilike": "~~*", "similar": "~"}


def expression(tokens: Tokens, above: Level = Level.NONE, *, plain: bool = False) -> Expression:
    """Read an expression as far as operators bind tighter than `above`.

    plain: what SQL allows where AND, IN and the like would be ambiguous, as between BETWEEN and its AND.
    """
    with tokens.deeper():
        return _continued(tokens, _prefixed(tokens, plain=plain), above, plain=plain)


def expressions(tokens: Tokens) -> tuple[Expression, ...]:
    """Read one or more expressions with commas between them."""
    found = [expression(tokens)]
    while tokens.accept(","):
        found.append(expression(tokens))
    return tuple(found)


def _continued(tokens: Tokens, left: Expression, above: Level, *, plain: bool) -> Expression:
    """Read what follows `left`, the first operand of an expression."""
    waiting = Level.NONE
    while (level := _next_level(tokens, plain=plain)) > above:
        if level == waiting:
            raise tokens.unexpected()
        left = _INFIX[level](tokens, left, level, plain)
        waiting = level if level in _NON_ASSOCIATIVE and isinstance(left, _WAITING) else Level.NONE
    return left


def _next_level(tokens: Tokens, *, plain: bool) -> Level:
    token = tokens.current
    if token.kind is Kind.OPERATOR:
        return _OPERATORS.get(token.value, Level.OPERATOR)
    if token.kind is Kind.SYMBOL:
        return Level.CAST if token.value == "::" else Level.NONE
    if token.kind is not Kind.WORD:
        return Level.NONE
    if plain:
        return Level.IS if token.value == "is" else Level.NONE
    return _word_level(tokens)


def _word_level(tokens: Tokens) -> Level:
    if tokens.at_words("at", "time"):
        raise tokens.unsupported("AT TIME ZONE", "compare timestamps with time zone")
    if tokens.at_word("operator"):
        raise tokens.unsupported("OPERATOR(...)", "write the operator itself")
    if tokens.at_word("not"):
        return Level.LIKE if tokens.ahead().is_word(*_NEGATABLE) else Level.NONE
    if tokens.at_word("similar") and not tokens.ahead().is_word("to"):
        return Level.NONE  # substring(text SIMILAR pattern ESCAPE mark)
    return _WORDS.get(tokens.current.value, Level.NONE)


def _prefixed(tokens: Tokens, *, plain: bool) -> Expression:
    token = tokens.current
    if not plain and tokens.accept_word("not"):
        return Not(token.at, expression(tokens, Level.NOT))
    if tokens.accept("+", "-"):
        return _signed(token.at, token.value, expression(tokens, Level.SIGN, plain=plain))
    if token.kind is Kind.OPERATOR and token.value not in _OPERATORS:
        tokens.take()
        return Unary(token.at, token.value, expression(tokens, Level.OPERATOR, plain=plain))
    return parse_operand.operand(tokens)


def _signed(at: int, sign: str, operand: Expression) -> Expression:
    # The grammar itself makes `-1` one literal: -9223372036854775808 is a bigint, though its digits are not.
    if sign == "-" and isinstance(operand, Literal):
        if type(operand.value) is int:
            return Literal(at, -operand.value)
        if isinstance(operand.value, Decimal):
            return Literal(at, operand.value and operand.value.copy_negate())  # `-` would round it
    return Unary(at, sign, operand)


def _or(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    at = tokens.current.at
    first = left.operands if isinstance(left, Or) else (left,)
    return Or(at, (*first, *_more_operands(tokens, "or", level)))


def _and(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    at = tokens.current.at
    first = left.operands if isinstance(left, And) else (left,)
    return And(at, (*first, *_more_operands(tokens, "and", level)))


def _more_operands(tokens: Tokens, word: str, level: Level) -> list[Expression]:
    found = []
    while tokens.accept_word(word):
        found.append(expression(tokens, level))
    return found


def _is(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    test = tokens.take()
    if test.value in ("isnull", "notnull"):
        return IsTest(test.at, left, "null", negated=test.value == "notnull")
    negated = tokens.accept_word("not")
    if tokens.accept_word("distinct"):
        tokens.expect_word("from")
        return IsDistinct(test.at, left, expression(tokens, level, plain=plain), negated)
    if tokens.at_word("document", "json", "normalized", "nfc", "nfd", "nfkc", "nfkd"):
        raise tokens.unsupported(f"IS {tokens.current.text.upper()}", "test it before the row is written")
    if plain:
        raise tokens.unexpected()
    return IsTest(test.at, left, tokens.expect_word("null", "true", "false", "unknown").value, negated)


def _like_level(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    at = tokens.current.at
    negated = tokens.accept_word("not")
    word = tokens.take().value
    if word == "between":
        return _between(tokens, at, left, negated=negated)
    if word == "in":
        return _in(tokens, at, left, negated=negated)
    operator = ("!" if negated else "") + _MATCHES[word]
    if word == "similar":
        tokens.expect_word("to")
    elif tokens.at_word(*_QUANTIFIERS):
        return _quantified(tokens, at, operator, left)
    return Binary(at, operator, left, _pattern(tokens, word))


def _between(tokens: Tokens, at: int, operand: Expression, *, negated: bool) -> Expression:
    symmetric = tokens.accept_word("symmetric")
    if not symmetric:
        tokens.accept_word("asymmetric")
    low = expression(tokens, plain=True)
    tokens.expect_word("and")
    high = expression(tokens, Level.LIKE)
    return Between(at, operand, low, high, negated, symmetric)


def _in(tokens: Tokens, at: int, operand: Expression, *, negated: bool) -> Expression:
    if parse_query.at_query(tokens):
        return InSelect(at, operand, parse_query.nested(tokens), negated)
    tokens.expect("(")
    items = expressions(tokens)
    tokens.expect(")")
    return InList(at, operand, items, negated)


def _pattern(tokens: Tokens, word: str) -> Expression:
    at = tokens.current.at
    pattern = expression(tokens, Level.LIKE)
    name = ("pg_catalog", "similar_to_escape" if word == "similar" else "like_escape")
    if tokens.accept_word("escape"):
        return Call(at, name, (pattern, expression(tokens, Level.LIKE)))
    return Call(at, name, (pattern,)) if word == "similar" else pattern


def _operation(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    operator = tokens.take()
    if not plain and tokens.at_word(*_QUANTIFIERS):
        return _quantified(tokens, operator.at, operator.value, left)
    return Binary(operator.at, operator.value, left, expression(tokens, level, plain=plain))


def _quantified(tokens: Tokens, at: int, operator: str, left: Expression) -> Expression:
    every = tokens.take().value == "all"
    right: Expression | Select
    if parse_query.at_query(tokens):
        right = parse_query.nested(tokens)
    else:
        tokens.expect("(")
        right = expression(tokens)
        tokens.expect(")")
    return Quantified(at, operator, left, right, every)


def _collate(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    return Collate(tokens.take().at, left, qualified_name(tokens))


def _cast(tokens: Tokens, left: Expression, level: Level, plain: bool) -> Expression:
    return Cast(tokens.take().at, left, type_name(tokens))


_INFIX: Mapping[Level, Callable[[Tokens, Expression, Level, bool], Expression]] = {
    Level.OR: _or,
    Level.AND: _and,
    Level.IS: _is,
    Level.LIKE: _like_level,
    Level.COMPARISON: _operation,
    Level.OPERATOR: _operation,
    Level.SUM: _operation,
    Level.PRODUCT: _operation,
    Level.POWER: _operation,
    Level.COLLATE: _collate,
    Level.CAST: _cast,
}
