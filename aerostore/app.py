"""The front gate: builds every part once and connects them. The only place that names concrete adapters."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

import aerostore
from aerostore.api import routes
from aerostore.api.admin.area import AdminArea
from aerostore.api.admin.configuration import Configuration
from aerostore.api.admin.edge import AdminEdge
from aerostore.api.admin.table import admin_routes
from aerostore.api.application import Application
from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.cors import Cors
from aerostore.api.denial import DenialDesk
from aerostore.api.gate import Gate
from aerostore.api.s3 import PREFIX as S3_PREFIX
from aerostore.api.s3.caller import S3Callers
from aerostore.api.s3.error import to_response as to_s3_response
from aerostore.api.s3.root import AtRoot
from aerostore.api.tus.edge import PREFIX as TUS_PREFIX
from aerostore.api.tus.edge import TusEdge
from aerostore.api.tus.error import to_response as to_tus_response
from aerostore.api.tus.header import EXPOSED_HEADERS as TUS_HEADERS
from aerostore.api.tus.header import capability_headers
from aerostore.backend import BlobBackend
from aerostore.backend.local import LocalBackend
from aerostore.backend.metered import MeteredBackend
from aerostore.domain import Clock, RlsContext, to_iso, utc_now
from aerostore.errors import StorageError
from aerostore.events import EventSink
from aerostore.events.log import LogSink
from aerostore.events.webhook import WebhookSink
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.judge import Judge
from aerostore.executor.judge_postgres import PostgresJudge, read_origins
from aerostore.executor.judge_sqlite import SqliteJudge
from aerostore.executor.law_book import LawBook
from aerostore.executor.law_book_postgres import PostgresLawBook
from aerostore.executor.law_book_sqlite import SqliteLawBook
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
from aerostore.service.access_key import AccessKeys
from aerostore.service.admin import Administration, administration
from aerostore.service.assemble import Limits, file_storage, folder_workers
from aerostore.service.denial import Denials
from aerostore.service.ending import end
from aerostore.service.explain import Explain
from aerostore.service.job_runner import JobRunner, JobWorker
from aerostore.service.maintenance import RECLAIM, SCRUB, ReclaimWorker, ScrubWorker
from aerostore.service.outbox import Outbox
from aerostore.service.reclaim import Reclaim, ReclaimPolicy
from aerostore.service.rehearsal import Rehearsal
from aerostore.service.scrub import Scrub
from aerostore.service.signed_url import LinkSigner
from aerostore.service.zip import MOST_MEMBERS
from aerostore.settings import Settings
from aerostore.telemetry import Telemetry

_EVENT_POLL_S = 0.2
_DENIALS_EVERY_S = 1.0
_AUDIT_EVERY_S = 1.0
_JOBS_EVERY_S = 1.0
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
    access_keys: AccessKeys
    admin: Administration
    job_runner: JobRunner
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
    rows = _rows(settings, adopt=adopt)
    executor, limits = rows.executor, _limits(settings)
    backend = MeteredBackend(LocalBackend(settings.blobs_path), telemetry.backend_call)
    sinks = _sinks(settings)
    outbox = Outbox(executor, sinks, clock=clock)
    explain = Explain(executor, rows.judge, Rehearsal(executor=executor, clock=clock, limits=limits))
    storage = file_storage(
        executor,
        backend,
        outbox,
        LinkSigner(settings.signing_keys, clock=clock),
        limits,
        clock=clock,
        telemetry=telemetry,
    )
    jobs = storage.jobs
    reclaim = partial(_reclaim, settings, executor, backend, clock=clock, telemetry=telemetry)
    scrub = partial(
        Scrub, executor, backend, bytes_per_s=settings.scrub_rate, clock=clock, telemetry=telemetry
    )
    # Instances of their own: a lease belongs to one, and two runs of it would not see each other.
    workers: dict[str, JobWorker] = {
        **folder_workers(executor, outbox, jobs, limits, clock=clock),
        RECLAIM: ReclaimWorker(reclaim(), jobs, clock=clock),
        SCRUB: ScrubWorker(scrub(), jobs, clock=clock),
    }
    return Parts(
        settings=settings,
        executor=executor,
        policies=rows.policies,
        backend=backend,
        outbox=outbox,
        reclaim=reclaim(),
        scrub=scrub(),
        storage=storage,
        access_keys=_access_keys(settings, executor, clock=clock),
        admin=administration(
            executor,
            jobs,
            rows.book,
            secret=settings.jwt_secret,
            uploads_under_way=lambda: backend.writes_under_way,
            clock=clock,
            telemetry=telemetry,
        ),
        job_runner=JobRunner(executor, jobs, workers, clock=clock, telemetry=telemetry),
        explain=explain,
        denials=Denials(executor, explain, clock=clock, telemetry=telemetry),
        telemetry=telemetry,
        sinks=sinks,
    )


def _reclaim(
    settings: Settings, executor: Executor, backend: BlobBackend, *, clock: Clock, telemetry: Telemetry
) -> Reclaim:
    carefulness = ReclaimPolicy(
        grace_s=settings.reclaim_grace,
        max_deletes=settings.reclaim_max_deletes,
        event_retention_s=settings.event_retention,
    )
    return Reclaim(executor, backend, carefulness, clock=clock, telemetry=telemetry)


def policy_sources(settings: Settings) -> list[Source]:
    """Read the policy files: those of the settings, else the shipped ones. Raises: OSError."""
    folder = Path(settings.policies_dir) if settings.policies_dir else shipped_folder("policies")
    return read_policy_files(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Where rows are, who explains and who lists their policies, and what brings these to a server."""

    executor: Executor
    judge: Judge
    book: LawBook
    policies: OwnPolicies | None = None


