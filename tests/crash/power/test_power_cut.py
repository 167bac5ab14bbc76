"""Power cuts at many moments of a busy server: what was acknowledged is there, the rest is whole or absent.

A life is a server on a file system that remembers what was synced. It ends with a cut; the next life begins
with what one cut has left, and many other cuts of the same life are looked at without a server.
`--crash-seed` repeats the choices of one run, `--crash-size` goes on for more lives.
"""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.ledger import Client
from tests.crash.power.crash_point import choose_crash_points
from tests.crash.power.inquest import CUTS_PER_POINT, Inquest, cut_at
from tests.crash.power.life import BUCKET, Keepsake, check_shown, serving, work_until_dark
from tests.crash.power.mount import Mount, mounted, require_fuse
from tests.crash.power.operation import Operation
from tests.crash.power.survey import Surveyor
from tests.crash.power.witness import Witness
from tests.crash.server import Server

LIVES = 3
CLIENTS = 5
REQUESTS = 150
CRASH_POINTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one server has done to the disk. first_cut: from where on a cut must leave what was promised."""

    history: Sequence[Operation]
    witnesses: Sequence[Witness]
    first_cut: int

    def crash_points(self, chance: random.Random) -> list[int]:
        answers = [position for witness in self.witnesses for position in witness.answers()]
        return choose_crash_points(self.history, answers, self.first_cut, CRASH_POINTS, chance)


class Chronicle:
    """The lives of one storage, each from what a cut has left. broken: where a wrong image goes."""

    def __init__(self, directory: Path, seed: int, *, broken: Path) -> None:
        self._directory = directory
        self._broken = broken
        self._seed = seed
        self._clients = [Client(BUCKET, f"client-{number}", seed) for number in range(CLIENTS)]
        self._keepsake = Keepsake()
        self._left: list[Operation] = []

    def live(self, number: int) -> None:
        """Serve from what is left, work, and look at every way in which that may end; go on from one."""
        directory = self._directory / f"life-{number}"
        with mounted(directory / "disk", self._left) as mount:
            life = self._work(mount, workers=1 + number % 2)
        self._end(life, directory, random.Random(f"{self._seed}/{number}"))
        shutil.rmtree(directory)

    def restart(self) -> None:
        """Serve from what is left, and compare it with what it must be."""
        with mounted(self._directory / "last", self._left) as mount, serving(mount.directory) as server:
            self._check(server)

    def _check(self, server: Server) -> None:
        self._keepsake.check(server)
        check_shown(server, {client.label: client.acknowledged for client in self._clients})

    def _work(self, mount: Mount, workers: int) -> Life:
        start = mount.position()
        with serving(mount.directory, workers=workers) as server:
            if start == 0:
                self._keepsake.receive(server)
                start = mount.position()
            self._check(server)
            witnesses = [Witness(client, mount) for client in self._clients]
            work_until_dark(server, witnesses, mount, REQUESTS)
        return Life(history=mount.history(), witnesses=witnesses, first_cut=start)

    def _end(self, life: Life, directory: Path, chance: random.Random) -> None:
        inquest = Inquest(
            history=life.history,
            witnesses=life.witnesses,
            keepsake=self._keepsake,
            surveyor=Surveyor(directory),
            broken=self._broken,
            seed=self._seed,
        )
        positions = life.crash_points(chance)
        chosen = chance.randrange(len(positions) * CUTS_PER_POINT)
        for index, cut in enumerate(cut_at(life.history, positions, chance)):
            shown = inquest.check(cut)
            if index == chosen:
                self._left = cut.image.as_history()
                for witness in life.witnesses:
                    witness.go_on_from(shown[witness.label])


@pytest.mark.timeout(0)
def test_no_power_cut_breaks_a_promise(
    scratch: Path, tmp_path: Path, crash_size: int, crash_seed: int
) -> None:
    require_fuse()
    chronicle = Chronicle(scratch, crash_seed, broken=tmp_path / "broken")
    for number in range(LIVES * crash_size):
        chronicle.live(number)
    chronicle.restart()
