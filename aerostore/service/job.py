"""Jobs: work that outlives a request, kept as rows, so that another process can go on with it.

A job acts as whoever started it, by role, subject and claims; no token is kept. `job_runner` runs it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aerostore.domain import SYSTEM, Clock, Job, JobState, JsonObject, RlsContext
from aerostore.errors import Conflict, NotFound, SlowDown, StorageError
from aerostore.executor import Executor, Work
from aerostore.executor.row import to_job
from aerostore.executor.statements import job_record
from aerostore.permissions import JOB_CANCEL, JOB_GET, JOB_LIST, admit
from aerostore.service.identifier import new_id
from aerostore.telemetry import Telemetry

KEPT_JOBS = 10_000
"""How many jobs of each role are remembered after their end."""
MOST_UNFINISHED = 20
"""How many jobs one caller may have under way at once."""
KEPT_ENTRIES = 1000
"""How many entries a report has."""
_LISTED_AT_ONCE = 1000


class JobStopped(Exception):
    """The job has ended, is to stop, or another process goes on with it: whoever meets this lets go of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs to list. cursor: the id that the page before ended with."""

    kind: str | None = None
    state: JobState | None = None
    limit: int = 50
    cursor: str | None = None


class Jobs:
    """The jobs of everybody. news: set whenever this process has something new to do."""

    def __init__(self, executor: Executor, *, clock: Clock, telemetry: Telemetry) -> None:
        self._executor = executor
        self._clock = clock
        self._telemetry = telemetry
        self.news = asyncio.Event()

    async def start(
        self, context: RlsContext, kind: str, request: JsonObject, *, alone: Sequence[str] = ()
    ) -> Job:
        """Keep a job to be done. alone: kinds of which none may be under way.

        Raises: Conflict; SlowDown when the caller has too many jobs under way.
        """
        job = new_job(context, kind, request, self._clock())

        def work() -> Work[None]:
            yield job_record.wait_to_start()
            counted = job_record.count_unfinished(context.role, context.user_id, alone)
            under_way = (yield counted).rows[0]
            if under_way["same_kind"]:
                raise Conflict(
                    "A job of this kind is under way", hint="Wait for its end, or cancel it first."
                )
            if under_way["own"] >= MOST_UNFINISHED:
                raise SlowDown(
                    f"{MOST_UNFINISHED} jobs of yours are under way",
                    hint="Wait until one has ended, or cancel one.",
                )
            yield job_record.insert_job(job)

        await self._executor.write(context, work)
        self.news.set()
        return job

    async def get(self, context: RlsContext, job_id: str) -> Job:
        """Return a job with its report. Raises: NotFound when there is none, or it is somebody else's."""
        context = admit(context, JOB_GET)
        return await self._executor.read(context, lambda: _own_job(context, job_id))

    async def list(self, context: RlsContext, query: JobQuery) -> tuple[Sequence[Job], str | None]:
        """Return a page of jobs without reports, newest first, and the cursor of the next one.

        The service role sees all; others see those of their role and subject, and nobody those of nobody.
        """
        context = admit(context, JOB_LIST)
        if context.user_id is None and not context.can_bypass_rls:
            return [], None
        where = {"kind": query.kind, "state": query.state}
        statement = job_record.list_jobs(
            before=query.cursor,
            limit=query.limit + 1,
            owner=None if context.can_bypass_rls else (context.role, context.user_id or ""),
            where={name: str(value) for name, value in where.items() if value is not None},
        )

        def work() -> Work[list[Job]]:
            return [to_job(row) for row in (yield statement).rows]

        jobs = await self._executor.read(context, work)
        page = jobs[: query.limit]
        return page, page[-1].id if len(jobs) > query.limit else None

    async def cancel(self, context: RlsContext, job_id: str) -> Job:
        """Ask a job to stop, and return it as it is then. What is done stays done.

        Raises: NotFound as `get`; Conflict when it has ended.
        """
        context = admit(context, JOB_CANCEL)

        def work() -> Work[Job]:
            yield from _own_job(context, job_id)
            if not (yield job_record.ask_to_stop(job_id, self._clock())).changed:
                raise Conflict("The job has ended already", hint="Look at it for what it has done.")
            return (yield from _own_job(context, job_id))

        job = await self._executor.write(context, work)
        self.count_ended(job)  # one that waits ends at once
        self.news.set()
        return job

    # For those who do the work, as the system: it is not the caller who keeps books.

    async def unfinished(self) -> Sequence[Job]:
        """Return the jobs that have not ended, the oldest first, without their reports."""

        def work() -> Work[list[Job]]:
            return [to_job(row) for row in (yield job_record.list_unfinished(_LISTED_AT_ONCE)).rows]

        return await self._executor.read(SYSTEM, work)

    async def find(self, job_id: str) -> Job | None:
        """Return a job with its report, whoever's it is."""

        def work() -> Work[Job | None]:
            rows = (yield job_record.find_job(job_id)).rows
            return to_job(rows[0]) if rows else None

        return await self._executor.read(SYSTEM, work)

    async def advance(self, before: Job, after: Job) -> Job:
        """Note how far a job is, and return that. Raises: JobStopped."""

        def work() -> Work[Job]:
            return (yield from advanced(before, after))

        job = await self._executor.write(SYSTEM, work)
        self.count_ended(job)
        return job

    async def end(self, job: Job, state: JobState, **changes: Any) -> None:
        """Note how a job has ended, and `changes` of its other columns; the first to say so counts."""
        now = self._clock()
        ended = {**changes, "state": state, "is_cancelling": False, "updated_at": now, "finished_at": now}

        def work() -> Work[int]:
            return (yield job_record.end_job(job.id, ended)).changed

        if await self._executor.write(SYSTEM, work):
            self.count_ended(replace(job, state=state))

    def count_ended(self, job: Job) -> None:
        """Count a job for the metrics when it has ended; whoever has noted its end calls this once."""
        if job.has_ended:
            self._telemetry.jobs.labels(job.kind, str(job.state)).inc()

    async def trim(self) -> None:
        """Forget the oldest jobs that have ended."""

        def work() -> Work[None]:
            yield job_record.trim_jobs(KEPT_JOBS)

        await self._executor.write(SYSTEM, work)


