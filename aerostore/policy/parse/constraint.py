"""Constraints of columns and tables. Only NOT NULL and keys matter to policies; the rest is read and left."""

from collections.abc import Callable, Mapping

from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import UNSUPPORTED
from aerostore.policy.parse.name import name_list, qualified_name, simple_name
from aerostore.policy.problem import Refusal

_BEGIN_CONSTRAINT = (
    *("constraint", "not", "null", "unique", "primary", "check", "default", "references", "collate"),
    *("generated", "deferrable", "initially"),
)
_ATTRIBUTES = ("deferrable", "initially")


def column_constraint(tokens: Tokens) -> str:
    """Read one constraint of a column; return `not null`, `unique`, `primary key`, or "" for others."""
    if tokens.at_word(*_ATTRIBUTES) or tokens.at_words("not", "deferrable"):
        _attribute(tokens)
        return ""
    if tokens.at_word("collate"):
        raise tokens.unsupported("COLLATE of a column", "leave it out")
    if tokens.accept_word("constraint"):
        simple_name(tokens)
    return _COLUMN_CONSTRAINTS[tokens.expect_word(*_COLUMN_CONSTRAINTS).value](tokens)


def constraint_attributes(tokens: Tokens) -> None:
    """Read what may follow a constraint of a table."""
    while not tokens.at(",", ")"):
        _attribute(tokens)


def references(tokens: Tokens) -> None:
    """Read what follows REFERENCES."""
    qualified_name(tokens)
    if tokens.at("("):
        name_list(tokens)
    if tokens.accept_word("match"):
        tokens.expect_word("full", "partial", "simple")
    triggers = {"delete", "update"}
    while triggers and tokens.accept_word("on"):
        triggers.remove(tokens.expect_word(*triggers).value)
        _action(tokens)


def skip_check(tokens: Tokens) -> None:
    """Read the condition of CHECK."""
    tokens.expect("(")
    skip_expression(tokens, plain=False, stops=())
    tokens.expect(")")
    tokens.accept_words("no", "inherit")


def refuse_index_options(tokens: Tokens) -> None:
    """Refuse what makes a key more than a list of columns."""
    if tokens.at_word("nulls", "include", "with", "using"):
        raise tokens.unsupported(f"{tokens.current.text.upper()} in a key", "leave it out")


def _action(tokens: Tokens) -> None:
    if tokens.accept_word("cascade", "restrict") or tokens.accept_words("no", "action"):
        return
    tokens.expect_word("set")
    tokens.expect_word("null", "default")
    if tokens.at("("):
        name_list(tokens)


def _attribute(tokens: Tokens) -> None:
    if tokens.accept_word("initially"):
        tokens.expect_word("deferred", "immediate")
        return
    tokens.accept_word("not")
    tokens.expect_word("deferrable")


def _not_null(tokens: Tokens) -> str:
    tokens.expect_word("null")
    return "not null"


def _null(tokens: Tokens) -> str:
    return ""


def _unique(tokens: Tokens) -> str:
    refuse_index_options(tokens)
    return "unique"


def _primary_key(tokens: Tokens) -> str:
    tokens.expect_word("key")
    refuse_index_options(tokens)
    return "primary key"


def _check(tokens: Tokens) -> str:
    skip_check(tokens)
    return ""


def _default(tokens: Tokens) -> str:
    skip_expression(tokens, plain=True, stops=_BEGIN_CONSTRAINT)
    return ""


def _references(tokens: Tokens) -> str:
    references(tokens)
    return ""


def _generated(tokens: Tokens) -> str:
    if not tokens.accept_words("by", "default"):
        tokens.expect_word("always")
    tokens.expect_word("as")
    if not tokens.accept_word("identity") or tokens.at("("):
        raise tokens.unsupported("a generated column", "write a plain column")
    return "not null"


_COLUMN_CONSTRAINTS: Mapping[str, Callable[[Tokens], str]] = {
    "not": _not_null,
    "null": _null,
    "unique": _unique,
    "primary": _primary_key,
    "check": _check,
    "default": _default,
    "references": _references,
    "generated": _generated,
}


def skip_expression(tokens: Tokens, *, plain: bool, stops: tuple[str, ...]) -> None:
    """Read an expression that no policy asks for, so it may be one that only PostgreSQL can evaluate."""
    start = tokens.position
    try:
        parse_operator.expression(tokens, plain=plain)
    except Refusal as refusal:
        if refusal.code != UNSUPPORTED:
            raise
        tokens.position = start
        _skip_tokens(tokens, stops)


def _skip_tokens(tokens: Tokens, stops: tuple[str, ...]) -> None:
    """Step over at least one token, to the end of what a comma, a parenthesis or one of `stops` ends."""
    depth = 0
    first = True
    while depth or first or not (tokens.at(",", ")") or tokens.at_word(*stops)):
        first = False
        depth += tokens.at("(") - tokens.at(")")
        if tokens.at_end():
            raise tokens.unexpected()
        tokens.take()
