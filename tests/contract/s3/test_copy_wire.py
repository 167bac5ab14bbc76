"""CopyObject: what is copied, what is said anew, what must hold for both ends, and who may."""

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from .conftest import Send
from .door import PART_BYTES, S3, Answer, Door, path_of

MD5 = '"9a0364b9e99bb480dd25e1f0284c8555"'  # of b"content"
FUTURE, PAST = "Thu, 01 Dec 2033 16:00:00 GMT", "Fri, 01 Dec 2023 16:00:00 GMT"


def put(send: Send, bucket: str, name: str = "a", **headers: str) -> None:
    spelled = {key.replace("_", "-"): value for key, value in headers.items()}
    assert send("PUT", path_of(bucket, name), headers=spelled, body=b"content").status == 200


def copy(send: Send, bucket: str, source: str, name: str = "b", **headers: str) -> Answer:
    spelled = {key.replace("_", "-"): value for key, value in headers.items()}
    return send("PUT", path_of(bucket, name), headers={"x-amz-copy-source": source} | spelled)


def head(send: Send, bucket: str, name: str = "b") -> Answer:
    return send("HEAD", path_of(bucket, name), headers={"x-amz-checksum-mode": "ENABLED"})


@pytest.mark.parametrize("name", ["a b+c", "50%25?versions=1", "ä/日本", "a//b/", "?versionId", "/lead"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_source_is_decoded_once(signed_request: Send, bucket: str, name: str, slash: str) -> None:
    put(signed_request, bucket, name)
    answer = copy(signed_request, bucket, f"{slash}{bucket}/{quote(name)}")
    assert (answer.status, answer.text("ETag")) == (200, MD5)
    assert answer.plain_xml.tag == "CopyObjectResult"
    assert answer.text("LastModified").endswith("Z")


def test_copy_goes_to_another_bucket(
    signed_request: Send, bucket: str, make_bucket: Callable[..., str]
) -> None:
    other = make_bucket()
    put(signed_request, bucket)
    assert copy(signed_request, other, f"{bucket}/a").status == 200
    assert signed_request("GET", path_of(other, "b")).body == b"content"
    small = make_bucket(file_size_limit=3)
    assert copy(signed_request, small, f"{bucket}/a").code == "EntityTooLarge"


def test_copy_is_told_what_its_source_was_told(signed_request: Send, bucket: str) -> None:
    sha1 = base64.b64encode(hashlib.sha1(b"content", usedforsecurity=False).digest()).decode()
    put(
        signed_request,
        bucket,
        content_type="text/plain",
        cache_control="max-age=5",
        content_encoding="gzip",
        content_language="de",
        x_amz_meta_k="v",
        x_amz_tagging="t=1&u=2",
        x_amz_checksum_sha1=sha1,
    )
    unsaid = {"x_amz_meta_k": "ignored", "content_type": "ignored/too", "x_amz_tagging": "ignored=1"}
    answer = copy(signed_request, bucket, f"{bucket}/a", **unsaid)
    assert (answer.text("ChecksumSHA1"), answer.text("ChecksumType")) == (sha1, "FULL_OBJECT")
    source, copied = head(signed_request, bucket, "a"), head(signed_request, bucket)
    ours = {"date", "last-modified", "x-request-id", "x-amz-request-id"}
    assert {name: value for name, value in copied.headers.items() if name not in ours} == {
        name: value for name, value in source.headers.items() if name not in ours
    }
    assert copied.headers["x-amz-tagging-count"] == "2"


def test_copy_is_told_anew(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket, content_encoding="gzip", x_amz_meta_k="v", x_amz_tagging="t=1")
    answer = copy(
        signed_request,
        bucket,
        f"{bucket}/a",
        x_amz_metadata_directive="REPLACE",
        content_type="text/plain",
        x_amz_meta_l="w",
    )
    assert answer.status == 200
    copied = head(signed_request, bucket).headers
    assert (copied["content-type"], copied["x-amz-meta-l"], copied["etag"]) == ("text/plain", "w", MD5)
    assert "x-amz-meta-k" not in copied
    assert "content-encoding" not in copied
    assert copied["x-amz-tagging-count"] == "1"  # tags have a directive of their own


def test_copy_is_tagged_anew(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket, x_amz_meta_k="v", x_amz_tagging="t=1&u=2")
    replace = {"x_amz_tagging_directive": "REPLACE"}
    assert copy(signed_request, bucket, f"{bucket}/a", **replace, x_amz_tagging="n=1").status == 200
    tags = signed_request("GET", path_of(bucket, "b"), query="tagging")
    assert (tags.texts("TagSet/Tag/Key"), tags.texts("TagSet/Tag/Value")) == (["n"], ["1"])
    assert head(signed_request, bucket).headers["x-amz-meta-k"] == "v"
    assert copy(signed_request, bucket, f"{bucket}/a", **replace).status == 200
    assert "x-amz-tagging-count" not in head(signed_request, bucket).headers


def test_copy_onto_itself_changes_what_is_said_and_nothing_else(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket, x_amz_meta_k="v")
    onto = f"{bucket}/a"
    refused = copy(signed_request, bucket, onto, "a", x_amz_meta_k="w")
    assert (refused.status, refused.code) == (400, "InvalidRequest")
    told = copy(signed_request, bucket, onto, "a", x_amz_metadata_directive="REPLACE", x_amz_meta_k="w")
    assert told.status == 200
    found = signed_request("GET", path_of(bucket, "a"))
    assert (found.body, found.headers["x-amz-meta-k"], found.headers["etag"]) == (b"content", "w", MD5)


def test_copy_of_an_upload_in_parts_has_its_parts(s3: S3, bucket: str) -> None:
    upload = {"Bucket": bucket, "Key": "a"}
    upload_id = s3.create_multipart_upload(**upload)["UploadId"]
    parts = []
    for number, body in ((1, b"x" * PART_BYTES), (2, b"tail")):
        part = s3.upload_part(**upload, UploadId=upload_id, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(**upload, UploadId=upload_id, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=bucket, Key="b", CopySource=upload)
    copied = s3.get_object(Bucket=bucket, Key="b", PartNumber=2)
    assert (copied["Body"].read(), copied["PartsCount"]) == (b"tail", 2)
    assert copied["ETag"] == s3.head_object(**upload)["ETag"]
    wanted = ["ObjectParts", "ObjectSize"]
    page = s3.get_object_attributes(Bucket=bucket, Key="b", ObjectAttributes=wanted, MaxParts=1)
    assert (page["ObjectSize"], page["ObjectParts"]["TotalPartsCount"]) == (PART_BYTES + 4, 2)
    assert (page["ObjectParts"]["IsTruncated"], page["ObjectParts"]["Parts"]) == (
        True,
        [{"PartNumber": 1, "Size": PART_BYTES}],
    )
    rest = s3.get_object_attributes(Bucket=bucket, Key="b", ObjectAttributes=wanted, PartNumberMarker=1)[
        "ObjectParts"
    ]
    assert (rest["IsTruncated"], rest["Parts"]) == (False, [{"PartNumber": 2, "Size": 4}])


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"x_amz_copy_source_if_match": MD5}, 200),
        ({"x_amz_copy_source_if_match": '"other"'}, 412),
        ({"x_amz_copy_source_if_none_match": MD5}, 412),
        ({"x_amz_copy_source_if_none_match": '"other"'}, 200),
        ({"x_amz_copy_source_if_modified_since": FUTURE}, 412),
        ({"x_amz_copy_source_if_unmodified_since": PAST}, 412),
        ({"x_amz_copy_source_if_match": MD5, "x_amz_copy_source_if_unmodified_since": PAST}, 200),
        ({"x_amz_copy_source_if_none_match": MD5, "x_amz_copy_source_if_modified_since": PAST}, 412),
    ],
    ids=str,
)
def test_source_must_be_the_one_that_is_meant(
    signed_request: Send, bucket: str, condition: dict[str, str], status: int
) -> None:
    put(signed_request, bucket)
    answer = copy(signed_request, bucket, f"{bucket}/a", **condition)
    assert answer.status == status
    assert head(signed_request, bucket).status == (200 if status == 200 else 404)


