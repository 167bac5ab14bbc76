"""PostgreSQL's functions, operators and casts as far as policies need them: the registry's front door.

Everything here gives PostgreSQL's value and SQLSTATE, or refuses with 0A000; `tests/policy` compares it
with a real server.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from aerostore.policy.expression import Function
from aerostore.policy.function import (
    array,
    comparison,
    json_text,
    jsonb,
    number,
    pattern,
    storage,
    text,
    time,
)
from aerostore.policy.function.array import SLICE, SUBSCRIPT
from aerostore.policy.function.cast import CastRule, find_cast
from aerostore.policy.function.comparison import equality, needs_collation, ordering
from aerostore.policy.function.io import read_text, write_text
from aerostore.policy.function.pattern import check_pattern
from aerostore.policy.function.refused import is_reserved, why_refused
from aerostore.policy.function.storage import owner_of, path_tokens

__all__ = (
    "SLICE",
    "SUBSCRIPT",
    "CastRule",
    "bytewise",
    "check_pattern",
    "equality",
    "find_cast",
    "find_functions",
    "find_operators",
    "is_reserved",
    "needs_collation",
    "ordering",
    "owner_of",
    "path_tokens",
    "read_text",
    "why_refused",
    "write_text",
)

FUNCTIONS = (
    *text.FUNCTIONS,
    *number.FUNCTIONS,
    *array.FUNCTIONS,
    *jsonb.FUNCTIONS,
    *time.FUNCTIONS,
    *pattern.FUNCTIONS,
    *storage.FUNCTIONS,
)
OPERATORS = (
    *comparison.OPERATORS,
    *number.OPERATORS,
    *text.OPERATORS,
    *pattern.OPERATORS,
    *array.OPERATORS,
    *jsonb.OPERATORS,
    *json_text.OPERATORS,
    *time.OPERATORS,
)

_SYSTEM_SCHEMA = "pg_catalog"


def _by_name(functions: Iterable[Function]) -> Mapping[str, tuple[Function, ...]]:
    grouped: defaultdict[str, list[Function]] = defaultdict(list)
    for function in functions:
        grouped[function.name].append(function)
    return {name: tuple(found) for name, found in grouped.items()}


_FUNCTIONS = _by_name(FUNCTIONS)
_OPERATORS = _by_name(OPERATORS)
_BYTEWISE = {**text.BYTEWISE, **pattern.BYTEWISE}


def find_functions(name: tuple[str, ...], search_path: Sequence[str] = ()) -> tuple[Function, ...]:
    """Return the built-in functions of that name; none when there is none.

    name: qualified or not; unqualified ones are looked up in pg_catalog and then along `search_path`.
    Parameters and results of type ANYARRAY, ANYELEMENT, ANYNONARRAY and ANY are for the caller to resolve.
    """
    if len(name) == 2 and name[0] == _SYSTEM_SCHEMA:
        return _FUNCTIONS.get(name[1], ())
    qualified = ".".join(name)
    if len(name) > 1 or qualified in _FUNCTIONS:
        return _FUNCTIONS.get(qualified, ())
    found = (_FUNCTIONS.get(f"{schema}.{qualified}") for schema in search_path)
    return next((functions for functions in found if functions), ())


def bytewise(function: Function) -> Function:
    """Return what `function` is for text of COLLATE "C": the same, unless letters or spaces matter to it."""
    return _BYTEWISE.get(function, function)


def find_operators(symbol: str) -> tuple[Function, ...]:
    """Return the operators written `symbol`: two parameters for a binary one, one for a prefix one."""
    return _OPERATORS.get(symbol, ())
