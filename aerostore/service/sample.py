"""What plots are made of: samples, which every process adds to.

Each adds what it has counted to the step of 15 seconds, of five minutes and of an hour that is under way: so
all processes together make one plot, and a long one is as quickly read as a short one. A step that none has
written is a time in which none ran.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aerostore.domain import Clock
from aerostore.executor import Executor, Row
from aerostore.executor.statements import sample as sample_sql
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.note_taking import keep_writing
from aerostore.telemetry import Tally, Telemetry

TICK_S = 15
_KEPT_S: Mapping[int, int] = {TICK_S: 2 * 3600, 300: 26 * 3600, 3600: 8 * 24 * 3600}
"""How long steps are kept, by their length."""

TICKS, BYTES_IN, BYTES_OUT, UPLOADS = "ticks", "bytes.in", "bytes.out", "uploads"
STATUSES = {number: f"requests.{number}xx" for number in range(2, 6)}
TIMES = [f"time.{number:02}" for number in range(len(Tally.bounds_s) + 1)]
# After the end of a step, by whatever clock: two writes in one would count as two processes.
_LATE_S = 0.05
# How long a process may take to write its samples, before whoever reads would miss them.
_WRITTEN_WITHIN_S = 2
logger = logging.getLogger("aerostore.sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What all processes counted in one step, by series. lasted_s: shorter for the one under way."""

    begins_s: int
    lasted_s: int
    counts: Mapping[str, float]

    def rate(self, *series: str) -> float:
        """Return the sum of `series` for each second."""
        return sum(self.counts.get(each, 0.0) for each in series) / self.lasted_s

    @property
    def is_measured(self) -> bool:
        """Whether any process ran."""
        return TICKS in self.counts


class Samples:
    """Writes what this process has counted. uploads_under_way: how many there are at the moment."""

    def __init__(
        self,
        executor: Executor,
        telemetry: Telemetry,
        *,
        uploads_under_way: Callable[[], int],
        clock: Clock,
    ) -> None:
        # As the system throughout: samples are the operator's.
        self._books = Bookkeeping(executor)
        self._telemetry = telemetry
        self._uploads_under_way = uploads_under_way
        self._clock = clock
        self._written: Mapping[str, float] = {}

    async def write_for_ever(self) -> None:
        """Write at the end of each 15 seconds of the clock, until cancelled; then what is left."""
        await keep_writing(self.write, self._until_next_tick_s, logger)

    def _until_next_tick_s(self) -> float:
        return TICK_S - self._clock().timestamp() % TICK_S + _LATE_S

    async def write(self) -> None:
        """Add what was counted since the last time to the step that ends now, and forget old steps."""
        now = self._clock().timestamp()
        ended_s = int(now) // TICK_S * TICK_S - TICK_S
        total = self._total()
        grown = {name: value - self._written.get(name, 0.0) for name, value in total.items()}
        grown |= {TICKS: 1.0, UPLOADS: float(self._uploads_under_way())}
        rows = [
            {"step_s": step_s, "begins_s": ended_s // step_s * step_s, "series": name, "value": value}
            for step_s in _KEPT_S
            for name, value in sorted(grown.items())
            if value
        ]
        trims = [
            sample_sql.trim_samples(step_s, before_s=int(now) - kept_s) for step_s, kept_s in _KEPT_S.items()
        ]
        await self._books.write(sample_sql.add_samples(rows), *trims)
        self._written = total

    def _total(self) -> Mapping[str, float]:
        tally = self._telemetry.requests
        statuses = {name: float(tally.statuses[number]) for number, name in STATUSES.items()}
        times = dict(zip(TIMES, map(float, tally.times), strict=True))
        return {
            **statuses,
            **times,
            BYTES_IN: self._telemetry.bytes_in(),
            BYTES_OUT: self._telemetry.bytes_out(),
        }


async def read_steps(books: Bookkeeping, *, step_s: int, length_s: int, now_s: float) -> Sequence[Step]:
    """Return the steps of the last `length_s`, oldest first; the last one may be under way.

    Raises: Unavailable.
    """
    ticked_s = int(now_s - _WRITTEN_WITHIN_S) // TICK_S * TICK_S
    last_s = (ticked_s - 1) // step_s * step_s
    first_s = last_s - length_s + step_s
    rows = await books.read(sample_sql.list_samples(step_s, since_s=first_s))
    counts = _by_step(rows)
    return [
        Step(
            begins_s=begins_s,
            lasted_s=min(step_s, ticked_s - begins_s),
            counts=counts.get(begins_s, {}),
        )
        for begins_s in range(first_s, last_s + 1, step_s)
    ]


def _by_step(rows: Sequence[Row]) -> Mapping[int, Mapping[str, float]]:
    steps: dict[int, dict[str, Any]] = {}
    for row in rows:
        steps.setdefault(row["begins_s"], {})[row["series"]] = row["value"]
    return steps
