"""Runs jobs in the background: of all processes on one database one at a time, several jobs side by side."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol

from aerostore.domain import Clock, Job, JobState
from aerostore.errors import StorageError, Unavailable
from aerostore.executor import Executor
from aerostore.service.ending import end
from aerostore.service.job import Jobs, JobStopped, problem_of
from aerostore.service.lease import Lease
from aerostore.telemetry import Telemetry

AT_ONCE = 4
"""How many jobs are under way at once."""
PATIENCE = 20
"""How often in a row a job may meet a database or a disk that is away, before it has failed."""
LEASE_S = 10.0
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_TRIM_EVERY = timedelta(minutes=10)
_FAILED = StorageError("The job met a failure that nobody expected", hint="The log of the server has more.")
logger = logging.getLogger("aerostore.job")


class JobWorker(Protocol):
    """Does the jobs of a kind."""

    async def run(self, job: Job) -> None:
        """Go on with `job` to its end, and note that; it may be cancelled and begun again at any time.

        Raises: JobStopped; a StorageError that can be retried, or one that the job has failed with.
        """
        ...


class JobRunner:
    """Hands jobs to `workers`, by kind, while this process has the lease."""

    def __init__(
        self,
        executor: Executor,
        jobs: Jobs,
        workers: Mapping[str, JobWorker],
        *,
        clock: Clock,
        telemetry: Telemetry,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._jobs = jobs
        self._workers = workers
        self._clock = clock
        self._sleep = sleep
        self._lease = Lease(executor, "jobs", clock=clock, seconds=LEASE_S)
        self._running: dict[str, asyncio.Task[None]] = {}
        telemetry.jobs_running.set_function(lambda: len(self._running))
        self._failures: dict[str, tuple[int, int]] = {}
        self._has_lease = False
        self._trim_at: datetime | None = None

    async def run_for_ever(self, idle_s: float) -> None:
        """Run jobs until cancelled, looking for others at least every `idle_s`."""
        try:
            while True:
                self._jobs.news.clear()
                await self._look_calmly()
                with suppress(TimeoutError):
                    async with asyncio.timeout(idle_s):  # wait_for of Python 3.11 may swallow a cancellation
                        await self._jobs.news.wait()
        finally:
            await self._let_go()

    async def run_until_done(self) -> None:
        """Run every job that there is now to its end. Raises: Unavailable."""
        while await self.look():
            await asyncio.wait(self._running.values())
        await self._let_go()

    async def look(self) -> int:
        """Begin the jobs that wait, stop those that are to; return how many are under way here.

        Raises: Unavailable.
        """
        await self._trim()
        jobs = await self._jobs.unfinished()
        if not jobs or not await self._lease.hold():
            await self._let_go()
            return 0
        self._has_lease = True
        for job in jobs:
            if job.is_cancelling:
                await self._stop(job)
            elif job.id not in self._running and job.kind in self._workers and len(self._running) < AT_ONCE:
                self._begin(job)
        return len(self._running)

    async def _look_calmly(self) -> None:
        try:
            await self.look()
        except Unavailable as exc:
            logger.warning("jobs wait for the database", extra={"facts": {"reason": exc.message}})
        except Exception:  # whatever it was, jobs must go on all the same
            logger.exception("jobs stopped for a moment")

    async def _trim(self) -> None:
        now = self._clock()
        if self._trim_at is None or now >= self._trim_at:
            self._trim_at = now + _TRIM_EVERY
            await self._jobs.trim()

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._run(job))
        self._running[job.id] = task
        task.add_done_callback(lambda _task: self._forget(job.id))

    def _forget(self, job_id: str) -> None:
        del self._running[job_id]
        self._jobs.news.set()

    async def _stop(self, job: Job) -> None:
        task = self._running.get(job.id)
        if task is not None:
            await end([task])
        await self._jobs.end(job, JobState.CANCELLED)

    async def _let_go(self) -> None:
        """End what runs here: its rows say how far it is, and whoever has the lease goes on."""
        await end(self._running.values())
        if self._has_lease:
            self._has_lease = False
            await self._lease.release()

    async def _run(self, job: Job) -> None:
        try:
            await self._workers[job.kind].run(job)
        except JobStopped:
            pass
        except StorageError as exc:
            await self._note_failure(job, exc)
        except Exception:  # a mistake in one kind of job must not end the others
            logger.exception("job failed", extra={"facts": {"job": job.id, "kind": job.kind}})
            await self._fail(job, _FAILED)
        else:
            self._failures.pop(job.id, None)

    async def _note_failure(self, job: Job, failure: StorageError) -> None:
        """Put a job off that met what may pass; it has failed with what will not."""
        done, failures = self._failures.get(job.id, (job.done, 0))
        failures = failures + 1 if done == job.done else 1
        self._failures[job.id] = job.done, failures
        if not failure.retryable or failures > PATIENCE:
            await self._fail(job, failure)
            return
        facts = {"job": job.id, "kind": job.kind, "reason": failure.message}
        logger.warning("job is put off", extra={"facts": facts})
        await self._sleep(min(_PAUSE_S * 2**failures, _LONGEST_PAUSE_S))

    async def _fail(self, job: Job, failure: StorageError) -> None:
        self._failures.pop(job.id, None)
        with suppress(StorageError):  # it stays as it is, and is begun again
            await self._jobs.end(job, JobState.FAILED, error=problem_of(failure))
