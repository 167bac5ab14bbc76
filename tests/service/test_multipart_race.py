"""Multipart uploads when several requests meet, or one of them dies: at every step that there is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aerostore.domain import UploadPart
from aerostore.errors import (
    AccessDenied,
    Corrupted,
    EntityTooLarge,
    InsufficientStorage,
    InvalidPart,
    KeyAlreadyExists,
    NoSuchKey,
    NoSuchUpload,
    Unavailable,
)
from aerostore.service.completion import ChecksumKind, Completed
from aerostore.service.multipart import MultipartUploads, UploadAddress
from aerostore.service.part import PartSource
from aerostore.service.publish import Upload, WriteCondition
from tests.faults import Afterwards, CrashNow
from tests.service.conftest import MakeStage
from tests.service.multipart_scene import Scene, asked, composite_md5, outcomes, uploads_over
from tests.service.stage import FILE_SIZE_LIMIT, OWNER, STRANGER, Stage
from tests.service.stepping import Actor, SteppedBackend, SteppedExecutor

FIRST, LAST = b"the first part", b"and the last"


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


async def ignore(_text: str) -> None:
    """Let every call be."""


def stepped(stage: Stage) -> MultipartUploads:
    backend = SteppedBackend(stage.backend, before_delete=ignore, before_list=ignore)
    return uploads_over(stage, SteppedExecutor(lambda: stage.executor), backend)


@dataclass
class Meeting:
    """An upload with two parts, and a request about it that somebody else comes between.

    was_over: it had ended before the other one began.
    """

    scene: Scene
    name: str
    upload: UploadAddress
    parts: list[UploadPart]
    ours: object = None
    theirs: object = None
    was_over: bool = False

    async def content(self) -> bytes | None:
        """Return what the name holds, None when there is no such object."""
        rows = await self.scene.stage._rows(
            f"SELECT id FROM storage_objects WHERE name = '{self.name}'", False
        )
        return await self.scene.stage.aget(self.name) if rows else None


Ours = Callable[[MultipartUploads, Meeting], Awaitable[object]]
Theirs = Callable[[Meeting], Awaitable[object]]


def complete(uploads: MultipartUploads, meeting: Meeting) -> Awaitable[object]:
    return uploads.complete(OWNER, meeting.upload, asked(meeting.parts))


def complete_first(uploads: MultipartUploads, meeting: Meeting) -> Awaitable[object]:
    return uploads.complete(OWNER, meeting.upload, asked(meeting.parts[:1]))


async def meet(scene: Scene, name: str, ours: Ours, theirs: Theirs, steps: int) -> Meeting:
    upload = await scene.abegin(name)
    contents = (FIRST + name.encode(), LAST + name.encode())
    parts = [await scene.aput(upload, number, each) for number, each in enumerate(contents, 1)]
    meeting = Meeting(scene, name, upload, parts)
    actor: Actor[Any] = await Actor(_of(ours(stepped(scene.stage), meeting))).begin()
    for _ in range(steps):
        if not actor.has_ended:
            await actor.step()
    meeting.was_over = actor.has_ended
    if theirs is kill:
        await actor.kill()
    else:
        (meeting.theirs,) = await outcomes(theirs(meeting))
    meeting.ours = await actor.go_on_to_the_end()
    return meeting


async def _of(doing: Awaitable[object]) -> object:
    return await doing


async def kill(_meeting: Meeting) -> None:
    """Kill the process of the request."""


def at_every_step(
    scene: Scene, ours: Ours, theirs: Theirs, check: Callable[[Meeting], Awaitable[None]]
) -> int:
    """Let the others come before every step of ours, each time to an upload of its own."""

    async def run() -> int:
        steps, was_over = 0, False
        while not was_over:
            meeting = await meet(scene, f"{steps}", ours, theirs, steps)
            await check(meeting)
            was_over, steps = meeting.was_over, steps + 1
        return steps

    steps = scene.stage.run(run())
    scene.require_right_counts()
    return steps


@pytest.mark.parametrize("ours", [complete, complete_first])
def test_an_abort_and_a_completion_that_meet_have_one_winner(scene: Scene, ours: Ours) -> None:
    async def abort(meeting: Meeting) -> None:
        await scene.uploads.abort(OWNER, meeting.upload)

    async def check(meeting: Meeting) -> None:
        won = isinstance(meeting.ours, Completed)
        assert isinstance(meeting.theirs, NoSuchUpload) == won
        assert won or isinstance(meeting.ours, NoSuchUpload)
        assert (await meeting.content() is not None) == won

    assert at_every_step(scene, ours, abort, check) > 4
    scene.reclaim()
    assert len(scene.everything_stored()) == len(scene.stage.names())


@pytest.mark.parametrize("ours", [complete, complete_first])
def test_a_part_that_is_replaced_during_completion_is_in_the_object_as_named_or_not_at_all(
    scene: Scene, ours: Ours
) -> None:
    async def replace(meeting: Meeting) -> None:
        await scene.aput(meeting.upload, 1, b"quite another" + meeting.name.encode())

    async def check(meeting: Meeting) -> None:
        if isinstance(meeting.ours, Completed):
            named = meeting.parts[:1] if ours is complete_first else meeting.parts
            contents = [content + meeting.name.encode() for content in (FIRST, LAST)][: len(named)]
            assert await meeting.content() == b"".join(contents)
            assert meeting.ours.etag == composite_md5(*contents)
        else:
            assert isinstance(meeting.ours, InvalidPart)
            assert meeting.theirs is None
            assert await meeting.content() is None

    at_every_step(scene, ours, replace, check)


@pytest.mark.parametrize("ours", [complete, complete_first])
def test_an_object_of_somebody_else_made_during_completion_stays_theirs(scene: Scene, ours: Ours) -> None:
    async def take_the_name(meeting: Meeting) -> object:
        upload = Upload(bucket_id="photos", name=meeting.name)
        return await scene.stage.storage.files.put(STRANGER, upload, b"theirs")

    async def check(meeting: Meeting) -> None:
        if isinstance(meeting.ours, Completed):
            assert isinstance(meeting.theirs, KeyAlreadyExists)
            return
        assert isinstance(meeting.ours, AccessDenied)
        assert await scene.stage.aget(meeting.name, STRANGER) == b"theirs"

    at_every_step(scene, ours, take_the_name, check)


@pytest.mark.parametrize("ours", [complete, complete_first])
def test_wherever_the_process_dies_completing_again_gives_the_object(scene: Scene, ours: Ours) -> None:
    async def check(meeting: Meeting) -> None:
        assert isinstance(meeting.ours, Completed) or not meeting.was_over
        again = await _of(ours(scene.uploads, meeting))
        assert isinstance(again, Completed)
        content = await meeting.content()
        assert content is not None
        assert content.startswith(FIRST)
        assert len(await scene.stage._rows("SELECT id FROM storage_events", False)) == int(meeting.name) + 1

    at_every_step(scene, ours, kill, check)
    scene.reclaim()
    assert len(scene.everything_stored()) == len(scene.stage.names())


def test_wherever_a_part_dies_nothing_or_all_of_it_is_there(scene: Scene) -> None:
    def put_third(uploads: MultipartUploads, meeting: Meeting) -> Awaitable[object]:
        return stepped_scene(scene, uploads).aput(meeting.upload, 3, b"third" + meeting.name.encode())

    async def check(meeting: Meeting) -> None:
        page = await scene.uploads.list_parts(OWNER, meeting.upload, after_number=0, limit=9)
        assert len(page.parts) == (3 if isinstance(meeting.ours, UploadPart) else 2)
        await scene.uploads.abort(OWNER, meeting.upload)

    at_every_step(scene, put_third, kill, check)
    scene.reclaim()
    assert scene.everything_stored() == set()


def stepped_scene(scene: Scene, uploads: MultipartUploads) -> Scene:
    other = Scene(scene.stage)
    other.uploads = uploads
    return other


def test_a_part_that_meets_an_abort_is_gone_with_it(scene: Scene) -> None:
    def put_third(uploads: MultipartUploads, meeting: Meeting) -> Awaitable[object]:
        return stepped_scene(scene, uploads).aput(meeting.upload, 3, b"third" + meeting.name.encode())

    async def abort(meeting: Meeting) -> None:
        await scene.uploads.abort(OWNER, meeting.upload)

    async def check(meeting: Meeting) -> None:
        assert meeting.theirs is None
        assert isinstance(meeting.ours, UploadPart if meeting.was_over else NoSuchUpload)

    at_every_step(scene, put_third, abort, check)
    scene.reclaim()
    assert scene.everything_stored() == set()


def test_a_source_that_is_deleted_while_it_is_copied_is_in_the_part_or_the_copy_refused(
    scene: Scene,
) -> None:
    def copy(uploads: MultipartUploads, meeting: Meeting) -> Awaitable[object]:
        return uploads.copy_part(
            OWNER, meeting.upload, 3, PartSource(bucket_id="photos", name=f"source{meeting.name}")
        )

    async def delete(meeting: Meeting) -> None:
        await scene.stage.storage.files.delete(OWNER, "photos", f"source{meeting.name}")

    async def check(meeting: Meeting) -> None:
        assert meeting.theirs is None
        if isinstance(meeting.ours, UploadPart):
            await scene.acomplete(meeting.upload, [meeting.ours])
            assert await meeting.content() == b"source" + meeting.name.encode()
        elif isinstance(meeting.ours, Unavailable):
            assert "copy source" in meeting.ours.message
        else:
            assert isinstance(meeting.ours, NoSuchKey)

    async def put_sources() -> None:
        for number in range(12):
            await scene.stage.aput(f"source{number}", b"source%d" % number)

    scene.stage.run(put_sources())
    assert at_every_step(scene, copy, delete, check) < 12


# At once


def test_two_completions_at_once_make_one_object_and_give_one_answer(scene: Scene) -> None:
    upload = scene.begin(checksum=ChecksumKind("CRC32", "COMPOSITE"))
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)]
    condition = WriteCondition(absent=True)
    found = scene.stage.run(
        outcomes(*(scene.acomplete(upload, parts, condition=condition) for _ in range(4)))
    )
    assert isinstance(found[0], Completed)
    assert found == [found[0]] * 4
    assert len(scene.stage.rows("SELECT id FROM storage_events")) == 1
    assert scene.stage.get("a") == FIRST + LAST
    scene.require_right_counts()
    scene.reclaim()
    assert len(scene.everything_stored()) == 1


def test_parts_at_once_never_exceed_the_limit_together(scene: Scene) -> None:
    upload = scene.begin()
    size = FILE_SIZE_LIMIT // 4
    found = scene.stage.run(
        outcomes(*(scene.aput(upload, number, bytes([number]) * size) for number in range(1, 9)))
    )
    assert sum(isinstance(each, UploadPart) for each in found) == 4
    assert sum(isinstance(each, EntityTooLarge) for each in found) == 4
    assert len(scene.numbers(upload)) == 4
    scene.require_right_counts()


def test_the_same_part_sent_twice_at_once_counts_once(scene: Scene) -> None:
    upload = scene.begin()
    sizes = (10, 20, 30, 40)
    found = scene.stage.run(outcomes(*(scene.aput(upload, 1, bytes(size)) for size in sizes)))
    assert all(isinstance(each, UploadPart) for each in found)
    (row,) = scene.stage.rows("SELECT offset_bytes FROM storage_uploads")
    (part,) = scene.stage.rows("SELECT size_bytes FROM storage_upload_parts")
    assert row["offset_bytes"] == part["size_bytes"]
    scene.require_right_counts()


# Failing


@pytest.mark.parametrize("error", [InsufficientStorage(), Unavailable()], ids=repr)
@pytest.mark.parametrize("operation", ["draft", "append_blob", "publish"])
def test_a_completion_that_fails_leaves_the_upload_as_it_was(
    make_stage: MakeStage, operation: str, error: Exception
) -> None:
    scene = Scene(make_stage(plan={operation: [error]}))
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)]
    before = scene.stage.everything()
    with pytest.raises(type(error)):
        scene.complete(upload, parts)
    assert scene.stage.everything() == before
    assert scene.everything_stored() == {part.blob.key for part in parts}
    scene.complete(upload, parts)
    assert scene.stage.get("a") == FIRST + LAST


@pytest.mark.parametrize("error", [InsufficientStorage(), CrashNow()], ids=repr)
def test_a_part_that_finds_no_room_is_not_there(make_stage: MakeStage, error: BaseException) -> None:
    scene = Scene(make_stage(plan={"write": [error]}))
    upload = scene.begin()
    with pytest.raises(type(error)):
        scene.put(upload, 1, FIRST)
    assert scene.numbers(upload) == []
    scene.complete(upload, [scene.put(upload, 1, FIRST)])


def test_a_crash_between_the_bytes_and_their_row_leaves_an_orphan_for_reclaim(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(plan={"publish": [Afterwards(CrashNow())]}))
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)]
    with pytest.raises(CrashNow):
        scene.complete(upload, parts)
    assert len(scene.stage.keys_of_bytes()) == 3
    scene.require_right_counts()
    scene.complete(upload, parts)
    scene.reclaim()
    assert len(scene.everything_stored()) == 1
    assert scene.stage.get("a") == FIRST + LAST


@pytest.mark.parametrize("count", [1, 2])
def test_a_part_whose_bytes_were_damaged_is_mended_by_sending_it_again(scene: Scene, count: int) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)][:count]
    harm(scene.stage, parts[0].blob.key)
    if count > 1:
        with pytest.raises(Corrupted, match="part 1 "):
            scene.complete(upload, parts)
    scene.put(upload, 1, FIRST)
    scene.complete(upload, parts)
    assert scene.stage.get("a") == b"".join((FIRST, LAST)[:count])
    scene.require_right_counts()


def harm(stage: Stage, key: str) -> None:
    """Change stored bytes where they lie; those in memory can only go."""
    path = stage.folder / "blobs" / key
    if path.exists():
        path.write_bytes(b"X" + path.read_bytes()[1:])
    else:
        stage.run(stage.backend.delete(key))


def test_a_completion_that_is_cancelled_can_be_asked_for_again(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, 1, FIRST), scene.put(upload, 2, LAST)]

    async def cancel_later_and_later() -> None:
        for turns in range(40):
            doing = asyncio.create_task(scene.acomplete(upload, parts))
            for _ in range(turns):
                await asyncio.sleep(0)
            doing.cancel()
            await asyncio.wait({doing})
        await scene.acomplete(upload, parts)

    scene.stage.run(cancel_later_and_later())
    assert scene.stage.get("a") == FIRST + LAST
    scene.require_right_counts()
    scene.reclaim()
    assert len(scene.everything_stored()) == 1
