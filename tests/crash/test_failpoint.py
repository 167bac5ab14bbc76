"""Every failpoint on the way of every operation: the server dies there, and keeps what it promised.

The short form takes a sample that `--crash-seed` chooses, `--crash-size` 10 and more takes all.
"""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import httpx
import pytest

from . import asking
from .cycle import BROKEN
from .failpoint import MOMENTS, RECORD, Order, Orders, orders_for
from .invariants import Place
from .ledger import Client, Step, digest_of
from .promise import BUCKET, check_end, check_promises, check_what_is_left, create_bucket
from .server import Server, forked_at, wait_until
from .tally import Tally

SAMPLE = 3
ALL_FROM_SIZE = 10
LARGE_BYTES = 2_500_000
HELD = b"held"
STORING = {"write", "fsync", "link", "fsync_directory", "commit", "reply"}
ROWS_ONLY = {"commit", "reply"}
# The second level of directories: made only for the first key below it.
SOMETIMES = {"mkdir"}

pytestmark = pytest.mark.timeout(0)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked while the server has its order. before: what is asked first, so that it succeeds.

    passes: the failpoints on its way.
    """

    before: Callable[["Subject"], list[Step]]
    step: Callable[["Subject"], Step]
    passes: frozenset[str]


Death = tuple[str, Order]
"""The name of an operation, or `reclaim`, and where the server dies during it."""


class Subject:
    """A client that asks one operation at a time, with contents that nobody has stored."""

    def __init__(self, seed: int) -> None:
        self.client = Client(BUCKET, "subject", seed, own_bucket="subject-own")
        self._random = random.Random(seed)

    def fresh(self, size_bytes: int = 100) -> bytes:
        """Make content for a directory that the server has not made for `HELD`."""
        while digest_of(content := self._random.randbytes(size_bytes))[:2] == digest_of(HELD)[:2]:
            continue
        return content

    def put(self, name: str, content: bytes, **options: asking.Way) -> Step:
        return self.client.upload(f"subject/{name}", content, upsert=True, **options)

    def prepare(self, operation: Operation, caller: httpx.Client) -> None:
        """Ask what comes before. Each step builds on the one before it, so they are made one by one."""
        for number in range(len(operation.before(self))):
            self.client.take(operation.before(self)[number], caller)

    def clear(self, caller: httpx.Client) -> None:
        """Delete all objects."""
        names = sorted(self.client.acknowledged.digests)
        if names:
            self.client.take(self.client.delete_many(names), caller)


def _nothing(_subject: Subject) -> list[Step]:
    return []


def _held(subject: Subject) -> list[Step]:
    return [subject.put("held", HELD)]


OPERATIONS = {
    "upload small": Operation(
        _nothing, lambda it: it.client.upload("subject/new", it.fresh()), frozenset(STORING)
    ),
    "upload large": Operation(
        _nothing,
        lambda it: it.client.upload("subject/new", it.fresh(LARGE_BYTES), way=asking.chunked),
        frozenset(STORING),
    ),
    "upload form": Operation(
        _nothing,
        lambda it: it.client.upload("subject/new", it.fresh(), way=asking.form),
        frozenset(STORING),
    ),
    "upload signed": Operation(
        _nothing,
        lambda it: it.client.upload("subject/new", it.fresh(), way=asking.signed),
        frozenset(STORING),
    ),
    "upload known content": Operation(
        _held, lambda it: it.client.upload("subject/new", HELD), frozenset(STORING | {"unlink"})
    ),
    "upsert": Operation(_held, lambda it: it.put("held", it.fresh()), frozenset(STORING)),
    "copy": Operation(_held, lambda it: it.client.copy("subject/held", "subject/new"), frozenset(ROWS_ONLY)),
    "move": Operation(_held, lambda it: it.client.move("subject/held", "subject/new"), frozenset(ROWS_ONLY)),
    "delete": Operation(_held, lambda it: it.client.delete("subject/held"), frozenset(ROWS_ONLY)),
    "delete many": Operation(
        _held, lambda it: it.client.delete_many(["subject/held", "subject/none"]), frozenset(ROWS_ONLY)
    ),
}
# Reclaim repeats itself, so how often it passes is left to chance beyond these.
RECLAIM_ORDERS = [
    *(Order(point, moment) for point in ("unlink", "fsync_directory") for moment in MOMENTS[point]),
    *(Order("commit", moment, count) for count in range(1, 7) for moment in MOMENTS["commit"]),
]


class Rig:
    """A place whose server dies again and again, each time during one operation."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place
        self.subject = Subject(seed)
        self.orders = Orders(place.data_dir.with_name("orders"))
        with self.serving() as server:
            create_bucket(server)

    def serving(self, **settings: object) -> AbstractContextManager[Server]:
        """Run a server whose background jobs commit nothing unless `settings` say so."""
        return forked_at(self.place, self.orders, **{"scrub_interval": 0, **settings})

    def record(self) -> dict[str, list[str]]:
        """Let every operation succeed; return the failpoints that it passed."""
        passed = {}
        with self.serving() as server, server.connect() as caller:
            for name, operation in OPERATIONS.items():
                self._perform(operation, RECORD, caller)
                passed[name] = self.orders.passed()
                self.orders.give(None)
        return passed

    def die_during(self, operation: Operation, order: Order) -> None:
        """Let the server die at `order` and see what it shows afterwards. Raises: AssertionError."""
        with self.serving() as server, server.connect() as caller:
            check_promises(server, [self.subject.client])
            with suppress(*BROKEN):  # the last failpoint comes after the answer
                self._perform(operation, order, caller)
            self._expect_death(server, order)

    def die_during_reclaim(self, order: Order) -> None:
        """Let the server die at `order` while it removes bytes. Raises: as `die_during`."""
        self.place.change("DELETE FROM storage_leases")
        with self.serving(reclaim_interval=1, reclaim_grace=1) as server, server.connect() as caller:
            check_promises(server, [self.subject.client])
            self.subject.client.take(self.subject.put("gone", self.subject.fresh()), caller)
            self.subject.client.take(self.subject.client.delete("subject/gone"), caller)
            self.orders.give(order)
            self._expect_death(server, order)

    def look(self) -> int:
        """See what the server shows after the last death; return how many objects were compared."""
        with self.serving() as server:
            return check_promises(server, [self.subject.client])

    def _perform(self, operation: Operation, order: Order | str, caller: httpx.Client) -> None:
        self.subject.clear(caller)
        self.subject.prepare(operation, caller)
        step = operation.step(self.subject)
        self.orders.give(order)
        self.subject.client.take(step, caller)

    def _expect_death(self, server: Server, order: Order) -> None:
        wait_until(lambda: server.process.poll() is not None, f"the server dies at {order}")
        server.kill()
        assert self.orders.passed() == [str(order)]
        self.orders.give(None)
        check_what_is_left(self.place)


