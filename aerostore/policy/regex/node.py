"""What a regular expression says, as a tree. No text is matched here."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

_LAST_CODE = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set. ranges: first and last code points, sorted, apart from one another."""

    ranges: tuple[tuple[int, int], ...]

    def has(self, code: int) -> bool:
        """Return whether a code point is in this set."""
        place = bisect_right(self.ranges, code, key=lambda pair: pair[0]) - 1
        return place >= 0 and code <= self.ranges[place][1]

    def meets(self, other: "Characters") -> bool:
        """Return whether some character is in both sets."""
        return any(low <= last and first <= high for low, high in self.ranges for first, last in other.ranges)

    def complement(self) -> "Characters":
        """Return all characters that are not in this set."""
        edges = [-1, *(edge for pair in self.ranges for edge in pair), _LAST_CODE + 1]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return Characters(tuple((low + 1, high - 1) for low, high in gaps if high - low > 1))


@dataclass(frozen=True, slots=True)
class Sequence:
    """One node after the other."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the branches."""

    branches: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`low` to `high` times; None is without end."""

    part: "Node"
    low: int
    high: int | None
    greedy: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """Something in parentheses. captures: what matched it can be asked for; not `(?:`."""

    part: "Node"
    captures: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """The very beginning or the very end of the text."""

    at_end: bool


Node: TypeAlias = Characters | Sequence | Choice | Repeat | Group | Edge

ANYTHING = Characters(((0, _LAST_CODE),))


def union(sets: Iterable[Characters]) -> Characters:
    """Return the characters that are in any of the sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for characters in sets for pair in characters.ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return Characters(tuple(merged))
