"""Resumable uploads while rights, names, buckets and limits change, and rows or bytes fail."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from aerostore.domain import RlsContext, UploadState
from aerostore.errors import (
    AccessDenied,
    ChecksumMismatch,
    EntityTooLarge,
    ExpiredToken,
    KeyAlreadyExists,
    NoSuchBucket,
    NoSuchUpload,
    SlowDown,
    Unavailable,
    UploadExpired,
)
from aerostore.permissions.predicate import Predicate
from aerostore.service.portion import Portion
from tests.conformance.executor_fixture import Rights, Who
from tests.service.conftest import MakeStage, only_in_sqlite
from tests.service.meddling import FailingExecutor
from tests.service.resuming import Scene, broken_off, expecting, then
from tests.service.stage import OWNER, SERVICE, ListSink, Stage


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


# What changes meanwhile


@dataclass(frozen=True)
class ChangingRights(Rights):
    """Rights that a test can take away."""

    now: dict[str, Rights] = field(default_factory=lambda: {"rights": Rights()})

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        return self.now["rights"].where(table, command, context, known)

    def take_insert(self) -> None:
        self.now["rights"] = Rights(insert=Who.NOBODY)

    def give_back(self) -> None:
        self.now["rights"] = Rights()


@only_in_sqlite
def test_right_that_was_taken_meanwhile_stops_the_next_portion(make_stage: MakeStage) -> None:
    rights = ChangingRights()
    scene = Scene(make_stage(rights))
    upload_id = scene.begin("a", 4)
    rights.take_insert()
    with pytest.raises(AccessDenied):
        scene.append(upload_id, 0, b"01")
    assert scene.offset(upload_id) == 0


@only_in_sqlite
def test_right_that_is_taken_while_the_last_bytes_come_makes_no_object(make_stage: MakeStage) -> None:
    rights = ChangingRights()
    scene = Scene(make_stage(rights))
    upload_id = scene.begin("a", 4)

    async def take() -> None:
        rights.take_insert()

    with pytest.raises(AccessDenied):
        portion = Portion(body=then(b"01", take, b"23"))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.stage.names() == []
    rights.give_back()
    assert scene.append(upload_id, 4, b"").state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_token_that_expires_while_the_last_bytes_come_makes_no_object(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(ExpiredToken):
        portion = Portion(body=broken_off(b"0123", ExpiredToken()))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.stage.names() == []
    assert scene.append(upload_id, 4, b"").state is UploadState.COMPLETED


def test_name_taken_meanwhile_is_a_conflict_until_it_is_free(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)

    async def take_name() -> None:
        await scene.stage.aput("a", b"other")

    with pytest.raises(KeyAlreadyExists):
        portion = Portion(body=then(b"01", take_name, b"23"))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.stage.get("a") == b"other"
    with pytest.raises(KeyAlreadyExists):
        scene.append(upload_id, 4, b"")
    scene.stage.delete("a")
    assert scene.append(upload_id, 4, b"").state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_client_of_a_refused_upload_is_asked_for_its_last_byte_again(scene: Scene) -> None:
    """A tus client takes an offset that is the length for the end, and would never ask for the object."""
    upload_id = scene.begin("a", 4)
    with pytest.raises(ExpiredToken):
        portion = Portion(body=broken_off(b"0123", ExpiredToken()))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.offset(upload_id) == 3
    assert scene.append(upload_id, 3, b"3").state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


class Death(Exception):
    """Ends an operation like the end of its process: whatever it would do afterwards is not done."""


@pytest.mark.parametrize("failure", [SlowDown(), Unavailable(), Death()], ids=repr)
def test_upload_whose_end_the_database_missed_can_still_be_ended(
    make_stage: MakeStage, failure: Exception
) -> None:
    """Its bytes may be a blob's already, which nobody may change: the last one is asked for, not written."""
    stage = make_stage()
    executor = FailingExecutor(stage.executor, failure, at="INTO storage_objects")
    scene = Scene(stage, executor=executor)
    upload_id = scene.begin("a", 4)
    with pytest.raises(type(failure)):
        scene.append(upload_id, 0, b"0123")
    assert scene.offset(upload_id) == 3
    assert scene.append(upload_id, 3, b"3").state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_last_byte_that_comes_again_damaged_is_not_kept(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(ExpiredToken):
        portion = Portion(body=broken_off(b"0123", ExpiredToken()))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    with pytest.raises(ChecksumMismatch):
        scene.append(upload_id, 3, b"X", digests=expecting(b"3"))
    assert not scene.is_complete(upload_id)
    assert scene.append(upload_id, 3, b"3", digests=expecting(b"3")).state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_bucket_deleted_meanwhile_ends_the_upload(scene: Scene) -> None:
    scene.stage.make_bucket("short-lived")
    upload_id = scene.begin("a", 4, bucket_id="short-lived")
    scene.append(upload_id, 0, b"01")
    scene.stage.run(scene.stage.storage.buckets.delete(SERVICE, "short-lived"))
    with pytest.raises(NoSuchUpload):
        scene.append(upload_id, 2, b"23")


def test_bucket_deleted_while_the_last_bytes_come_makes_no_object(scene: Scene) -> None:
    scene.stage.make_bucket("short-lived")
    upload_id = scene.begin("a", 4, bucket_id="short-lived")

    async def delete_bucket() -> None:
        await scene.stage.storage.buckets.delete(SERVICE, "short-lived")

    with pytest.raises((NoSuchBucket, NoSuchUpload)):
        portion = Portion(body=then(b"01", delete_bucket, b"23"))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.stage.names() == []


def test_limit_lowered_meanwhile_holds_at_the_end(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.stage.rows("UPDATE storage_buckets SET file_size_limit = 3 WHERE id = 'photos'")
    with pytest.raises(EntityTooLarge):
        scene.append(upload_id, 0, b"0123")
    assert scene.stage.names() == []


# Bytes and rows that fail


def test_same_content_is_stored_once(scene: Scene) -> None:
    scene.stage.put("by-rest", b"0123")
    scene.append(scene.begin("by-tus", 4), 0, b"0123")
    assert len(scene.stage.rows("SELECT * FROM storage_blobs")) == 1
    assert len(scene.stage.keys_of_bytes()) == 1
    assert scene.stage.get("by-tus") == b"0123"


def test_bytes_that_could_not_be_published_stay_for_another_try(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(plan={"publish": [Unavailable()]}))
    upload_id = scene.begin("a", 4)
    with pytest.raises(Unavailable):
        scene.append(upload_id, 0, b"0123")
    assert scene.append(upload_id, 4, b"").state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_bytes_that_could_not_be_written_are_not_counted(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(plan={"append": [Unavailable()]}))
    upload_id = scene.begin("a", 4)
    with pytest.raises(Unavailable):
        scene.append(upload_id, 0, b"0123")
    assert scene.offset(upload_id) == 0
    scene.append(upload_id, 0, b"0123")
    assert scene.stage.get("a") == b"0123"


def test_upload_whose_bytes_were_lost_can_only_begin_anew(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"01")
    scene.stage.run(scene.stage.backend.delete(f"draft/{upload_id}"))
    with pytest.raises(UploadExpired):
        scene.get(upload_id)
    with pytest.raises(UploadExpired):
        scene.append(upload_id, 2, b"23")
    scene.append(scene.begin("a", 4), 0, b"0123")
    assert scene.stage.get("a") == b"0123"


def test_draft_that_cannot_be_removed_does_not_spoil_the_upload(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(plan={"discard": [Unavailable()]}))
    assert scene.append(scene.begin("a", 4), 0, b"0123").state is UploadState.COMPLETED


def test_event_and_metrics_tell_of_a_resumable_upload(make_stage: MakeStage) -> None:
    sink = ListSink()
    scene = Scene(make_stage(sinks=[sink]))
    scene.append(scene.begin("a", 4), 0, b"0123")
    scene.stage.run(scene.stage.outbox.deliver_due())
    [event] = sink.received
    assert (event.type, event.payload["uploadType"]) == ("ObjectCreated:Post", "resumable")
    shown = scene.stage.telemetry.render().decode()
    assert 'storage_upload_total{bucket="photos",status="ok"} 1.0' in shown
    assert 'storage_upload_bytes_total{bucket="photos"} 4.0' in shown


def test_refused_upload_is_counted_by_its_reason(scene: Scene) -> None:
    scene.stage.put("a")
    with pytest.raises(KeyAlreadyExists):
        scene.begin("a")
    shown = scene.stage.telemetry.render().decode()
    assert re.search(r'storage_upload_total\{bucket="photos",status="KeyAlreadyExists"\} 1', shown)
