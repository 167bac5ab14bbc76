"""Folders with so few objects at a time that a test can follow each batch."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aerostore.domain import Job, RlsContext
from aerostore.executor import Executor, WorkFactory
from aerostore.service.folder import Folders
from aerostore.service.folder_batch import FolderBatches
from aerostore.service.folder_job import FolderJobs
from aerostore.service.folder_look import FolderLook
from aerostore.service.folder_request import KINDS, folder_request
from aerostore.service.job import Jobs
from aerostore.service.job_runner import JobRunner, JobWorker
from tests.service.stage import FILE_SIZE_LIMIT, OWNER, Stage

BATCH = 3
T = TypeVar("T")


class FolderScene:
    """Folder operations over a stage; more than `BATCH` objects become a job, of that many at a time."""

    def __init__(self, stage: Stage, executor: Executor | None = None, **look_options: int) -> None:
        self.stage = stage
        self.executor = executor or stage.executor
        self.jobs = Jobs(self.executor, clock=stage.clock, telemetry=stage.telemetry)
        look = FolderLook(self.executor, FILE_SIZE_LIMIT, **look_options)
        batches = FolderBatches(
            self.executor, stage.outbox, clock=stage.clock, file_size_limit=FILE_SIZE_LIMIT
        )
        self.folders = Folders(self.jobs, look, batches, clock=stage.clock, at_once=BATCH)
        self.worker = FolderJobs(self.jobs, look, batches, clock=stage.clock, batch=BATCH)

    def runner(self, wrapped: Callable[[JobWorker], JobWorker] = lambda worker: worker) -> JobRunner:
        workers: Mapping[str, JobWorker] = dict.fromkeys(KINDS, wrapped(self.worker))
        return JobRunner(
            self.executor, self.jobs, workers, clock=self.stage.clock, telemetry=self.stage.telemetry
        )

    def start(self, kind: str, prefix: str, to: str = "", by: RlsContext = OWNER, **more: Any) -> Job:
        """Ask for `kind` of a folder of `photos`. more: other members of the body."""
        body = {"bucket": "photos", "prefix": prefix, "to_prefix": to, **more}
        return self.stage.run(self.folders.start(by, folder_request(f"folder.{kind}", body)))

    def run_jobs(self) -> None:
        """Run the jobs that there are to their end."""
        self.stage.run(self.runner().run_until_done())

    def finished(self, kind: str, prefix: str, to: str = "", by: RlsContext = OWNER, **more: Any) -> Job:
        """Ask for `kind` of a folder, and return the job as it ends."""
        job = self.start(kind, prefix, to, by, **more)
        self.run_jobs()
        return self.job(job.id, by)

    def job(self, job_id: str, by: RlsContext = OWNER) -> Job:
        return self.stage.run(self.jobs.get(by, job_id))

    def fill(self, *names: str, by: RlsContext = OWNER, **options: Any) -> None:
        for name in names:
            self.stage.put(name, name.encode(), by, **options)

    def names(self, bucket_id: str = "photos") -> list[str]:
        rows = self.stage.rows("SELECT bucket_id, name FROM storage_objects ORDER BY name")
        return [row["name"] for row in rows if row["bucket_id"] == bucket_id]

    def events(self) -> list[tuple[str, str]]:
        rows = self.stage.rows("SELECT type, name FROM storage_events ORDER BY seq")
        return [(row["type"], row["name"]) for row in rows]


class HookedExecutor:
    """`inner`, which tells `hook` of each write that was committed, by its number from 1."""

    def __init__(self, inner: Executor, hook: Callable[[int], Awaitable[None]]) -> None:
        self.name = inner.name
        self._inner = inner
        self._hook = hook
        self.writes = 0

    async def start(self) -> None:
        await self._inner.start()

    async def close(self) -> None:
        await self._inner.close()

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        value = await self._inner.write(context, work)
        self.writes += 1
        await self._hook(self.writes)
        return value

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.probe(context, work)
