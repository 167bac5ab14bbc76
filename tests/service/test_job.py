"""Jobs: who sees them, how many there may be, and which process runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from aerostore.domain import Job, JobState, RlsContext
from aerostore.errors import Conflict, NoSuchBucket, SlowDown, StorageError, Unavailable
from aerostore.service import job as job_module
from aerostore.service.job import KEPT_ENTRIES, MOST_UNFINISHED, JobQuery, Jobs, report_of, with_entries
from aerostore.service.job_runner import LEASE_S, PATIENCE, JobRunner
from tests.service.conftest import in_memory
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

KIND = "folder.delete"


class Worker:
    """Does what it is told with each job, and counts."""

    def __init__(self, act: Callable[[Job], Awaitable[None]]) -> None:
        self.runs = 0
        self._act = act

    async def run(self, job: Job) -> None:
        self.runs += 1
        await self._act(job)


async def no_pause(_seconds: float) -> None:
    """Go on at once."""


@pytest.fixture
def jobs(stage: Stage) -> Jobs:
    return stage.storage.jobs


def runner_of(stage: Stage, worker: Worker) -> JobRunner:
    return JobRunner(
        stage.executor,
        stage.storage.jobs,
        {KIND: worker},
        clock=stage.clock,
        telemetry=stage.telemetry,
        sleep=no_pause,
    )


def start(stage: Stage, by: RlsContext = OWNER) -> Job:
    return stage.run(stage.storage.jobs.start(by, KIND, {"bucket": "photos", "prefix": "a/"}))


def state_of(stage: Stage, job: Job) -> Job:
    return stage.run(stage.storage.jobs.get(SERVICE, job.id))


def test_a_job_keeps_who_started_it_and_no_token(stage: Stage) -> None:
    claims = {"sub": "owner", "role": "authenticated", "team": 7}
    caller = RlsContext(
        role="authenticated", user_id="owner", claims=claims, method="POST", path="/folder/delete"
    )
    job = state_of(stage, start(stage, caller))
    assert (job.context.role, job.context.user_id, job.context.claims) == ("authenticated", "owner", claims)
    assert (job.context.method, job.context.path) == ("POST", "/folder/delete")
    assert not job.context.can_bypass_rls
    assert state_of(stage, start(stage, SERVICE)).context.can_bypass_rls


def test_each_caller_sees_jobs_of_its_own_and_the_service_all(stage: Stage, jobs: Jobs) -> None:
    mine, other, of_nobody = start(stage), start(stage, STRANGER), start(stage, ANON)

    def listed(by: RlsContext) -> list[str]:
        page, _ = stage.run(jobs.list(by, JobQuery()))
        return [job.id for job in page]

    assert listed(OWNER) == [mine.id]
    assert listed(ANON) == []
    assert set(listed(SERVICE)) == {mine.id, other.id, of_nobody.id}
    assert stage.run(jobs.get(ANON, of_nobody.id)).id == of_nobody.id
    with pytest.raises(StorageError, match="Job not found"):
        stage.run(jobs.get(OWNER, other.id))


def test_lists_come_in_pages_newest_first(stage: Stage, jobs: Jobs) -> None:
    started = sorted([start(stage).id for _ in range(5)], reverse=True)
    first, cursor = stage.run(jobs.list(OWNER, JobQuery(limit=3)))
    second, end = stage.run(jobs.list(OWNER, JobQuery(limit=3, cursor=cursor)))
    assert [job.id for job in [*first, *second]] == started
    assert end is None


def test_lists_can_be_of_one_kind_and_state(stage: Stage, jobs: Jobs) -> None:
    job = start(stage)
    stage.run(jobs.end(start(stage), JobState.DONE))
    page, _ = stage.run(jobs.list(OWNER, JobQuery(kind=KIND, state=JobState.PENDING)))
    assert [each.id for each in page] == [job.id]
    assert stage.run(jobs.list(OWNER, JobQuery(kind="scrub")))[0] == []


@in_memory
def test_one_caller_cannot_fill_the_server_with_jobs(stage: Stage, jobs: Jobs) -> None:
    started = [start(stage) for _ in range(MOST_UNFINISHED)]
    with pytest.raises(SlowDown, match="jobs of yours are under way"):
        start(stage)
    start(stage, STRANGER)
    stage.run(jobs.end(started[0], JobState.DONE))
    start(stage)


def test_kinds_that_must_be_alone_are(stage: Stage, jobs: Jobs) -> None:
    stage.run(jobs.start(SERVICE, "scrub", {}, alone=("scrub",)))
    with pytest.raises(Conflict, match="under way"):
        stage.run(jobs.start(SERVICE, "scrub", {}, alone=("scrub",)))
    stage.run(jobs.start(SERVICE, "reclaim", {}, alone=("reclaim",)))


def test_of_many_who_start_a_kind_that_must_be_alone_one_does(stage: Stage, jobs: Jobs) -> None:
    async def start_all() -> list[object]:
        asked = [jobs.start(SERVICE, "scrub", {}, alone=("scrub",)) for _ in range(8)]
        return list(await asyncio.gather(*asked, return_exceptions=True))

    outcomes = stage.run(start_all())
    assert sorted(type(each).__name__ for each in outcomes) == [*["Conflict"] * 7, "Job"]


def test_jobs_are_counted_by_kind_and_end(stage: Stage, jobs: Jobs) -> None:
    async def fail(_job: Job) -> None:
        raise NoSuchBucket

    waiting = start(stage)
    stage.run(jobs.cancel(OWNER, waiting.id))
    start(stage)
    stage.run(runner_of(stage, Worker(fail)).run_until_done())
    done = start(stage)
    for _ in range(2):
        stage.run(jobs.end(done, JobState.DONE))
    metrics = stage.telemetry.render().decode()
    for state in ("cancelled", "failed", "done"):
        assert f'storage_jobs_total{{kind="{KIND}",state="{state}"}} 1.0' in metrics


@in_memory
def test_jobs_under_way_are_counted(stage: Stage) -> None:
    seen: list[str] = []

    async def look_and_end(job: Job) -> None:
        seen.append(stage.telemetry.render().decode())
        await stage.storage.jobs.end(job, JobState.DONE)

    start(stage)
    stage.run(runner_of(stage, Worker(look_and_end)).run_until_done())
    assert "storage_jobs_running 1.0" in seen[0]
    assert "storage_jobs_running 0.0" in stage.telemetry.render().decode()


@in_memory
def test_old_jobs_are_forgotten_and_unfinished_ones_are_not(
    stage: Stage, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "KEPT_JOBS", 2)
    waiting = start(stage)
    ended = [start(stage) for _ in range(4)]
    for job in ended:
        stage.run(jobs.end(job, JobState.DONE))
    stage.run(jobs.trim())
    page, _ = stage.run(jobs.list(SERVICE, JobQuery()))
    assert {job.id for job in page} == {waiting.id, *sorted([job.id for job in ended])[2:]}


def test_jobs_of_users_push_out_none_of_operators(
    stage: Stage, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "KEPT_JOBS", 1)
    kept = start(stage, SERVICE)
    for job in (kept, start(stage), start(stage)):
        stage.run(jobs.end(job, JobState.DONE))
    stage.run(jobs.trim())
    page, _ = stage.run(jobs.list(SERVICE, JobQuery()))
    assert (len(page), page[-1].id) == (2, kept.id)


def test_a_report_is_bounded_and_says_so() -> None:
    entries = [{"kind": "conflict", "name": str(number)} for number in range(KEPT_ENTRIES)]
    report = report_of(entries)
    assert report["complete"]
    longer = with_entries(report, entries[:1], first=True)
    assert (len(longer["entries"]), longer["complete"]) == (KEPT_ENTRIES, False)
    assert not with_entries(longer, [], first=False)["complete"]


# Running them


def test_of_two_processes_one_runs_the_jobs_until_its_lease_ends(stage: Stage) -> None:
    reached = asyncio.Event()

    async def stand_still(_job: Job) -> None:
        reached.set()
        await asyncio.Event().wait()

    first, second = (runner_of(stage, Worker(stand_still)) for _ in range(2))
    start(stage)

    async def both() -> list[int]:
        counts = [await first.look(), await second.look()]
        await reached.wait()
        stage.clock.advance(LEASE_S + 1)
        return counts

    assert stage.run(both()) == [1, 0]
    stage.expire_leases()

    async def later() -> list[int]:
        return [await second.look(), await first.look()]

    assert stage.run(later()) == [1, 0]


def test_a_job_that_meets_what_passes_is_tried_again(stage: Stage, jobs: Jobs) -> None:
    async def fail_twice(job: Job) -> None:
        if worker.runs < 3:
            raise Unavailable("The disk is away")
        await jobs.end(job, JobState.DONE)

    worker = Worker(fail_twice)
    job = start(stage)
    stage.run(runner_of(stage, worker).run_until_done())
    assert (worker.runs, state_of(stage, job).state) == (3, JobState.DONE)


def test_patience_has_an_end(stage: Stage) -> None:
    async def fail(_job: Job) -> None:
        raise Unavailable("The disk is away")

    worker, job = Worker(fail), start(stage)
    stage.run(runner_of(stage, worker).run_until_done())
    ended = state_of(stage, job)
    assert (worker.runs, ended.state) == (PATIENCE + 1, JobState.FAILED)
    assert ended.error == {
        "code": "Unavailable",
        "message": "The disk is away",
        "hint": "Try again in a few seconds.",
    }


@in_memory
def test_a_mistake_in_one_job_fails_that_one_only(stage: Stage, jobs: Jobs) -> None:
    async def stumble(job: Job) -> None:
        if job.id == broken.id:
            raise ZeroDivisionError
        await jobs.end(job, JobState.DONE)

    broken, whole = start(stage), start(stage)
    stage.run(runner_of(stage, Worker(stumble)).run_until_done())
    assert state_of(stage, broken).state is JobState.FAILED
    assert state_of(stage, whole).state is JobState.DONE


@in_memory
def test_a_job_that_runs_is_stopped_and_noted_as_cancelled(stage: Stage, jobs: Jobs) -> None:
    reached = asyncio.Event()

    async def stand_still(job: Job) -> None:
        await jobs.advance(job, replace(job, state=JobState.RUNNING))
        reached.set()
        await asyncio.Event().wait()

    job, runner = start(stage), runner_of(stage, Worker(stand_still))

    async def cancel() -> None:
        await runner.look()
        await reached.wait()
        await jobs.cancel(OWNER, job.id)
        await runner.run_until_done()

    stage.run(cancel())
    assert state_of(stage, job).state is JobState.CANCELLED


@in_memory
def test_the_runner_ends_when_it_is_told_and_leaves_the_job_to_others(stage: Stage) -> None:
    reached = asyncio.Event()

    async def stand_still(_job: Job) -> None:
        reached.set()
        await asyncio.Event().wait()

    job, runner = start(stage), runner_of(stage, Worker(stand_still))

    async def stop() -> None:
        running = asyncio.create_task(runner.run_for_ever(60))
        await reached.wait()
        running.cancel()
        await asyncio.wait([running])

    stage.run(stop())
    assert not state_of(stage, job).has_ended
    assert stage.rows("SELECT name FROM storage_leases WHERE name = 'jobs'") == []
