"""CREATE TABLE and ALTER TABLE, as far as policies need to know a table: columns, keys, row security."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from aerostore.policy.parse.constraint import (
    column_constraint,
    constraint_attributes,
    references,
    refuse_index_options,
    skip_check,
)
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.name import at_name, name_list, qualified_name, simple_name
from aerostore.policy.parse.type_name import type_name
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import ColumnDefinition, CreateTable, EnableRowSecurity

_ROW_SECURITY = ("row", "level", "security")


@dataclass(slots=True)
class _Elements:
    """What the parentheses of CREATE TABLE hold."""

    columns: list[ColumnDefinition] = field(default_factory=list)
    primary_keys: list[tuple[str, ...]] = field(default_factory=list)
    unique_keys: list[tuple[str, ...]] = field(default_factory=list)


def create_table(tokens: Tokens, at: int) -> CreateTable:
    """Read what follows CREATE TABLE."""
    if_not_exists = tokens.accept_words("if", "not", "exists")
    name = qualified_name(tokens)
    elements = _elements(tokens)
    if tokens.at_word("inherits", "partition", "using", "with", "without", "on", "tablespace"):
        raise tokens.unsupported(f"{tokens.current.text.upper()} after a table", "leave it out")
    tokens.expect_end()
    if len(elements.primary_keys) > 1:
        raise Refusal(at, "42P16", f'multiple primary keys for table "{name[-1]}" are not allowed')
    keys = (*elements.primary_keys, *elements.unique_keys)
    return CreateTable(at, name, _columns(elements), keys, if_not_exists)


def alter_table(tokens: Tokens, at: int) -> EnableRowSecurity:
    """Read what follows ALTER TABLE."""
    tokens.accept_words("if", "exists")
    tokens.accept_word("only")
    table = qualified_name(tokens)
    if not tokens.at_word("enable", "disable") or not _is_row_security(tokens):
        raise tokens.unsupported("this change of a table", "only row level security can be switched here")
    enabled = tokens.take().value == "enable"
    tokens.expect_words(*_ROW_SECURITY)
    if tokens.at(","):
        raise tokens.unsupported("several changes of a table at once", "write a statement for each")
    tokens.expect_end()
    return EnableRowSecurity(at, table, enabled)


def _is_row_security(tokens: Tokens) -> bool:
    return tuple(tokens.ahead(count).value for count in (1, 2, 3)) == _ROW_SECURITY


def _columns(elements: _Elements) -> tuple[ColumnDefinition, ...]:
    primary = {column for key in elements.primary_keys for column in key}
    return tuple(
        replace(column, not_null=column.not_null or column.name in primary) for column in elements.columns
    )


def _elements(tokens: Tokens) -> _Elements:
    elements = _Elements()
    tokens.expect("(")
    if tokens.accept(")"):
        return elements
    _element(tokens, elements)
    while tokens.accept(","):
        _element(tokens, elements)
    tokens.expect(")")
    return elements


def _element(tokens: Tokens, elements: _Elements) -> None:
    if at_name(tokens):
        _column(tokens, elements)
        return
    if tokens.accept_word("constraint"):
        simple_name(tokens)
    if tokens.at_word("like"):
        raise tokens.unsupported("LIKE in a table", "write the constraint or columns themselves")
    reader = _CONSTRAINTS.get(tokens.expect_word(*_CONSTRAINTS).value)
    if reader:
        reader(tokens, elements)
        constraint_attributes(tokens)


def _column(tokens: Tokens, elements: _Elements) -> None:
    at = tokens.current.at
    name = simple_name(tokens)
    kind = type_name(tokens)
    found = set()
    while not tokens.at(",", ")"):
        found.add(column_constraint(tokens))
    if "primary key" in found:
        elements.primary_keys.append((name,))
    if "unique" in found:
        elements.unique_keys.append((name,))
    is_unique = not found.isdisjoint(("primary key", "unique"))
    elements.columns.append(ColumnDefinition(at, name, kind, "not null" in found, is_unique))


def _check(tokens: Tokens, elements: _Elements) -> None:
    skip_check(tokens)


def _unique(tokens: Tokens, elements: _Elements) -> None:
    refuse_index_options(tokens)
    elements.unique_keys.append(name_list(tokens))
    refuse_index_options(tokens)


def _primary(tokens: Tokens, elements: _Elements) -> None:
    tokens.expect_word("key")
    refuse_index_options(tokens)
    elements.primary_keys.append(name_list(tokens))
    refuse_index_options(tokens)


def _foreign(tokens: Tokens, elements: _Elements) -> None:
    tokens.expect_word("key")
    name_list(tokens)
    tokens.expect_word("references")
    references(tokens)


_CONSTRAINTS: Mapping[str, Callable[[Tokens, _Elements], None]] = {
    "check": _check,
    "unique": _unique,
    "primary": _primary,
    "foreign": _foreign,
}
