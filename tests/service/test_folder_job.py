"""Folders that take longer than a request: batches, what stops them, and who goes on with them."""

import asyncio
from collections import Counter

import pytest

from aerostore.domain import JobState
from aerostore.errors import AccessDenied, StorageError
from aerostore.service.folder_look import Portion
from aerostore.service.folder_request import folder_request
from aerostore.service.job import JobStopped
from tests.conformance.executor_fixture import Rights, Who
from tests.faults import CrashNow
from tests.service.conftest import MakeStage
from tests.service.folder_scene import BATCH, FolderScene, HookedExecutor
from tests.service.stage import OWNER, SERVICE, STRANGER, Stage

NAMES = [f"a/{number}" for number in range(8)]
MOVED = [f"b/{number}" for number in range(8)]
LAST_WRITE = 6
"""The start of a job, three batches, its begin and its end."""


@pytest.fixture
def scene(stage: Stage) -> FolderScene:
    scene = FolderScene(stage)
    scene.fill(*NAMES)
    return scene


async def nothing(_number: int) -> None:
    """Let a write pass."""


def test_a_large_folder_waits_as_a_job_and_then_is_done(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")
    assert (job.state, job.total, job.done) == (JobState.PENDING, None, 0)
    assert scene.names() == NAMES
    scene.run_jobs()
    ended = scene.job(job.id)
    assert (ended.state, ended.total, ended.done, ended.done_bytes) == (JobState.DONE, 8, 8, 24)
    assert ended.started_at and ended.finished_at
    assert scene.names() == MOVED


@pytest.mark.parametrize("kind", ["move", "copy", "delete"])
def test_each_object_of_a_job_has_its_events_once(scene: FolderScene, kind: str) -> None:
    scene.finished(kind, "a/", "b/")
    events = Counter(scene.events()[len(NAMES) :])
    expected = {
        "move": [("ObjectRemoved:Move", each) for each in NAMES]
        + [("ObjectCreated:Move", each) for each in MOVED],
        "copy": [("ObjectCreated:Copy", each) for each in MOVED],
        "delete": [("ObjectRemoved:Delete", each) for each in NAMES],
    }
    assert events == Counter(expected[kind])


@pytest.mark.parametrize("kind", ["move", "copy", "delete"])
@pytest.mark.parametrize("dies_after", range(1, LAST_WRITE))
def test_whoever_goes_on_after_a_crash_does_nothing_twice(
    scene: FolderScene, kind: str, dies_after: int
) -> None:
    async def die(number: int) -> None:
        if number == dies_after:
            raise CrashNow

    job = scene.start(kind, "a/", "b/")
    dying = FolderScene(scene.stage, HookedExecutor(scene.stage.executor, die))
    with pytest.raises(CrashNow):
        scene.stage.run(dying.worker.run(job))
    scene.run_jobs()
    assert scene.job(job.id).done == len(NAMES)
    counted = Counter(scene.events()[len(NAMES) :])
    assert set(counted.values()) == {1}
    assert len(counted) == (16 if kind == "move" else 8)


def test_two_processes_at_once_do_nothing_twice(scene: FolderScene) -> None:
    job = scene.start("copy", "a/", "b/")

    async def both() -> list[object]:
        others = [FolderScene(scene.stage).worker.run(job) for _ in range(2)]
        return list(await asyncio.gather(*others, return_exceptions=True))

    outcomes = scene.stage.run(both())
    assert all(outcome is None or isinstance(outcome, JobStopped) for outcome in outcomes)
    scene.run_jobs()
    assert scene.job(job.id).state is JobState.DONE
    assert scene.names() == NAMES + MOVED
    assert len(scene.events()) == 16


def test_a_job_that_waits_is_cancelled_at_once(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")
    cancelled = scene.stage.run(scene.jobs.cancel(OWNER, job.id))
    assert (cancelled.state, cancelled.is_cancelling) == (JobState.CANCELLED, False)
    scene.run_jobs()
    assert scene.names() == NAMES


def test_what_is_done_when_a_job_is_cancelled_stays_done(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")

    async def cancel(number: int) -> None:
        if number == 2:  # after the first batch
            asked = await scene.jobs.cancel(OWNER, job.id)
            assert (asked.state, asked.is_cancelling) == (JobState.RUNNING, True)

    hooked = FolderScene(scene.stage, HookedExecutor(scene.stage.executor, cancel))
    with pytest.raises(JobStopped):
        scene.stage.run(hooked.worker.run(job))
    scene.run_jobs()
    ended = scene.job(job.id)
    assert (ended.state, ended.done, ended.is_cancelling) == (JobState.CANCELLED, BATCH, False)
    assert scene.names() == [*NAMES[BATCH:], *MOVED[:BATCH]]


def test_only_whoever_started_a_job_or_the_service_stops_it_and_only_once(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")
    with pytest.raises(StorageError, match="Job not found"):
        scene.stage.run(scene.jobs.cancel(STRANGER, job.id))
    scene.stage.run(scene.jobs.cancel(SERVICE, job.id))
    with pytest.raises(StorageError, match="ended already"):
        scene.stage.run(scene.jobs.cancel(OWNER, job.id))


# What stops a job


@pytest.mark.parametrize("kind", ["move", "delete"])
def test_a_refused_row_stops_the_job_before_its_batch_and_is_named(make_stage: MakeStage, kind: str) -> None:
    scene = FolderScene(make_stage(rights=Rights(update=Who.OWNER, delete=Who.OWNER)))
    scene.fill(*NAMES[:4])
    scene.fill(NAMES[4], by=STRANGER)
    scene.fill(*NAMES[5:])
    job = scene.finished(kind, "a/", "b/")
    assert (job.state, job.done, job.refused) == (JobState.FAILED, BATCH, 1)
    assert job.error and job.error["code"] == "AccessDenied"
    assert "a/4" in job.error["message"]
    assert [(each["kind"], each["name"]) for each in job.report["entries"]] == [("refused", "a/4")]
    assert scene.names()[:5] == NAMES[3:]


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_a_row_that_may_not_be_left_is_found_among_the_others(make_stage: MakeStage, kind: str) -> None:
    text = """
        create policy "all but one" on storage.objects for all to authenticated
            using (true) with check (name <> 'b/7')
    """
    scene = FolderScene(make_stage(rights=text))
    scene.fill(*NAMES)
    job = scene.finished(kind, "a/", "b/")
    assert (job.state, job.done, job.refused) == (JobState.FAILED, 6, 1)
    assert [each["name"] for each in job.report["entries"]] == ["a/7"]
    scene.fill("c/6", "c/7")
    with pytest.raises(AccessDenied, match="c/7"):
        scene.start(kind, "c/", "b/", conflict="skip")


def test_the_rights_of_whoever_started_it_hold_while_it_runs(make_stage: MakeStage) -> None:
    scene = FolderScene(make_stage(rights=Rights(select=Who.OWNER)))
    scene.fill(*NAMES)
    scene.fill("a/other", by=STRANGER)
    assert scene.finished("delete", "a/", by=OWNER).done == len(NAMES)
    assert scene.names() == ["a/other"]


def test_a_taken_name_is_seen_before_anything_is_done(scene: FolderScene) -> None:
    scene.fill("b/7")
    job = scene.finished("copy", "a/", "b/")
    assert (job.state, job.done) == (JobState.FAILED, 0)
    assert job.error and job.error["code"] == "ResourceAlreadyExists"
    assert [(each["kind"], each["name"]) for each in job.report["entries"]] == [("conflict", "a/7")]
    assert scene.names() == [*NAMES, "b/7"]


def test_a_name_that_is_taken_meanwhile_stops_the_job_before_its_batch(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")

    async def take(number: int) -> None:
        if number == 2:
            await scene.stage.aput("b/5")

    hooked = FolderScene(scene.stage, HookedExecutor(scene.stage.executor, take))
    scene.stage.run(hooked.worker.run(job))
    ended = scene.job(job.id)
    assert (ended.state, ended.done) == (JobState.FAILED, BATCH)
    assert [each["name"] for each in ended.report["entries"]] == ["a/5"]
    assert scene.names() == [*NAMES[BATCH:], *MOVED[:BATCH], "b/5"]


def test_skipped_objects_of_every_batch_are_in_the_report(scene: FolderScene) -> None:
    scene.fill("b/1", "b/6")
    job = scene.finished("move", "a/", "b/", conflict="skip")
    assert (job.state, job.done, job.skipped, job.total) == (JobState.DONE, 6, 2, 8)
    assert [each["name"] for each in job.report["entries"]] == ["a/1", "a/6"]
    assert scene.names() == ["a/1", "a/6", *MOVED]


def test_what_does_not_fit_is_seen_before_anything_is_done(scene: FolderScene) -> None:
    scene.stage.make_bucket("small", file_size_limit=2)
    scene.stage.make_bucket("texts", allowed_mime_types=["text/*"])
    scene.fill(*(f"c/{number}" for number in range(BATCH + 1)), "c/long")
    long = scene.finished("move", "c/", f"{'x' * 1022}/")
    large = scene.finished("copy", "a/", "a/", to_bucket="small")
    typed = scene.finished("copy", "a/", "a/", to_bucket="texts")
    assert [job.state for job in (long, large, typed)] == [JobState.FAILED] * 3
    codes = [job.error["code"] for job in (long, large, typed) if job.error]
    assert codes == ["InvalidKey", "EntityTooLarge", "InvalidMimeType"]
    assert {job.done for job in (long, large, typed)} == {0}


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_a_name_that_would_be_in_the_folder_again_is_seen_before_anything_is_done(
    scene: FolderScene, conflict: str
) -> None:
    scene.fill("a/a/1")
    job = scene.finished("move", "a/", "", conflict=conflict)
    assert (job.state, job.done) == (JobState.FAILED, 0)
    assert job.error and job.error["code"] == "InvalidParameter"


def test_what_comes_behind_the_job_stays_where_it_is(scene: FolderScene) -> None:
    job = scene.start("move", "a/", "b/")

    async def add(number: int) -> None:
        if number == 3:
            await scene.stage.aput("a/00")

    scene.stage.run(FolderScene(scene.stage, HookedExecutor(scene.stage.executor, add)).worker.run(job))
    assert scene.job(job.id).state is JobState.DONE
    assert scene.names() == ["a/00", *MOVED]


def test_a_batch_carries_only_so_much_of_what_users_wrote(stage: Stage) -> None:
    """What fits into memory for one object may not for five hundred."""
    scene = FolderScene(stage, user_metadata_bytes=1000)
    scene.fill("a/1", user_metadata={"said": "x" * 2000})
    scene.fill("a/2", "a/3", user_metadata={"said": "x" * 400})
    request = folder_request("folder.copy", {"bucket": "photos", "prefix": "a/", "to_prefix": "b/"})

    def portion(after: str) -> Portion:
        return stage.run(scene.worker.look.portion(request.admitted(OWNER), request, BATCH, after=after))

    assert portion("") == Portion(["a/1"], is_all=False)
    assert portion("a/1") == Portion(["a/2", "a/3"], is_all=True)
    assert scene.start("copy", "a/", "b/").state is JobState.PENDING
    scene.run_jobs()
    assert scene.names() == ["a/1", "a/2", "a/3", "b/1", "b/2", "b/3"]
