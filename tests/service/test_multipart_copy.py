"""Parts that are copies of stored bytes."""

import hashlib

import pytest

from aerostore.domain import ByteRange, Conditions
from aerostore.errors import Corrupted, InvalidRange, NoSuchBucket, NoSuchKey, PreconditionFailed
from aerostore.service.completion import FULL_OBJECT, ChecksumKind
from aerostore.service.digest import Digests
from aerostore.service.part import PartSource
from tests.service.conftest import in_memory
from tests.service.multipart_scene import Scene
from tests.service.stage import STRANGER, Stage

UNCONDITIONAL = Conditions()


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


def test_a_copy_of_a_whole_object_shares_its_bytes(scene: Scene) -> None:
    source = scene.stage.put("source", b"stored bytes")
    upload = scene.begin()
    writes = scene.stage.backend.calls.count("write")
    part = scene.copy(upload, 1, PartSource(bucket_id="photos", name="source"))
    assert scene.stage.backend.calls.count("write") == writes
    assert part.blob.id == source.blob_id
    assert part.etag == hashlib.md5(b"stored bytes", usedforsecurity=False).hexdigest()
    scene.require_right_counts()
    scene.stage.delete("source")
    scene.complete(upload, [part, scene.put(upload, 2, b"!")])
    assert scene.stage.get("a") == b"stored bytes!"
    scene.require_right_counts()


@in_memory
@pytest.mark.parametrize("kept", ["CRC32", "SHA1"])
def test_a_copy_is_not_read_for_digests_that_were_kept_with_its_source(scene: Scene, kept: str) -> None:
    scene.stage.put("source", b"stored bytes", digests=Digests("MD5", kept))
    opens = scene.stage.backend.calls.count("open")
    plain = scene.begin()
    part = scene.copy(plain, 1, PartSource(bucket_id="photos", name="source"))
    assert scene.stage.backend.calls.count("open") == opens
    assert part.etag == hashlib.md5(b"stored bytes", usedforsecurity=False).hexdigest()
    summed = scene.begin(checksum=ChecksumKind("CRC32", FULL_OBJECT))
    part = scene.copy(summed, 1, PartSource(bucket_id="photos", name="source"))
    assert scene.stage.backend.calls.count("open") == opens + (0 if kept == "CRC32" else 1)
    crc = Digests("CRC32")
    crc.update(b"stored bytes")
    assert part.checksums == crc.checksums


@in_memory
def test_an_object_without_bytes_is_no_source(scene: Scene) -> None:
    scene.stage.put("source")
    scene.stage.rows("UPDATE storage_objects SET blob_id = NULL")
    upload = scene.begin()
    with pytest.raises(Corrupted):
        scene.copy(upload, 1, PartSource(bucket_id="photos", name="source"))


def test_a_copy_of_a_range_has_bytes_of_its_own(scene: Scene) -> None:
    scene.stage.put("source", b"stored bytes")
    upload = scene.begin(checksum=ChecksumKind("CRC32", FULL_OBJECT))
    part = scene.copy(upload, 1, PartSource(bucket_id="photos", name="source", byte_range=ByteRange(2, 5)))
    whole = scene.copy(upload, 2, PartSource(bucket_id="photos", name="source", byte_range=ByteRange(0, 11)))
    assert part.etag == hashlib.md5(b"ored", usedforsecurity=False).hexdigest()
    done = scene.complete(upload, [part, whole])
    assert scene.stage.get("a") == b"oredstored bytes"
    digests = Digests("CRC32")
    digests.update(b"oredstored bytes")
    assert done.checksums == digests.checksums


@in_memory
def test_only_what_the_caller_may_read_becomes_a_part(scene: Scene) -> None:
    scene.stage.put("theirs", b"theirs", STRANGER)
    mine = scene.stage.put("mine", b"mine")
    upload = scene.begin()

    def source(
        name: str = "mine", bucket_id: str = "photos", last: int = 3, conditions: Conditions = UNCONDITIONAL
    ) -> PartSource:
        return PartSource(
            bucket_id=bucket_id, name=name, byte_range=ByteRange(0, last), conditions=conditions
        )

    for bad, refusal in (
        (source("theirs"), NoSuchKey),
        (source("absent"), NoSuchKey),
        (source(bucket_id="absent"), NoSuchBucket),
        (source(last=4), InvalidRange),
        (source(conditions=Conditions(if_match=("else",))), PreconditionFailed),
        (source(conditions=Conditions(if_none_match=(mine.etag,))), PreconditionFailed),
    ):
        with pytest.raises(refusal):
            scene.copy(upload, 1, bad)
    assert scene.numbers(upload) == []
    scene.copy(upload, 1, source(conditions=Conditions(if_match=(mine.etag,))))