def test_every_failpoint_is_on_the_way_of_some_operation(
    make_place: Callable[[], Place], crash_seed: int
) -> None:
    passed = Rig(make_place(), crash_seed).record()
    for name, operation in OPERATIONS.items():
        assert set(passed[name]) - SOMETIMES == operation.passes, name
    assert {point for points in passed.values() for point in points} == set(MOMENTS)


def test_a_server_that_dies_at_any_failpoint_keeps_its_promises(
    make_place: Callable[[], Place],
    crash_size: int,
    crash_seed: int,
    report: Callable[[object], None],
    request: pytest.FixtureRequest,
) -> None:
    rig, tally = Rig(make_place(), crash_seed), Tally(request.node.name)
    deaths = [(name, order) for name, passed in rig.record().items() for order in orders_for(passed)]
    deaths += [("reclaim", order) for order in RECLAIM_ORDERS]
    if crash_size < ALL_FROM_SIZE:
        deaths = draw_some(deaths, random.Random(crash_seed), SAMPLE * crash_size)
    for name, order in deaths:
        try:
            die_once(rig, name, order)
        except BaseException as exc:
            exc.add_note(f"while it died at {order} during {name}; --crash-seed {crash_seed}")
            raise
        tally.kills[f"during {name}"] += 1
        tally.note_orders([str(order)])
    tally.compared += rig.look()
    if crash_size >= ALL_FROM_SIZE:
        tally.compared += check_end(rig.place, [rig.subject.client])
    tally.acknowledged += rig.subject.client.answered
    report(tally)


def draw_some(deaths: list[Death], choices: random.Random, most: int) -> list[Death]:
    """Choose up to `most` around commits and replies, where promises are made, and as many elsewhere."""
    halves = (
        [death for death in deaths if death[1].point in ROWS_ONLY],
        [death for death in deaths if death[1].point not in ROWS_ONLY],
    )
    return [death for half in halves for death in choices.sample(half, min(most, len(half)))]


def die_once(rig: Rig, name: str, order: Order) -> None:
    if name == "reclaim":
        rig.die_during_reclaim(order)
    else:
        rig.die_during(OPERATIONS[name], order)
