"""How much of what is not durable survives a cut: the extremes, which are the sharpest, and mixtures."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .operation import NameChange, Truncate, Write

SECTORS = (512, 4096)


@dataclass(frozen=True, slots=True)
class Survival:
    """Shares between 0 and 1 of what is not durable.

    data: of the sectors; names: of the changes of names; in_order: what is left of those is what came
    first, as a journal keeps them; lengths: how often a file has its full length, whatever it holds.
    """

    data: float
    names: float
    lengths: float = 0.5
    in_order: bool = False
    sector_bytes: int = 512

    def choose_changes(self, changes: Sequence[NameChange], chance: random.Random) -> list[NameChange]:
        """Choose the changes of names that survive."""
        if self.in_order:
            return list(changes[: round(len(changes) * self.names * chance.random() * 2)])
        return [change for change in changes if chance.random() < self.names]

    def choose_pieces(
        self, operations: Sequence[Write | Truncate], chance: random.Random
    ) -> list[list[Write | Truncate]]:
        """Choose what survives of each operation: whole sectors, each as it was at one moment."""
        whole: set[int] = set()
        chosen = [self._pieces(operation, whole, chance) for operation in reversed(operations)]
        return chosen[::-1]

    def keeps_length(self, chance: random.Random) -> bool:
        """Tell whether a file has the length that it was given, holes and all."""
        return chance.random() < self.lengths

    def _pieces(
        self, operation: Write | Truncate, whole: set[int], chance: random.Random
    ) -> list[Write | Truncate]:
        if isinstance(operation, Truncate):
            return [operation] if chance.random() < self.data else []
        pieces: list[Write | Truncate] = []
        for piece in _by_sector(operation, self.sector_bytes):
            sector = piece.offset // self.sector_bytes
            if sector in whole or chance.random() < self.data:
                whole.add(sector)
                pieces.append(piece)
        return pieces


def _by_sector(write: Write, sector_bytes: int) -> list[Write]:
    pieces, start, end = [], write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, (start // sector_bytes + 1) * sector_bytes)
        pieces.append(Write(write.inode, start, write.data[start - write.offset : stop - write.offset]))
        start = stop
    return pieces


NOTHING = Survival(data=0, names=0, lengths=0)
NAMES_ONLY = Survival(data=0, names=1)
DATA_ONLY = Survival(data=1, names=0)
EXTREMES = (NOTHING, NAMES_ONLY, DATA_ONLY)


def draw(chance: random.Random) -> Survival:
    """Draw a mixture."""
    return Survival(
        data=chance.choice([0.1, 0.5, 0.9]),
        names=chance.choice([0.1, 0.5, 0.9]),
        lengths=chance.random(),
        in_order=chance.random() < 0.5,
        sector_bytes=chance.choice(SECTORS),
    )
