"""Reclaim and scrub as jobs: what they report, how they stop, and that one runs at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from aerostore.domain import Job, JobState, RlsContext, parse_iso
from aerostore.errors import Conflict, RoleNotAllowed
from aerostore.service.job import Jobs
from aerostore.service.job_runner import JobRunner, JobWorker
from aerostore.service.lease import Lease
from aerostore.service.maintenance import RECLAIM, SCRUB, Maintenance, ReclaimWorker, ScrubWorker
from aerostore.service.scrub import Scrub
from tests.service.conftest import IN_POSTGRES, Kind, expecting_losses
from tests.service.stage import GRACE_S, OWNER, SERVICE, Stage
from tests.service.test_reclaim import add_orphan

pytestmark = [
    pytest.mark.parametrize("make_stage", [Kind("sqlite", "memory"), *IN_POSTGRES], ids=str, indirect=True),
    expecting_losses,
]
TIMEOUT_S = 20.0


async def no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


class Workshop:
    """One process that runs jobs of operators. sleep: how its scrub waits."""

    def __init__(self, stage: Stage, *, sleep: Callable[[float], Awaitable[object]] = no_pause) -> None:
        self.stage = stage
        self.jobs = Jobs(stage.executor, clock=stage.clock, telemetry=stage.telemetry)
        self.maintenance = Maintenance(self.jobs)
        scrub = Scrub(
            stage.executor,
            stage.backend,
            bytes_per_s=1,
            clock=stage.clock,
            telemetry=stage.telemetry,
            sleep=sleep,
        )
        workers: Mapping[str, JobWorker] = {
            RECLAIM: ReclaimWorker(stage.another_reclaim(), self.jobs, clock=stage.clock),
            SCRUB: ScrubWorker(scrub, self.jobs, clock=stage.clock),
        }
        self.runner = JobRunner(
            stage.executor, self.jobs, workers, clock=stage.clock, telemetry=stage.telemetry
        )

    def reclaim(self, *, apply: bool) -> Job:
        """Run a job of reclaim to its end, and return it with its report."""
        return self.finished(self.maintenance.start_reclaim(SERVICE, apply=apply))

    def scrub(self) -> Job:
        return self.finished(self.maintenance.start_scrub(SERVICE))

    def finished(self, starting: Awaitable[Job]) -> Job:
        async def finishing() -> Job:
            job = await starting
            await self.runner.run_until_done()
            return await self.jobs.get(SERVICE, job.id)

        return self.stage.run(finishing())


@pytest.fixture
def workshop(stage: Stage) -> Workshop:
    return Workshop(stage)


def keys(job: Job, kind: str) -> list[str]:
    return [entry["key"] for entry in job.report["entries"] if entry["kind"] == kind]


def age(stage: Stage) -> None:
    stage.clock.advance(GRACE_S + 1)
    stage.expire_leases()


def test_a_dry_run_tells_of_waste_and_removes_none(stage: Stage, workshop: Workshop) -> None:
    stage.put("kept")
    orphan = add_orphan(stage)
    age(stage)
    for _ in range(3):
        job = workshop.reclaim(apply=False)
        assert (job.state, job.done, job.total) == (JobState.DONE, 2, 2)
        assert keys(job, "orphan") == [orphan]
        assert (job.report["entries"][0]["size_bytes"], job.report["complete"]) == (6, True)
        assert parse_iso(job.report["entries"][0]["since"]) <= stage.clock()
        assert (job.report["counters"]["orphans"], job.report["counters"]["orphan_bytes"]) == (1, 6)
        age(stage)
    assert orphan in stage.keys_of_bytes()


def test_what_is_applied_removes_exactly_what_was_told(stage: Stage, workshop: Workshop) -> None:
    stage.put("kept")
    orphan = add_orphan(stage)
    before = stage.keys_of_bytes()
    age(stage)
    told = keys(workshop.reclaim(apply=False), "orphan")
    assert workshop.reclaim(apply=True).report["counters"]["orphans_removed"] == 0
    age(stage)
    applied = workshop.reclaim(apply=True)
    assert applied.request == {"apply": True}
    assert applied.report["counters"]["orphans_removed"] == 1
    assert before - stage.keys_of_bytes() == set(told) == {orphan}
    assert stage.get("kept") == b"content"


def test_rows_whose_bytes_are_gone_are_told(stage: Stage, workshop: Workshop) -> None:
    stage.put("lost")
    [key] = stage.keys_of_bytes()
    stage.run(stage.backend.delete(key))
    assert keys(workshop.reclaim(apply=False), "missing") == [key]
    found = workshop.scrub()
    assert keys(found, "missing") == [key]
    assert found.report["counters"] == {
        "damaged": 0,
        "missing": 1,
        "checked": 1,
        "checked_bytes": 7,
    }


def test_only_one_job_of_a_kind_is_under_way(stage: Stage, workshop: Workshop) -> None:
    start = workshop.maintenance.start_reclaim
    stage.run(start(SERVICE, apply=False))
    with pytest.raises(Conflict):
        stage.run(start(SERVICE, apply=True))
    stage.run(workshop.maintenance.start_scrub(SERVICE))
    with pytest.raises(Conflict):
        stage.run(workshop.maintenance.start_scrub(SERVICE))
    stage.run(workshop.runner.run_until_done())
    stage.run(start(SERVICE, apply=True))


@pytest.mark.parametrize("lease", [RECLAIM, SCRUB])
def test_a_job_touches_nothing_while_the_server_does_the_same_by_itself(
    stage: Stage, workshop: Workshop, lease: str
) -> None:
    stage.put("a")
    assert stage.run(Lease(stage.executor, lease, clock=stage.clock, seconds=60).hold())
    job = workshop.reclaim(apply=True) if lease == RECLAIM else workshop.scrub()
    assert job.state is JobState.DONE
    assert "another process" in job.report["refused"]
    assert job.done == 0


class Gate:
    """A scrub's pause that lasts until somebody opens it."""

    def __init__(self) -> None:
        self.waited = asyncio.Event()
        self.opened = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        self.waited.set()
        await self.opened.wait()


