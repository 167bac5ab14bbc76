"""What S3 says of uploads in parts, from their beginning to their end or their being given up."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .door import PART_BYTES, S3, Door, names_of, path_of, refused
from .program import content

FIRST, SECOND = content(PART_BYTES, 1), content(1000, 2)


@pytest.fixture
def upload(s3: S3, bucket: str) -> dict[str, str]:
    """An upload that was begun: what every call about it names."""
    place = {"Bucket": bucket, "Key": "up/load"}
    return place | {"UploadId": s3.create_multipart_upload(**place)["UploadId"]}


def send(s3: S3, upload: dict[str, str], *bodies: bytes) -> dict[str, Any]:
    """Send `bodies` as the first parts; return the list of parts that completes them."""
    tags = [s3.upload_part(**upload, PartNumber=n, Body=body)["ETag"] for n, body in enumerate(bodies, 1)]
    return {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]}


def body_at(s3: S3, upload: dict[str, str]) -> bytes:
    found: bytes = s3.get_object(Bucket=upload["Bucket"], Key=upload["Key"])["Body"].read()
    return found


def test_parts_become_one_object_with_what_was_said_at_the_beginning(s3: S3, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "a b+c/é"}
    said = {"ContentType": "text/csv", "Metadata": {"colour": "green"}, "CacheControl": "max-age=60"}
    begun = s3.create_multipart_upload(**place, **said, Tagging="a=b")
    upload = place | {"UploadId": begun["UploadId"]}
    done = s3.complete_multipart_upload(**upload, MultipartUpload=send(s3, upload, FIRST, SECOND))
    found = s3.get_object(**place)
    assert found["Body"].read() == FIRST + SECOND
    assert {name: found[name] for name in said} == said
    assert (done["ETag"], found["TagCount"]) == (found["ETag"], 1)
    tags = b"".join(hashlib.md5(part).digest() for part in (FIRST, SECOND))
    assert done["ETag"] == f'"{hashlib.md5(tags).hexdigest()}-2"'


def test_upload_is_invisible_until_it_is_complete(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, b"1")
    assert names_of(s3.list_objects_v2(Bucket=upload["Bucket"])) == []
    [pending] = s3.list_multipart_uploads(Bucket=upload["Bucket"])["Uploads"]
    assert (pending["Key"], pending["UploadId"]) == (upload["Key"], upload["UploadId"])
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])
    assert body_at(s3, upload) == b"1"


def test_parts_arrive_in_any_order_and_the_last_of_a_number_counts(s3: S3, upload: dict[str, str]) -> None:
    s3.upload_part(**upload, PartNumber=7, Body=SECOND)
    s3.upload_part(**upload, PartNumber=3, Body=b"replaced later")
    s3.upload_part(**upload, PartNumber=3, Body=FIRST)
    listed = s3.list_parts(**upload)["Parts"]
    assert [(each["PartNumber"], each["Size"]) for each in listed] == [(3, PART_BYTES), (7, 1000)]
    parts = [{"PartNumber": each["PartNumber"], "ETag": each["ETag"]} for each in listed]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert body_at(s3, upload) == FIRST + SECOND


def test_parts_sent_at_once_all_arrive(s3: S3, upload: dict[str, str]) -> None:
    bodies = [content(PART_BYTES, seed) for seed in range(4)]

    def put(number: int) -> dict[str, Any]:
        tag = s3.upload_part(**upload, PartNumber=number, Body=bodies[number - 1])["ETag"]
        return {"PartNumber": number, "ETag": tag}

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(put, range(1, 5)))
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert body_at(s3, upload) == b"".join(bodies)


def test_list_of_parts_is_paged(s3: S3, upload: dict[str, str]) -> None:
    send(s3, upload, b"1", b"2", b"3")
    first = s3.list_parts(**upload, MaxParts=2)
    assert (first["IsTruncated"], first["NextPartNumberMarker"]) == (True, 2)
    rest = s3.list_parts(**upload, PartNumberMarker=2)
    assert [each["PartNumber"] for each in rest["Parts"]] == [3]
    assert not rest["IsTruncated"]


def test_list_of_uploads_is_paged_and_folded(s3: S3, bucket: str) -> None:
    for name in ("a", "b/1", "b/2", "c"):
        s3.create_multipart_upload(Bucket=bucket, Key=name)
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Key"] for each in folded["Uploads"]] == ["a", "c"]
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["b/"]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 3}
    )
    assert [each["Key"] for page in pages for each in page["Uploads"]] == ["a", "b/1", "b/2", "c"]


def test_completion_is_refused_for_parts_that_are_not_there(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, b"1")["Parts"]
    for wrong in (
        [{"PartNumber": 2, "ETag": parts[0]["ETag"]}],
        [{"PartNumber": 1, "ETag": '"0123456789abcdef0123456789abcdef"'}],
    ):
        answer = refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": wrong})
        assert answer == (400, "InvalidPart")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_completion_is_refused_out_of_order(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, FIRST, SECOND)["Parts"]
    turned = {"Parts": parts[::-1]}
    answer = refused(s3.complete_multipart_upload, **upload, MultipartUpload=turned)
    assert answer == (400, "InvalidPartOrder")


def test_only_the_last_part_may_be_small(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, SECOND, SECOND)
    answer = refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts)
    assert answer == (400, "EntityTooSmall")


def test_completion_without_parts_is_malformed(door: Door, upload: dict[str, str]) -> None:
    path, query = path_of(upload["Bucket"], upload["Key"]), f"uploadId={upload['UploadId']}"
    for body in (b"", b"<CompleteMultipartUpload/>", b"<CompleteMultipartUpload>", b"{}"):
        answer = door.send("POST", path, query=query, body=body)
        assert (answer.status, answer.code) in {(400, "MalformedXML"), (400, "InvalidRequest")}, body


def test_completing_again_gives_the_same_answer(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, b"1")
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert first["ETag"] == again["ETag"]


def test_upload_given_up_is_gone_with_its_parts(s3: S3, upload: dict[str, str]) -> None:
    parts = send(s3, upload, b"1")
    s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])
    gone = (404, "NoSuchUpload")
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"1") == gone
    assert refused(s3.list_parts, **upload) == gone
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts) == gone
    assert refused(s3.abort_multipart_upload, **upload) == gone


def test_upload_belongs_to_its_name(s3: S3, upload: dict[str, str]) -> None:
    elsewhere = upload | {"Key": "other"}
    assert refused(s3.upload_part, **elsewhere, PartNumber=1, Body=b"1") == (404, "NoSuchUpload")
    assert refused(s3.list_parts, **elsewhere) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", ["0", "10001", "-1", "one", ""])
def test_part_has_a_number_from_1_to_10000(door: Door, upload: dict[str, str], number: str) -> None:
    query = f"partNumber={number}&uploadId={upload['UploadId']}"
    answer = door.send("PUT", path_of(upload["Bucket"], upload["Key"]), query=query, body=b"1")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_wrong_md5_of_a_part_stores_nothing(s3: S3, upload: dict[str, str]) -> None:
    other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    answer = refused(s3.upload_part, **upload, PartNumber=1, Body=b"1", ContentMD5=other)
    assert answer == (400, "BadDigest")
    assert "Parts" not in s3.list_parts(**upload)


def test_parts_are_copied_from_objects_and_their_ranges(s3: S3, upload: dict[str, str]) -> None:
    source = {"Bucket": upload["Bucket"], "Key": "so ur+ce"}
    s3.put_object(**source, Body=FIRST + SECOND)
    ranges = ["bytes=0-5242879", "bytes=5242880-5243879"]
    parts = []
    for number, each in enumerate(ranges, 1):
        copied = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source, CopySourceRange=each)
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert body_at(s3, upload) == FIRST + SECOND


def test_range_past_the_end_of_the_source_is_refused(s3: S3, upload: dict[str, str]) -> None:
    source = {"Bucket": upload["Bucket"], "Key": "source"}
    s3.put_object(**source, Body=b"0123456789")
    copy = upload | {"CopySource": source, "PartNumber": 1}
    for wrong in ("bytes=5-10", "bytes=0-100", "bytes=5-", "0-5", "bytes=3-1"):
        status, code = refused(s3.upload_part_copy, **copy, CopySourceRange=wrong)
        assert (status, code) in {(400, "InvalidArgument"), (416, "InvalidRange"), (400, "InvalidRequest")}


def test_part_of_an_object_is_read_by_its_number(s3: S3, upload: dict[str, str]) -> None:
    s3.complete_multipart_upload(**upload, MultipartUpload=send(s3, upload, FIRST, SECOND))
    place = {"Bucket": upload["Bucket"], "Key": upload["Key"]}
    second = s3.get_object(**place, PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"]) == (SECOND, 2)
    assert s3.head_object(**place, PartNumber=1)["ContentLength"] == PART_BYTES
    assert refused(s3.get_object, **place, PartNumber=3)[0] == 416


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA256", "COMPOSITE"), ("CRC64NVME", "FULL_OBJECT")])
def test_checksum_of_the_whole_follows_from_the_parts(s3: S3, bucket: str, algorithm: str, kind: str) -> None:
    place = {"Bucket": bucket, "Key": "a"}
    begun = s3.create_multipart_upload(**place, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    upload, field = place | {"UploadId": begun["UploadId"]}, f"Checksum{algorithm}"
    parts = []
    for number, body in enumerate((FIRST, SECOND), 1):
        sent = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], field: sent[field]})
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    head = s3.head_object(**place, ChecksumMode="ENABLED")
    assert (head["ChecksumType"], head[field]) == (kind, done[field])
    assert head[field].endswith("-2") == (kind == "COMPOSITE")


def test_bucket_with_nothing_but_begun_uploads_can_go(s3: S3, upload: dict[str, str]) -> None:
    send(s3, upload, b"1")
    s3.delete_bucket(Bucket=upload["Bucket"])
    assert refused(s3.list_parts, **upload)[0] == 404
