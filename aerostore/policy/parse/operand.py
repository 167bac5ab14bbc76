"""Operands of expressions: constants, columns, CASE, arrays and what stands in parentheses.

Source: PostgreSQL 15, gram.y, c_expr. Functions are in `call`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from aerostore.policy.parse import call as parse_call
from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse import query as parse_query
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import Kind
from aerostore.policy.parse.name import at_function_name, at_name, label
from aerostore.policy.parse.type_name import at_type_key_word, refuse_interval_fields, simple_type
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import (
    ArrayOf,
    ArraySelect,
    Case,
    Cast,
    Exists,
    Expression,
    Literal,
    Name,
    Parameter,
    ScalarSelect,
    Slice,
    Subscript,
    TypeName,
)

_MOST_DIGITS = 1000
_INSIDE_TYPE_NAMES = ("precision", "varying", "with", "without", "character", "char")
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


def operand(tokens: Tokens) -> Expression:
    """Read one operand, with its subscript where SQL allows one."""
    reader = _READERS.get(tokens.current.kind)
    if not reader:
        raise tokens.unexpected()
    return reader(tokens)


def _string(tokens: Tokens) -> Expression:
    token = tokens.take()
    return Literal(token.at, token.value)


def _number(tokens: Tokens) -> Expression:
    token = tokens.take()
    if token.value.isdecimal() and len(token.value) <= _MOST_DIGITS:
        return Literal(token.at, int(token.value))
    _, _, exponent = token.value.lower().partition("e")
    if len(token.value) > _MOST_DIGITS or len(exponent) > 4:
        raise tokens.unsupported("a number this long", f"write at most {_MOST_DIGITS} digits", token.at)
    return Literal(token.at, Decimal(token.value))


def _parameter(tokens: Tokens) -> Expression:
    token = tokens.take()
    if not tokens.in_function or len(token.value) > 4 or token.value == "0":
        raise Refusal(token.at, "42P02", f"there is no parameter {token.text}")
    return _indirection(tokens, Parameter(token.at, int(token.value)))


def _symbol(tokens: Tokens) -> Expression:
    if not tokens.at("("):
        raise tokens.unexpected()
    at = tokens.current.at
    if parse_query.at_query(tokens):
        return _indirection(tokens, ScalarSelect(at, parse_query.nested(tokens)))
    tokens.take()
    inner = parse_operator.expression(tokens)
    if tokens.at(","):
        raise tokens.unsupported("a row value", "compare column by column", at)
    tokens.expect(")")
    return _indirection(tokens, inner)


def _word(tokens: Tokens) -> Expression:
    token = tokens.current
    if token.value in _CONSTANTS:
        return Literal(tokens.take().at, _CONSTANTS[token.value])
    if token.value in _KEY_WORDS:
        return _KEY_WORDS[token.value](tokens)
    if parse_call.at_special(tokens):
        return parse_call.special(tokens)
    if at_type_key_word(tokens) and _begins_typed_literal(tokens):
        return _typed_literal(tokens, simple_type(tokens))
    if token.value == "exists" and tokens.ahead().is_mark("("):
        return Exists(tokens.take().at, parse_query.nested(tokens))
    return _name(tokens)


def _begins_typed_literal(tokens: Tokens) -> bool:
    follows = tokens.ahead()
    return follows.kind is Kind.STRING or follows.is_mark("(") or follows.is_word(*_INSIDE_TYPE_NAMES)


def _typed_literal(tokens: Tokens, type_name: TypeName) -> Expression:
    text = tokens.expect_kind(Kind.STRING)
    if type_name.name == ("interval",):
        refuse_interval_fields(tokens)
    return Cast(type_name.at, Literal(text.at, text.value), type_name)


def _name(tokens: Tokens) -> Expression:
    """Read what begins with a name: a column, a function's call, or a literal after its type."""
    at = tokens.current.at
    is_column, is_function = at_name(tokens), at_function_name(tokens)
    if not is_column and not is_function:
        raise tokens.unexpected()
    parts: tuple[str, ...] = (tokens.take().value,)
    if is_column and tokens.at("."):
        parts += _more_parts(tokens)
        is_function = True
    if is_function and tokens.at("("):
        return parse_call.call(tokens, at, parts)
    if is_function and tokens.current.kind is Kind.STRING:
        return _typed_literal(tokens, TypeName(at, parts))
    if not is_column:
        raise tokens.unexpected()
    return _indirection(tokens, Name(at, parts))


def _more_parts(tokens: Tokens) -> tuple[str, ...]:
    parts = []
    while tokens.accept("."):
        if tokens.at("*"):
            raise tokens.unsupported("a whole row as a value", "name the columns")
        parts.append(label(tokens))
    return tuple(parts)


def _indirection(tokens: Tokens, base: Expression) -> Expression:
    """Read the subscript behind `base`, if there is one."""
    if tokens.at("["):
        base = _subscript(tokens, base)
        if tokens.at("["):
            raise tokens.unsupported("more than one subscript", "arrays have one dimension here")
    if tokens.at("."):
        raise tokens.unsupported("a field of a composite value", "select the column itself")
    return base


def _subscript(tokens: Tokens, base: Expression) -> Expression:
    at = tokens.expect("[").at
    low = None if tokens.at(":") else parse_operator.expression(tokens)
    if low and tokens.accept("]"):
        return Subscript(at, base, low)
    tokens.expect(":")
    high = None if tokens.at("]") else parse_operator.expression(tokens)
    tokens.expect("]")
    return Slice(at, base, low, high)


def _array(tokens: Tokens) -> Expression:
    at = tokens.take().at
    if tokens.at("("):
        return ArraySelect(at, parse_query.nested(tokens))
    tokens.expect("[")
    if tokens.accept("]"):
        return ArrayOf(at, ())
    if tokens.at("["):
        raise tokens.unsupported("an array of arrays", "arrays have one dimension here")
    items = parse_operator.expressions(tokens)
    tokens.expect("]")
    return ArrayOf(at, items)


def _case(tokens: Tokens) -> Expression:
    at = tokens.take().at
    tested = None if tokens.at_word("when") else parse_operator.expression(tokens)
    branches = [_branch(tokens)]
    while tokens.at_word("when"):
        branches.append(_branch(tokens))
    otherwise = parse_operator.expression(tokens) if tokens.accept_word("else") else None
    tokens.expect_word("end")
    return Case(at, tested, tuple(branches), otherwise)


def _branch(tokens: Tokens) -> tuple[Expression, Expression]:
    tokens.expect_word("when")
    condition = parse_operator.expression(tokens)
    tokens.expect_word("then")
    return condition, parse_operator.expression(tokens)


_KEY_WORDS: Mapping[str, Callable[[Tokens], Expression]] = {"array": _array, "case": _case}
_READERS: Mapping[Kind, Callable[[Tokens], Expression]] = {
    Kind.STRING: _string,
    Kind.NUMBER: _number,
    Kind.PARAMETER: _parameter,
    Kind.SYMBOL: _symbol,
    Kind.WORD: _word,
    Kind.QUOTED: _name,
}
