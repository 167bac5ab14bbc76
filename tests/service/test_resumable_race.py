"""Resumable uploads that several requests want at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.domain import UploadSession, UploadState
from aerostore.errors import LockTimeout, NoSuchUpload, OffsetMismatch, UploadCompleted
from aerostore.service.portion import Portion
from tests.service.conftest import Kind, MakeStage, in_memory
from tests.service.meddling import OvertakenExecutor
from tests.service.resuming import Hanging, Scene, chunks_of, expecting, uploads_over
from tests.service.stage import OWNER, Stage

PATIENCE_S = 10.0


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


async def hanging_append(scene: Scene, upload_id: str, content: bytes) -> "asyncio.Task[Any]":
    """Begin a portion whose body brings `content` and then nothing; return when it was read."""
    body = Hanging(content)
    task = asyncio.create_task(scene.uploads.append(OWNER, upload_id, Portion(body=body.chunks())))
    await asyncio.wait_for(body.is_read.wait(), PATIENCE_S)
    return task


def test_look_at_an_upload_stops_the_request_that_writes_to_it(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        writing = await hanging_append(scene, upload_id, b"01")
        assert (await scene.uploads.get(OWNER, upload_id)).offset_bytes == 2
        stopped = await writing
        assert (stopped.state, stopped.offset_bytes) == (UploadState.WRITING, 2)
        await scene.aappend(upload_id, 2, b"23")

    scene.stage.run(race())
    assert scene.stage.get("a") == b"0123"


def test_newest_of_several_requests_gets_the_upload(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        first = await hanging_append(scene, upload_id, b"0")
        with pytest.raises(OffsetMismatch):  # it begins where the first one did, which has come further
            await scene.aappend(upload_id, 0, b"0123")
        assert (await first).offset_bytes == 1
        await scene.aappend(upload_id, 1, b"123")

    scene.stage.run(race())
    assert scene.stage.get("a") == b"0123"


def test_delete_stops_the_request_that_writes(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        writing = await hanging_append(scene, upload_id, b"01")
        await scene.uploads.delete(OWNER, upload_id)
        assert (await writing).offset_bytes == 2

    scene.stage.run(race())
    assert scene.drafts() == []
    with pytest.raises(NoSuchUpload):
        scene.get(upload_id)


def test_stopped_portion_with_a_checksum_does_not_count(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        body = Hanging(b"01")
        portion = Portion(body=body.chunks(), digests=expecting(b"0123"))
        writing = asyncio.create_task(scene.uploads.append(OWNER, upload_id, portion))
        await asyncio.wait_for(body.is_read.wait(), PATIENCE_S)
        assert (await scene.uploads.get(OWNER, upload_id)).offset_bytes == 0
        assert (await writing).offset_bytes == 0

    scene.stage.run(race())


def test_of_several_last_portions_at_once_one_makes_the_object(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"012")

    async def race() -> list[object]:
        return await asyncio.gather(
            *(scene.aappend(upload_id, 3, b"3") for _ in range(5)), return_exceptions=True
        )

    outcomes = scene.stage.run(race())
    for each in outcomes:
        assert not isinstance(each, BaseException) or isinstance(each, OffsetMismatch), each
    while not scene.is_complete(upload_id):
        scene.append(upload_id, scene.offset(upload_id), b"0123"[scene.offset(upload_id) :])
    assert scene.stage.get("a") == b"0123"
    assert len(scene.stage.rows("SELECT * FROM storage_events")) == 1


def test_last_portion_that_another_one_overtakes_is_not_told_that_the_name_is_taken(stage: Stage) -> None:
    scene = Scene(stage)
    upload_id = scene.begin("a", 4)
    executor = OvertakenExecutor(stage.executor, lambda: scene.aappend(upload_id, 0, b"0123"))
    with pytest.raises(OffsetMismatch):
        Scene(stage, executor=executor).append(upload_id, 0, b"01")
    assert scene.is_complete(upload_id)


def test_request_that_does_not_let_go_makes_the_next_one_give_up(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(), wait_s=0.1)
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        async with scene.stage.backend.draft(upload_id):
            with pytest.raises(LockTimeout):
                await scene.uploads.get(OWNER, upload_id)

    scene.stage.run(race())
    assert scene.offset(upload_id) == 0


@pytest.mark.parametrize("make_stage", [Kind("sqlite", "local")], ids=str, indirect=True)
def test_request_in_another_process_gets_the_upload(make_stage: MakeStage) -> None:
    scene = Scene(stage := make_stage())
    upload_id = scene.begin("a", 4)

    async def race() -> None:
        executor, backend = stage.own_rows.executor(), LocalBackend(stage.folder / "blobs")
        await executor.start()
        try:
            elsewhere = uploads_over(stage, executor, backend)
            writing = await hanging_append(scene, upload_id, b"01")
            assert (await elsewhere.get(OWNER, upload_id)).offset_bytes == 2
            assert (await writing).offset_bytes == 2
            portion = Portion(body=chunks_of(b"23"), offset=2)
            assert (await elsewhere.append(OWNER, upload_id, portion)).state is UploadState.COMPLETED
        finally:
            await executor.close()
            await backend.close()

    stage.run(race())
    assert stage.get("a") == b"0123"


REMOVED = "DELETE FROM storage_uploads"
COMPLETED = "UPDATE storage_uploads SET state = 'COMPLETED', offset_bytes = 4"


@pytest.mark.parametrize(
    ("attempt", "change", "outcome"),
    [
        (Scene.aget, REMOVED, NoSuchUpload),
        (Scene.adelete, REMOVED, NoSuchUpload),
        (Scene.send_all, REMOVED, NoSuchUpload),
        (Scene.aget, COMPLETED, UploadSession),
        (Scene.adelete, COMPLETED, UploadCompleted),
        (Scene.send_all, COMPLETED, OffsetMismatch),
    ],
)
def test_upload_that_ends_while_a_request_waits_for_it_is_over(
    scene: Scene,
    attempt: Callable[[Scene, str], Coroutine[Any, Any, object]],
    change: str,
    outcome: type[object],
) -> None:
    upload_id = scene.begin("a", 4)

    async def race() -> object:
        async with scene.stage.backend.draft(upload_id):
            waiting = asyncio.create_task(attempt(scene, upload_id))
            async with asyncio.timeout(PATIENCE_S):
                while not await scene.is_claimed(upload_id):
                    await asyncio.sleep(0.01)
            await scene.change(change)
        return (await asyncio.gather(waiting, return_exceptions=True))[0]

    assert isinstance(scene.stage.run(race()), outcome)
    assert scene.drafts() == []


@in_memory
def test_requests_leave_no_tasks_behind(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def several() -> set[str]:
        writing = await hanging_append(scene, upload_id, b"01")
        await scene.uploads.get(OWNER, upload_id)
        await writing
        cancelled = asyncio.create_task(
            scene.uploads.append(OWNER, upload_id, Portion(body=Hanging(b"").chunks(), offset=2))
        )
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        return {each.get_name() for each in asyncio.all_tasks() if each is not asyncio.current_task()}

    before = scene.stage.run(_task_names())
    assert scene.stage.run(several()) <= before


async def _task_names() -> set[str]:
    return {each.get_name() for each in asyncio.all_tasks() if each is not asyncio.current_task()}
