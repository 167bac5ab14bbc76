"""GRANT. Only what concerns tables says anything to policies."""

from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.name import at_name, qualified_name, simple_name
from aerostore.policy.parse.parameter import signature
from aerostore.policy.parse.policy import role_list
from aerostore.policy.syntax import Grant

_ALL_IN_SCHEMA = ("functions", "procedures", "routines", "sequences")


def grant(tokens: Tokens, at: int) -> Grant | None:
    """Read what follows GRANT; None when it is not about tables."""
    privileges = _privileges(tokens)
    if tokens.at_word("to"):
        raise tokens.unsupported("membership in roles", "grant on tables")
    tokens.expect_word("on")
    tables = () if _other_objects(tokens) else _tables(tokens)
    tokens.expect_word("to")
    roles = tuple(name for _, name in role_list(tokens))
    tokens.accept_words("with", "grant", "option")
    if tokens.at_word("granted"):
        raise tokens.unsupported("GRANTED BY", "leave it out")
    tokens.expect_end()
    return Grant(at, privileges, tables, roles) if tables else None


def _privileges(tokens: Tokens) -> tuple[str, ...]:
    if tokens.accept_word("all"):
        tokens.accept_word("privileges")
        _refuse_columns(tokens)
        return ("all",)
    found = [_privilege(tokens)]
    while tokens.accept(","):
        found.append(_privilege(tokens))
    return tuple(found)


def _privilege(tokens: Tokens) -> str:
    if not tokens.at_word("select", "references", "create") and not at_name(tokens):
        raise tokens.unexpected()
    privilege = tokens.take().value
    _refuse_columns(tokens)
    return privilege


def _refuse_columns(tokens: Tokens) -> None:
    if tokens.at("("):
        raise tokens.unsupported("GRANT on single columns", "grant on the whole table")


def _tables(tokens: Tokens) -> tuple[tuple[str, ...], ...]:
    if tokens.at_words("all", "tables"):
        raise tokens.unsupported("GRANT ON ALL TABLES", "name the tables")
    tokens.accept_word("table")
    found = [qualified_name(tokens)]
    while tokens.accept(","):
        found.append(qualified_name(tokens))
    return tuple(found)


def _other_objects(tokens: Tokens) -> bool:
    """Read functions, schemas or sequences; False, and nothing read, when tables come."""
    if tokens.at_word("all"):
        return _all_in_schema(tokens)
    follows = tokens.ahead()
    if not follows.is_name() or follows.is_word("to"):
        return False
    if not tokens.at_word("function", "procedure", "routine", "schema", "sequence"):
        return False
    is_function = tokens.take().value not in ("schema", "sequence")
    read = signature if is_function else qualified_name
    read(tokens)
    while tokens.accept(","):
        read(tokens)
    return True


def _all_in_schema(tokens: Tokens) -> bool:
    if tokens.at_words("all", "tables"):
        return False
    tokens.expect_word("all")
    tokens.expect_word(*_ALL_IN_SCHEMA)
    tokens.expect_words("in", "schema")
    simple_name(tokens)
    while tokens.accept(","):
        simple_name(tokens)
    return True
