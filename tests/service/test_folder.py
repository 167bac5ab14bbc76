"""Folders that one request takes care of: all of it is done, or nothing."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from aerostore.domain import JobState
from aerostore.errors import (
    AccessDenied,
    EntityTooLarge,
    InvalidKey,
    InvalidMimeType,
    InvalidParameter,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    ResourceAlreadyExists,
    StorageError,
    Unavailable,
)
from aerostore.service.folder_request import folder_request
from tests.service.conftest import MakeStage, in_memory
from tests.service.folder_scene import BATCH, FolderScene
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

VAULT = """
    create policy "everything but the vault" on storage.objects for all to authenticated
        using (owner_id = (select auth.jwt() ->> 'sub') and name not like 'vault/%')
"""


@pytest.fixture
def scene(stage: Stage) -> FolderScene:
    return FolderScene(stage)


def test_move_renames_what_is_in_the_folder_and_nothing_else(scene: FolderScene) -> None:
    scene.fill("a/1", "a/b/2", "ab", "b")
    job = scene.start("move", "a/", "c/")
    assert (job.state, job.done, job.total, job.done_bytes) == (JobState.DONE, 2, 2, 8)
    assert scene.names() == ["ab", "b", "c/1", "c/b/2"]
    assert scene.stage.get("c/b/2") == b"a/b/2"


def test_a_moved_object_keeps_its_id_and_gets_a_new_version(scene: FolderScene) -> None:
    before = scene.stage.put("a/1")
    scene.stage.clock.advance(5)
    scene.start("move", "a/", "b/")
    after = scene.stage.rows("SELECT id, version, created_at, updated_at FROM storage_objects")[0]
    assert after["id"] == before.id
    assert after["version"] != before.version
    assert after["created_at"] != after["updated_at"]


def test_copy_makes_objects_of_the_caller_and_leaves_the_others(scene: FolderScene) -> None:
    scene.fill("a/1", "a/2", user_metadata={"k": "v"}, mime_type="text/plain")
    job = scene.start("copy", "a/", "b/", by=SERVICE)
    assert (job.state, job.done) == (JobState.DONE, 2)
    assert scene.names() == ["a/1", "a/2", "b/1", "b/2"]
    copied = scene.stage.run(scene.stage.storage.downloads.info(SERVICE, "photos", "b/1")).object
    assert (copied.mime_type, copied.user_metadata, copied.owner_id) == ("text/plain", {"k": "v"}, None)
    assert scene.stage.get("b/1", by=SERVICE) == b"a/1"


def test_delete_removes_rows_and_leaves_bytes_to_reclaim(scene: FolderScene) -> None:
    scene.fill("a/1", "a/2", "b")
    job = scene.start("delete", "a/")
    assert (job.done, job.done_bytes) == (2, 6)
    assert scene.names() == ["b"]
    assert len(scene.stage.keys_of_bytes()) == 3


def test_each_object_has_the_events_of_a_single_operation(scene: FolderScene) -> None:
    scene.fill("a/1", "a/2")
    scene.start("move", "a/", "b/")
    scene.start("copy", "b/", "c/")
    scene.start("delete", "c/")
    assert scene.events()[2:] == [
        *[("ObjectRemoved:Move", "a/1"), ("ObjectRemoved:Move", "a/2")],
        *[("ObjectCreated:Move", "b/1"), ("ObjectCreated:Move", "b/2")],
        *[("ObjectCreated:Copy", "c/1"), ("ObjectCreated:Copy", "c/2")],
        *[("ObjectRemoved:Delete", "c/1"), ("ObjectRemoved:Delete", "c/2")],
    ]


def test_a_move_tells_receivers_where_each_object_was(scene: FolderScene) -> None:
    before = scene.stage.put("a/1")
    scene.start("move", "a/", "b/")
    row = scene.stage.rows("SELECT payload FROM storage_events WHERE type = 'ObjectCreated:Move'")[0]
    assert json.loads(row["payload"])["oldObject"] == {
        "name": "a/1",
        "bucketId": "photos",
        "version": before.version,
        "reqId": "request",
    }


def test_only_what_the_caller_sees_is_in_the_folder(scene: FolderScene) -> None:
    scene.fill("a/1")
    scene.fill("a/2", by=STRANGER)
    assert scene.start("move", "a/", "b/").done == 1
    assert scene.names() == ["a/2", "b/1"]


@pytest.mark.parametrize("kind", ["move", "copy", "delete"])
@pytest.mark.parametrize("by", [ANON, STRANGER], ids=["anon", "stranger"])
def test_a_folder_that_policies_hide_is_not_found(scene: FolderScene, kind: str, by: Any) -> None:
    scene.fill("a/1")
    before = scene.stage.everything()
    with pytest.raises(NoSuchKey, match="Folder not found"):
        scene.start(kind, "a/", "b/", by=by)
    assert scene.stage.everything() == before


def test_between_buckets_the_limits_of_the_destination_hold(scene: FolderScene) -> None:
    scene.stage.make_bucket("small", file_size_limit=2)
    scene.stage.make_bucket("texts", allowed_mime_types=["text/*"])
    scene.stage.make_bucket("other")
    scene.fill("a/1", "a/2", mime_type="image/png")
    with pytest.raises(EntityTooLarge, match="a/1"):
        scene.start("copy", "a/", "a/", to_bucket="small")
    with pytest.raises(InvalidMimeType, match="a/1"):
        scene.start("move", "a/", "b/", to_bucket="texts")
    scene.start("move", "a/", "", to_bucket="other")
    assert (scene.names(), scene.names("other")) == ([], ["1", "2"])


REFUSED: list[tuple[str, dict[str, Any], type[StorageError]]] = [
    ("move", {"prefix": "a/", "to": "a/"}, InvalidParameter),
    ("move", {"prefix": "a/", "to": "a/b/"}, InvalidParameter),
    ("copy", {"prefix": "a/", "to": "a/b/"}, InvalidParameter),
    ("copy", {"prefix": "", "to": "b/"}, InvalidParameter),
    ("move", {"prefix": "", "to": "", "to_bucket": "other"}, InvalidParameter),
    ("move", {"prefix": "a", "to": "b/"}, InvalidParameter),
    ("move", {"prefix": "a/", "to": "b"}, InvalidParameter),
    ("move", {"prefix": "a/", "to": "b/../"}, InvalidKey),
    ("move", {"prefix": "a/", "to": "b\x00/"}, InvalidKey),
    ("copy", {"prefix": "a/", "to": f"{'é' * 511}x/"}, InvalidKey),
    ("move", {"prefix": "none/", "to": "b/"}, NoSuchKey),
    ("delete", {"prefix": "none/"}, NoSuchKey),
    ("delete", {"prefix": "a/", "bucket": "none"}, NoSuchBucket),
    ("move", {"prefix": "a/", "to": "b/", "to_bucket": "none"}, NoSuchRelation),
]


@pytest.mark.parametrize(("kind", "asked", "error"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_done(
    scene: FolderScene, kind: str, asked: dict[str, Any], error: type[StorageError]
) -> None:
    scene.fill("a/1", "a/2")
    before = scene.stage.everything()
    with pytest.raises(error):
        scene.start(kind, **asked)
    assert scene.stage.everything() == before
    assert scene.stage.rows("SELECT id FROM storage_jobs") == []


def test_a_folder_moves_up_unless_a_name_would_be_in_it_again(scene: FolderScene) -> None:
    scene.fill("a/b/1", "a/b/c/2")
    scene.start("move", "a/b/", "a/")
    assert scene.names() == ["a/1", "a/c/2"]
    scene.fill("x/x/3")
    with pytest.raises(InvalidParameter, match="in the folder that it comes from"):
        scene.start("move", "x/", "")
    assert scene.names() == ["a/1", "a/c/2", "x/x/3"]


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_a_taken_name_ends_it_all(scene: FolderScene, kind: str) -> None:
    scene.fill("a/1", "a/2", "b/2")
    before = scene.stage.everything()
    with pytest.raises(ResourceAlreadyExists, match="b/2") as raised:
        scene.start(kind, "a/", "b/")
    assert raised.value.hint and "skip" in raised.value.hint
    assert scene.stage.everything() == before


def test_skipped_objects_stay_and_are_in_the_report(scene: FolderScene) -> None:
    scene.fill("a/1", "a/2", "b/2")
    job = scene.start("move", "a/", "b/", conflict="skip")
    assert (job.done, job.skipped, job.total) == (1, 1, 2)
    assert scene.names() == ["a/2", "b/1", "b/2"]
    entries = scene.job(job.id).report["entries"]
    assert [(each["kind"], each["name"]) for each in entries] == [("conflict", "a/2")]


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_replacing_puts_the_new_content_under_the_name(scene: FolderScene, kind: str) -> None:
    scene.fill("a/1", "a/2", "b/2")
    assert scene.start(kind, "a/", "b/", conflict="replace").done == 2
    assert scene.stage.get("b/2") == b"a/2"
    assert scene.names() == (["b/1", "b/2"] if kind == "move" else ["a/1", "a/2", "b/1", "b/2"])


def test_a_replaced_object_keeps_its_id_when_it_is_copied_over(scene: FolderScene) -> None:
    scene.fill("a/1")
    kept = scene.stage.put("b/1")
    scene.start("copy", "a/", "b/", conflict="replace")
    rows = scene.stage.rows("SELECT object_id FROM storage_events WHERE type = 'ObjectCreated:Copy'")
    assert [str(row["object_id"]) for row in rows] == [kept.id]


@pytest.mark.parametrize("kind", ["move", "copy"])
def test_what_the_caller_may_not_touch_is_not_replaced(scene: FolderScene, kind: str) -> None:
    scene.fill("a/1", "a/2")
    scene.fill("b/2", by=STRANGER)
    before = scene.stage.everything()
    with pytest.raises(AccessDenied, match="/2"):
        scene.start(kind, "a/", "b/", conflict="replace")
    assert scene.stage.everything() == before


@pytest.mark.parametrize("count", [1, BATCH + 1], ids=["at-once", "job"])
@pytest.mark.parametrize("conflict", ["fail", "skip", "replace"])
@pytest.mark.parametrize("kind", ["move", "copy"])
def test_who_may_not_look_into_a_destination_learns_no_name_there(
    make_stage: MakeStage, kind: str, conflict: str, count: int
) -> None:
    scene = FolderScene(make_stage(rights=VAULT))
    told = []
    for folder in ("taken", "free"):
        scene.fill(*[f"{folder}/{number}" for number in range(count)])
    scene.fill(*[f"vault/taken/{number}" for number in range(count)], by=SERVICE)
    before = scene.names()
    for folder in ("taken", "free"):
        told.append(refusal(scene, kind, f"{folder}/", f"vault/{folder}/", conflict).replace(folder, "it"))
    assert told[0] == told[1]
    assert "new row violates row-level security policy" in told[0]
    assert scene.names() == before


def refusal(scene: FolderScene, kind: str, prefix: str, to: str, conflict: str) -> str:
    """Return all that a caller is told who is refused, at once or by the job."""
    try:
        job = scene.finished(kind, prefix, to, conflict=conflict)
    except StorageError as exc:
        return f"{exc.code} {exc.message} {exc.resource} {exc.hint}"
    return f"{job.state} {job.done} {job.skipped} {job.total} {job.error} {job.report}"


def test_nobody_is_refused_since_others_move_the_same_objects_meanwhile(scene: FolderScene) -> None:
    files = scene.stage.storage.files
    names = [f"a/{number}" for number in range(BATCH)]

    async def ask(kind: str, prefix: str, to: str) -> None:
        body = {"bucket": "photos", "prefix": prefix, "to_prefix": to, "conflict": "replace"}
        with suppress(NoSuchKey, Unavailable):
            await scene.folders.start(OWNER, folder_request(f"folder.{kind}", body))

    async def delete_many() -> None:
        assert await files.remove_many(OWNER, "photos", names) == set()

    async def all_at_once() -> None:
        for _ in range(12):
            await asyncio.gather(*(scene.stage.aput(name, upsert=True) for name in names))
            moves = [ask("move", *way) for way in [("a/", "b/"), ("b/", "a/")] * 4]
            await asyncio.gather(*moves, ask("delete", "b/", ""), ask("delete", "a/", ""), delete_many())

    scene.stage.run(all_at_once())


@in_memory
def test_names_of_any_kind_go_along(scene: FolderScene) -> None:
    names = ["a/<img src=x onerror=alert(1)>", 'a/日本語 "q" & #hash?.txt', "a/100% + more", "a//x", "a/"]
    scene.fill(*names[:3])
    scene.start("move", "a/", "b'\"; --/")
    assert sorted(scene.names()) == sorted(f"b'\"; --/{name[2:]}" for name in names[:3])
    scene.fill(*names[3:])
    scene.start("move", "a/", "c/")
    assert scene.names()[-2:] == ["c/", "c//x"]


def test_a_job_is_shown_to_whoever_started_it(scene: FolderScene) -> None:
    scene.fill("a/1")
    job = scene.start("delete", "a/")
    assert scene.job(job.id, SERVICE).id == scene.job(job.id, OWNER).id == job.id
    with pytest.raises(StorageError, match="Job not found"):
        scene.job(job.id, STRANGER)


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("move", "storage.object.move"),
        ("copy", "storage.object.copy"),
        ("delete", "storage.object.delete_many"),
    ],
)
def test_what_policies_refuse_for_one_object_they_refuse_for_a_folder(
    make_stage: MakeStage, kind: str, operation: str
) -> None:
    text = f"""
        create policy "all but one" on storage.objects for all to authenticated
            using (storage.operation() <> '{operation}') with check (true)
    """
    scene = FolderScene(make_stage(rights=text))
    scene.fill("a/1")
    with pytest.raises(NoSuchKey):
        scene.start(kind, "a/", "b/")
    for other in {"move", "copy", "delete"} - {kind}:
        scene.fill("c/1")
        assert scene.start(other, "c/", "d/", conflict="replace").done == 1
        scene.stage.rows("DELETE FROM storage_objects WHERE name LIKE 'c/%'")
