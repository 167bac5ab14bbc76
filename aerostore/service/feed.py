"""Events as they happen, for whoever watches: each stream goes on where its reader was.

A service role is shown everything. Others are shown an event when the object that it is about is there now,
under that name, and they may select it: so nothing of objects that are gone, moved away or hidden. Of a
version that was replaced since they learn that it was written, not what it was.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TypeAlias

from aerostore.domain import Clock, Event, JsonObject, RlsContext
from aerostore.errors import AccessDenied, StorageError
from aerostore.executor import Executor, Row, Work
from aerostore.executor import statements as sql
from aerostore.permissions import ADMIN_EVENT_FOLLOW, admit
from aerostore.service.feed_tail import POLL_S, FeedTail, Stretch
from aerostore.service.place import Places

MAX_STREAMS = 100
MAX_STREAMS_OF_ONE = 10
BEAT_EVERY_S = 15.0
CHECK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedQuery:
    """What a reader wants. types: whole ones, or families that end with a colon; empty for all.

    after: the number of the last event that it has, None to begin with what happens from now on.
    """

    bucket_id: str | None = None
    types: Sequence[str] = ()
    denied_only: bool = False
    after: int | None = None

    def wants(self, event: Event) -> bool:
        """Tell whether the reader asked for such events."""
        if self.bucket_id is not None and event.bucket_id != self.bucket_id:
            return False
        return not self.types or any(_is_of(event.type, each) for each in self.types)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that policies refused, as JSON."""

    told: JsonObject


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing: the next ones are those from `oldest` on. reached: where the reader is now."""

    oldest: int
    reached: int


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life. reached: everything up to there was shown, or was not for this reader."""

    reached: int


@dataclass(frozen=True, slots=True)
class End:
    """The last item. reason: `session` or `shutdown`."""

    reason: str


Item: TypeAlias = Event | Refusal | Gap | Beat | End
StillOpen: TypeAlias = Callable[[], Awaitable[bool]]


