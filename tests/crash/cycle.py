"""One life of a server: what kills it and when, and the crowd that works until then."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from .failpoint import MOMENTS, Order
from .ledger import Client
from .promise import settle, show
from .server import DEADLINE_S, Server, wait_until

BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)
# Answers after which a server is killed that has not met its failpoint.
_PATIENCE = 120
_PACE_S = 0.01
_WORKERS = (1, 1, 2)
_ON_THE_WAY_TO_SERVING = MOMENTS.keys() - {"reply"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """How a server lives and dies.

    answers: after how many the whole group is killed. strikes: after which ones a single worker is.
    order: the failpoint where it dies if it gets there first; at_start: it is given before the start.
    lives_s: how long it lives at least, with clients that take their time, so that reclaim is at work.
    """

    workers: int
    answers: int
    strikes: tuple[int, ...] = ()
    order: Order | None = None
    at_start: bool = False
    lives_s: float = 0.0


def draw_cycles(choices: random.Random) -> Iterator[Cycle]:
    """Choose cycles for ever: a death at the very first start, then every kind in its share, in any order."""
    yield _draw_start(choices)
    while True:
        kinds = [_draw_group] * 3 + [_draw_failpoint] * 2 + [_draw_workers, _draw_reclaim, _draw_start]
        for draw in choices.sample(kinds, len(kinds)):
            yield draw(choices)


def _draw_start(choices: random.Random) -> Cycle:
    order = draw_order(choices, _ON_THE_WAY_TO_SERVING, 4)
    return Cycle(workers=1, answers=choices.randint(1, 60), order=order, at_start=True)


def _draw_group(choices: random.Random) -> Cycle:
    return Cycle(workers=choices.choice(_WORKERS), answers=choices.randint(1, 60))


def _draw_failpoint(choices: random.Random) -> Cycle:
    order = draw_order(choices, MOMENTS, 8)
    return Cycle(workers=choices.choice(_WORKERS), answers=_PATIENCE, order=order)


def _draw_workers(choices: random.Random) -> Cycle:
    strikes = sorted(choices.sample(range(1, 80), choices.randint(1, 4)))
    return Cycle(workers=2, answers=strikes[-1] + choices.randint(1, 60), strikes=tuple(strikes))


def _draw_reclaim(choices: random.Random) -> Cycle:
    order, lives_s = draw_order(choices, MOMENTS, 60), choices.uniform(1.0, 2.5)
    return Cycle(workers=choices.choice(_WORKERS), answers=1, order=order, lives_s=lives_s)


def draw_order(choices: random.Random, points: Iterable[str], most: int) -> Order:
    """Choose one of `points` and a moment, at its `most`-th passing at the latest."""
    point = choices.choice(sorted(points))
    return Order(point, choices.choice(MOMENTS[point]), choices.randint(1, most))


def work_until_the_end(clients: Sequence[Client], server: Server, cycle: Cycle) -> None:
    """Let all clients work at once until `cycle` has killed the server in the middle of what it does."""
    end = _End(server, cycle)
    with (
        server.connect() as caller,
        ThreadPoolExecutor(len(clients)) as pool,
    ):
        for work in [pool.submit(_work, client, caller, end) for client in clients]:
            work.result()
    assert server.process.wait(DEADLINE_S) == -signal.SIGKILL, "the server ended by itself"


def _work(client: Client, caller: httpx.Client, end: "_End") -> None:
    try:
        while not end.is_over:
            try:
                client.make_request(caller)
            except BROKEN:
                if not end.is_survived():
                    return
                _find_out(client, caller, end)
            else:
                end.count_answer()
    except BaseException:
        end.strike()  # the others must not work for ever
        raise


def _find_out(client: Client, caller: httpx.Client, end: "_End") -> None:
    """Ask the surviving workers what became of the request that broke."""
    settle(end.server.place)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            client.go_on_from(show(caller, end.server.place, client))
            return
        except BROKEN:  # another worker died
            if end.is_over:
                return
            assert time.monotonic() < deadline, "no worker answers any more"


class _End:
    """Counts answers, and kills when their number is right. Called by all clients' threads."""

    def __init__(self, server: Server, cycle: Cycle) -> None:
        self.server = server
        self.is_over = False
        self._cycle = cycle
        self._answers = 0
        self._lock = threading.Lock()
        self._until = time.monotonic() + cycle.lives_s

    def count_answer(self) -> None:
        if self._cycle.lives_s:
            time.sleep(_PACE_S)
        with self._lock:
            self._answers += 1
            if self._answers in self._cycle.strikes:
                strike_worker(self.server)
            if self._answers >= self._cycle.answers and time.monotonic() >= self._until:
                self.strike()

    def strike(self) -> None:
        self.is_over = True
        self.server.strike()

    def is_survived(self) -> bool:
        """Whether a broken connection means that only one worker died."""
        return bool(self._cycle.strikes) and not self.is_over


def strike_worker(server: Server) -> None:
    """Kill the worker that lives longest, once all are there; see to it that another one takes its place.

    Granian gives up on a worker that it has to replace twice within 5.5 s: so never the same one twice.
    """
    wait_until(lambda: server.listeners() == len(server.workers()), "every worker is ready")
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(
        lambda: len(server.workers()) == len(before) and before[0] not in server.workers(),
        "the killed worker is replaced",
    )
