"""Multipart uploads on the wire: what boto3 makes of them, and what raw requests get."""

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from .conftest import S3As
from .door import PART_BYTES, S3, Answer, Door, path_of, refused

FIRST, SECOND = b"a" * PART_BYTES, b"b" * PART_BYTES
Send = Callable[..., Answer]


def begin(s3: S3, bucket: str, name: str = "a", **options: Any) -> dict[str, str]:
    """Begin an upload; return what names it in further calls."""
    begun = s3.create_multipart_upload(Bucket=bucket, Key=name, **options)
    return {"Bucket": bucket, "Key": name, "UploadId": begun["UploadId"]}


def put(s3: S3, upload: dict[str, str], number: int, content: bytes, **options: Any) -> dict[str, Any]:
    """Send a part; return what names it at completion."""
    sent = s3.upload_part(**upload, PartNumber=number, Body=content, **options)
    sums = {key: value for key, value in sent.items() if key.startswith("Checksum") and key != "ChecksumType"}
    return {"PartNumber": number, "ETag": sent["ETag"], **sums}


def complete(s3: S3, upload: dict[str, str], *parts: dict[str, Any], **options: Any) -> dict[str, Any]:
    done: dict[str, Any] = s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": list(parts)}, **options
    )
    return done


def content_of(s3: S3, bucket: str, name: str = "a") -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
    return content


def md5_of_md5s(*contents: bytes) -> str:
    digests = b"".join(hashlib.md5(each, usedforsecurity=False).digest() for each in contents)
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(contents)}"'


def completion(*parts: tuple[int, str]) -> bytes:
    named = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in parts)
    return f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()


def test_a_large_file_sent_by_several_threads_comes_back(s3: S3, bucket: str) -> None:
    content = b"".join(bytes([number]) * (PART_BYTES // 2 + number) for number in range(9))
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=PART_BYTES, max_concurrency=4)
    s3.upload_fileobj(
        io.BytesIO(content),
        bucket,
        "large",
        Config=config,
        ExtraArgs={"ContentType": "text/plain", "Metadata": {"colour": "red"}},
    )
    head = s3.head_object(Bucket=bucket, Key="large")
    assert (head["ContentLength"], head["ContentType"]) == (len(content), "text/plain")
    assert head["Metadata"] == {"colour": "red"}
    pieces = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
    assert head["ETag"] == md5_of_md5s(*pieces)
    assert content_of(s3, bucket, "large") == content


def test_parts_are_sent_in_any_order_and_again(s3: S3, bucket: str, door: Door) -> None:
    upload = begin(s3, bucket)
    last = put(s3, upload, 10, b"end")
    put(s3, upload, 2, b"replaced")
    first = put(s3, upload, 2, FIRST)
    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [2, 10]
    done = complete(s3, upload, first, last)
    assert done["ETag"] == md5_of_md5s(FIRST, b"end")
    assert (done["Bucket"], done["Key"], done["Location"]) == (bucket, "a", f"{door.url}/{bucket}/a")
    assert content_of(s3, bucket) == FIRST + b"end"
    assert complete(s3, upload, first, last)["ETag"] == done["ETag"]
    assert refused(s3.list_parts, **upload) == (404, "NoSuchUpload")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_a_composite_checksum_is_told_with_the_object(s3: S3, bucket: str, algorithm: str) -> None:
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm)
    parts = [
        put(s3, upload, number, content, ChecksumAlgorithm=algorithm)
        for number, content in ((1, FIRST), (2, b"end"))
    ]
    done = complete(s3, upload, *parts)
    assert done["ChecksumType"] == "COMPOSITE"
    assert done[f"Checksum{algorithm}"].endswith("-2")
    head = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == done[f"Checksum{algorithm}"]
    assert content_of(s3, bucket) == FIRST + b"end"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_checksum_of_the_whole_is_that_of_the_same_object_put_at_once(
    s3: S3, bucket: str, algorithm: str
) -> None:
    at_once = s3.put_object(Bucket=bucket, Key="b", Body=FIRST + b"end", ChecksumAlgorithm=algorithm)
    expected = {f"Checksum{algorithm}": at_once[f"Checksum{algorithm}"]}
    upload = begin(s3, bucket, ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    listed = s3.list_parts(**upload)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, "FULL_OBJECT")
    parts = [
        put(s3, upload, number, content, ChecksumAlgorithm=algorithm)
        for number, content in ((1, FIRST), (2, b"end"))
    ]
    wrong = {f"Checksum{algorithm}": parts[0][f"Checksum{algorithm}"]}
    named = {"MultipartUpload": {"Parts": parts}, "ChecksumType": "FULL_OBJECT"}
    assert refused(s3.complete_multipart_upload, **upload, **named, **wrong) == (400, "BadDigest")
    done = s3.complete_multipart_upload(**upload, **named, **expected, MpuObjectSize=PART_BYTES + 3)
    assert done[f"Checksum{algorithm}"] == at_once[f"Checksum{algorithm}"]
    assert done["ChecksumType"] == "FULL_OBJECT"


