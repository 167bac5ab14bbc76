"""What S3 says of conditions, on reads, writes and copies."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .door import S3, Door, path_of, refused

BEFORE = datetime(2001, 1, 1, tzinfo=UTC)
AFTER = datetime.now(UTC) + timedelta(days=1)
OTHER = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture
def here(s3: S3, bucket: str) -> dict[str, str]:
    """Where an object is."""
    place = {"Bucket": bucket, "Key": "a"}
    s3.put_object(**place, Body=b"1")
    return place


def test_read_is_answered_when_its_condition_holds(s3: S3, here: dict[str, str]) -> None:
    tag = s3.head_object(**here)["ETag"]
    for condition in [
        {"IfMatch": tag},
        {"IfMatch": "*"},
        {"IfNoneMatch": OTHER},
        {"IfModifiedSince": BEFORE},
        {"IfUnmodifiedSince": AFTER},
        {"IfMatch": tag, "IfUnmodifiedSince": BEFORE},  # the tag decides
    ]:
        assert s3.get_object(**here, **condition)["Body"].read() == b"1", condition
        s3.head_object(**here, **condition)


def test_read_of_what_has_not_changed_is_304(s3: S3, here: dict[str, str]) -> None:
    tag = s3.head_object(**here)["ETag"]
    conditions: list[dict[str, Any]] = [
        {"IfNoneMatch": tag},
        {"IfNoneMatch": "*"},
        {"IfModifiedSince": datetime.now(UTC)},
        {"IfNoneMatch": tag, "IfModifiedSince": BEFORE},  # the tag decides
    ]
    for condition in conditions:
        assert refused(s3.get_object, **here, **condition)[0] == 304, condition
        assert refused(s3.head_object, **here, **condition)[0] == 304, condition


def test_read_whose_condition_fails_is_412(s3: S3, here: dict[str, str]) -> None:
    assert refused(s3.get_object, **here, IfMatch=OTHER) == (412, "PreconditionFailed")
    assert refused(s3.get_object, **here, IfUnmodifiedSince=BEFORE) == (412, "PreconditionFailed")
    assert refused(s3.head_object, **here, IfMatch=OTHER)[0] == 412


def test_304_has_the_tag_and_no_body(door: Door, here: dict[str, str]) -> None:
    path = path_of(here["Bucket"], here["Key"])
    tag = door.send("HEAD", path).headers["etag"]
    answer = door.send("GET", path, headers={"If-None-Match": tag})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)


def test_write_once_is_refused_when_there_is_one(s3: S3, here: dict[str, str]) -> None:
    assert refused(s3.put_object, **here, Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.get_object(**here)["Body"].read() == b"1"


def test_write_over_another_tag_is_refused(s3: S3, here: dict[str, str]) -> None:
    assert refused(s3.put_object, **here, Body=b"2", IfMatch=OTHER) == (412, "PreconditionFailed")
    absent = here | {"Key": "absent"}
    assert refused(s3.put_object, **absent, Body=b"2", IfMatch=OTHER) == (404, "NoSuchKey")
    assert refused(s3.get_object, **absent) == (404, "NoSuchKey")


def test_one_of_many_writers_of_a_new_object_wins(s3: S3, bucket: str) -> None:
    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="race", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as refusal:
            assert refusal.response["Error"]["Code"] in {"PreconditionFailed", "ConditionalRequestConflict"}
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, wrote in enumerate(pool.map(write, range(16))) if wrote]
    assert len(won) == 1
    assert s3.get_object(Bucket=bucket, Key="race")["Body"].read() == str(won[0]).encode()


def test_copy_asks_its_source(s3: S3, here: dict[str, str]) -> None:
    tag = s3.head_object(**here)["ETag"]
    copy: dict[str, Any] = {"Bucket": here["Bucket"], "Key": "copy", "CopySource": here}
    for condition in [
        {"CopySourceIfMatch": OTHER},
        {"CopySourceIfNoneMatch": tag},
        {"CopySourceIfModifiedSince": datetime.now(UTC)},
        {"CopySourceIfUnmodifiedSince": BEFORE},
    ]:
        assert refused(s3.copy_object, **copy, **condition) == (412, "PreconditionFailed"), condition
    s3.copy_object(**copy, CopySourceIfMatch=tag, CopySourceIfUnmodifiedSince=BEFORE)
    assert s3.get_object(Bucket=here["Bucket"], Key="copy")["Body"].read() == b"1"


def test_completion_asks_what_is_there(s3: S3, here: dict[str, str]) -> None:
    upload = {**here, "UploadId": s3.create_multipart_upload(**here)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"2")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    once = refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts, IfNoneMatch="*")
    assert once == (412, "PreconditionFailed")
    assert s3.get_object(**here)["Body"].read() == b"1"
    tag = s3.head_object(**here)["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload=parts, IfMatch=tag)
    assert s3.get_object(**here)["Body"].read() == b"2"
