"""Reclaim and scrub as jobs: begun by an operator, run by any process, with a report of what they found."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aerostore.domain import Clock, Job, JobState, JsonObject, RlsContext, ScrubRound
from aerostore.permissions import ADMIN_JOB_RECLAIM, ADMIN_JOB_SCRUB, admit
from aerostore.service.ending import end
from aerostore.service.job import Jobs, report_of
from aerostore.service.reclaim import Reclaim, ReclaimReport
from aerostore.service.scrub import Scrub, ScrubReport

RECLAIM, SCRUB = "reclaim", "scrub"
SAVE_EVERY_S = 1.0
_NO_ROW = "stored bytes without a row, older than the grace period"
_NO_BYTES = "a row whose bytes are gone or have another length"
_OTHER_BYTES = "a row whose bytes have another hash"


@dataclass(slots=True)
class _Reached:
    """How far work is, as it says itself."""

    done: int = 0
    done_bytes: int = 0


class Maintenance:
    """Starts the jobs of operators."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def start_reclaim(self, context: RlsContext, *, apply: bool) -> Job:
        """Have waste looked for; with `apply` have removed what is ripe.

        Raises: RoleNotAllowed; Conflict while such a job is under way.
        """
        context = admit(context, ADMIN_JOB_RECLAIM)
        return await self._jobs.start(context, RECLAIM, {"apply": apply}, alone=(RECLAIM,))

    async def start_scrub(self, context: RlsContext) -> Job:
        """Have all stored bytes compared with their hashes, from where an earlier round was interrupted.

        Raises: RoleNotAllowed; Conflict while such a job is under way.
        """
        context = admit(context, ADMIN_JOB_SCRUB)
        return await self._jobs.start(context, SCRUB, {}, alone=(SCRUB,))


class ReclaimWorker:
    """Runs jobs of reclaim. One that was interrupted looks at everything again."""

    def __init__(self, reclaim: Reclaim, jobs: Jobs, *, clock: Clock) -> None:
        self._reclaim = reclaim
        self._log = _Log(jobs, clock)

    async def run(self, job: Job) -> None:
        """Run the job to its end. Raises: JobStopped; Unavailable."""
        reached = _Reached()

        def watch(scanned: int) -> None:
            reached.done = scanned

        running = self._reclaim.run(apply=bool(job.request.get("apply")), watch=watch)
        job, found = await self._log.followed(job, running, reached)
        await self._log.end(job, reached, _reclaim_report(found))


class ScrubWorker:
    """Runs jobs of scrub; one that was interrupted goes on."""

    def __init__(self, scrub: Scrub, jobs: Jobs, *, clock: Clock) -> None:
        self._scrub = scrub
        self._log = _Log(jobs, clock)

    async def run(self, job: Job) -> None:
        """Run the job to its end. Raises: JobStopped; Unavailable."""
        reached = _Reached()

        def watch(round: ScrubRound) -> None:
            reached.done, reached.done_bytes = round.checked, round.checked_bytes

        job, found = await self._log.followed(job, self._scrub.run(watch=watch), reached)
        await self._log.end(job, reached, _scrub_report(found))


class _Log:
    """Notes in a job's row how far its work is."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def followed(self, job: Job, work: Awaitable[Any], reached: _Reached) -> tuple[Job, Any]:
        """Return what `work` gives and the job as it is then; end it when the job is to stop.

        Raises: JobStopped; what `work` raises.
        """
        running = asyncio.ensure_future(work)
        try:
            while True:
                job = await self._advanced(job, reached)
                ended, _ = await asyncio.wait([running], timeout=SAVE_EVERY_S)
                if ended:
                    return job, running.result()
        finally:
            await end([running])

    async def _advanced(self, job: Job, reached: _Reached) -> Job:
        now = self._clock()
        progress = replace(
            job,
            state=JobState.RUNNING,
            started_at=job.started_at or now,
            updated_at=now,
            done=reached.done,
            done_bytes=reached.done_bytes,
        )
        return await self._jobs.advance(job, progress)

    async def end(self, job: Job, reached: _Reached, report: JsonObject) -> None:
        """Note the end and what was found."""
        changes: Mapping[str, Any] = {
            "done": reached.done,
            "total": reached.done,
            "done_bytes": reached.done_bytes,
            "report": report,
        }
        await self._jobs.end(job, JobState.DONE, **changes)


def _reclaim_report(found: ReclaimReport) -> JsonObject:
    orphans = zip(found.orphan_keys, found.orphan_sizes, found.orphan_dates, strict=True)
    entries = [
        *(
            {"kind": "orphan", "key": key, "size_bytes": size_bytes, "since": since, "reason": _NO_ROW}
            for key, size_bytes, since in orphans
        ),
        *_entries("missing", found.missing, _NO_BYTES),
    ]
    counters = {
        "scanned": found.scanned,
        "orphans": found.orphans,
        "orphan_bytes": found.orphan_bytes,
        "orphans_removed": found.orphans_removed,
        "missing": found.missing_count,
        "released_removed": found.released_removed,
        "bytes_removed": found.bytes_removed,
        "waiting": found.waiting,
        "expired_uploads": found.expired_uploads,
        "drafts": found.drafts,
        "draft_bytes": found.draft_bytes,
        "drafts_removed": found.drafts_removed,
        "temporary_removed": found.temporary_removed,
        "events_trimmed": found.events_trimmed,
    }
    return _report(entries, counters, of=found.orphans + found.missing_count, refused=found.refused)


def _scrub_report(found: ScrubReport) -> JsonObject:
    entries = [
        *_entries("damaged", found.damaged, _OTHER_BYTES),
        *_entries("missing", found.missing, _NO_BYTES),
    ]
    counters = {"damaged": found.damaged_count, "missing": found.missing_count}
    if found.rounds:
        newest = found.rounds[0]
        counters |= {"checked": newest.checked, "checked_bytes": newest.checked_bytes}
    of = found.damaged_count + found.missing_count
    return _report(entries, counters, of=of, refused=found.refused)


def _report(
    entries: Sequence[JsonObject], counters: Mapping[str, int], *, of: int, refused: str
) -> JsonObject:
    report = report_of(entries, counters)
    return {**report, "complete": len(report["entries"]) == of, "refused": refused}


def _entries(kind: str, keys: Sequence[str], reason: str) -> Sequence[JsonObject]:
    return [{"kind": kind, "key": key, "reason": reason} for key in keys]
