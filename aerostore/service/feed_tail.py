"""The newest events and refusals, read once for all streams of this process; not at all while nobody listens.

A stream that has fallen behind what is kept here reads on in the table at its own pace: nothing waits for it,
and nothing is kept for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from aerostore.domain import Clock, Event, JsonObject
from aerostore.errors import Unavailable
from aerostore.executor import Executor
from aerostore.executor import statements as sql
from aerostore.executor.row import to_event, to_refusal
from aerostore.executor.statements import feed as feed_sql
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.ending import end
from aerostore.service.horizon import EventHorizon

POLL_S = 0.4
BATCH = 200
EVENTS_KEPT = 1000
REFUSALS_KEPT = 200
# Notes are written in batches, by every process with its own clock: the newest row is not the last to come.
_REFUSALS_MAY_BE_LATE = timedelta(seconds=60)
_HORIZON_TRIES = 40
_HORIZON_PAUSE_S = 0.05
logger = logging.getLogger("aerostore.feed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Events in order. reached: the seq up to which they are all; oldest: the first seq of the table."""

    events: Sequence[Event]
    reached: int
    oldest: int = 0


class FeedTail:
    """What streams share. poll_s: how often the table is asked for more."""

    def __init__(self, executor: Executor, *, clock: Clock, poll_s: float) -> None:
        self._executor = executor
        # As the system throughout: what each stream may show is decided by the stream.
        self._books = Bookkeeping(executor)
        self._clock = clock
        self._poll_s = poll_s
        self._listeners = 0
        self._polling: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()
        self._horizon = EventHorizon(executor)
        self.head = 0
        self._floor = 0
        self._events: deque[Event] = deque()
        self.refused = 0
        self._refusals: deque[JsonObject] = deque(maxlen=REFUSALS_KEPT)
        self._noted: set[str] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Have the table polled for the time of the block. Raises: Unavailable."""
        self._listeners += 1
        try:
            await self._begin()
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                await self._end()

    def wake(self) -> None:
        """Let every stream look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, timeout_s: float) -> None:
        """Wait until there is something new, or for so long."""
        changed = self._changed
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await changed.wait()

    async def events_after(self, cursor: int) -> Stretch:
        """Return the next events after `cursor`, at most `BATCH`. Raises: Unavailable."""
        if cursor < self._floor:
            return await self._read(cursor, self.head)
        newer = [event for event in self._events if event.seq > cursor][:BATCH]
        return Stretch(events=newer, reached=newer[-1].seq if len(newer) == BATCH else self.head)

    def refusals_after(self, count: int) -> Sequence[JsonObject]:
        """Return what was refused after the first `count` refusals that this process has seen."""
        new = min(self.refused - count, len(self._refusals))
        return list(self._refusals)[len(self._refusals) - new :]

    async def newest(self) -> int:
        """Return the number of the newest event, within the horizon or not. Raises: Unavailable."""
        return int((await self._books.read(sql.newest_seq()))[0]["seq"])

    async def oldest(self) -> int:
        """Return the number of the oldest event that is kept, 0 without any. Raises: Unavailable."""
        return int((await self._books.read(feed_sql.oldest_seq()))[0]["seq"])

    # Beginning and ending

    async def _begin(self) -> None:
        """Learn where events are now; whoever listens while this is under way waits for it as well."""
        if self._begun is None:
            self._begun = asyncio.ensure_future(self._start())
        begun = self._begun
        try:
            await asyncio.shield(begun)
        except BaseException:
            if self._begun is begun and begun.done():
                self._begun = None
            raise

    async def _start(self) -> None:
        self._horizon = EventHorizon(self._executor)
        self.head = self._floor = await self._reach_newest()
        self._events.clear()
        await self._look_at_refusals()
        self._refusals.clear()
        self._polling = asyncio.create_task(self._poll())

    async def _end(self) -> None:
        tasks = [task for task in (self._begun, self._polling) if task is not None]
        self._begun = self._polling = None
        await end(tasks)

    async def _reach_newest(self) -> int:
        """Return how far events are known to be complete, not before it includes those of this moment."""
        newest = await self.newest()
        for _ in range(_HORIZON_TRIES):
            reached = await self._horizon.reach()
            if reached >= newest:
                return reached
            await asyncio.sleep(_HORIZON_PAUSE_S)
        return reached

    # Polling

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self._look()
            except Unavailable as exc:  # each request says so too
                logger.warning("streams wait for the database", extra={"facts": {"reason": exc.message}})
            except Exception:  # whatever it was, streams must go on
                logger.exception("streams stopped for a moment")

    async def _look(self) -> None:
        """Take in what is new, and wake the streams if there is something."""
        known = (self.head, self.refused)
        await self._look_at_events()
        await self._look_at_refusals()
        if known != (self.head, self.refused):
            self.wake()

    async def _look_at_events(self) -> None:
        reached = await self._horizon.reach()
        while self.head < reached:
            stretch = await self._read(self.head, reached)
            self._events.extend(stretch.events)
            self.head = stretch.reached
            while len(self._events) > EVENTS_KEPT:
                self._floor = self._events.popleft().seq

    async def _look_at_refusals(self) -> None:
        since = self._clock() - _REFUSALS_MAY_BE_LATE
        rows = await self._books.read(feed_sql.list_new_denials(since, REFUSALS_KEPT))
        new = [row for row in reversed(rows) if row["id"] not in self._noted]
        self._noted = {row["id"] for row in rows}
        self._refusals.extend(to_refusal(row) for row in new)
        self.refused += len(new)

    async def _read(self, after: int, upto: int) -> Stretch:
        rows = await self._books.read(feed_sql.list_events(after, upto, BATCH))
        events = [to_event(row) for row in rows]
        reached = events[-1].seq if len(events) == BATCH else upto
        return Stretch(events=events, reached=reached, oldest=await self.oldest())
