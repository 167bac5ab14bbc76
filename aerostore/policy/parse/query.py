"""Queries inside expressions and function bodies: one SELECT, without grouping, set operations or windows."""

from collections.abc import Mapping
from typing import TypeAlias

from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse.cursor import MAX_DEPTH, Tokens
from aerostore.policy.parse.from_clause import from_clause
from aerostore.policy.parse.keyword import ONLY_AFTER_AS
from aerostore.policy.parse.name import at_name, label
from aerostore.policy.syntax import (
    And,
    Binary,
    Expression,
    IsTest,
    Literal,
    Name,
    Not,
    Or,
    Select,
    Star,
    Unary,
)

_REFUSED: Mapping[str, str] = {
    "into": "leave it out",
    "group": "count in a subquery",
    "having": "put the condition into WHERE",
    "window": "window functions need PostgreSQL",
    "union": "write two conditions with OR",
    "intersect": "write two conditions with AND",
    "except": "write a condition with NOT EXISTS",
    "offset": "leave it out",
    "fetch": "write LIMIT",
    "for": "a policy cannot lock rows",
    "with": "name its tables in FROM",
    "values": "write a list of values",
    "table": "write SELECT",
}
_Labelled: TypeAlias = tuple[str, Expression | Star]
"""A select item and what ORDER BY may call it; "" when PostgreSQL makes up a name worth having."""

_NAMELESS = (Literal, Unary, Binary, And, Or, Not, IsTest)

_BEGINS_QUERY = frozenset({"select", "with", "values", "table"})
_CONTINUES_QUERY = frozenset({"union", "intersect", "except", "order", "limit", "offset", "fetch", "for"})


def at_query(tokens: Tokens) -> bool:
    """Whether a query in parentheses begins here, and not an expression that begins with one."""
    depth = 0
    while depth <= MAX_DEPTH and tokens.ahead(depth).is_mark("("):
        depth += 1
    if not depth or not _begins_query(tokens, depth):
        return False
    for inner in range(depth - 1, 0, -1):
        follows = tokens.after_closing(inner)
        if follows.is_word(*_CONTINUES_QUERY):
            return True
        if not follows.is_mark(")"):
            return False
    return True


def _begins_query(tokens: Tokens, count: int) -> bool:
    token = tokens.ahead(count)
    return token.is_word(*_BEGINS_QUERY) and (token.value != "values" or tokens.ahead(count + 1).is_mark("("))


def nested(tokens: Tokens) -> Select:
    """Read a query in parentheses."""
    tokens.expect("(")
    with tokens.deeper():
        found = nested(tokens) if tokens.at("(") else select(tokens)
        _refuse_clause(tokens, *_CONTINUES_QUERY)
    tokens.expect(")")
    return found


def select(tokens: Tokens) -> Select:
    """Read a query, as far as its clauses go."""
    _refuse_clause(tokens, "with", "values", "table")
    at = tokens.expect_word("select").at
    distinct = _distinct(tokens)
    labelled = _items(tokens)
    _refuse_clause(tokens, "into")
    joins = from_clause(tokens) if tokens.accept_word("from") else ()
    where = parse_operator.expression(tokens) if tokens.accept_word("where") else None
    _refuse_clause(tokens, "into", "group", "having", "window", "union", "intersect", "except")
    order_by = _order_by(tokens, labelled) if tokens.at_word("order") else ()
    limit = _limit(tokens) if tokens.accept_word("limit") else None
    _refuse_clause(tokens, "offset", "fetch", "for")
    if distinct and order_by:
        raise tokens.unsupported("ORDER BY with DISTINCT", "leave one of them out", at)
    items = tuple(item for _, item in labelled)
    return Select(at, items, joins, where, distinct, order_by, limit)


def _refuse_clause(tokens: Tokens, *words: str) -> None:
    if tokens.at_word(*words):
        word = tokens.current.value
        raise tokens.unsupported(f"{word.upper()} in a query", _REFUSED.get(word, "leave it out"))


def _distinct(tokens: Tokens) -> bool:
    if tokens.accept_word("all"):
        return False
    distinct = tokens.accept_word("distinct")
    if distinct and tokens.at_word("on"):
        raise tokens.unsupported("DISTINCT ON", "write a subquery for each row")
    return distinct


def _items(tokens: Tokens) -> list[_Labelled]:
    if tokens.last.value == "select" and _ends_items(tokens):
        return []
    found = [_item(tokens)]
    while tokens.accept(","):
        found.append(_item(tokens))
    return found


def _ends_items(tokens: Tokens) -> bool:
    """Whether no item begins here: PostgreSQL allows a SELECT of nothing."""
    return tokens.at_end() or tokens.at(")") or tokens.at_word("from", "where", "order", "limit", *_REFUSED)


def _item(tokens: Tokens) -> _Labelled:
    at = tokens.current.at
    if tokens.accept("*"):
        return "", Star(at)
    if (table := _table_of_star(tokens)) is not None:
        return "", Star(at, table)
    item = parse_operator.expression(tokens)
    if tokens.accept_word("as"):
        return label(tokens), item
    if _at_bare_label(tokens):
        return label(tokens), item
    return _own_label(item), item


def _own_label(item: Expression) -> str:
    if isinstance(item, Name):
        return item.parts[-1]
    return "?column?" if isinstance(item, _NAMELESS) else ""


def _table_of_star(tokens: Tokens) -> tuple[str, ...] | None:
    """Read `table.*`; None, and nothing read, when something else begins here."""
    count = 0
    while tokens.ahead(count + 1).is_mark(".") and tokens.ahead(count + 2).is_name():
        count += 2
    is_star = tokens.ahead(count + 1).is_mark(".") and tokens.ahead(count + 2).is_mark("*")
    if not is_star or not at_name(tokens):
        return None
    table = tuple(tokens.take().value for _ in range(count + 2))[::2]
    tokens.take()
    return table


def _at_bare_label(tokens: Tokens) -> bool:
    token = tokens.current
    return token.is_name() and not token.is_word(*ONLY_AFTER_AS)


def _order_by(tokens: Tokens, labelled: list[_Labelled]) -> tuple[tuple[Expression, bool], ...]:
    tokens.expect_words("order", "by")
    found = [_order_item(tokens, labelled)]
    while tokens.accept(","):
        found.append(_order_item(tokens, labelled))
    return tuple(found)


def _order_item(tokens: Tokens, labelled: list[_Labelled]) -> tuple[Expression, bool]:
    written = parse_operator.expression(tokens)
    if isinstance(written, Literal):
        raise tokens.unsupported("ORDER BY a constant", "name the column", written.at)
    descending = tokens.accept_word("desc")
    if not descending:
        tokens.accept_word("asc")
    if tokens.at_word("using", "nulls"):
        raise tokens.unsupported(f"{tokens.current.text.upper()} in ORDER BY", "leave it out")
    return _output(tokens, written, labelled), descending


def _output(tokens: Tokens, written: Expression, labelled: list[_Labelled]) -> Expression:
    """Return what a name in ORDER BY means: an output column if one has that name, else an input column."""
    if not isinstance(written, Name) or len(written.parts) > 1:
        return written
    meant = [item for name, item in labelled if name == written.parts[0]]
    if len(meant) > 1 or any(not name for name, _ in labelled):
        hint = "write the name of its table before the column"
        raise tokens.unsupported("ORDER BY a name that may be an output column", hint, written.at)
    return meant[0] if meant and not isinstance(meant[0], Star) else written


def _limit(tokens: Tokens) -> Expression | None:
    if tokens.accept_word("all"):
        return None
    return parse_operator.expression(tokens)
