"""kill -9 at random moments and at failpoints: what was acknowledged is there, the rest absent or complete.

`--crash-size` times CYCLES servers live and die. Each run has a place and a seed of its own, which a failure
names: with that seed it is the first one.
"""

import itertools
import math
import random
from collections.abc import Callable

import pytest

from .cycle import Cycle, draw_cycles, strike_worker, work_until_the_end
from .failpoint import Orders
from .invariants import Place
from .ledger import Client
from .promise import BUCKET, check_end, check_promises, check_what_is_left, create_bucket
from .server import DiedAtStart, Server, forked_at, is_answering, require_life, running_at
from .tally import Tally

CYCLES = 9
CLIENTS = 4
# A longer form makes longer runs, up to this size, and then more of them.
LONGEST_RUN = 4
# Reclaim and scrub are always at work. The grace is in force while clients upload, so an upload needs less
# between its bytes and its row; two scans of reclaim must lie this far apart.
BACKGROUND = {"reclaim_interval": 1, "reclaim_grace": 2, "scrub_interval": 1}

pytestmark = pytest.mark.timeout(0)


class Run:
    """A place, its clients and what has happened to them. seed: decides everything but the timing."""

    def __init__(self, place: Place, seed: int, tally: Tally) -> None:
        self.place = place
        self.tally = tally
        self.orders = Orders(place.data_dir.with_name("orders"))
        self.clients = [
            Client(BUCKET, f"client-{number}", seed, own_bucket=f"client-{number}-own")
            for number in range(CLIENTS)
        ]
        self._choices = random.Random(seed)
        self._is_new = True

    def play(self, cycles: int) -> None:
        """Let that many servers live and die, then see to it that reclaim leaves nothing over."""
        for number, cycle in enumerate(itertools.islice(draw_cycles(self._choices), cycles)):
            try:
                self._play(cycle)
                check_what_is_left(self.place)
            except BaseException as exc:
                exc.add_note(f"in cycle {number}: {cycle}")
                raise
        self.tally.compared += check_end(self.place, self.clients)
        self.tally.acknowledged += sum(client.answered for client in self.clients)

    def _play(self, cycle: Cycle) -> None:
        self.orders.give(cycle.order if cycle.at_start else None)
        try:
            with forked_at(self.place, self.orders, workers=cycle.workers, **BACKGROUND) as server:
                self.orders.give(None)
                if cycle.at_start:
                    require_life(server)
                self._look(server)
                self.orders.give(None if cycle.at_start else cycle.order)
                work_until_the_end(self.clients, server, cycle)
        except DiedAtStart:
            self.tally.kills["at the start"] += 1
        else:
            self.tally.kills["of a worker"] += len(cycle.strikes)
            self.tally.kills["of all processes"] += 1
        self.tally.note_orders(self.orders.passed())

    def _look(self, server: Server) -> None:
        if self._is_new:
            create_bucket(server)
            self._is_new = False
        self.tally.compared += check_promises(server, self.clients)


def test_kill_9_breaks_no_promise(
    make_place: Callable[[], Place],
    crash_size: int,
    crash_seed: int,
    report: Callable[[object], None],
    request: pytest.FixtureRequest,
) -> None:
    tally = Tally(request.node.name)
    length = min(crash_size, LONGEST_RUN)
    for seed in range(crash_seed, crash_seed + math.ceil(crash_size / length)):
        try:
            Run(make_place(), seed, tally).play(CYCLES * length)
        except BaseException as exc:
            exc.add_note(f"reproduce with --crash-size {length} --crash-seed {seed}")
            raise
    report(tally)


def test_a_killed_worker_is_replaced_while_the_other_one_serves(make_place: Callable[[], Place]) -> None:
    with running_at(make_place(), workers=2) as server:
        for _ in range(2):
            strike_worker(server)
            assert is_answering(server.target)
        assert server.process.poll() is None