def test_a_part_that_was_changed_on_its_way_is_refused(s3: S3, bucket: str) -> None:
    upload = begin(s3, bucket)
    wrong = base64.b64encode(hashlib.sha256(b"else").digest()).decode()
    part = {**upload, "PartNumber": 1, "Body": b"content"}
    assert refused(s3.upload_part, **part, ChecksumSHA256=wrong) == (400, "BadDigest")
    assert "Parts" not in s3.list_parts(**upload)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (completion(), (400, "MalformedXML")),
        (b"<Complete", (400, "MalformedXML")),
        (b"", (400, "MalformedXML")),
        (completion((2, "{2}"), (1, "{1}")), (400, "InvalidPartOrder")),
        (completion((1, "{1}"), (1, "{1}")), (400, "InvalidPartOrder")),
        (completion((1, "{2}")), (400, "InvalidPart")),
        (completion((1, "{1}"), (3, "{1}")), (400, "InvalidPart")),
        (completion((1, "{1}"), (2, "{2}")), (400, "EntityTooSmall")),
        (b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", (400, "MalformedXML")),
        (completion((-1, "{1}")), (400, "MalformedXML")),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + completion((1, "&b;")), (400, "MalformedXML")),
    ],
)
def test_a_list_of_parts_that_is_wrong_changes_nothing(
    s3: S3, bucket: str, signed_request: Send, body: bytes, refusal: tuple[int, str]
) -> None:
    upload = begin(s3, bucket)
    for number in (1, 2):
        etag = put(s3, upload, number, b"part %d" % number)["ETag"]
        body = body.replace(b"{%d}" % number, etag.encode())
    answer = signed_request("POST", path_of(bucket, "a"), query=f"uploadId={upload['UploadId']}", body=body)
    assert (answer.status, answer.code) == refusal
    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [1, 2]
    assert refused(s3.head_object, Bucket=bucket, Key="a")[0] == 404


def test_entity_tags_are_taken_with_and_without_quotes(s3: S3, bucket: str, signed_request: Send) -> None:
    upload = begin(s3, bucket)
    etag = put(s3, upload, 1, b"content")["ETag"].strip('"')
    body = completion((1, etag))
    answer = signed_request("POST", path_of(bucket, "a"), query=f"uploadId={upload['UploadId']}", body=body)
    assert (answer.status, answer.text("Key")) == (200, "a")


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "", "1" * 30])
def test_a_part_has_a_number_from_1_to_10_000(s3: S3, bucket: str, signed_request: Send, number: str) -> None:
    upload = begin(s3, bucket)
    query = f"partNumber={number}&uploadId={upload['UploadId']}"
    answer = signed_request("PUT", path_of(bucket, "a"), query=query, body=b"content")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@pytest.mark.parametrize("query", ["partNumber=1", "partNumber=1&uploadid=1", "partNumber", "partNumber=x"])
