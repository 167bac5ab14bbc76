"""Functions and operators that PostgreSQL has beside those offered here, under the same names.

They take part in the choice among all of one name, so that a literal of no type leads where it leads there;
a call that means one of them is refused.
"""

from collections.abc import Mapping, Sequence

from aerostore.policy.bind.overload import Candidate
from aerostore.policy.function import find_functions
from aerostore.policy.value import ANYARRAY, FLOAT8, INTERVAL, JSONB, TEXT, TIMESTAMPTZ, Type

_ORDERED_ELSEWHERE = ((JSONB, JSONB), (ANYARRAY, ANYARRAY))
_ABSENT: Mapping[str, tuple[tuple[Type, ...], ...]] = {
    "substring": ((TEXT, TEXT, TEXT),),
    "extract": ((TEXT, INTERVAL),),
    "date_part": ((TEXT, INTERVAL),),
    "date_trunc": ((TEXT, INTERVAL), (TEXT, TIMESTAMPTZ, TEXT)),
    "*": ((INTERVAL, FLOAT8), (FLOAT8, INTERVAL)),
    "/": ((INTERVAL, FLOAT8),),
    **dict.fromkeys(("<", "<=", ">", ">="), _ORDERED_ELSEWHERE),
}

_INSTEAD: Mapping[str, str] = {
    "substring": "take a part of a path by storage.foldername or split_part, and test its form with ~",
}


def instead_of(name: str) -> str:
    """Return what to write instead of a call that only PostgreSQL can run; "" where there is no telling."""
    binary = name.replace("json", "jsonb", 1)
    if name.startswith("json_") and find_functions((binary,)):
        return f"use {binary}"
    return _INSTEAD.get(name, "")


def absent(name: str, count: int) -> Sequence[Candidate[None]]:
    """List what only PostgreSQL has of that name for `count` arguments."""
    return [Candidate(types, None) for types in _ABSENT.get(name, ()) if len(types) == count]
