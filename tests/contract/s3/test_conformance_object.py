"""What S3 says of objects: what is kept with them, their names, ranges, tags, checksums and copies."""

import base64
import hashlib
import zlib
from datetime import UTC, datetime

import httpx
import pytest

from tests.contract.client import etag_of, get_object, put_object

from .door import S3, Door, names_of, path_of, refused


def test_put_replaces_content_and_everything_said_about_it(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"old", Metadata={"colour": "green"}, ContentType="text/csv")
    s3.put_object(Bucket=bucket, Key="a", Body=b"new")
    got = s3.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"new", {}, "binary/octet-stream")
    assert "CacheControl" not in got


def test_head_agrees_with_get(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"123", Metadata={"colour": "green"})
    got, head = s3.get_object(Bucket=bucket, Key="a"), s3.head_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"123"
    for field in ("ETag", "LastModified", "ContentLength", "ContentType", "Metadata", "AcceptRanges"):
        assert got[field] == head[field]
    assert abs((datetime.now(UTC) - head["LastModified"]).total_seconds()) < 3600


def test_missing_object_is_told_with_and_without_a_body(s3: S3, door: Door, bucket: str) -> None:
    assert refused(s3.get_object, Bucket=bucket, Key="absent") == (404, "NoSuchKey")
    head = door.send("HEAD", f"/{bucket}/absent")
    assert (head.status, head.body) == (404, b"")


def test_delete_is_fine_with_nothing_to_delete(s3: S3, bucket: str) -> None:
    for _again in range(2):
        assert s3.delete_object(Bucket=bucket, Key="absent")["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize(
    "name", ["a//b", "folder/", "/leading", "a\\b", "<&>\"'", "x" * 1024, "..a/b..", "%"]
)
def test_name_is_taken_as_it_is(s3: S3, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == [name]
    assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key=name)
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_name_over_the_limit_is_refused(s3: S3, bucket: str) -> None:
    assert refused(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == (400, "KeyTooLongError")


@pytest.mark.parametrize("name", ["a%00b", "a%0Ab", "a/../b", "./a", "%FF"])
def test_name_that_could_trick_someone_is_refused(door: Door, bucket: str, name: str) -> None:
    assert door.send("PUT", f"/{bucket}/{name}", body=b"1").status == 400
    assert door.send("GET", f"/{bucket}", query="list-type=2").texts("Contents/Key") == []


def test_metadata_over_two_kilobytes_is_refused(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"", Metadata={"k": "x" * 2000})
    large = {"k": "x" * 2100}
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"", Metadata=large) == (
        400,
        "MetadataTooLarge",
    )


