"""The front gate: builds every part once and connects them. The only place that names concrete adapters."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

import aerostore
from aerostore.api import no_such_route, routes
from aerostore.api.auth import Authenticator
from aerostore.api.denial import DenialDesk
from aerostore.api.gate import Gate
from aerostore.backend import BlobBackend
from aerostore.backend.local import LocalBackend
from aerostore.backend.metered import MeteredBackend
from aerostore.domain import Clock, RlsContext, utc_now
from aerostore.errors import StorageError
from aerostore.events import EventSink
from aerostore.events.log import LogSink
from aerostore.events.webhook import WebhookSink
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.judge import Judge
from aerostore.executor.judge_postgres import PostgresJudge, read_origins
from aerostore.executor.judge_sqlite import SqliteJudge
from aerostore.executor.migrations import shipped_folder
from aerostore.executor.own_policies import OwnPolicies
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.postgres.installation import plan_takeover as postgres_takeover
from aerostore.executor.postgres.survey import Survey as Survey
from aerostore.executor.postgres.survey import survey
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies, read_policy_files
from aerostore.policy import Source
from aerostore.policy.catalog import Catalog
from aerostore.policy.change import Change
from aerostore.policy.loader import load
from aerostore.service import FileStorage
from aerostore.service.bucket import Buckets
from aerostore.service.denial import Denials
from aerostore.service.download import Downloads
from aerostore.service.explain import Explain
from aerostore.service.file import Files
from aerostore.service.listing import Listing
from aerostore.service.outbox import Outbox
from aerostore.service.reclaim import Reclaim, ReclaimPolicy
from aerostore.service.rehearsal import Rehearsal
from aerostore.service.scrub import Scrub
from aerostore.service.signed_url import LinkSigner, SignedUrls
from aerostore.settings import Settings
from aerostore.telemetry import Telemetry

_EVENT_POLL_S = 0.2
_DENIALS_EVERY_S = 1.0
_HEALTH_TIMEOUT_S = 2.0
# Browsers let scripts read these besides the safelisted ones (Fetch standard 4.9).
_EXPOSED_HEADERS = (
    "accept-ranges",
    "content-disposition",
    "content-length",
    "content-range",
    "etag",
    "x-request-id",
)
logger = logging.getLogger("aerostore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that one application is made of."""

    settings: Settings
    executor: Executor
    policies: OwnPolicies | None
    backend: BlobBackend
    outbox: Outbox
    reclaim: Reclaim
    scrub: Scrub
    storage: FileStorage
    explain: Explain
    denials: Denials
    telemetry: Telemetry
    sinks: tuple[EventSink, ...]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open rows and bytes for the time of the block."""
        await self.executor.start()
        try:
            yield
        finally:
            for sink in self.sinks:
                await sink.close()
            await self.executor.close()
            await self.backend.close()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[Change, ...]]:
        """Open rows and bytes, and see to it that the policies are those of the files; yield what changed."""
        async with self.running():
            yield await self.policies.bring_up_to_date() if self.policies else ()


def build(settings: Settings, *, clock: Clock = utc_now, adopt: bool = False) -> Parts:
    """Connect the parts as `settings` says, without touching the disk beyond generated secrets.

    adopt: take over storage tables that something else made in PostgreSQL.
    """
    settings = settings.with_secrets()
    telemetry = Telemetry()
    executor, judge, policies = _rows(settings, adopt=adopt)
    backend = MeteredBackend(LocalBackend(settings.blobs_path), telemetry.backend_call)
    sinks = _sinks(settings)
    outbox = Outbox(executor, sinks, clock=clock)
    files = Files(
        executor,
        backend,
        outbox,
        clock=clock,
        telemetry=telemetry,
        file_size_limit=settings.file_size_limit,
    )
    explain = Explain(executor, judge, _rehearsal(settings, executor, clock=clock))
    signer = LinkSigner(settings.signing_keys, clock=clock)
    storage = FileStorage(
        buckets=Buckets(
            executor,
            outbox,
            clock=clock,
            file_size_limit=settings.file_size_limit,
            empty_at_most=settings.empty_bucket_max,
        ),
        files=files,
        downloads=Downloads(executor, backend, telemetry=telemetry),
        listing=Listing(executor),
        signed_urls=SignedUrls(executor, files, signer, upload_expires_in_s=settings.upload_url_expires_in),
    )
    carefulness = ReclaimPolicy(
        grace_s=settings.reclaim_grace,
        max_deletes=settings.reclaim_max_deletes,
        event_retention_s=settings.event_retention,
    )
    return Parts(
        settings=settings,
        executor=executor,
        policies=policies,
        backend=backend,
        outbox=outbox,
        reclaim=Reclaim(executor, backend, carefulness, clock=clock, telemetry=telemetry),
        scrub=Scrub(executor, backend, bytes_per_s=settings.scrub_rate, clock=clock, telemetry=telemetry),
        storage=storage,
        explain=explain,
        denials=Denials(executor, explain, clock=clock, telemetry=telemetry),
        telemetry=telemetry,
        sinks=sinks,
    )


def policy_sources(settings: Settings) -> list[Source]:
    """Read the policy files: those of the settings, else the shipped ones. Raises: OSError."""
    folder = Path(settings.policies_dir) if settings.policies_dir else shipped_folder("policies")
    return read_policy_files(folder)


def _rows(settings: Settings, *, adopt: bool) -> tuple[Executor, Judge, OwnPolicies | None]:
    """Return where rows are, who explains its policies, and what brings them there when it is a server."""
    sources = policy_sources(settings)
    if settings.database_url:
        return (
            _postgres(settings, adopt=adopt),
            PostgresJudge(settings.database_url, read_origins(sources)),
            OwnPolicies(settings.database_url, sources),
        )
    catalog = Catalog()
    policies = load(sources, catalog)
    judge = SqliteJudge(settings.database_path, policies, catalog)
    return SqliteExecutor(settings.database_path, CompiledPolicies(policies)), judge, None


def _postgres(settings: Settings, *, adopt: bool) -> PostgresExecutor:
    return PostgresExecutor(
        settings.database_url,
        pool_size=settings.database_pool_size,
        prepared_statements=settings.database_prepared_statements,
        adopt=adopt,
    )


async def plan_takeover(settings: Settings, *, adopt: bool) -> list[str]:
    """Return the SQL that would adopt storage tables of others in PostgreSQL; empty without such tables.

    Raises: Unavailable when there are some and `adopt` is not set, or when they do not fit.
    """
    if not settings.database_url:
        return []
    return await postgres_takeover(settings.database_url, adopt=adopt)


async def survey_database(settings: Settings) -> Survey:
    """Look at the PostgreSQL database, for `doctor`. Raises: Unavailable."""
    return await survey(settings.database_url)


def _rehearsal(settings: Settings, executor: Executor, *, clock: Clock) -> Rehearsal:
    return Rehearsal(
        executor=executor,
        clock=clock,
        file_size_limit=settings.file_size_limit,
        empty_at_most=settings.empty_bucket_max,
    )


def _sinks(settings: Settings) -> tuple[EventSink, ...]:
    sinks: list[EventSink] = []
    if settings.event_log:
        sinks.append(LogSink())
    if settings.webhook_url:
        sinks.append(
            WebhookSink(
                settings.webhook_url,
                secret=settings.webhook_secret or None,
                allow_private=settings.webhook_allow_private,
            )
        )
    return tuple(sinks)


def make_authenticator(settings: Settings, *, clock: Clock = utc_now) -> Authenticator:
    """Return what verifies the tokens of callers. settings: with secrets."""
    return Authenticator(
        secret=settings.jwt_secret,
        jwks=settings.jwks,
        jwks_url=settings.jwks_url or None,
        now=lambda: clock().timestamp(),
    )


def create_app(settings: Settings | None = None, *, clock: Clock = utc_now) -> Starlette:
    """Return the ASGI application, with everything under /storage/v1.

    settings: from the environment when None. The lifespan opens and closes rows and bytes and runs the
    background jobs; an application that mounts this one must run it: see docs/how-to/mount.md.
    """
    parts = build(settings or Settings.from_env(), clock=clock)
    settings = parts.settings
    authenticator = make_authenticator(settings, clock=clock)

    @contextlib.asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        try:
            async with parts.serving(), _background(parts):
                yield
        finally:
            await authenticator.close()

    app = Starlette(
        routes=routes(
            parts.storage,
            authenticator,
            parts.explain,
            telemetry=parts.telemetry,
            healthy=lambda: _is_healthy(parts.executor),
            version=aerostore.__version__,
            body_timeout_s=settings.body_timeout,
        ),
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_origins),
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=list(_EXPOSED_HEADERS),
                max_age=86400,
            ),
            Middleware(
                Gate,
                telemetry=parts.telemetry,
                strict=settings.strict_status,
                on_refusal=DenialDesk(parts.denials),
                max_requests=settings.max_requests,
                send_timeout_s=settings.send_timeout,
            ),
        ],
        exception_handlers={HTTPException: _refuse_route},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _refuse_route(request: Request, _exc: Exception) -> Response:
    """Answer an unknown path, and a known one with another method, alike: as Supabase does."""
    raise no_such_route(request.scope)


@contextlib.asynccontextmanager
async def _background(parts: Parts) -> AsyncIterator[None]:
    """Deliver events, reclaim and scrub bytes, and keep denials beside the requests.

    A restored database must be noticed before the first write makes it look new.
    """
    await parts.reclaim.check_age()
    jobs = [
        asyncio.create_task(parts.outbox.deliver_for_ever(_EVENT_POLL_S)),
        asyncio.create_task(parts.reclaim.run_for_ever(parts.settings.reclaim_interval)),
        asyncio.create_task(parts.denials.write_for_ever(_DENIALS_EVERY_S)),
    ]
    if parts.settings.scrub_interval:
        jobs.append(asyncio.create_task(parts.scrub.run_for_ever(parts.settings.scrub_interval)))
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def _is_healthy(executor: Executor) -> bool:
    def work() -> Work[bool]:
        return bool((yield sql.ping()).rows)

    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            return await executor.read(RlsContext(role="anon"), work)
    except (StorageError, TimeoutError):
        return False
