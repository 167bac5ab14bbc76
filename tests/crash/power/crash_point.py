"""Where in the history of a disk the power may go: at answers, at links, around all that makes durable."""

import random
from collections.abc import Iterable, Sequence

from .operation import NameChange, Operation, Sync


def choose_crash_points(
    history: Sequence[Operation], answers: Sequence[int], first: int, count: int, chance: random.Random
) -> list[int]:
    """Choose positions from `first` on, in order; a position is the number of operations that have happened.

    Half of them are right after answers, when what was promised must be durable; a quarter right after
    links, when bytes have a name and no row yet; the others before and after syncs and changes of names.
    """
    links = [number + 1 for number, operation in enumerate(history) if _is_link(operation)]
    chosen = {len(history)}
    for positions, share in (
        (answers, count // 2),
        (links, count // 4),
        (borders(history, first, len(history)), count),
    ):
        later = {position for position in positions if position >= first} - chosen
        chosen |= _sample(later, min(share, count - len(chosen)), chance)
    return sorted(chosen)


def borders(history: Sequence[Operation], first: int, last: int) -> list[int]:
    """List the positions before and after each sync and each change of a name, from `first` to `last`."""
    around = {
        position
        for number, operation in enumerate(history)
        if isinstance(operation, Sync | NameChange)
        for position in (number, number + 1)
    }
    return sorted(position for position in around if first <= position <= last)


def _is_link(operation: Operation) -> bool:
    return isinstance(operation, NameChange) and operation.verb == "link"


def _sample(positions: Iterable[int], count: int, chance: random.Random) -> set[int]:
    different = sorted(positions)
    return set(chance.sample(different, min(count, len(different))))