def _rows(settings: Settings, *, adopt: bool) -> _Rows:
    sources = policy_sources(settings)
    if settings.database_url:
        origins = read_origins(sources)
        return _Rows(
            executor=_postgres(settings, adopt=adopt),
            judge=PostgresJudge(settings.database_url, origins),
            book=PostgresLawBook(settings.database_url, origins),
            policies=OwnPolicies(settings.database_url, sources),
        )
    catalog = Catalog()
    policies = load(sources, catalog)
    return _Rows(
        executor=SqliteExecutor(settings.database_path, CompiledPolicies(policies)),
        judge=SqliteJudge(settings.database_path, policies, catalog),
        book=SqliteLawBook(policies),
    )


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


def _limits(settings: Settings) -> Limits:
    return Limits(
        file_size_limit=settings.file_size_limit,
        empty_at_most=settings.empty_bucket_max,
        upload_url_expires_in_s=settings.upload_url_expires_in,
        resumable_lifetime_s=settings.resumable_upload_lifetime,
        multipart_lifetime_s=settings.multipart_upload_lifetime,
    )


def _access_keys(settings: Settings, executor: Executor, *, clock: Clock) -> AccessKeys:
    configured = None
    if settings.s3_access_key_id:
        configured = settings.s3_access_key_id, settings.s3_secret_access_key
    return AccessKeys(executor, settings.signing_keys, clock=clock, configured=configured)


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


def make_s3_callers(parts: Parts, authenticator: Authenticator, *, clock: Clock = utc_now) -> S3Callers:
    """Return what verifies the signatures of S3 requests."""
    return S3Callers(
        authenticator,
        parts.access_keys,
        region=parts.settings.s3_region,
        anon_key=parts.settings.anon_key,
        public_url=parts.settings.public_url,
        clock=clock,
    )


def create_s3_app(settings: Settings | None = None) -> ASGIApp:
    """Return the application of the second port: the S3 protocol at its root.

    It runs beside the other one, which has the background jobs.
    """
    return AtRoot(create_app(settings, runs_jobs=False))


