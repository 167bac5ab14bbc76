"""What the admin UI asks besides the storage itself: who is signed in, what happens, what is measured."""

from collections.abc import Callable
from dataclasses import dataclass

from aerostore.domain import Clock
from aerostore.executor import Executor
from aerostore.executor.law_book import LawBook
from aerostore.service.admin_session import AdminSessions
from aerostore.service.audit import Audit
from aerostore.service.feed import EventFeed
from aerostore.service.job import Jobs
from aerostore.service.law_listing import LawListing
from aerostore.service.maintenance import Maintenance
from aerostore.service.metrics import Metrics
from aerostore.service.sample import Samples
from aerostore.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """The front door of what only operators and their UI ask."""

    sessions: AdminSessions
    audit: Audit
    feed: EventFeed
    samples: Samples
    metrics: Metrics
    maintenance: Maintenance
    law: LawListing


def administration(
    executor: Executor,
    jobs: Jobs,
    book: LawBook,
    *,
    secret: str,
    uploads_under_way: Callable[[], int],
    clock: Clock,
    telemetry: Telemetry,
) -> Administration:
    """Connect the parts. secret: the server's JWT secret. uploads_under_way: of this process, now."""
    return Administration(
        sessions=AdminSessions(executor, secret, clock=clock),
        audit=Audit(executor, clock=clock),
        feed=EventFeed(executor, clock=clock),
        samples=Samples(executor, telemetry, uploads_under_way=uploads_under_way, clock=clock),
        metrics=Metrics(executor, clock=clock),
        maintenance=Maintenance(jobs),
        law=LawListing(executor, book),
    )
