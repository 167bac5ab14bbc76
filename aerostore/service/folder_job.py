"""Folder jobs: one batch after the other, each in a transaction that also says how far the job is.

So whoever goes on after a crash begins behind the last batch that was committed, and no batch is done twice.
Another process may have the same job for a moment: whatever it meets counts only while nobody is further.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aerostore.domain import Clock, Job, JobState, JsonObject
from aerostore.errors import Conflict, StorageError
from aerostore.executor import Work
from aerostore.service.folder_batch import BATCH, FolderBatches, Outcome, RowsRefused, skipped_entries
from aerostore.service.folder_look import FolderLook, Portion
from aerostore.service.folder_request import folder_request
from aerostore.service.job import Jobs, JobStopped, advanced, problem_of, report_entry, with_entries


class FolderJobs:
    """Does the jobs that `Folders` starts, as whoever started them. batch: how many objects at a time."""

    def __init__(
        self, jobs: Jobs, look: FolderLook, batches: FolderBatches, *, clock: Clock, batch: int = BATCH
    ) -> None:
        self.jobs = jobs
        self.look = look
        self.batches = batches
        self.clock = clock
        self.batch = batch

    async def run(self, job: Job) -> None:
        """Go on with `job` until it has ended. Raises: JobStopped; Unavailable, after which it can go on."""
        kept = await self.jobs.find(job.id)  # with its report, and as far as it is now
        if kept is None or kept.has_ended:
            raise JobStopped
        await _Run(self, kept).to_the_end()


class _Run:
    """One job in the hands of this process. job: as far as this process knows it to be."""

    def __init__(self, parts: FolderJobs, job: Job) -> None:
        self._parts = parts
        self._job = job
        self._request = folder_request(job.kind, job.request)

    async def to_the_end(self) -> None:
        try:
            await self._do_all()
        except RowsRefused as refused:
            entries = [
                report_entry("refused", "A policy refuses it.", refused.bucket_id, name)
                for name in refused.names
            ]
            await self._fail(refused.to_error(), entries)
        except StorageError as exc:
            if exc.retryable:
                raise
            await self._fail(exc, _entries_of(exc))

    async def _do_all(self) -> None:
        context = self._request.admitted(self._job.context)
        look, batches = self._parts.look, self._parts.batches
        if self._job.state is JobState.PENDING:
            total = await look.foresee(context, self._request)
            await self._advance(state=JobState.RUNNING, total=total, started_at=self._parts.clock())
        portion = Portion(names=(), is_all=False)
        while not portion.is_all:
            portion = await look.portion(context, self._request, self._parts.batch, after=self._job.after_key)
            if portion.names:
                note = self._noting(portion.names[-1])
                self._job = await batches.commit(context, self._request, portion.names, note)
        await self._end(JobState.DONE, total=self._job.done + self._job.skipped)

    def _noting(self, last: str) -> "_Note":
        return _Note(self._job, last, self._parts.clock)

    async def _advance(self, **changes: Any) -> None:
        after = replace(self._job, **changes, updated_at=self._parts.clock())
        self._job = await self._parts.jobs.advance(self._job, after)

    async def _end(self, state: JobState, **changes: Any) -> None:
        await self._advance(state=state, finished_at=self._parts.clock(), **changes)

    async def _fail(self, failure: StorageError, entries: Sequence[JsonObject]) -> None:
        """Note why the job has failed; what its batches did before is noted already."""
        await self._end(
            JobState.FAILED,
            error=problem_of(failure),
            refused=sum(each["kind"] == "refused" for each in entries),
            report=with_entries(self._job.report, entries, first=True),
        )


class _Note:
    """Says how far `job` is with a batch, in the transaction of the batch. last: the name it ends with."""

    def __init__(self, job: Job, last: str, clock: Clock) -> None:
        self._job = job
        self._last = last
        self._clock = clock

    def __call__(self, outcome: Outcome) -> Work[Job]:
        job = self._job
        skipped = skipped_entries(job.request["bucket"], outcome.skipped)
        after = replace(
            job,
            after_key=self._last,
            done=job.done + outcome.done,
            done_bytes=job.done_bytes + outcome.done_bytes,
            skipped=job.skipped + len(outcome.skipped),
            report=with_entries(job.report, skipped, first=False),
            updated_at=self._clock(),
        )
        return (yield from advanced(job, after))


def _entries_of(failure: StorageError) -> list[JsonObject]:
    """Return the entry for the object that a failure is about, if it names one."""
    bucket_id, is_named, name = (failure.resource or "").partition("/")
    if not is_named:
        return []
    kind = "conflict" if isinstance(failure, Conflict) else "refused"
    return [report_entry(kind, failure.message, bucket_id, name)]