def new_job(context: RlsContext, kind: str, request: JsonObject, now: datetime) -> Job:
    """Return a job that nobody has begun with."""
    return Job(
        id=new_id(),
        kind=kind,
        state=JobState.PENDING,
        context=context,
        request=request,
        created_at=now,
        updated_at=now,
    )


def advanced(before: Job, after: Job) -> Work[Job]:
    """Note how far a job is, in the transaction that does the work, which is undone if the job must stop.

    Raises: JobStopped.
    """
    if not (yield job_record.advance_job(before, after)).changed:
        raise JobStopped
    return after


def problem_of(error: StorageError) -> JsonObject:
    """Return why a job stopped, as it is kept."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def report_entry(
    kind: str,
    reason: str,
    bucket_id: str | None = None,
    name: str | None = None,
    *,
    key: str | None = None,
    size_bytes: int | None = None,
    since: str | None = None,
) -> JsonObject:
    """Return one thing that a report tells of: an object, or stored bytes by their key."""
    return {
        "kind": kind,
        "bucket": bucket_id,
        "name": name,
        "key": key,
        "size_bytes": size_bytes,
        "since": since,
        "reason": reason,
    }


def report_of(
    entries: Sequence[Mapping[str, object]], counters: Mapping[str, int] | None = None
) -> JsonObject:
    """Return the report of a job: its counters, and as many of the entries as are kept."""
    return {
        "counters": dict(counters or {}),
        "entries": [dict(each) for each in entries[:KEPT_ENTRIES]],
        "complete": len(entries) <= KEPT_ENTRIES,
    }


def with_entries(report: JsonObject, entries: Sequence[Mapping[str, object]], *, first: bool) -> JsonObject:
    """Return `report` with further entries, in front of those it has or behind them."""
    known = report.get("entries", [])
    longer = report_of([*entries, *known] if first else [*known, *entries], report.get("counters"))
    return {**longer, "complete": longer["complete"] and report.get("complete", True)}


def _own_job(context: RlsContext, job_id: str) -> Work[Job]:
    rows = (yield job_record.find_job(job_id)).rows
    job = to_job(rows[0]) if rows else None
    if job is None or not _may_see(context, job):
        raise NotFound("Job not found", hint="Check its id. Jobs are shown to whoever started them.")
    return job


def _may_see(context: RlsContext, job: Job) -> bool:
    starter = job.context
    return context.can_bypass_rls or (starter.role, starter.user_id) == (context.role, context.user_id)
