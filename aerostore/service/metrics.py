"""Plots of what the server did, and how much it stores now: for operators."""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from aerostore.domain import Clock, RlsContext
from aerostore.errors import InvalidParameter, StorageError
from aerostore.executor import Executor
from aerostore.executor.statements import sample as sample_sql
from aerostore.permissions import ADMIN_METRICS_GET, admit
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.sample import (
    BYTES_IN,
    BYTES_OUT,
    STATUSES,
    TICK_S,
    TIMES,
    UPLOADS,
    Step,
    read_steps,
)
from aerostore.telemetry import Tally

Series = Sequence[float | None]
RANGES: Mapping[str, tuple[int, int]] = {
    "15m": (900, TICK_S),
    "1h": (3600, TICK_S),
    "24h": (86_400, 300),
    "7d": (604_800, 3600),
}
"""The length of each range and of its steps, in seconds."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
BUCKETS_SHOWN = 20
OBJECTS_SUMMED = 2_000_000
_SUMS_KEPT_S = 60.0
# To sum takes a look at every row: no more of the time is spent on it than one part in so many.
_REST = 50
logger = logging.getLogger("aerostore.metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSize:
    """How much a bucket holds. complete: false when counting stopped inside it."""

    bucket_id: str
    objects: int
    size_bytes: int
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plots:
    """Values for the steps of a range. times: their ends, in seconds since 1970; None: nothing was measured.

    errors: answers of 5xx. uploads: how many were under way, on average.
    """

    step_s: int
    times: Sequence[int]
    requests: Mapping[str, Series]
    latency_ms: Mapping[str, Series]
    bytes_in: Series
    bytes_out: Series
    uploads: Series
    errors: Series
    storage: Sequence[BucketSize]


class Metrics:
    """Answers from the samples that all processes have written."""

    def __init__(
        self, executor: Executor, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        # As the system: whoever may see metrics sees them whole.
        self._books = Bookkeeping(executor)
        self._clock = clock
        self._monotonic = monotonic
        self._sizes: Sequence[BucketSize] = ()
        self._sizes_until = 0.0

    async def plots(self, context: RlsContext, range: str) -> Plots:
        """Return the plots of a range, one of `RANGES`.

        Raises: RoleNotAllowed, InvalidParameter, Unavailable.
        """
        admit(context, ADMIN_METRICS_GET)
        if range not in RANGES:
            raise InvalidParameter("Unknown range", hint=f"Use one of {', '.join(RANGES)}.")
        length_s, step_s = RANGES[range]
        now_s = self._clock().timestamp()
        steps = await read_steps(self._books, step_s=step_s, length_s=length_s, now_s=now_s)
        return Plots(
            step_s=step_s,
            times=[step.begins_s + step.lasted_s for step in steps],
            requests={f"{number}xx": _rates(steps, name) for number, name in STATUSES.items()},
            latency_ms={name: _quantiles(steps, share) for name, share in QUANTILES.items()},
            bytes_in=_rates(steps, BYTES_IN),
            bytes_out=_rates(steps, BYTES_OUT),
            uploads=_measured(steps, lambda step: step.rate(UPLOADS) * TICK_S),
            errors=_rates(steps, STATUSES[5]),
            storage=await self._largest(),
        )

    async def _largest(self) -> Sequence[BucketSize]:
        """Return the largest buckets as they were a moment ago, or before that while they are summed."""
        began = self._monotonic()
        if began >= self._sizes_until:
            self._sizes_until = math.inf
            try:
                rows = await self._books.read(sample_sql.sum_buckets(OBJECTS_SUMMED))
                self._sizes = _sizes([(row["bucket_id"], row["objects"], row["size_bytes"]) for row in rows])
            except StorageError as exc:  # too many rows for now: the plots are wanted all the same
                logger.warning("buckets were not summed", extra={"facts": {"reason": exc.message}})
            finally:
                took_s = self._monotonic() - began
                self._sizes_until = began + took_s + max(_SUMS_KEPT_S, took_s * _REST)
        return self._sizes


def _sizes(summed: Sequence[tuple[str, int, int]]) -> Sequence[BucketSize]:
    """Return the largest buckets of those that were summed, which the limit may have cut at its end."""
    is_cut = sum(objects for _bucket_id, objects, _bytes in summed) >= OBJECTS_SUMMED
    sizes = [
        BucketSize(
            bucket_id=bucket_id,
            objects=objects,
            size_bytes=size_bytes,
            complete=not is_cut or number < len(summed),
        )
        for number, (bucket_id, objects, size_bytes) in enumerate(summed, start=1)
    ]
    return sorted(sizes, key=lambda size: -size.size_bytes)[:BUCKETS_SHOWN]


def _measured(steps: Sequence[Step], value: Callable[[Step], float | None]) -> Series:
    return [value(step) if step.is_measured else None for step in steps]


def _rates(steps: Sequence[Step], series: str) -> Series:
    return _measured(steps, lambda step: step.rate(series))


def _quantiles(steps: Sequence[Step], share: float) -> Series:
    return _measured(steps, lambda step: quantile_ms([step.counts.get(name, 0.0) for name in TIMES], share))


def quantile_ms(counts: Sequence[float], share: float) -> float | None:
    """Return the time within which so large a share of requests ended; None without requests.

    counts: how many ended within each of the bounds of `Tally`, and after the last. Between two bounds times
    are taken for evenly spread, so the answer is no finer than they are. Source: Prometheus,
    histogram_quantile.
    """
    if not (wanted := sum(counts) * share):
        return None
    bounds = (0.0, *Tally.bounds_s, Tally.bounds_s[-1])
    reached = list(accumulate(counts))
    place = next(number for number, count in enumerate(reached) if count >= wanted)
    within = (wanted - (reached[place] - counts[place])) / counts[place]
    lower, upper = bounds[place], bounds[place + 1]
    return (lower + (upper - lower) * within) * 1000