@pytest.mark.parametrize("source", [None, "b"])
def test_a_part_of_no_upload_does_not_replace_the_object(
    s3: S3, bucket: str, signed_request: Send, query: str, source: str | None
) -> None:
    for name in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    headers = {"x-amz-copy-source": f"{bucket}/{source}"} if source else {}
    answer = signed_request("PUT", path_of(bucket, "a"), query=query, headers=headers, body=b"")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.text("ArgumentName") == "partNumber"
    assert "uploadId" in answer.text("Message")
    assert content_of(s3, bucket) == b"a"


@pytest.mark.parametrize(("method", "below"), [("HEAD", "/a"), ("PATCH", "/a"), ("PUT", ""), ("DELETE", "")])
def test_an_upload_is_asked_for_nothing_but_its_operations(
    s3: S3, bucket: str, signed_request: Send, method: str, below: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"content")
    answer = signed_request(method, f"/{bucket}{below}", query="uploadId=1&partNumber=1")
    assert answer.status == 400
    assert method == "HEAD" or answer.text("ArgumentName") == "uploadId"
    assert content_of(s3, bucket) == b"content"


def test_a_part_must_say_how_long_it_is(s3: S3, bucket: str, door: Door) -> None:
    upload = begin(s3, bucket)
    query = door.presign("PUT", path_of(bucket, "a"), query=f"partNumber=1&uploadId={upload['UploadId']}")
    headers = {"Transfer-Encoding": "chunked"}
    answer = door.send_unsigned(
        "PUT", path_of(bucket, "a"), query=query, headers=headers, body=b"7\r\ncontent\r\n0\r\n\r\n"
    )
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_an_upload_that_nobody_began_is_not_found(s3: S3, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = put(s3, upload, 1, b"content")
    for other in ({"UploadId": "no id"}, {"UploadId": "0" * 36}, {"Key": "b"}):
        unknown = {**upload, **other}
        named = {"MultipartUpload": {"Parts": [part]}}
        assert refused(s3.upload_part, **unknown, PartNumber=1, Body=b"") == (404, "NoSuchUpload")
        assert refused(s3.list_parts, **unknown) == (404, "NoSuchUpload")
        assert refused(s3.complete_multipart_upload, **unknown, **named) == (404, "NoSuchUpload")
        assert refused(s3.abort_multipart_upload, **unknown) == (404, "NoSuchUpload")
    complete(s3, upload, part)


def test_an_aborted_upload_is_gone(s3: S3, bucket: str) -> None:
    upload = begin(s3, bucket)
    put(s3, upload, 1, b"content")
    assert s3.abort_multipart_upload(**upload)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.abort_multipart_upload, **upload) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


# Who may


def test_an_upload_is_that_of_whoever_began_it(s3: S3, s3_as: S3As, bucket: str) -> None:
    mine, other = s3_as(sub="mine"), s3_as(sub="other")
    upload = begin(mine, bucket, "mine")
    part = put(mine, upload, 1, b"content")
    copying = {**upload, "PartNumber": 1, "CopySource": f"{bucket}/mine"}
    assert refused(other.upload_part, **upload, PartNumber=1, Body=b"") == (404, "NoSuchUpload")
    assert refused(other.upload_part_copy, **copying) == (404, "NoSuchUpload")
    assert refused(other.list_parts, **upload) == (404, "NoSuchUpload")
    assert refused(other.abort_multipart_upload, **upload) == (404, "NoSuchUpload")
    named = {"MultipartUpload": {"Parts": [part]}}
    assert refused(other.complete_multipart_upload, **upload, **named) == (404, "NoSuchUpload")
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["mine"]
    complete(mine, upload, part)
    assert content_of(mine, bucket, "mine") == b"content"
    assert refused(other.get_object, Bucket=bucket, Key="mine")[0] == 404


