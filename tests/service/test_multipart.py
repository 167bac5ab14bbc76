"""Multipart uploads: parts in any order and at once become one object, exactly once, or nothing."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from aerostore.errors import (
    AccessDenied,
    ChecksumMismatch,
    EntityTooLarge,
    IncompleteBody,
    InvalidMimeType,
    InvalidParameter,
    InvalidPart,
    InvalidPartOrder,
    MalformedXml,
    NoSuchBucket,
    NoSuchUpload,
    PartTooSmall,
    PreconditionFailed,
    UploadExpired,
)
from aerostore.service.completion import COMPOSITE, ChecksumKind, NamedPart
from aerostore.service.digest import Digests
from aerostore.service.multipart import UploadAddress
from aerostore.service.part import MAX_PART_BYTES, PartSource
from aerostore.service.publish import WriteCondition
from tests.service.conftest import in_memory
from tests.service.multipart_scene import LIFETIME_S, Scene, composite_md5, expecting, in_one
from tests.service.stage import ANON, FILE_SIZE_LIMIT, OWNER, SERVICE, STRANGER, Stage


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


# From parts to an object


def test_parts_sent_in_any_order_become_one_object_in_the_order_of_their_numbers(scene: Scene) -> None:
    upload = scene.begin(mime_type="text/plain", user_metadata={"colour": "red"}, extra={"expires": "never"})
    last = scene.put(upload, 10_000, b"!")
    second = scene.put(upload, 7, b"world")
    first = scene.put(upload, 1, b"hello ")
    done = scene.complete(upload, [first, second, last])
    assert scene.stage.get("a") == b"hello world!"
    stored = scene.info()
    assert done.etag == stored.etag == composite_md5(b"hello ", b"world", b"!")
    assert stored.metadata["parts"] == [[1, 6], [1, 5], [1, 1]]
    assert (stored.mime_type, stored.size_bytes) == ("text/plain", 12)
    assert (stored.user_metadata, stored.metadata["expires"]) == ({"colour": "red"}, "never")
    assert stored.owner_id == OWNER.user_id
    (event,) = scene.stage.rows("SELECT type, payload FROM storage_events")
    assert event["type"] == "ObjectCreated:Post"
    assert '"s3"' in event["payload"]


def test_once_it_is_complete_nothing_is_left_of_an_upload_but_its_object(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, number, b"part %d" % number) for number in (1, 2, 3)]
    scene.complete(upload, parts)
    scene.require_right_counts()
    scene.reclaim()
    assert len(scene.everything_stored()) == 1
    assert scene.stage.rows("SELECT * FROM storage_uploads") == []
    assert scene.stage.get("a") == b"part 1part 2part 3"


def test_the_blob_of_a_single_part_is_that_of_the_object(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 5, b"all of it")
    calls = len(scene.stage.backend.calls)
    done = scene.complete(upload, [part])
    assert scene.stage.backend.calls[calls:] == []
    assert scene.info().blob_id == part.blob.id
    assert done.etag == composite_md5(b"all of it")
    scene.require_right_counts()


def test_an_upload_may_be_a_single_part_of_no_bytes(scene: Scene) -> None:
    upload = scene.begin()
    scene.complete(upload, [scene.put(upload, 1, b"")])
    assert scene.stage.get("a") == b""


def test_a_part_that_is_sent_again_replaces_the_first_one(scene: Scene) -> None:
    upload = scene.begin()
    first, again = scene.put(upload, 1, b"first"), scene.put(upload, 1, b"again")
    last = scene.put(upload, 2, b"!")
    scene.require_right_counts()
    with pytest.raises(InvalidPart):
        scene.complete(upload, [first, last])
    scene.complete(upload, [again, last])
    assert scene.stage.get("a") == b"again!"


def test_parts_that_are_not_named_are_let_go_of(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, number, b"part %d" % number) for number in (1, 2, 3)]
    scene.complete(upload, [parts[0], parts[2]])
    assert scene.stage.get("a") == b"part 1part 3"
    scene.require_right_counts()


def test_equal_parts_share_their_bytes(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, number, b"same") for number in (1, 2, 3)]
    assert len({part.blob.id for part in parts}) == 1
    assert len(scene.stage.keys_of_bytes()) == 1
    scene.require_right_counts()
    scene.complete(upload, parts)
    assert scene.stage.get("a") == b"samesamesame"
    assert scene.info().metadata["parts"] == [[3, 4]]
    scene.require_right_counts()


def test_an_object_replaced_by_an_upload_keeps_its_id(scene: Scene) -> None:
    before = scene.stage.put("a", b"before")
    upload = scene.begin()
    scene.complete(upload, [scene.put(upload, 1, b"after")])
    assert scene.info().id == before.id
    assert scene.stage.get("a") == b"after"


# What a part may be


def test_all_parts_together_may_be_as_long_as_an_object_and_no_longer(scene: Scene) -> None:
    upload = scene.begin()
    scene.put(upload, 1, b"x" * (FILE_SIZE_LIMIT - 10))
    writes = scene.stage.backend.calls.count("write")
    with pytest.raises(EntityTooLarge):
        scene.put(upload, 2, b"y" * 11)
    assert scene.stage.backend.calls.count("write") == writes
    with pytest.raises(EntityTooLarge):
        scene.stage.run(scene.aput(upload, 2, b"y" * 11, announced=False))
    scene.put(upload, 2, b"y" * 10)
    scene.put(upload, 1, b"x" * (FILE_SIZE_LIMIT - 10))  # in place of the first: it counts once
    scene.require_right_counts()


@in_memory
def test_a_part_has_5_gib_at_most(scene: Scene) -> None:
    upload = scene.begin()
    sending = scene.uploads.put_part(
        OWNER, upload, 1, in_one(b""), size_bytes=MAX_PART_BYTES + 1, digests=Digests("MD5")
    )
    with pytest.raises(EntityTooLarge, match="A part may have 5368709120 bytes at most"):
        scene.stage.run(sending)


def test_a_part_that_ends_early_or_was_changed_on_its_way_is_not_there(scene: Scene) -> None:
    upload = scene.begin()
    wrong = base64.b64encode(hashlib.md5(b"else", usedforsecurity=False).digest()).decode()

    async def cut_off() -> AsyncIterator[bytes]:
        yield b"beginning"
        raise IncompleteBody

    with pytest.raises(IncompleteBody):
        scene.stage.run(scene.aput(upload, 1, cut_off()))
    with pytest.raises(ChecksumMismatch):
        scene.stage.run(scene.aput(upload, 1, b"content", digests=expecting("MD5", wrong)))
    assert scene.numbers(upload) == []
    assert scene.everything_stored() == set()


@in_memory
@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_parts_have_numbers_from_1_to_10_000(scene: Scene, number: int) -> None:
    upload = scene.begin()
    with pytest.raises(InvalidParameter):
        scene.put(upload, number, b"content")


# Completing


@in_memory
def test_the_list_of_parts_must_be_right_and_a_wrong_one_changes_nothing(scene: Scene) -> None:
    upload = scene.begin()
    one, two, three = (scene.put(upload, number, b"part %d" % number) for number in (1, 2, 3))
    before = scene.stage.everything()
    for parts, refusal in (
        ([], MalformedXml),
        ([two, one], InvalidPartOrder),
        ([one, one], InvalidPartOrder),
    ):
        with pytest.raises(refusal):
            scene.complete(upload, parts)
    unknown = NamedPart(number=4, etag=one.etag)
    other = NamedPart(number=2, etag=one.etag)
    for named in (unknown, other, NamedPart(number=2, etag="no md5")):
        with pytest.raises(InvalidPart):
            scene.complete(upload, [named])
    assert scene.stage.everything() == before
    scene.complete(upload, [one, two, three])


def test_every_part_but_the_last_has_a_least_length(scene: Scene) -> None:
    upload = scene.begin()
    short, last = scene.put(upload, 1, b"abc"), scene.put(upload, 2, b"d")
    with pytest.raises(PartTooSmall):
        scene.complete(upload, [short, last])
    scene.complete(upload, [last])
    assert scene.stage.get("a") == b"d"


def test_a_completion_that_comes_again_gets_the_same_answer(scene: Scene) -> None:
    upload = scene.begin(checksum=ChecksumKind("CRC32", COMPOSITE))
    parts = [scene.put(upload, 1, b"first"), scene.put(upload, 2, b"last")]
    done = scene.complete(upload, parts)
    assert scene.complete(upload, parts) == done
    assert len(scene.stage.rows("SELECT id FROM storage_events")) == 1
    with pytest.raises(NoSuchUpload):
        scene.complete(upload, parts[:1])
    with pytest.raises(InvalidPart):
        scene.complete(upload, [NamedPart(number=1, etag="no md5")])
    with pytest.raises(NoSuchUpload):
        scene.put(upload, 3, b"more")
    with pytest.raises(NoSuchUpload):
        scene.abort(upload)
    with pytest.raises(NoSuchUpload):
        scene.numbers(upload)
    assert scene.stage.get("a") == b"firstlast"


def test_the_condition_of_a_completion_is_met_or_nothing_is_written(scene: Scene) -> None:
    old = scene.stage.put("a", b"old")
    upload = scene.begin()
    parts = [scene.put(upload, 1, b"first"), scene.put(upload, 2, b"last")]
    for condition in (WriteCondition(absent=True), WriteCondition(if_match="else")):
        with pytest.raises(PreconditionFailed):
            scene.complete(upload, parts, condition=condition)
    assert scene.stage.get("a") == b"old"
    scene.complete(upload, parts, condition=WriteCondition(if_match=old.etag))
    assert scene.stage.get("a") == b"firstlast"


def test_the_limits_of_the_bucket_hold_again_when_the_upload_is_completed(scene: Scene) -> None:
    upload = scene.begin(mime_type="text/plain")
    parts = [scene.put(upload, 1, b"first"), scene.put(upload, 2, b"last")]
    buckets = scene.stage.storage.buckets
    scene.stage.run(buckets.update(SERVICE, "photos", {"file_size_limit": 8}))
    with pytest.raises(EntityTooLarge):
        scene.complete(upload, parts)
    scene.stage.run(buckets.update(SERVICE, "photos", {"file_size_limit": 9}))
    scene.stage.run(buckets.update(SERVICE, "photos", {"allowed_mime_types": ["image/*"]}))
    with pytest.raises(InvalidMimeType):
        scene.complete(upload, parts)
    with pytest.raises(InvalidMimeType):
        scene.put(upload, 3, b"more")
    assert scene.everything_stored() == {part.blob.key for part in parts}


def test_a_bucket_that_is_deleted_takes_its_uploads_along(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, b"content")
    scene.stage.run(scene.stage.storage.buckets.delete(SERVICE, "photos"))
    for refused in (lambda: scene.complete(upload, [part]), lambda: scene.put(upload, 1, b"again")):
        with pytest.raises(NoSuchUpload):
            refused()
    scene.reclaim()
    assert scene.everything_stored() == set()


# Who may


def test_policies_are_asked_again_for_each_part_and_when_the_object_is_made(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, 1, b"first"), scene.put(upload, 2, b"last")]
    scene.stage.put("a", b"theirs", STRANGER)
    for refused in (
        lambda: scene.complete(upload, parts),
        lambda: scene.complete(upload, parts[:1]),
        lambda: scene.put(upload, 3, b"more"),
        lambda: scene.numbers(upload),
        lambda: scene.begin(),
    ):
        with pytest.raises(AccessDenied):
            refused()
    assert scene.stage.get("a", STRANGER) == b"theirs"
    scene.require_right_counts()


def test_who_may_not_write_the_object_begins_no_upload(scene: Scene) -> None:
    with pytest.raises(AccessDenied):
        scene.begin(by=ANON)
    with pytest.raises(NoSuchBucket):
        scene.begin(bucket_id="absent")
    assert scene.stage.rows("SELECT * FROM storage_uploads") == []


def test_an_upload_does_not_exist_for_others_than_who_began_it(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, b"mine")
    scene.stage.put("source", b"theirs", STRANGER)
    before = scene.stage.everything()
    source = PartSource(bucket_id="photos", name="source")
    for by in (STRANGER, ANON):
        for refused in (
            lambda by=by: scene.put(upload, 1, b"theirs", by),
            lambda by=by: scene.copy(upload, 1, source, by),
            lambda by=by: scene.complete(upload, [part], by),
            lambda by=by: scene.abort(upload, by),
            lambda by=by: scene.stage.run(scene.uploads.list_parts(by, upload, after_number=0, limit=10)),
        ):
            with pytest.raises(NoSuchUpload):
                refused()
    assert scene.stage.everything() == before


def test_the_service_role_may_go_on_with_everybodys_uploads(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, b"mine", SERVICE)
    scene.complete(upload, [part], SERVICE)
    assert scene.stage.get("a", SERVICE) == b"mine"


def test_an_upload_that_nobody_goes_on_with_ends_and_reclaim_leaves_nothing_of_it(scene: Scene) -> None:
    upload = scene.begin()
    scene.stage.clock.advance(LIFETIME_S - 10)
    part = scene.put(upload, 1, b"content")  # gives it more time
    scene.stage.clock.advance(LIFETIME_S - 10)
    assert scene.numbers(upload) == [1]
    scene.stage.clock.advance(20)
    for refused in (
        lambda: scene.numbers(upload),
        lambda: scene.put(upload, 2, b"more"),
        lambda: scene.complete(upload, [part]),
    ):
        with pytest.raises(UploadExpired):
            refused()
    scene.reclaim()
    assert scene.everything_stored() == set()
    with pytest.raises(NoSuchUpload):
        scene.complete(upload, [part])


# Ending without an object


def test_an_aborted_upload_lets_go_of_its_parts(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, b"content")
    scene.abort(upload)
    scene.require_right_counts()
    for refused in (
        lambda: scene.abort(upload),
        lambda: scene.put(upload, 2, b"more"),
        lambda: scene.complete(upload, [part]),
        lambda: scene.numbers(upload),
    ):
        with pytest.raises(NoSuchUpload):
            refused()
    scene.reclaim()
    assert scene.everything_stored() == set()


@in_memory
@pytest.mark.parametrize("upload_id", ["", "no id", "../../etc/passwd", "0" * 36, "\0"])
def test_an_id_that_no_upload_has_is_no_upload(scene: Scene, upload_id: str) -> None:
    upload = UploadAddress(bucket_id="photos", name="a", upload_id=upload_id)
    with pytest.raises(NoSuchUpload):
        scene.put(upload, 1, b"content")


@in_memory
def test_the_id_of_an_upload_counts_for_its_own_object_only(scene: Scene) -> None:
    upload = scene.begin()
    part = scene.put(upload, 1, b"content")
    scene.stage.make_bucket("open", public=True)
    for other in (replace(upload, name="b"), replace(upload, bucket_id="open")):
        for refused in (
            lambda other=other: scene.put(other, 1, b"more"),
            lambda other=other: scene.complete(other, [part]),
            lambda other=other: scene.numbers(other),
            lambda other=other: scene.abort(other),
        ):
            with pytest.raises(NoSuchUpload):
                refused()
