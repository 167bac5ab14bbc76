"""A server by itself: how long until it answers after a start, and what it holds when nobody asks."""

import time

from benchmarks.contest import LeftOut
from benchmarks.contest.contender import Contender
from benchmarks.contest.launch import Server
from benchmarks.contest.sample import Load, Unit
from benchmarks.contest.work import SMALL, SMALL_BYTES, Bench, Trial, Work

_SETTLE_S = 1.0


def _own_server(contender: Contender) -> Server:
    if contender.server is None:
        raise LeftOut(f"{contender.name} was not started here")
    return contender.server


def _cold_start(contender: Contender, bench: Bench) -> Trial:
    server = _own_server(contender)
    contender.ensure_stored(SMALL, bench.file(SMALL_BYTES))
    first = contender.site.download(SMALL)

    def act() -> Load:
        began = time.perf_counter()
        server.start(first)
        seconds = time.perf_counter() - began
        return Load(requests=1, seconds=seconds, p50_ms=seconds * 1e3, p99_ms=seconds * 1e3)

    return Trial(before=server.stop, act=act)


def _idle(contender: Contender, bench: Bench) -> Trial:
    server = _own_server(contender)
    contender.ensure_stored(SMALL, bench.file(SMALL_BYTES))
    first = contender.site.download(SMALL)

    def restart() -> None:
        server.stop()
        server.start(first)
        time.sleep(_SETTLE_S)

    def act() -> Load:
        size_bytes = sum(tree.own_bytes() for tree in contender.main_trees)
        return Load(requests=1, seconds=_SETTLE_S, size_bytes=size_bytes)

    return Trial(before=restart, act=act)


WORKS = (
    Work(
        name="cold-start",
        title="From start to first answer",
        unit=Unit.TIME,
        prepare=_cold_start,
        for_files=True,
    ),
    Work(
        name="idle-memory",
        title="Memory when idle",
        unit=Unit.MEMORY,
        prepare=_idle,
        for_files=True,
        most_rounds=1,
        warms_up=False,
    ),
)