def test_of_many_copies_to_a_new_name_one_wins(door: Door, bucket: str) -> None:
    put(door.send, bucket)
    with ThreadPoolExecutor(6) as writers:
        asked = [writers.submit(copy, door.send, bucket, f"{bucket}/a", if_none_match="*") for _ in range(6)]
    assert sorted(each.result().status for each in asked) == [200, 412, 412, 412, 412, 412]
    assert copy(door.send, bucket, f"{bucket}/a", if_match='"other"').status == 412
    assert copy(door.send, bucket, f"{bucket}/a", if_match=MD5).status == 200


@pytest.mark.parametrize("source", ["/", "bucket", "bucket/", "/bucket", "//b/a", "b/%ff", "%ff/a"])
def test_source_that_names_nothing_is_refused(signed_request: Send, bucket: str, source: str) -> None:
    answer = copy(signed_request, bucket, source)
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("name", ["a%00b", "a%0Ab", "..", "%F0%9F%98%80" * 300])
def test_source_that_no_object_can_be_called_is_refused(signed_request: Send, bucket: str, name: str) -> None:
    answer = copy(signed_request, bucket, f"{bucket}/{name}")
    assert (answer.status, answer.code) == (400, "InvalidKey")


@pytest.mark.parametrize("header", ["x_amz_metadata_directive", "x_amz_tagging_directive"])
@pytest.mark.parametrize("value", ["copy", "MERGE", ""])
def test_directive_that_is_none_is_refused(
    signed_request: Send, bucket: str, header: str, value: str
) -> None:
    put(signed_request, bucket)
    answer = copy(signed_request, bucket, f"{bucket}/a", **{header: value})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_version_of_the_source_is_the_current_one_or_none(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    assert copy(signed_request, bucket, f"{bucket}/a?versionId=null").status == 200
    answer = copy(signed_request, bucket, f"{bucket}/a?versionId=1")
    assert (answer.status, answer.code) == (404, "NoSuchVersion")


def test_checksum_that_is_not_there_is_not_promised(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    answer = copy(signed_request, bucket, f"{bucket}/a", x_amz_checksum_algorithm="SHA256")
    assert (answer.status, answer.code) == (501, "NotImplemented")


def test_nobody_copies_what_a_policy_hides(
    door: Door, door_of: Callable[..., Door], service: httpx.Client, bucket: str
) -> None:
    mine, theirs = door_of(sub="mine"), door_of(sub="theirs")
    put(mine.send, bucket)
    put(mine.send, bucket, "taken")
    hidden, none = (copy(theirs.send, bucket, f"{bucket}/{name}") for name in ("a", "none"))
    assert (hidden.status, hidden.code) == (none.status, none.code) == (404, "NoSuchKey")
    put(theirs.send, bucket, "theirs")
    over = copy(theirs.send, bucket, f"{bucket}/theirs", "taken")
    assert (over.status, over.code) == (403, "AccessDenied")
    assert "A copy needs SELECT on the source" in over.text("Message")
    assert copy(theirs.send, bucket, f"{bucket}/theirs").status == 200
    row = json.loads(service.get(f"/object/info/{bucket}/b").text)
    assert row["name"] == "b"
    assert copy(mine.send, bucket, f"{bucket}/a", "b").code == "AccessDenied"
