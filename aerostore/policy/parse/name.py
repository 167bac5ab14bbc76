"""Names, by what they may name: SQL lets some key words name columns and others functions."""

from collections.abc import Mapping

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.keyword import COLUMN_NAMES, FUNCTION_NAMES, RESERVED
from aerostore.policy.parse.lexer import SYNTAX_ERROR, Kind
from aerostore.policy.problem import Refusal

_PAIRS: Mapping[str, tuple[str, ...]] = {
    "not": ("between", "in", "like", "ilike", "similar"),
    "nulls": ("first", "last"),
    "with": ("time", "ordinality"),
    "without": ("time",),
}


def at_name(tokens: Tokens) -> bool:
    """Whether the current token may name a column, a table or a policy."""
    return _may_name(tokens, FUNCTION_NAMES)


def at_function_name(tokens: Tokens) -> bool:
    """Whether the current token may name a function or a type."""
    return _may_name(tokens, COLUMN_NAMES)


def simple_name(tokens: Tokens) -> str:
    """Read the name of a column, a table or a policy."""
    if not at_name(tokens):
        raise tokens.unexpected()
    return tokens.take().value


def type_function_name(tokens: Tokens) -> str:
    """Read the unqualified name of a function or a type."""
    if not at_function_name(tokens):
        raise tokens.unexpected()
    return tokens.take().value


def unreserved_name(tokens: Tokens) -> str:
    """Read a name that any key word may be but a reserved one."""
    return simple_name(tokens) if at_name(tokens) else type_function_name(tokens)


def label(tokens: Tokens) -> str:
    """Read a name where every key word may stand: after a dot or AS."""
    if not tokens.current.is_name() or _begins_pair(tokens):
        raise tokens.unexpected()
    return tokens.take().value


def qualified_name(tokens: Tokens) -> tuple[str, ...]:
    """Read a name of one to three parts."""
    at = tokens.current.at
    parts = [simple_name(tokens)]
    while tokens.accept("."):
        parts.append(label(tokens))
    if len(parts) > 3:
        raise Refusal(at, SYNTAX_ERROR, f"improper qualified name (too many dotted names): {'.'.join(parts)}")
    return tuple(parts)


def name_list(tokens: Tokens) -> tuple[str, ...]:
    """Read `(name, ...)`."""
    tokens.expect("(")
    found = [simple_name(tokens)]
    while tokens.accept(","):
        found.append(simple_name(tokens))
    tokens.expect(")")
    return tuple(found)


def _may_name(tokens: Tokens, excluded: frozenset[str]) -> bool:
    token = tokens.current
    if token.kind is not Kind.WORD:
        return token.kind is Kind.QUOTED
    return token.value not in RESERVED and token.value not in excluded and not _begins_pair(tokens)


def _begins_pair(tokens: Tokens) -> bool:
    """Whether PostgreSQL joins this word to the next before its grammar sees them: then it names nothing."""
    token = tokens.current
    return token.kind is Kind.WORD and tokens.ahead().is_word(*_PAIRS.get(token.value, ()))
