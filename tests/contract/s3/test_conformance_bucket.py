"""What S3 says of buckets: their life, their names, what is told of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.client import unique

from .door import REGION, S3, Door, names_of, refused


def test_create_answers_with_the_place_of_the_bucket(door: Door) -> None:
    name = unique("bucket")
    answer = door.send("PUT", f"/{name}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["location"] == f"/{name}"


def test_bucket_paths_may_end_in_a_slash(door: Door) -> None:
    name = unique("bucket")
    assert door.send("PUT", f"/{name}/").status == 200
    assert door.send("HEAD", f"/{name}/").status == 200
    assert door.send("GET", f"/{name}/", query="list-type=2").status == 200
    assert door.send("DELETE", f"/{name}/").status == 204


def test_own_bucket_cannot_be_made_again(s3: S3, bucket: str) -> None:
    assert refused(s3.create_bucket, Bucket=bucket) == (409, "BucketAlreadyOwnedByYou")


def test_region_of_the_server_may_be_named_and_no_other(s3: S3) -> None:
    name = unique("bucket")
    elsewhere = {"LocationConstraint": "mars-north-1"}
    status, _code = refused(s3.create_bucket, Bucket=name, CreateBucketConfiguration=elsewhere)
    assert status == 400
    assert refused(s3.head_bucket, Bucket=name)[0] == 404


@pytest.mark.parametrize("name", ["a" * 101, "%20leading", "trailing%20", "b%C3%BCcket"])
def test_name_that_no_bucket_may_have_is_refused(door: Door, name: str) -> None:
    answer = door.send("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_malformed_configuration_makes_no_bucket(door: Door) -> None:
    name = unique("bucket")
    answer = door.send("PUT", f"/{name}", body=b"<CreateBucketConfiguration")
    assert (answer.status, answer.code) == (400, "MalformedXML")
    assert door.send("HEAD", f"/{name}").status == 404


def test_head_tells_the_region(s3: S3, bucket: str) -> None:
    head = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-bucket-region"] == REGION


def test_head_of_a_missing_bucket_has_no_body(door: Door) -> None:
    answer = door.send("HEAD", f"/{unique('absent')}")
    assert (answer.status, answer.body) == (404, b"")


def test_deleted_bucket_is_gone_and_its_name_free(s3: S3) -> None:
    name = unique("bucket")
    s3.create_bucket(Bucket=name)
    s3.delete_bucket(Bucket=name)
    assert refused(s3.delete_bucket, Bucket=name) == (404, "NoSuchBucket")
    s3.create_bucket(Bucket=name)


def test_bucket_with_objects_is_not_deleted(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]


def test_list_tells_name_time_and_owner(s3: S3, bucket: str) -> None:
    answer = s3.list_buckets()
    [found] = [each for each in answer["Buckets"] if each["Name"] == bucket]
    assert abs((datetime.now(UTC) - found["CreationDate"]).total_seconds()) < 3600
    assert answer["Owner"]["ID"]
    names = [each["Name"] for each in answer["Buckets"]]
    assert names == sorted(names)


def test_list_is_paged_and_chosen_by_prefix(s3: S3) -> None:
    stem = unique("paged")
    names = [f"{stem}-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix=stem, PaginationConfig={"PageSize": 2})
    sizes = [[each["Name"] for each in page["Buckets"]] for page in pages]
    assert sizes == [names[:2], names[2:4], names[4:]]


def test_location_of_the_first_region_is_empty(s3: S3, bucket: str) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_versioning_was_never_enabled(s3: S3, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_missing_bucket_is_told_by_every_operation(s3: S3) -> None:
    absent = {"Bucket": unique("absent")}
    named = absent | {"Key": "a"}
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (s3.list_objects_v2, absent),
        (s3.list_objects, absent),
        (s3.get_bucket_location, absent),
        (s3.get_bucket_versioning, absent),
        (s3.list_multipart_uploads, absent),
        (s3.delete_bucket, absent),
        (s3.delete_objects, absent | {"Delete": {"Objects": [{"Key": "a"}]}}),
        (s3.put_object, named),
        (s3.get_object, named),
        (s3.delete_object, named),
        (s3.create_multipart_upload, named),
    ]
    for call, arguments in calls:
        assert refused(call, **arguments) == (404, "NoSuchBucket"), call.__name__
    assert refused(s3.head_object, **named)[0] == 404


def test_public_read_makes_a_public_bucket(door: Door) -> None:
    name = unique("bucket")
    assert door.send("PUT", f"/{name}", headers={"x-amz-acl": "public-read"}).status == 200
    assert door.send("PUT", f"/{name}/a", body=b"1").status == 200
    assert door.send_unsigned("GET", f"/{name}/a").body == b"1"
