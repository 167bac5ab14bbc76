"""Resumable uploads over every kind of rows and bytes: beginning them and going on."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aerostore.domain import SYSTEM, UploadSession, UploadState
from aerostore.errors import (
    AccessDenied,
    ChecksumMismatch,
    EntityTooLarge,
    IncompleteBody,
    InvalidInput,
    InvalidKey,
    InvalidMimeType,
    KeyAlreadyExists,
    NoSuchBucket,
    OffsetMismatch,
    RequestTimeout,
    StorageError,
)
from aerostore.executor import Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_upload
from aerostore.service.portion import Portion
from tests.service.conftest import in_memory
from tests.service.resuming import CHECKPOINT_BYTES, LIFETIME_S, Scene, broken_off, chunks_of, expecting
from tests.service.stage import ANON, FILE_SIZE_LIMIT, OWNER, Stage


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_largest_upload_is_the_limit_of_the_server(scene: Scene) -> None:
    assert scene.uploads.max_size_bytes == FILE_SIZE_LIMIT


# Beginning


def test_begun_upload_waits_for_its_bytes_and_shows_nothing(scene: Scene) -> None:
    session = scene.stage.run(scene.abegin("a", 4))
    assert (session.state, session.offset_bytes, session.size_bytes) == (UploadState.WRITING, 0, 4)
    assert (session.expires_at - scene.stage.clock()).total_seconds() == LIFETIME_S
    assert scene.stage.names() == []


@in_memory
def test_ids_cannot_be_guessed(scene: Scene) -> None:
    ids = {scene.begin() for _ in range(100)}
    assert len(ids) == 100
    assert len({each[0] for each in ids}) > 8  # no common beginning, no fixed version digit
    assert len({each[14] for each in ids}) > 8


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"size_bytes": FILE_SIZE_LIMIT + 1}, EntityTooLarge),
        ({"bucket_id": "absent"}, NoSuchBucket),
        ({"name": "a/../b"}, InvalidKey),
        ({"mime_type": "no type"}, InvalidMimeType),
        ({"by": ANON}, AccessDenied),
    ],
)
def test_what_cannot_become_an_object_is_not_begun(
    scene: Scene, options: dict[str, Any], error: type[StorageError]
) -> None:
    with pytest.raises(error):
        scene.begin(**options)
    assert scene.stage.rows("SELECT * FROM storage_uploads") == []


def test_limits_of_the_bucket_hold_from_the_beginning(scene: Scene) -> None:
    scene.stage.make_bucket("small", file_size_limit=10, allowed_mime_types=["image/*"])
    with pytest.raises(EntityTooLarge):
        scene.begin(bucket_id="small", size_bytes=11, mime_type="image/png")
    with pytest.raises(InvalidMimeType):
        scene.begin(bucket_id="small")
    scene.begin(bucket_id="small", size_bytes=10, mime_type="image/png")


def test_taken_name_needs_upsert(scene: Scene) -> None:
    scene.stage.put("a")
    with pytest.raises(KeyAlreadyExists):
        scene.begin("a")
    scene.append(scene.begin("a", 4, upsert=True), 0, b"0123")
    assert scene.stage.get("a") == b"0123"


def test_upload_of_nothing_is_an_object_at_once(scene: Scene) -> None:
    session = scene.stage.run(scene.abegin("empty", 0))
    assert session.state is UploadState.COMPLETED
    assert scene.stage.get("empty") == b""
    assert scene.drafts() == []


def test_first_bytes_may_be_all(scene: Scene) -> None:
    session = scene.stage.run(scene.abegin("a", 4, first=Portion(body=chunks_of(b"01", b"23"))))
    assert session.state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_first_bytes_may_be_some(scene: Scene) -> None:
    session = scene.stage.run(scene.abegin("a", 4, first=Portion(body=chunks_of(b"01"))))
    assert (session.state, session.offset_bytes) == (UploadState.WRITING, 2)
    scene.append(session.id, 2, b"23")
    assert scene.stage.get("a") == b"0123"


@pytest.mark.parametrize(
    "first",
    [
        Portion(body=chunks_of(b"01234")),
        Portion(body=chunks_of(b"0"), announced_bytes=5),
        Portion(body=broken_off(b"01", IncompleteBody())),
    ],
    ids=["too many", "too many announced", "cut off"],
)
@in_memory
def test_refused_first_bytes_leave_no_upload_that_nobody_knows(scene: Scene, first: Portion) -> None:
    with pytest.raises(StorageError):
        scene.stage.run(scene.abegin("a", 4, first=first))
    assert scene.stage.rows("SELECT * FROM storage_uploads") == []
    assert scene.drafts() == []


# Going on


def test_portions_add_up(scene: Scene) -> None:
    upload_id = scene.begin("a", 6)
    assert scene.append(upload_id, 0, b"01").offset_bytes == 2
    assert scene.offset(upload_id) == 2
    assert scene.append(upload_id, 2, b"2").offset_bytes == 3
    session = scene.append(upload_id, 3, b"345")
    assert (session.state, session.offset_bytes) == (UploadState.COMPLETED, 6)
    assert scene.stage.get("a") == b"012345"
    assert scene.drafts() == []


def test_portion_longer_than_a_checkpoint_is_whole(scene: Scene) -> None:
    content = bytes(range(256)) * 10
    scene.append(scene.begin("a", len(content)), 0, content)
    assert scene.stage.get("a") == content


def test_object_has_what_was_told_at_the_beginning(scene: Scene) -> None:
    upload_id = scene.begin(
        "a", 1, mime_type="text/css", cache_control="max-age=60", user_metadata={"k": "ü"}
    )
    scene.append(upload_id, 0, b"x")
    [row] = scene.stage.rows("SELECT owner_id, user_metadata FROM storage_objects")
    stored = scene.stage.run(scene.stage.storage.downloads.info(OWNER, "photos", "a")).object
    assert (stored.mime_type, stored.cache_control) == ("text/css", "max-age=60")
    assert (stored.user_metadata, row["owner_id"]) == ({"k": "ü"}, "owner")
    assert stored.etag == sha256(b"x")


@pytest.mark.parametrize("offset", [0, 1, 3, 10**18])
def test_portion_from_another_offset_changes_nothing(scene: Scene, offset: int) -> None:
    upload_id = scene.begin("a", 10)
    scene.append(upload_id, 0, b"01")
    with pytest.raises(OffsetMismatch):
        scene.append(upload_id, offset, b"x")
    assert scene.offset(upload_id) == 2


def test_more_than_the_length_is_refused_and_none_of_it_kept(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(EntityTooLarge):
        scene.append(upload_id, 0, b"01234")
    assert scene.offset(upload_id) == 0
    scene.append(upload_id, 0, b"0123")
    assert scene.stage.get("a") == b"0123"


def test_more_than_the_length_is_refused_before_it_comes(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(EntityTooLarge):
        scene.append(upload_id, 0, b"", announced_bytes=5)


def test_bytes_that_came_before_the_body_was_cut_off_count(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(IncompleteBody):
        scene.stage.run(
            scene.uploads.append(OWNER, upload_id, Portion(body=broken_off(b"01", IncompleteBody())))
        )
    assert scene.offset(upload_id) == 2
    scene.append(upload_id, 2, b"23")
    assert scene.stage.get("a") == b"0123"


def test_body_that_stalls_is_answered_with_how_far_it_came(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    portion = Portion(body=broken_off(b"01", RequestTimeout()))
    assert scene.stage.run(scene.uploads.append(OWNER, upload_id, portion)).offset_bytes == 2


def test_body_that_brings_nothing_is_told_so(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    portion = Portion(body=broken_off(b"", RequestTimeout()))
    with pytest.raises(RequestTimeout):
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))


def test_last_portion_again_is_told_that_all_is_there(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    scene.append(upload_id, 0, b"0123")
    assert scene.append(upload_id, 4, b"").state is UploadState.COMPLETED
    assert scene.get(upload_id).offset_bytes == 4
    with pytest.raises(OffsetMismatch):
        scene.append(upload_id, 0, b"0123", announced_bytes=4)
    assert len(scene.stage.rows("SELECT * FROM storage_events")) == 1


# Lengths that come later


def test_deferred_length_comes_with_the_last_portion(scene: Scene) -> None:
    upload_id = scene.begin("a", None)
    assert scene.append(upload_id, 0, b"01").size_bytes is None
    assert scene.append(upload_id, 2, b"23", size_bytes=4).state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_deferred_length_may_come_before_the_last_bytes(scene: Scene) -> None:
    upload_id = scene.begin("a", None)
    assert scene.append(upload_id, 0, b"01", size_bytes=4).size_bytes == 4
    assert scene.append(upload_id, 2, b"23", size_bytes=4).state is UploadState.COMPLETED


@pytest.mark.parametrize("size_bytes", [1, FILE_SIZE_LIMIT + 1, 10**18])
def test_deferred_length_that_cannot_be_is_refused(scene: Scene, size_bytes: int) -> None:
    upload_id = scene.begin("a", None)
    scene.append(upload_id, 0, b"01")
    with pytest.raises(EntityTooLarge):
        scene.append(upload_id, 2, b"", size_bytes=size_bytes)
    assert scene.get(upload_id).size_bytes is None


def test_deferred_length_has_the_limit_of_the_bucket(scene: Scene) -> None:
    scene.stage.make_bucket("small", file_size_limit=10)
    upload_id = scene.begin("a", None, bucket_id="small")
    scene.append(upload_id, 0, b"x" * 8)
    with pytest.raises(EntityTooLarge):
        scene.append(upload_id, 8, b"xxx")
    assert scene.offset(upload_id) == 8


def test_length_that_is_known_cannot_change(scene: Scene) -> None:
    with pytest.raises(InvalidInput):
        scene.append(scene.begin("a", 4), 0, b"01", size_bytes=5)


# Checksums


def test_portion_with_a_wrong_checksum_does_not_count(scene: Scene) -> None:
    upload_id = scene.begin("a", 4)
    with pytest.raises(ChecksumMismatch):
        scene.append(upload_id, 0, b"0124", digests=expecting(b"0123"))
    assert scene.offset(upload_id) == 0
    assert scene.append(upload_id, 0, b"0123", digests=expecting(b"0123")).state is UploadState.COMPLETED
    assert scene.stage.get("a") == b"0123"


def test_portion_with_a_checksum_counts_as_a_whole_or_not_at_all(scene: Scene) -> None:
    upload_id = scene.begin("a", 1000)
    body = broken_off(b"x" * 5 * CHECKPOINT_BYTES, IncompleteBody())
    with pytest.raises(IncompleteBody):
        portion = Portion(body=body, digests=expecting(b"x" * 1000))
        scene.stage.run(scene.uploads.append(OWNER, upload_id, portion))
    assert scene.offset(upload_id) == 0


def test_bytes_that_trickle_in_are_durable_after_a_while_and_keep_the_upload_alive(stage: Stage) -> None:
    scene = Scene(stage, pace_s=0)
    upload_id = scene.begin("a", 4)
    noted: list[UploadSession] = []

    async def look() -> None:
        stage.clock.advance(LIFETIME_S - 1)

        def work() -> Work[UploadSession]:
            return to_upload((yield sql.upload.find_upload(upload_id)).rows[0])

        noted.append(await stage.executor.read(SYSTEM, work))

    async def trickle() -> AsyncIterator[bytes]:
        for each in (b"0", b"1", b"2", b"3"):
            yield each
            await look()

    scene.stage.run(scene.uploads.append(OWNER, upload_id, Portion(body=trickle())))
    assert [each.offset_bytes for each in noted] == [1, 2, 3, 4]
    assert scene.stage.get("a") == b"0123"
