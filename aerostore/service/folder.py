"""Folders: move, copy and delete everything whose name begins with a prefix, at once or as a job."""

from dataclasses import replace

from aerostore.domain import Clock, Job, JobState, RlsContext
from aerostore.executor import Work
from aerostore.executor.statements import job_record
from aerostore.service.folder_batch import BATCH, FolderBatches, Outcome, RowsRefused, skipped_entries
from aerostore.service.folder_look import FolderLook
from aerostore.service.folder_request import FolderRequest
from aerostore.service.job import Jobs, new_job, report_of


class Folders:
    """Operations on folders. at_once: how many objects a request does itself; more become a job."""

    def __init__(
        self, jobs: Jobs, look: FolderLook, batches: FolderBatches, *, clock: Clock, at_once: int = BATCH
    ) -> None:
        self._jobs = jobs
        self._look = look
        self._batches = batches
        self._clock = clock
        self._at_once = at_once

    async def start(self, context: RlsContext, request: FolderRequest) -> Job:
        """Do what is asked, and return the job: one that is done for a small folder, else one that waits.

        A small folder is all done or not at all. Of a large one every batch is; where it stops, the job says.
        Raises: NoSuchBucket, NoSuchKey for a folder without anything that the caller may select,
        NoSuchRelation; InvalidKey and InvalidParameter for a destination where names would be too long or in
        the folder again; for a small folder what `FolderBatches.commit` raises; SlowDown for too many jobs.
        """
        acting = request.admitted(context)
        portion = await self._look.first_portion(acting, request, self._at_once)
        request.check_names(portion.names)
        if not portion.is_all:
            return await self._jobs.start(context, request.kind, request.to_json())

        def note(outcome: Outcome) -> Work[Job]:
            job = self._done(context, request, outcome)
            yield job_record.insert_job(job)
            return job

        try:
            job = await self._batches.commit(acting, request, portion.names, note)
        except RowsRefused as refused:
            raise refused.to_error() from None
        self._jobs.count_ended(job)
        return job

    def _done(self, context: RlsContext, request: FolderRequest, outcome: Outcome) -> Job:
        now = self._clock()
        return replace(
            new_job(context, request.kind, request.to_json(), now),
            state=JobState.DONE,
            started_at=now,
            finished_at=now,
            done=outcome.done,
            total=outcome.done + len(outcome.skipped),
            done_bytes=outcome.done_bytes,
            skipped=len(outcome.skipped),
            report=report_of(skipped_entries(request.bucket_id, outcome.skipped)),
        )