@pytest.mark.parametrize(
    ("asked", "found", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-", b"3456789", "bytes 3-9/10"),
        ("bytes=5-100", b"56789", "bytes 5-9/10"),
        ("bytes=-4", b"6789", "bytes 6-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
        ("bytes=0-9", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_one_range_is_cut_out(s3: S3, bucket: str, asked: str, found: bytes, content_range: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert (got["Body"].read(), got["ContentRange"]) == (found, content_range)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=100-200", "bytes=-0"])
def test_range_past_the_end_is_refused(s3: S3, bucket: str, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    assert refused(s3.get_object, Bucket=bucket, Key="a", Range=asked) == (416, "InvalidRange")


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=1-2", "bytes=a-b", "bytes=0-1,3-4"])
def test_what_is_no_single_range_gives_the_whole(s3: S3, bucket: str, asked: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read()) == (200, b"0123456789")


def test_wrong_md5_stores_nothing(s3: S3, bucket: str) -> None:
    other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"1", ContentMD5=other) == (400, "BadDigest")
    garbage = refused(s3.put_object, Bucket=bucket, Key="a", Body=b"1", ContentMD5="garbage")
    assert garbage == (400, "InvalidDigest")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_wrong_checksum_stores_nothing(s3: S3, bucket: str) -> None:
    other = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
    wrong = {"ChecksumAlgorithm": "CRC32", "ChecksumCRC32": other}
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"1", **wrong) == (400, "BadDigest")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_two_checksums_are_one_too_many(door: Door, bucket: str) -> None:
    headers = {
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"1").to_bytes(4, "big")).decode(),
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"1").digest()).decode(),
    }
    answer = door.send("PUT", f"/{bucket}/a", body=b"1", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_attributes_tell_size_tag_and_checksum(s3: S3, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"123", ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"]
    found = s3.get_object_attributes(Bucket=bucket, Key="a", ObjectAttributes=wanted)
    assert (found["ETag"], found["ObjectSize"]) == (put["ETag"].strip('"'), 3)
    assert found["Checksum"]["ChecksumSHA256"] == put["ChecksumSHA256"]
    assert found["StorageClass"] == "STANDARD"


def test_response_headers_are_named_by_signed_requests_only(s3: S3, door: Door, public_bucket: str) -> None:
    s3.put_object(Bucket=public_bucket, Key="a", Body=b"1", ContentType="text/csv")
    got = s3.get_object(Bucket=public_bucket, Key="a", ResponseContentType="text/plain", ResponseExpires="0")
    assert got["ContentType"] == "text/plain"
    query = "response-content-type=text%2Fhtml"
    assert door.send_unsigned("GET", f"/{public_bucket}/a", query=query).status == 400


def test_tags_come_with_the_object_and_change_alone(s3: S3, bucket: str) -> None:
    def tags() -> dict[str, str]:
        found = s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
        return {each["Key"]: each["Value"] for each in found}

    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Tagging="colour=light%20green&empty=")
    assert tags() == {"colour": "light green", "empty": ""}
    assert s3.get_object(Bucket=bucket, Key="a")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "size", "Value": "xl"}]})
    assert tags() == {"size": "xl"}
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert tags() == {}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": str(number), "Value": ""} for number in range(11)],
        [{"Key": "x" * 129, "Value": ""}],
        [{"Key": "a", "Value": "x" * 257}],
        [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
    ],
)
def test_tags_beyond_the_rules_are_refused(s3: S3, bucket: str, tags: list[dict[str, str]]) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    answer = refused(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": tags})
    assert answer[0] == 400
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []


def test_copy_takes_everything_along_unless_replaced(s3: S3, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "a b+c%/é"}
    s3.put_object(**source, Body=b"1", Metadata={"colour": "green"}, ContentType="text/csv", Tagging="a=b")
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    found = s3.get_object(Bucket=bucket, Key="copy")
    assert copied["CopyObjectResult"]["ETag"] == found["ETag"]
    assert (found["Body"].read(), found["Metadata"], found["ContentType"], found["TagCount"]) == (
        b"1",
        {"colour": "green"},
        "text/csv",
        1,
    )
    new = {"MetadataDirective": "REPLACE", "Metadata": {"size": "xl"}, "ContentType": "text/plain"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **new)
    found = s3.head_object(Bucket=bucket, Key="copy")
    assert (found["Metadata"], found["ContentType"]) == ({"size": "xl"}, "text/plain")


def test_copy_onto_itself_must_change_something(s3: S3, bucket: str) -> None:
    here = {"Bucket": bucket, "Key": "a"}
    s3.put_object(**here, Body=b"1")
    assert refused(s3.copy_object, **here, CopySource=here) == (400, "InvalidRequest")
    s3.copy_object(**here, CopySource=here, MetadataDirective="REPLACE", Metadata={"a": "b"})
    assert s3.head_object(**here)["Metadata"] == {"a": "b"}


def test_source_of_a_copy_is_spelled_as_in_a_form(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c", Body=b"1")
    for spelling in ("a+b%2Bc", "a%20b%2Bc"):
        source = {"x-amz-copy-source": f"/{bucket}/{spelling}"}
        assert door.send("PUT", f"/{bucket}/copy", headers=source).status == 200, spelling


def test_copy_of_nothing_is_refused(s3: S3, bucket: str) -> None:
    absent = {"Bucket": bucket, "Key": "absent"}
    assert refused(s3.copy_object, Bucket=bucket, Key="b", CopySource=absent) == (404, "NoSuchKey")
    nowhere = {"Bucket": "no-such-bucket", "Key": "a"}
    assert refused(s3.copy_object, Bucket=bucket, Key="b", CopySource=nowhere) == (404, "NoSuchBucket")


def test_delete_of_many_tells_each_one_or_is_quiet(s3: S3, bucket: str) -> None:
    for name in ("a&b", "é", "c"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a&b"}, {"Key": "é"}]})
    assert sorted(each["Key"] for each in told["Deleted"]) == ["a&b", "é"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "c"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_delete_of_too_many_or_none_is_malformed(s3: S3, door: Door, bucket: str) -> None:
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    assert refused(s3.delete_objects, Bucket=bucket, Delete=many) == (400, "MalformedXML")
    assert door.send("POST", f"/{bucket}", query="delete=", body=b"<Delete>").code == "MalformedXML"
    assert door.send("POST", f"/{bucket}", query="delete=", body=b"<Delete/>").code == "MalformedXML"


def test_storage_class_that_is_not_offered_is_refused(s3: S3, bucket: str) -> None:
    answer = refused(s3.put_object, Bucket=bucket, Key="a", Body=b"", StorageClass="NO_SUCH_CLASS")
    assert answer == (400, "InvalidStorageClass")


def test_body_without_a_length_is_refused(s3: S3, bucket: str) -> None:
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "a"})
    answer = httpx.put(url, content=iter([b"1"]), trust_env=False)
    assert answer.status_code == 411
    assert "<Code>MissingContentLength</Code>" in answer.text
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_object_is_the_same_at_both_doors(s3: S3, service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "by rest", b"1", {"content-type": "text/csv"})
    s3.put_object(Bucket=bucket, Key="by s3", Body=b"2", ContentType="text/csv")
    found = s3.get_object(Bucket=bucket, Key="by rest")
    assert (found["Body"].read(), found["ContentType"], found["ETag"]) == (b"1", "text/csv", etag_of(b"1"))
    answer = get_object(service, bucket, "by s3")
    assert (answer.content, answer.headers["content-type"]) == (b"2", "text/csv")
    assert answer.headers["etag"] == s3.head_object(Bucket=bucket, Key="by s3")["ETag"]


def test_only_version_is_called_null(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert s3.get_object(Bucket=bucket, Key="a", VersionId="null")["Body"].read() == b"1"
    status, code = refused(s3.get_object, Bucket=bucket, Key="a", VersionId="other")
    assert (status, code) in {(404, "NoSuchVersion"), (400, "InvalidArgument")}


def test_error_document_names_code_resource_and_request(door: Door, bucket: str) -> None:
    answer = door.send("GET", path_of(bucket, "absent & gone"))
    assert answer.xml.tag == "Error"  # without a namespace: clients look for plain names
    assert answer.headers["content-type"] == "application/xml"
    assert answer.code == "NoSuchKey"
    assert answer.text("Resource").endswith(f"/{bucket}/absent & gone")
    assert answer.text("RequestId") == answer.headers["x-amz-request-id"] != ""
