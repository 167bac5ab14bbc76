"""What operators ask of a stage besides what is stored: sessions, events, metrics, policies, jobs."""

from contextlib import aclosing
from itertools import count

from aerostore.domain import RlsContext
from aerostore.executor.law_book_sqlite import SqliteLawBook
from aerostore.policy import load
from aerostore.service.admin_session import AdminSessions
from aerostore.service.audit import Audit
from aerostore.service.feed import Beat, EventFeed, FeedQuery
from aerostore.service.job import Jobs
from aerostore.service.law_listing import LawListing
from aerostore.service.maintenance import Maintenance
from aerostore.service.metrics import Metrics
from tests.service.rows import DEFAULT_SOURCES
from tests.service.stage import Stage


async def _always() -> bool:
    return True


async def events_shown(stage: Stage, by: RlsContext) -> list[str]:
    """Return the names of the objects of all events of the past that `by` is shown."""
    # At each look a minute has passed: a beat comes after each batch.
    feed = EventFeed(stage.executor, clock=stage.clock, monotonic=count(0, 60).__next__)
    stream = feed.follow(by, FeedQuery(after=0), session_id="session", is_open=_always)
    names, beats = list[str](), 0
    async with aclosing(stream.items()) as items:
        async for item in items:
            beats += isinstance(item, Beat)
            if beats == 2:
                break
            names += [getattr(item, "name", "")] * (not isinstance(item, Beat))
    stream.close()
    return names


def sessions_of(stage: Stage) -> AdminSessions:
    return AdminSessions(stage.executor, "the JWT secret of the stage", clock=stage.clock)


def metrics_of(stage: Stage) -> Metrics:
    return Metrics(stage.executor, clock=stage.clock)


def audit_of(stage: Stage) -> Audit:
    return Audit(stage.executor, clock=stage.clock)


def law_of(stage: Stage) -> LawListing:
    """Return the shipped policies, which every stage has that asks for no others."""
    return LawListing(stage.executor, SqliteLawBook(load(DEFAULT_SOURCES)))


def maintenance_of(stage: Stage) -> Maintenance:
    return Maintenance(Jobs(stage.executor, clock=stage.clock, telemetry=stage.telemetry))
