"""What several servers do to one multipart upload, each in the middle of the other's transaction."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aerostore.domain import UploadPart
from aerostore.errors import NoSuchUpload, StorageError
from aerostore.executor import Executor
from aerostore.service.completion import Completed
from tests.service.conftest import IN_POSTGRES
from tests.service.meddling import MeddledExecutor
from tests.service.multipart_scene import Scene, uploads_over
from tests.service.rows import PostgresRows
from tests.service.stage import OWNER, Stage

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("make_stage", IN_POSTGRES, ids=str, indirect=True),
]

Deed = Callable[[Scene], Awaitable[object]]
FIRST, LAST = b"the first part", b"and the last"
LOCK, PART, BLOB, END, OBJECT = (
    "FOR UPDATE",
    "INSERT INTO storage_upload_parts",
    "INSERT INTO storage_blobs",
    "state = 'COMPLETED'",
    "INSERT INTO storage_objects",
)


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


def seen_by(scene: Scene, executor: Executor) -> Scene:
    other = Scene(scene.stage)
    other.uploads = uploads_over(scene.stage, executor)
    return other


def race(scene: Scene, deed: Deed, intruding: Deed, *, before: str) -> tuple[object, object]:
    """Do `deed` with the other one between its statements; return what both gave, or their refusals."""
    rows = scene.stage.own_rows
    assert isinstance(rows, PostgresRows)
    meddled = MeddledExecutor(
        scene.stage.executor,
        rows.executor(),
        lambda executor: outcome_of(intruding(seen_by(scene, executor))),
        before=before,
        is_stuck=rows.is_somebody_stuck,
    )

    async def both() -> tuple[object, object]:
        outcome = await outcome_of(deed(seen_by(scene, meddled)))
        return outcome, await asyncio.to_thread(lambda: meddled.outcome)

    return scene.stage.run(both())


async def outcome_of(doing: Awaitable[object]) -> object:
    try:
        return await doing
    except StorageError as refusal:
        return refusal


@pytest.mark.parametrize(
    ("before", "content"),
    [(LOCK, b"a third one"), (BLOB, b"a third one"), (PART, b"a third one"), (LOCK, LAST), (PART, LAST)],
)
def test_a_part_and_a_completion_that_meet_leave_right_counts(
    scene: Scene, before: str, content: bytes
) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)]
    ours, theirs = race(
        scene,
        lambda we: we.aput(upload, 3, content),
        lambda they: they.acomplete(upload, parts),
        before=before,
    )
    assert isinstance(theirs, Completed)
    assert isinstance(ours, UploadPart | NoSuchUpload)
    assert scene.stage.get("a") == FIRST + LAST
    scene.require_right_counts()
    scene.reclaim()
    assert len(scene.everything_stored()) == 1


@pytest.mark.parametrize("before", [LOCK, PART])
def test_a_part_and_an_abort_that_meet_leave_nothing(scene: Scene, before: str) -> None:
    upload = scene.begin()
    scene.put(upload, 1, FIRST)
    ours, theirs = race(
        scene,
        lambda we: we.aput(upload, 1, LAST),
        lambda they: they.uploads.abort(OWNER, upload),
        before=before,
    )
    assert theirs is None
    assert isinstance(ours, UploadPart | NoSuchUpload)
    scene.require_right_counts()
    scene.reclaim()
    assert scene.everything_stored() == set()


@pytest.mark.parametrize("before", [OBJECT, END])
@pytest.mark.parametrize("count", [1, 2])
def test_a_completion_and_an_abort_that_meet_have_one_winner(scene: Scene, before: str, count: int) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)][:count]
    ours, theirs = race(
        scene,
        lambda we: we.acomplete(upload, parts),
        lambda they: they.uploads.abort(OWNER, upload),
        before=before,
    )
    won = isinstance(ours, Completed)
    assert won or isinstance(ours, NoSuchUpload)
    assert isinstance(theirs, NoSuchUpload) == won
    assert len(scene.stage.names()) == int(won)
    scene.require_right_counts()


@pytest.mark.parametrize("before", [OBJECT, END])
def test_a_part_replaced_in_the_middle_of_a_completion_is_not_in_the_object(
    scene: Scene, before: str
) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, FIRST)
    ours, theirs = race(
        scene,
        lambda we: we.acomplete(upload, [part]),
        lambda they: they.aput(upload, 1, LAST),
        before=before,
    )
    assert isinstance(ours, Completed)
    assert isinstance(theirs, NoSuchUpload)
    assert scene.stage.get("a") == FIRST
    scene.require_right_counts()


@pytest.mark.parametrize("before", [LOCK, PART])
def test_the_same_part_from_two_servers_is_the_later_one(scene: Scene, before: str) -> None:
    upload = scene.begin()
    ours, theirs = race(
        scene, lambda we: we.aput(upload, 1, FIRST), lambda they: they.aput(upload, 1, LAST), before=before
    )
    assert isinstance(ours, UploadPart)
    assert isinstance(theirs, UploadPart)
    (row,) = scene.stage.rows("SELECT offset_bytes FROM storage_uploads")
    (part,) = scene.stage.rows("SELECT size_bytes FROM storage_upload_parts")
    assert row["offset_bytes"] == part["size_bytes"]
    scene.require_right_counts()