def test_nobody_begins_an_upload_onto_the_object_of_another(s3_as: S3As, bucket: str) -> None:
    s3_as(sub="mine").put_object(Bucket=bucket, Key="mine", Body=b"mine")
    other = s3_as(sub="other")
    assert refused(other.create_multipart_upload, Bucket=bucket, Key="mine") == (403, "AccessDenied")
    assert refused(other.create_multipart_upload, Bucket="absent", Key="a") == (404, "NoSuchBucket")


# Copies as parts


def test_stored_bytes_become_parts(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="sour ce/+ä", Body=FIRST + SECOND)
    upload = begin(s3, bucket)
    source = {"CopySource": {"Bucket": bucket, "Key": "sour ce/+ä"}}
    whole = s3.upload_part_copy(**upload, PartNumber=1, **source)["CopyPartResult"]
    part = s3.upload_part_copy(
        **upload, PartNumber=2, **source, CopySourceRange=f"bytes={PART_BYTES - 2}-{PART_BYTES + 1}"
    )["CopyPartResult"]
    assert part["ETag"] == f'"{hashlib.md5(b"aabb", usedforsecurity=False).hexdigest()}"'
    named = [{"PartNumber": number, "ETag": each["ETag"]} for number, each in ((1, whole), (2, part))]
    complete(s3, upload, *named)
    assert content_of(s3, bucket) == FIRST + SECOND + b"aabb"


def test_a_large_object_is_copied_in_parts(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=FIRST + SECOND + b"end")
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=PART_BYTES)
    s3.copy({"Bucket": bucket, "Key": "source"}, bucket, "copy", Config=config)
    assert content_of(s3, bucket, "copy") == FIRST + SECOND + b"end"


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"CopySourceRange": "bytes=0-7"}, (416, "InvalidRange")),
        ({"CopySourceRange": "bytes=9-12"}, (416, "InvalidRange")),
        ({"CopySourceRange": "bytes=3-1"}, (400, "InvalidArgument")),
        ({"CopySourceRange": "bytes=0-"}, (400, "InvalidArgument")),
        ({"CopySourceRange": "bytes=-3"}, (400, "InvalidArgument")),
        ({"CopySourceRange": "bytes=0-1,3-4"}, (400, "InvalidArgument")),
        ({"CopySourceRange": "0-1"}, (400, "InvalidArgument")),
        ({"CopySourceIfMatch": '"else"'}, (412, "PreconditionFailed")),
        ({"CopySourceIfNoneMatch": "*"}, (412, "PreconditionFailed")),
        ({"Key": "absent"}, (404, "NoSuchKey")),
        ({"Bucket": "absent"}, (404, "NoSuchBucket")),
    ],
)
def test_a_copy_that_cannot_be_a_part_is_refused(
    s3: S3, bucket: str, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"content")
    upload = begin(s3, bucket)
    place = {"Bucket": bucket, "Key": "source"}
    source = {key: changes.get(key, value) for key, value in place.items()}
    others = {key: value for key, value in changes.items() if key not in place}
    assert refused(s3.upload_part_copy, **upload, PartNumber=1, CopySource=source, **others) == refusal
    assert "Parts" not in s3.list_parts(**upload)


# Conditions


def test_a_completion_may_ask_for_a_free_name_or_a_known_object(s3: S3, bucket: str) -> None:
    old = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["ETag"]
    upload = begin(s3, bucket)
    named = {**upload, "MultipartUpload": {"Parts": [put(s3, upload, 1, b"new")]}}
    assert refused(s3.complete_multipart_upload, **named, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.complete_multipart_upload, **named, IfMatch='"else"') == (412, "PreconditionFailed")
    assert content_of(s3, bucket) == b"old"
    s3.complete_multipart_upload(**named, IfMatch=old)
    assert content_of(s3, bucket) == b"new"


# Lists


