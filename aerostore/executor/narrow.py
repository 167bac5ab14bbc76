"""Bounds on names that policies imply, so that a list reads what its caller may see and no more.

A condition such as `(storage.foldername(name))[1] = 'a'` is true only under the prefix `a/`. Databases do
not know that and would try every row; given as bounds of an index it costs nothing.
"""

from dataclasses import dataclass

from aerostore.executor import NameBounds
from aerostore.executor.statements import folded, successor


@dataclass(frozen=True, slots=True)
class NameRange:
    """Names with `lower` <= name < `upper`; no upper bound when None."""

    lower: str
    upper: str | None


def range_of(prefixes: tuple[str, ...] | None, bounds: NameBounds | None) -> NameRange | None:
    """Return the least range, in the order that `bounds` compare by, of names that begin with a prefix.

    None when there is nothing to gain: no bounds, no prefixes, or one that is empty.
    """
    if bounds is None or not prefixes or "" in prefixes:
        return None
    spelled = [folded(prefix) for prefix in prefixes] if bounds.folded else prefixes
    beyond = [successor(prefix) for prefix in spelled]
    ends = [end for end in beyond if end is not None]
    return NameRange(min(spelled), max(ends) if len(ends) == len(beyond) else None)