class EventFeed:
    """The streams of this process. poll_s: how often it looks for more. monotonic: seconds that only grow."""

    def __init__(
        self,
        executor: Executor,
        *,
        clock: Clock,
        poll_s: float = POLL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executor = executor
        self._tail = FeedTail(executor, clock=clock, poll_s=poll_s)
        self._monotonic = monotonic
        self._places = Places(
            "event streams", for_all=MAX_STREAMS, for_users=MAX_STREAMS // 2, for_one=MAX_STREAMS_OF_ONE
        )
        self._is_closed = False

    def close(self) -> None:
        """End every stream soon, and all that begin from now on; safe to call from a signal's handler."""
        self._is_closed = True
        self._tail.wake()

    def follow(
        self, context: RlsContext, query: FeedQuery, *, session_id: str, is_open: StillOpen
    ) -> "EventStream":
        """Return a stream for `context`, which holds a place until it is closed.

        is_open: asked before events are shown, and every few seconds, whether the session has not ended.
        Raises: Overloaded, SlowDown when there are too many streams, of all or of one caller.
        """
        context = admit(context, ADMIN_EVENT_FOLLOW)
        place = ExitStack()
        place.enter_context(self._places.taken(context, operator=session_id))
        return EventStream(
            reader=_Reader(self._executor, context, query),
            tail=self._tail,
            is_open=is_open,
            is_closed=lambda: self._is_closed,
            on_close=place.close,
            monotonic=self._monotonic,
        )


class EventStream:
    """One reader's items. Holds no more than one batch of events, however slow the reader is.

    has_left: whether the reader has gone.
    """

    def __init__(
        self,
        *,
        reader: "_Reader",
        tail: FeedTail,
        is_open: StillOpen,
        is_closed: Callable[[], bool],
        on_close: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._tail = tail
        self._is_open = is_open
        self._is_closed = is_closed
        self._on_close = on_close
        self._monotonic = monotonic
        self.has_left = False
        self._cursor = 0
        self._refused = 0
        self._checked = 0.0

    def leave(self) -> None:
        """End without another item, as soon as possible: the reader has gone."""
        self.has_left = True
        self._tail.wake()

    def close(self) -> None:
        """Give the place back."""
        self._on_close()

    async def items(self) -> AsyncGenerator[Item, None]:
        """Yield what the reader is shown, until it leaves, its session ends or the server stops.

        Begins with a beat, which tells where it is. Raises: Unavailable before the first item only.
        """
        async with self._tail.listening():
            for item in await self._begin():
                yield item
            beaten = self._monotonic()
            while not self.has_left:
                end = await self._end()
                for item in () if end else await self._next():
                    end = await self._end_meanwhile()
                    if end:
                        break
                    yield item
                if end:
                    yield end
                    return
                if self._monotonic() - beaten >= BEAT_EVERY_S:
                    yield Beat(self._cursor)
                    beaten = self._monotonic()
                # A long way through what is not shown must leave the others their turns.
                await (self._tail.change(CHECK_EVERY_S) if self._has_all() else asyncio.sleep(0))

    async def _begin(self) -> Sequence[Item]:
        self._refused = self._tail.refused
        self._cursor = self._tail.head
        after = self._reader.query.after
        if after is None:
            return [Beat(self._cursor)]
        newest = await self._tail.newest()
        if after <= newest:
            self._cursor = after
            return [Beat(self._cursor)]
        # Numbers that were never given: the database is another one, or an older copy.
        return [Gap(await self._tail.oldest(), self._cursor)]

    async def _end_meanwhile(self) -> End | None:
        """Tell whether to end in the middle of a batch: a slow reader may take long for one."""
        is_due = self._monotonic() - self._checked >= CHECK_EVERY_S
        return await self._end() if is_due or self._is_closed() else None

    async def _end(self) -> End | None:
        if self._is_closed():
            return End("shutdown")
        self._checked = self._monotonic()
        try:
            return None if await self._is_open() else End("session")
        except StorageError:
            # While the database is away nothing can be shown either.
            return None

    def _has_all(self) -> bool:
        return self._cursor >= self._tail.head and self._refused == self._tail.refused

    async def _next(self) -> Sequence[Item]:
        """Return what comes next; nothing while the database cannot be reached."""
        try:
            return [*self._next_refusals(), *await self._next_events()]
        except StorageError:
            await asyncio.sleep(1)
            return []

    def _next_refusals(self) -> Sequence[Item]:
        refused, self._refused = self._refused, self._tail.refused
        return [Refusal(told) for told in self._tail.refusals_after(refused) if self._reader.may_know(told)]

    async def _next_events(self) -> Sequence[Item]:
        if self._reader.query.denied_only:
            self._cursor = max(self._cursor, self._tail.head)
        if self._cursor >= self._tail.head:
            return []
        stretch = await self._tail.events_after(self._cursor)
        shown: list[Item] = [*self._gap_before(stretch), *await self._reader.shown(stretch.events)]
        self._cursor = stretch.reached
        return shown

    def _gap_before(self, stretch: Stretch) -> Sequence[Item]:
        """Tell when events between the cursor and a stretch may have been trimmed."""
        if 0 < self._cursor < stretch.oldest - 1:
            return [Gap(stretch.oldest, stretch.oldest - 1)]
        return []


class _Reader:
    """What one reader may see of events, and wants to."""

    def __init__(self, executor: Executor, context: RlsContext, query: FeedQuery) -> None:
        self._executor = executor
        self._context = context
        self.query = query

    def may_know(self, refusal: JsonObject) -> bool:
        """Tell whether to show a refusal: they belong to the operator."""
        wanted = self.query.bucket_id in (None, refusal["bucket"])
        return wanted and not self.query.types and self._context.can_bypass_rls

    async def shown(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return those of `events` that are shown, as far as they are. Raises: Unavailable."""
        wanted = [event for event in events if self.query.wants(event)]
        if self._context.can_bypass_rls or not wanted:
            return wanted
        there: dict[str, Row] = {}
        for bucket_id in {event.bucket_id for event in wanted}:
            names = {event.name for event in wanted if event.bucket_id == bucket_id}
            there |= await self._selectable(bucket_id, sorted(names))
        return [shown for event in wanted if (shown := _as_seen(event, there)) is not None]

    async def _selectable(self, bucket_id: str, names: Sequence[str]) -> dict[str, Row]:
        """Return the current objects of these names that the reader may select, by id."""

        def work() -> Work[dict[str, Row]]:
            rows = (yield sql.find_visible_objects(bucket_id, names)).rows
            return {row["id"]: row for row in rows}

        try:
            return await self._executor.read(self._context, work)
        except AccessDenied:
            return {}  # a policy that cannot be evaluated lets nobody see anything


def _as_seen(event: Event, there: dict[str, Row]) -> Event | None:
    """Return an event as a caller is shown it who may select the objects `there`."""
    row = there.get(event.object_id)
    if row is None or (row["bucket_id"], row["name"]) != (event.bucket_id, event.name):
        return None
    is_current = event.payload.get("version") == row["version"]
    payload = {"metadata": event.payload["metadata"]} if is_current else {}
    return replace(event, payload=payload, actor=None)


def _is_of(type: str, wanted: str) -> bool:
    return type.startswith(wanted) if wanted.endswith(":") else type == wanted
