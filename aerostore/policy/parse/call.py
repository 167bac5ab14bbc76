"""Function calls, and the functions that SQL gives a syntax of their own.

Source: PostgreSQL 15, gram.y, func_expr and func_expr_common_subexpr.
"""

from collections.abc import Callable, Mapping

from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.keyword import REFUSED_CALLS, TIME_FIELDS, VALUES
from aerostore.policy.parse.lexer import Kind, Token
from aerostore.policy.parse.name import at_function_name
from aerostore.policy.parse.type_name import type_name
from aerostore.policy.syntax import Call, Cast, Expression, Literal, TypeName

_WITH_PRECISION = ("current_time", "current_timestamp", "localtime", "localtimestamp")
_TRIMS: Mapping[str, str] = {"both": "btrim", "leading": "ltrim", "trailing": "rtrim"}


def call(tokens: Tokens, at: int, name: tuple[str, ...]) -> Call:
    """Read the arguments of function `name`."""
    tokens.expect("(")
    is_star = tokens.accept("*")
    if is_star:
        tokens.expect(")")
    found = Call(at, name, () if is_star else _arguments(tokens), is_star)
    _refuse_windows(tokens)
    return found


def _arguments(tokens: Tokens) -> tuple[Expression, ...]:
    """Read arguments as far as the closing parenthesis."""
    if tokens.accept(")"):
        return ()
    if tokens.at_word("distinct", "all", "variadic"):
        raise tokens.unsupported(f"{tokens.current.value.upper()} in a call", "leave it out")
    found = [_argument(tokens)]
    while tokens.accept(","):
        if tokens.at_word("variadic"):
            raise tokens.unsupported("VARIADIC in a call", "write the arguments one by one")
        found.append(_argument(tokens))
    if tokens.at_words("order", "by"):
        raise tokens.unsupported("ORDER BY in a call", "leave it out")
    tokens.expect(")")
    return tuple(found)


def _argument(tokens: Tokens) -> Expression:
    follows = tokens.ahead()
    if at_function_name(tokens) and follows.is_mark("=>", ":="):
        raise tokens.unsupported("an argument by name", "write the arguments in their order")
    return parse_operator.expression(tokens)


def _refuse_windows(tokens: Tokens) -> None:
    """Refuse what makes a call more than a call."""
    if tokens.at_word("over", "filter", "within"):
        clause = tokens.current.value.upper()
        raise tokens.unsupported(f"{clause} after a call", "aggregate and window functions need PostgreSQL")
    if tokens.current.kind is Kind.STRING:
        raise tokens.unsupported("a literal after a type with a modifier", "write a cast")


def at_special(tokens: Tokens) -> bool:
    """Whether a function begins here that has a syntax of its own."""
    if tokens.at_word(*VALUES):
        return not (tokens.at_word("current_schema") and _at_call(tokens))
    if tokens.at_word("cast"):
        return True
    return tokens.at_word(*_SPECIAL, *REFUSED_CALLS) and _at_call(tokens)


def _at_call(tokens: Tokens) -> bool:
    return tokens.ahead().is_mark("(")


def special(tokens: Tokens) -> Expression:
    """Read a function for which `at_special` is true."""
    if tokens.at_word(*REFUSED_CALLS):
        raise tokens.unsupported(tokens.current.value.upper(), "only PostgreSQL has it")
    word = tokens.take()
    if word.value in VALUES:
        return _niladic(tokens, word.at, word.value)
    tokens.expect("(")
    found = _SPECIAL[word.value](tokens, word)
    tokens.expect(")")
    return found


def _niladic(tokens: Tokens, at: int, word: str) -> Expression:
    if word in _WITH_PRECISION and tokens.at("("):
        raise tokens.unsupported(f"{word.upper()} of a precision", "leave the precision out")
    return Call(at, (word,), keyword=True)


def _cast(tokens: Tokens, word: Token) -> Expression:
    operand = parse_operator.expression(tokens)
    tokens.expect_word("as")
    return Cast(word.at, operand, type_name(tokens))


def _of_list(tokens: Tokens, word: Token) -> Expression:
    return Call(word.at, (word.value,), parse_operator.expressions(tokens), keyword=True)


def _nullif(tokens: Tokens, word: Token) -> Expression:
    left = parse_operator.expression(tokens)
    tokens.expect(",")
    return Call(word.at, ("nullif",), (left, parse_operator.expression(tokens)), keyword=True)


def _extract(tokens: Tokens, word: Token) -> Expression:
    field = tokens.take()
    if field.value not in TIME_FIELDS:
        raise tokens.unsupported(f"extract of {field.text}", "extract epoch or a part of a date", field.at)
    tokens.expect_word("from")
    arguments = (Literal(field.at, field.value), parse_operator.expression(tokens))
    return _catalog(word.at, "extract", *arguments)


def _position(tokens: Tokens, word: Token) -> Expression:
    sought = parse_operator.expression(tokens, plain=True)
    tokens.expect_word("in")
    return _catalog(word.at, "position", parse_operator.expression(tokens, plain=True), sought)


def _substring(tokens: Tokens, word: Token) -> Expression:
    if tokens.at(")"):
        return Call(word.at, ("substring",))
    operand = _argument(tokens)
    if tokens.accept_word("from"):
        start = parse_operator.expression(tokens)
        if not tokens.accept_word("for"):
            return _catalog(word.at, "substring", operand, start)
        return _catalog(word.at, "substring", operand, start, parse_operator.expression(tokens))
    if tokens.at_word("for"):
        return _substring_for(tokens, word.at, operand)
    if tokens.at_word("similar"):
        raise tokens.unsupported("substring(... SIMILAR ...)", "use a regular expression")
    return Call(word.at, ("substring",), (operand, *_more_arguments(tokens)))


def _substring_for(tokens: Tokens, at: int, operand: Expression) -> Expression:
    for_at = tokens.expect_word("for").at
    length = parse_operator.expression(tokens)
    if tokens.accept_word("from"):
        return _catalog(at, "substring", operand, parse_operator.expression(tokens), length)
    length = Cast(for_at, length, TypeName(for_at, ("int4",)))
    return _catalog(at, "substring", operand, Literal(for_at, 1), length)


def _more_arguments(tokens: Tokens) -> tuple[Expression, ...]:
    found = []
    while tokens.accept(","):
        found.append(_argument(tokens))
    return tuple(found)


def _trim(tokens: Tokens, word: Token) -> Expression:
    side = tokens.take().value if tokens.at_word(*_TRIMS) else "both"
    if tokens.accept_word("from"):
        return _catalog(word.at, _TRIMS[side], *parse_operator.expressions(tokens))
    first = parse_operator.expressions(tokens)
    if len(first) == 1 and tokens.accept_word("from"):
        return _catalog(word.at, _TRIMS[side], *parse_operator.expressions(tokens), *first)
    return _catalog(word.at, _TRIMS[side], *first)


def _catalog(at: int, name: str, *arguments: Expression) -> Call:
    return Call(at, ("pg_catalog", name), arguments)


_SPECIAL: Mapping[str, Callable[[Tokens, Token], Expression]] = {
    "cast": _cast,
    **dict.fromkeys(("coalesce", "greatest", "least"), _of_list),
    "extract": _extract,
    "nullif": _nullif,
    "position": _position,
    "substring": _substring,
    "trim": _trim,
}
