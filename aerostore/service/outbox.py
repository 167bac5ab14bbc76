"""The outbox: events are recorded in the transaction that they report, and delivered afterwards, in order.

Delivery is at-least-once: a crash between sending and noting it sends again. Events of one object are
sent in the order of their commits: who writes an object holds it until then, and numbers its event after
that. A receiver that fails holds up only the objects concerned. For readers by number see `horizon`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aerostore.domain import SYSTEM, Clock, Event, EventType, JsonObject, Object, RlsContext
from aerostore.errors import Unavailable
from aerostore.events import MAX_ATTEMPTS, DeliveryFailed, EventSink, retry_delay_s
from aerostore.executor import Executor, Result, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_event
from aerostore.service.identifier import new_id
from aerostore.service.lease import Lease

_BATCH = 64
_LEASE_S = 20
_MAX_ERROR_LENGTH = 500
logger = logging.getLogger("aerostore.outbox")


class Outbox:
    """Records events and hands them to `sinks`; without sinks they are only kept for replay."""

    def __init__(self, executor: Executor, sinks: Sequence[EventSink], *, clock: Clock) -> None:
        self._executor = executor
        self._sinks = sinks
        self._clock = clock
        self._lease = Lease(executor, "outbox", clock=clock, seconds=_LEASE_S)

    def record(
        self,
        context: RlsContext,
        type: EventType,
        subject: Object,
        *,
        replaced: EventType | None = None,
        **details: Any,
    ) -> Statement:
        """Return the statement that records what `context` did to `subject`.

        replaced: for an upsert that runs before it: the type if there was an object of that name, which keeps
        its id. details: further members of the webhook's payload. Source: Supabase Storage webhooks.
        """
        event = _event(context, type, subject, self._clock(), details)
        delivered_at = self._delivered_at(event)
        if replaced is None:
            return sql.insert_event(event, delivered_at=delivered_at)
        return sql.insert_event_of_upsert(event, replaced, delivered_at=delivered_at)

    def record_each(
        self,
        context: RlsContext,
        type: EventType,
        subjects: Sequence[Object],
        details_of: Callable[[Object], Mapping[str, Any]] = lambda _subject: {},
    ) -> Statement:
        """Return the statement that records what `context` did to all of `subjects`, in their order."""
        now = self._clock()
        events = [_event(context, type, subject, now, details_of(subject)) for subject in subjects]
        return sql.insert_events(events, delivered_at=self._delivered_at(events[0]))

    def _delivered_at(self, event: Event) -> datetime | None:
        return None if self._sinks else event.created_at

    async def deliver_due(self) -> int:
        """Deliver what is due now; return how many events were settled or put off."""
        # As the system: the outbox belongs to no caller.
        events = await self._executor.read(SYSTEM, self._due)
        if events:
            results = await asyncio.gather(*(self._deliver(event) for event in events))
            await self._executor.write(SYSTEM, lambda: _all(results))
        return len(events)

    async def deliver_for_ever(self, idle_s: float) -> None:
        """Deliver until cancelled, looking again after `idle_s` when there is nothing to do."""
        if not self._sinks:
            return
        try:
            await self._deliver_while_held(idle_s)
        finally:
            await self._lease.release()

    async def _deliver_while_held(self, idle_s: float) -> None:
        while True:
            busy = 0
            try:
                if await self._lease.hold():
                    busy = await self.deliver_due()
            except Unavailable as exc:  # no news: each request says so too
                logger.warning("events wait for the database", extra={"facts": {"reason": exc.message}})
            except Exception:  # whatever it was, later events must go out all the same
                logger.exception("event delivery stopped for a moment")
            if not busy:
                await asyncio.sleep(idle_s)

    def _due(self) -> Work[list[Event]]:
        return [to_event(row) for row in (yield sql.list_due_events(self._clock(), _BATCH)).rows]

    async def _deliver(self, event: Event) -> Statement:
        try:
            for sink in self._sinks:
                await sink.deliver(event)
        except DeliveryFailed as failure:
            return self._put_off(event, failure)
        except Exception as exc:  # a sink's mistake must not hold up the events of other objects
            logger.exception("event sink failed", extra={"facts": {"event_id": event.id}})
            return self._put_off(event, DeliveryFailed(type(exc).__name__))
        return sql.settle_event(event.seq, {"delivered_at": self._clock()})

    def _put_off(self, event: Event, failure: DeliveryFailed) -> Statement:
        attempts, now = event.attempts + 1, self._clock()
        changes: JsonObject = {"attempts": attempts, "last_error": str(failure)[:_MAX_ERROR_LENGTH]}
        if failure.permanent or attempts >= MAX_ATTEMPTS:
            logger.error("event given up", extra={"facts": {"event_id": event.id, "reason": str(failure)}})
            return sql.settle_event(event.seq, {**changes, "dead_at": now})
        # Jitter spreads retries; nothing secret depends on it.
        delay = timedelta(seconds=retry_delay_s(event.attempts, random.random()))
        return sql.settle_event(event.seq, {**changes, "next_attempt_at": now + delay})


def _all(statements: Sequence[Statement]) -> Work[None]:
    for statement in statements:
        _result: Result = yield statement


def _event(
    context: RlsContext, type: EventType, subject: Object, now: datetime, details: Mapping[str, Any]
) -> Event:
    payload: JsonObject = {
        "tenant": {"ref": "aerostore"},
        "name": subject.name,
        "version": subject.version,
        "bucketId": subject.bucket_id,
        "metadata": subject.metadata,
        "reqId": context.request_id,
        **details,
    }
    return Event(
        seq=0,
        id=new_id(),
        type=type,
        bucket_id=subject.bucket_id,
        name=subject.name,
        object_id=subject.id,
        payload=payload,
        created_at=now,
        actor={"role": context.role, "sub": context.user_id},
    )