def create_app(
    settings: Settings | None = None, *, clock: Clock = utc_now, runs_jobs: bool = True
) -> Starlette:
    """Return the ASGI application, with everything under /storage/v1.

    settings: from the environment when None. runs_jobs: deliver events, reclaim and scrub. The lifespan
    opens and closes rows and bytes and runs these jobs; an application that mounts this one must run it: see
    docs/how-to/mount.md.
    """
    given = settings or Settings.from_env()
    parts = build(given, clock=clock)
    settings = parts.settings
    authenticator = make_authenticator(settings, clock=clock)
    callers = Callers(authenticator)

    @contextlib.asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        try:
            async with parts.serving(), _background(parts, runs_jobs=runs_jobs):
                yield
                parts.admin.feed.close()
        finally:
            await authenticator.close()

    public = routes(
        parts.storage,
        callers,
        authenticator,
        parts.explain,
        parts.admin.audit,
        telemetry=parts.telemetry,
        healthy=lambda: _is_healthy(parts.executor),
        version=aerostore.__version__,
        body_timeout_s=settings.body_timeout,
        public_url=settings.public_url,
        s3_callers=make_s3_callers(parts, authenticator, clock=clock),
        s3_region=settings.s3_region,
    )
    admin = admin_routes(
        parts.storage,
        parts.admin,
        parts.explain,
        callers,
        authenticator,
        configuration=_configuration(given, clock=clock),
        healthy=lambda: _is_healthy(parts.executor),
        body_timeout_s=settings.body_timeout,
    )
    app = Application(
        [*public, *admin],
        middleware=_middleware(parts),
        lifespan=lifespan,
    )
    app.state.end_streams = parts.admin.feed.close
    return app


def _middleware(parts: Parts) -> list[Middleware]:
    """Return what is around the routes, outermost first."""
    settings = parts.settings
    return [
        Middleware(AdminArea),
        Middleware(TusEdge, capabilities=capability_headers(settings.file_size_limit)),
        Middleware(
            Cors,
            allow_origins=list(settings.cors_origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[*_EXPOSED_HEADERS, *TUS_HEADERS],
            max_age=86400,
        ),
        Middleware(
            Gate,
            telemetry=parts.telemetry,
            strict=settings.strict_status,
            on_refusal=DenialDesk(parts.denials),
            renderers={TUS_PREFIX: to_tus_response, S3_PREFIX: to_s3_response},
            max_requests=settings.max_requests,
            send_timeout_s=settings.send_timeout,
        ),
        Middleware(AdminEdge, sessions=parts.admin.sessions, public_url=settings.public_url),
    ]


def _configuration(given: Settings, *, clock: Clock) -> Configuration:
    """Return what the admin UI shows of the settings. given: as they were before secrets were generated."""
    return Configuration(
        version=aerostore.__version__,
        public_url=given.public_url,
        database="postgres" if given.database_url else "sqlite",
        workers=given.workers,
        started_at=to_iso(clock()),
        file_size_limit_bytes=given.file_size_limit,
        resumable_lifetime_s=given.resumable_upload_lifetime,
        empty_bucket_max=given.empty_bucket_max,
        zip_names_max=MOST_MEMBERS,
        settings=[asdict(each) for each in given.described()],
    )


@contextlib.asynccontextmanager
async def _background(parts: Parts, *, runs_jobs: bool) -> AsyncIterator[None]:
    """Keep denials, audit and samples beside the requests; with runs_jobs do what one process has to do.

    A restored database must be noticed before the first write makes it look new.
    """
    await parts.reclaim.check_age()
    work = [
        parts.denials.write_for_ever(_DENIALS_EVERY_S),
        parts.admin.audit.write_for_ever(_AUDIT_EVERY_S),
        parts.admin.samples.write_for_ever(),
    ]
    if runs_jobs:
        work.append(parts.outbox.deliver_for_ever(_EVENT_POLL_S))
        work.append(parts.job_runner.run_for_ever(_JOBS_EVERY_S))
        work.append(parts.reclaim.run_for_ever(parts.settings.reclaim_interval))
    if runs_jobs and parts.settings.scrub_interval:
        work.append(parts.scrub.run_for_ever(parts.settings.scrub_interval))
    jobs = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        await end(jobs)


async def _is_healthy(executor: Executor) -> bool:
    def work() -> Work[bool]:
        return bool((yield sql.ping()).rows)

    try:
        async with asyncio.timeout(_HEALTH_TIMEOUT_S):
            return await executor.read(RlsContext(role="anon"), work)
    except (StorageError, TimeoutError):
        return False
