"""A server on a disk that fails, a client that bears with it, and what a power cut leaves of its objects."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.crash.ledger import Client
from tests.crash.server import Server

from .crash_point import choose_crash_points
from .fault import Fault
from .inquest import Inquest, cut_at
from .life import Keepsake, serving
from .mount import Mount
from .operation import Operation
from .patient import Patient
from .survey import Surveyor


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A patient whose disk fails, and how to look at what it was promised."""

    mount: Mount
    server: Server
    patient: Patient
    keepsake: Keepsake
    first: int

    def connect(self) -> httpx.Client:
        """Open another connection than the patient's."""
        return self.server.target.connect(self.keepsake.token)

    def suffer(self, name: str, fault: Fault, patience: int) -> int:
        """Make requests until `fault` was met; with the disk well again, all must work.

        Returns how many operations were like the fault.
        """
        self.mount.arm(fault)
        for _ in range(patience):
            if not self.patient.try_request() or self.mount.seen() >= fault.first + 2:
                break
        return self.recover(f"after a failed {name}")

    def recover(self, when: str) -> int:
        """Let the disk be well: what is shown must be possible, and the next request be answered."""
        seen = self.mount.disarm()
        self.patient.settle()
        assert self.patient.try_request(), f"{when} the server works no more"
        return seen

    def answers(self) -> list[int]:
        return self.patient.witness.answers()

    def stop(self) -> list[Operation]:
        """Take the power away and return everything that has happened to the disk."""
        self.mount.freeze()
        self.server.kill()
        return self.mount.history()


@contextmanager
def ward(mount: Mount, client: Client, keepsake: Keepsake) -> Iterator[Ward]:
    """Serve a patient on `mount`, for the first time or again."""
    with serving(mount.directory) as server:
        if not keepsake.token:
            keepsake.receive(server)
        with server.target.connect(keepsake.token) as caller:
            patient = Patient(client, server, mount, caller)
            first = mount.position()
            yield Ward(mount=mount, server=server, patient=patient, keepsake=keepsake, first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morgue:
    """Where the ends of patients are looked into. broken: where an image goes that is wrong."""

    scratch: Path
    broken: Path
    seed: int

    def examine(self, ill: Ward, history: Sequence[Operation], points: Sequence[int]) -> None:
        """Cut the power at each of `points`, in several ways, and look for what was promised."""
        inquest = Inquest(
            history=history,
            witnesses=[ill.patient.witness],
            keepsake=ill.keepsake,
            surveyor=Surveyor(self.scratch / "survey"),
            broken=self.broken,
            seed=self.seed,
        )
        for cut in cut_at(history, points, random.Random(self.seed)):
            inquest.check(cut)

    def examine_some(self, ill: Ward, count: int) -> None:
        """Cut the power at `count` moments."""
        history = ill.stop()
        chance = random.Random(self.seed)
        self.examine(ill, history, choose_crash_points(history, ill.answers(), ill.first, count, chance))
