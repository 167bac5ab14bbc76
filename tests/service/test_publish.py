"""Conditional writes, digests and what else an upload brings along, whichever door it began at."""

import asyncio
import base64
import hashlib

import pytest

from aerostore.domain import Object
from aerostore.errors import ChecksumMismatch, NoSuchKey, PreconditionFailed
from aerostore.service.digest import Digests
from aerostore.service.publish import Upload, WriteCondition
from tests.blobs import in_chunks
from tests.conformance.executor_fixture import OWNER_ONLY
from tests.service.conftest import MakeStage
from tests.service.stage import OWNER, STRANGER, Stage

ABSENT = WriteCondition(absent=True)
WHOLE_OR_CHUNKED = pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])


def put_if(
    stage: Stage, condition: WriteCondition, *, chunked: bool = False, content: bytes = b"new"
) -> Object:
    upload = Upload(bucket_id="photos", name="a", upsert=True, condition=condition)
    body = in_chunks(content) if chunked else content
    return stage.run(stage.storage.files.put(OWNER, upload, body))


@WHOLE_OR_CHUNKED
def test_a_write_of_a_new_name_is_refused_once_the_name_is_taken(stage: Stage, chunked: bool) -> None:
    put_if(stage, ABSENT, chunked=chunked)
    before = stage.everything()
    with pytest.raises(PreconditionFailed):
        put_if(stage, ABSENT, chunked=chunked, content=b"other")
    assert stage.everything() == before


def test_of_sixteen_writers_of_a_new_name_exactly_one_wins(stage: Stage) -> None:
    async def race() -> list[Object | BaseException]:
        writers = (
            stage.aput("a", bytes([number]) * 5000, upsert=True, condition=ABSENT) for number in range(16)
        )
        return await asyncio.gather(*writers, return_exceptions=True)

    outcomes = stage.run(race())
    [winner] = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Object)]
    assert [type(each) for each in outcomes if not isinstance(each, Object)] == [PreconditionFailed] * 15
    assert stage.get("a") == bytes([winner]) * 5000


@WHOLE_OR_CHUNKED
def test_a_write_over_a_known_tag_is_refused_once_it_is_another(stage: Stage, chunked: bool) -> None:
    first = stage.put("a", b"first")
    second = put_if(stage, WriteCondition(if_match=first.etag), chunked=chunked)
    assert second.id == first.id
    before = stage.everything()
    with pytest.raises(PreconditionFailed):
        put_if(stage, WriteCondition(if_match=first.etag), chunked=chunked, content=b"third")
    assert stage.everything() == before
    assert put_if(stage, WriteCondition(if_match="*"), content=b"third").version != second.version


def test_of_sixteen_writers_over_one_tag_exactly_one_wins(stage: Stage) -> None:
    condition = WriteCondition(if_match=stage.put("a", b"first").etag)

    async def race() -> list[Object | BaseException]:
        writers = (
            stage.aput("a", bytes([number]) * 5000, upsert=True, condition=condition) for number in range(16)
        )
        return await asyncio.gather(*writers, return_exceptions=True)

    outcomes = stage.run(race())
    [winner] = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Object)]
    assert [type(each) for each in outcomes if not isinstance(each, Object)] == [PreconditionFailed] * 15
    assert stage.get("a") == bytes([winner]) * 5000


@WHOLE_OR_CHUNKED
def test_a_write_over_a_tag_needs_something_that_has_one(stage: Stage, chunked: bool) -> None:
    before = stage.everything()
    with pytest.raises(NoSuchKey):
        put_if(stage, WriteCondition(if_match="*"), chunked=chunked)
    assert stage.everything() == before


def test_a_condition_tells_nothing_of_what_the_caller_cannot_see(make_stage: MakeStage) -> None:
    stage = make_stage(OWNER_ONLY)
    hidden = stage.put("a", b"first")
    for etag in (hidden.etag, "other", "*"):
        upload = Upload(bucket_id="photos", name="a", upsert=True, condition=WriteCondition(if_match=etag))
        with pytest.raises(NoSuchKey):
            stage.run(stage.storage.files.put(STRANGER, upload, b"guess"))


def test_digests_give_the_tag_and_are_kept(stage: Stage) -> None:
    content = b"content"
    stored = stage.put("a", content, digests=Digests("MD5", "SHA256"), extra={"contentLanguage": "de"})
    assert stored.etag == hashlib.md5(content, usedforsecurity=False).hexdigest()
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert stored.metadata["checksums"] == {"SHA256": sha256}
    assert stored.metadata["contentLanguage"] == "de"
    assert stage.run(stage.storage.downloads.info(OWNER, "photos", "a")).object == stored


def test_without_digests_the_tag_is_the_hash_and_no_checksum_is_kept(stage: Stage) -> None:
    stored = stage.put("a", b"content")
    assert stored.etag == hashlib.sha256(b"content").hexdigest()
    assert "checksums" not in stored.metadata


@WHOLE_OR_CHUNKED
@pytest.mark.parametrize("algorithm", ["MD5", "CRC64NVME"])
def test_other_bytes_than_the_client_says_leave_nothing(stage: Stage, algorithm: str, chunked: bool) -> None:
    before = stage.everything()
    digests = Digests(*dict.fromkeys(["MD5", algorithm]))
    digests.expect(algorithm, b"\0" * (16 if algorithm == "MD5" else 8))
    upload = Upload(bucket_id="photos", name="a", digests=digests)
    with pytest.raises(ChecksumMismatch):
        stage.run(
            stage.storage.files.put(OWNER, upload, in_chunks(b"con", b"tent") if chunked else b"content")
        )
    assert stage.everything() == before