async def noted(jobs: Jobs, job_id: str, holds: Callable[[Job], bool]) -> Job:
    """Return the job once its row says so."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            job = await jobs.get(SERVICE, job_id)
            if holds(job):
                return job
            await asyncio.sleep(0.01)


def test_a_job_tells_how_far_it_is_and_one_that_is_cancelled_goes_on_later(stage: Stage) -> None:
    for number in range(3):
        stage.put(f"{number}", f"content {number}".encode())

    async def cancelling() -> Job:
        gate = Gate()
        workshop = Workshop(stage, sleep=gate.sleep)
        job = await workshop.maintenance.start_scrub(SERVICE)
        running = asyncio.create_task(workshop.runner.run_for_ever(0.05))
        await gate.waited.wait()
        under_way = await noted(workshop.jobs, job.id, lambda job: job.state is JobState.RUNNING)
        assert under_way.started_at is not None
        await workshop.jobs.cancel(SERVICE, job.id)
        ended = await noted(workshop.jobs, job.id, lambda job: job.has_ended)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return ended

    assert stage.run(cancelling()).state is JobState.CANCELLED
    stage.expire_leases()
    done = Workshop(stage).scrub()
    assert (done.state, done.done, done.done_bytes) == (JobState.DONE, 3, 27)


def test_another_process_goes_on_with_a_job_that_was_interrupted(stage: Stage) -> None:
    stage.put("a")

    async def interrupting() -> str:
        gate = Gate()
        workshop = Workshop(stage, sleep=gate.sleep)
        job = await workshop.maintenance.start_scrub(SERVICE)
        running = asyncio.create_task(workshop.runner.run_for_ever(0.05))
        await gate.waited.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return job.id

    job_id = stage.run(interrupting())
    stage.expire_leases()
    another = Workshop(stage)
    stage.run(another.runner.run_until_done())
    job = stage.run(another.jobs.get(SERVICE, job_id))
    assert (job.state, job.done) == (JobState.DONE, 1)


@pytest.mark.parametrize("by", [OWNER, RlsContext(role="anon")], ids=["user", "anon"])
def test_maintenance_is_for_the_service_role(stage: Stage, workshop: Workshop, by: Any) -> None:
    with pytest.raises(RoleNotAllowed):
        stage.run(workshop.maintenance.start_reclaim(by, apply=False))
    with pytest.raises(RoleNotAllowed):
        stage.run(workshop.maintenance.start_scrub(by))
    assert stage.rows("SELECT id FROM storage_jobs") == []
