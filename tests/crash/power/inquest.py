"""What a power cut leaves, held against what clients were promised."""

import random
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.invariants import Place
from tests.crash.ledger import History

from .disk import Disk
from .image import Image
from .life import Keepsake
from .operation import Operation, describe
from .survey import Surveyor, check_rows, read_histories
from .survival import EXTREMES, Survival, draw
from .witness import Witness

MIXTURES = 2
CUTS_PER_POINT = len(EXTREMES) + MIXTURES
_SHOWN_OPERATIONS, _SHOWN_LOSSES = 12, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The power goes after `position` operations, and `image` is left."""

    position: int
    survival: Survival
    image: Image


def cut_at(history: Sequence[Operation], positions: Sequence[int], chance: random.Random) -> Iterator[Cut]:
    """Cut the power at each of `positions` in several ways; an image is good until the next one comes."""
    disk, done = Disk(), 0
    for position in positions:
        for operation in history[done:position]:
            disk.apply(operation)
        done = position
        for survival in (*EXTREMES, *(draw(chance) for _ in range(MIXTURES))):
            yield Cut(position=position, survival=survival, image=disk.cut(survival, chance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquest:
    """One life of a server, and the ways in which it may end. broken: where an image goes that is wrong."""

    history: Sequence[Operation]
    witnesses: Sequence[Witness]
    keepsake: Keepsake
    surveyor: Surveyor
    broken: Path
    seed: int

    def check(self, cut: Cut) -> dict[str, History]:
        """Look at what `cut` has left; return what it shows each witness.

        Raises: AssertionError when a promise is broken, with all that is needed to see why.
        """
        place = self.surveyor.write(cut.image)
        try:
            shown = self._check(place, cut)
        except (AssertionError, OSError, sqlite3.Error) as exc:
            shutil.copytree(place.data_dir, self.broken)
            raise AssertionError(self._explain(exc, cut)) from exc
        self.surveyor.forget(place)
        return shown

    def _check(self, place: Place, cut: Cut) -> dict[str, History]:
        self.surveyor.check_bytes(cut.image)
        check_rows(place)
        self.keepsake.check_secrets(place)
        shown = read_histories(place, [witness.label for witness in self.witnesses])
        for witness in self.witnesses:
            witness.check(shown[witness.label], cut.position)
        return shown

    def _explain(self, exc: Exception, cut: Cut) -> str:
        before = self.history[: cut.position][-_SHOWN_OPERATIONS:]
        lines = [
            f"{type(exc).__name__}: {exc}",
            f"--crash-seed={self.seed}",
            f"cut after operation {cut.position} of {len(self.history)}, {cut.survival}",
            f"what is left: {self.broken}",
            "the last operations:",
            *(f"  {describe(operation)}" for operation in before),
            "lost:",
            *(f"  {lost}" for lost in cut.image.lost[-_SHOWN_LOSSES:]),
        ]
        return "\n".join(lines)
