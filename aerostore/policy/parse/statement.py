"""Which statements policy files may hold, by their first words."""

from collections.abc import Callable, Mapping

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.function import create_function
from aerostore.policy.parse.grant import grant
from aerostore.policy.parse.lexer import Kind
from aerostore.policy.parse.name import qualified_name, simple_name
from aerostore.policy.parse.parameter import signature
from aerostore.policy.parse.policy import alter_policy, create_policy, drop_policy
from aerostore.policy.parse.table import alter_table, create_table
from aerostore.policy.syntax import Statement

_HINTS: Mapping[str, str] = {
    "do": "write the statements that the block runs",
    "revoke": "leave out the GRANT that it takes back",
    "rollback": "it undoes the statements before it",
    **dict.fromkeys(("set", "reset"), "it changes what the statements after it mean"),
    **dict.fromkeys(("insert", "update", "delete", "merge", "copy", "truncate"), "policy files hold no data"),
    **dict.fromkeys(("select", "with", "values", "table", "show", "explain"), "policy files ask nothing"),
    **dict.fromkeys(("create", "alter", "drop", "comment"), "policies do not need it"),
    **dict.fromkeys(("call", "execute", "lock", "notify", "prepare", "security"), "policies do not need it"),
}
"""Statements that PostgreSQL knows and policy files may not hold, and what to do."""


def statement(tokens: Tokens) -> Statement | None:
    """Read one statement; None for one that says nothing about policies and may stay."""
    first = tokens.current
    for words, reader in _READERS.items():
        if tokens.accept_words(*words):
            return reader(tokens, first.at)
    if first.is_word(*_HINTS):
        raise tokens.unsupported(_what(tokens), _HINTS[first.value])
    raise tokens.unexpected()


def _what(tokens: Tokens) -> str:
    """Return the words by which a statement is spoken of: SET ROLE, CREATE INDEX, DO."""
    words = (token.text.upper() for token in (tokens.current, tokens.ahead()) if token.kind is Kind.WORD)
    return " ".join(words)


def _transaction(tokens: Tokens, at: int) -> None:
    tokens.accept_word("work", "transaction")
    tokens.expect_end()


def _comment_on_policy(tokens: Tokens, at: int) -> None:
    simple_name(tokens)
    tokens.expect_word("on")
    qualified_name(tokens)
    _comment(tokens)


def _comment_on_table(tokens: Tokens, at: int) -> None:
    qualified_name(tokens)
    _comment(tokens)


def _comment_on_function(tokens: Tokens, at: int) -> None:
    signature(tokens)
    _comment(tokens)


def _comment(tokens: Tokens) -> None:
    tokens.expect_word("is")
    if not tokens.accept_word("null"):
        tokens.expect_kind(Kind.STRING)
    tokens.expect_end()


_READERS: Mapping[tuple[str, ...], Callable[[Tokens, int], Statement | None]] = {
    ("create", "policy"): create_policy,
    ("alter", "policy"): alter_policy,
    ("drop", "policy"): drop_policy,
    ("create", "table"): create_table,
    ("alter", "table"): alter_table,
    ("create", "function"): create_function,
    ("create", "or", "replace", "function"): create_function,
    ("grant",): grant,
    ("comment", "on", "policy"): _comment_on_policy,
    ("comment", "on", "table"): _comment_on_table,
    ("comment", "on", "function"): _comment_on_function,
    ("begin",): _transaction,
    ("start", "transaction"): _transaction,
    ("commit",): _transaction,
    ("end",): _transaction,
}