def test_parts_are_listed_in_pages_with_what_is_known_of_them(s3: S3, bucket: str) -> None:
    upload = begin(s3, bucket)
    for number in (5, 1, 3):
        put(s3, upload, number, b"x" * number)
    first = s3.list_parts(**upload, MaxParts=2)
    assert (first["IsTruncated"], first["NextPartNumberMarker"], first["MaxParts"]) == (True, 3, 2)
    assert [(part["PartNumber"], part["Size"]) for part in first["Parts"]] == [(1, 1), (3, 3)]
    assert first["Parts"][0]["ETag"] == f'"{hashlib.md5(b"x", usedforsecurity=False).hexdigest()}"'
    rest = s3.list_parts(**upload, PartNumberMarker=3)
    assert (rest["IsTruncated"], [part["PartNumber"] for part in rest["Parts"]]) == (False, [5])
    assert {"ID", "DisplayName"} == set(rest["Owner"]) == set(rest["Initiator"])
    none = s3.list_parts(**upload, MaxParts=0)
    assert ("Parts" not in none, none["IsTruncated"]) == (True, False)
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 1})
    assert [part["PartNumber"] for page in pages for part in page["Parts"]] == [1, 3, 5]


def test_uploads_are_listed_by_prefix_and_folder_and_in_pages(s3: S3, bucket: str) -> None:
    names = ["a/1", "a/2", "b", "c d", "c d", "e/1"]
    begun = sorted((name, begin(s3, bucket, name)["UploadId"]) for name in names)

    def keys(page: dict[str, Any]) -> list[str]:
        return [each["Key"] for each in page.get("Uploads", [])]

    def folders(page: dict[str, Any]) -> list[str]:
        return [each["Prefix"] for each in page.get("CommonPrefixes", [])]

    everything = s3.list_multipart_uploads(Bucket=bucket)
    assert [(each["Key"], each["UploadId"]) for each in everything["Uploads"]] == begun
    assert keys(s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")) == ["a/1", "a/2"]
    top = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert (keys(top), folders(top)) == (["b", "c d", "c d"], ["a/", "e/"])
    pages = list(
        s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
        )
    )
    assert [keys(page) + folders(page) for page in pages] == [["a/"], ["b"], ["c d"], ["c d"], ["e/"]]
    assert refused(s3.list_multipart_uploads, Bucket="absent") == (404, "NoSuchBucket")


# What is not done


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-website-redirect-location", "/b"),
        ("x-amz-acl", "public-read"),
    ],
)
def test_an_upload_that_needs_what_is_not_implemented_is_not_begun(
    s3: S3, bucket: str, signed_request: Send, header: str, value: str
) -> None:
    answer = signed_request("POST", path_of(bucket, "a"), query="uploads=", headers={header: value})
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"x-amz-checksum-algorithm": "MD4"}, "unsupported"),
        ({"x-amz-checksum-type": "COMPOSITE"}, "together with"),
        ({"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"}, "cannot be used"),
    ],
)
def test_an_upload_with_a_checksum_that_does_not_exist_is_not_begun(
    bucket: str, signed_request: Send, headers: dict[str, str], message: str
) -> None:
    answer = signed_request("POST", path_of(bucket, "a"), query="uploads=", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert message in answer.text("Message")


def test_the_bucket_decides_what_may_be_uploaded(make_bucket: Callable[..., str], s3: S3) -> None:
    bucket = make_bucket(file_size_limit=10, allowed_mime_types=["text/plain"])
    begun = {"Bucket": bucket, "Key": "a"}
    assert refused(s3.create_multipart_upload, **begun, ContentType="image/png")[0] == 415
    upload = begin(s3, bucket, ContentType="text/plain")
    put(s3, upload, 1, b"123456")
    assert refused(s3.upload_part, **upload, PartNumber=2, Body=b"78901")[1] == "EntityTooLarge"
    complete(s3, upload, put(s3, upload, 1, b"1234567890"))
