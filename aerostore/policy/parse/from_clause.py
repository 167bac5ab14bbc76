"""FROM: tables, functions and how they join. Source: PostgreSQL 15, gram.y, from_clause."""

from aerostore.policy.parse import call as parse_call
from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.name import at_function_name, at_name, name_list, qualified_name, simple_name
from aerostore.policy.syntax import Join, TableItem

_JOIN_WORDS = ("join", "inner", "left", "cross", "right", "full", "natural")


def from_clause(tokens: Tokens) -> tuple[Join, ...]:
    """Read what follows FROM. Each join is with all that stand before it."""
    joins = [Join(_item(tokens))]
    has_comma = False
    while True:
        if tokens.accept(","):
            has_comma = True
            joins.append(Join(_item(tokens)))
        elif tokens.at_word(*_JOIN_WORDS):
            joins.append(_join(tokens, has_comma=has_comma))
        else:
            return tuple(joins)


def _join(tokens: Tokens, *, has_comma: bool) -> Join:
    if tokens.at_word("right", "full", "natural"):
        word = tokens.current.text.upper()
        raise tokens.unsupported(f"{word} JOIN", "write LEFT JOIN or JOIN with ON")
    if tokens.accept_word("cross"):
        tokens.expect_word("join")
        return Join(_item(tokens))
    at = tokens.current.at
    kind = _join_kind(tokens)
    item = _item(tokens)
    if tokens.at_word("using", *_JOIN_WORDS):
        raise tokens.unsupported("a join without its own ON", "write ON right after the joined table")
    tokens.expect_word("on")
    on = parse_operator.expression(tokens)
    if has_comma:
        # There ON would see fewer tables than the order of this list says.
        raise tokens.unsupported("a JOIN after a comma in FROM", "write CROSS JOIN for the comma", at)
    return Join(item, kind, on)


def _join_kind(tokens: Tokens) -> str:
    is_left = tokens.accept_word("left")
    if is_left:
        tokens.accept_word("outer")
    else:
        tokens.accept_word("inner")
    tokens.expect_word("join")
    return "left" if is_left else "inner"


def _item(tokens: Tokens) -> TableItem:
    _refuse_item(tokens)
    at = tokens.current.at
    is_table, is_function = at_name(tokens), at_function_name(tokens)
    if not is_table and not is_function:
        raise tokens.unexpected()
    name = qualified_name(tokens) if is_table else (tokens.take().value,)
    if tokens.at("(") and (is_function or len(name) > 1):
        return _function(tokens, at, name)
    if not is_table:
        raise tokens.unexpected()
    tokens.accept("*")  # the tables that inherit from it, which is what PostgreSQL reads anyway
    alias, columns = _alias(tokens)
    return TableItem(at, name, alias=alias, columns=columns)


def _refuse_item(tokens: Tokens) -> None:
    if tokens.at("("):
        raise tokens.unsupported("a parenthesis in FROM", "join the tables themselves")
    if tokens.at_word("lateral", "only") or tokens.at_words("rows", "from"):
        raise tokens.unsupported(f"{tokens.current.text.upper()} in FROM", "name the table itself")
    if parse_call.at_special(tokens):
        raise tokens.unsupported(f"{tokens.current.text} in FROM", "select it without FROM")


def _function(tokens: Tokens, at: int, name: tuple[str, ...]) -> TableItem:
    called = parse_call.call(tokens, at, name)
    if tokens.at_words("with", "ordinality"):
        raise tokens.unsupported("WITH ORDINALITY", "leave it out")
    alias, columns = _alias(tokens)
    return TableItem(at, call=called, alias=alias, columns=columns)


def _alias(tokens: Tokens) -> tuple[str | None, tuple[str, ...]]:
    if tokens.at_word("tablesample"):
        raise tokens.unsupported("TABLESAMPLE", "leave it out")
    if not tokens.accept_word("as") and not at_name(tokens):
        return None, ()
    alias = simple_name(tokens)
    return alias, name_list(tokens) if tokens.at("(") else ()
