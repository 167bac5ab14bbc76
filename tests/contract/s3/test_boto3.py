"""boto3, unmodified and with its defaults: every operation through the calls that applications make."""

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED

from tests.contract.client import unique

from .conftest import S3As
from .door import PART_BYTES, S3, Door, names_of, prefixes_of, refused
from .program import AWKWARD_NAMES, content

SMALL_PARTS = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)


def code_of(call: Callable[..., Any], **arguments: object) -> str:
    return refused(call, **arguments)[1]


@pytest.fixture
def resource(door: Door) -> Iterator[Any]:
    """The object-oriented half of boto3."""
    made = boto3.session.Session().resource(
        "s3",
        endpoint_url=door.url,
        region_name=door.region,
        aws_access_key_id=door.access_key_id,
        aws_secret_access_key=door.secret_access_key,
    )
    yield made
    made.meta.client.close()


def test_bucket_lives_from_create_to_delete(s3: S3) -> None:
    name = unique("boto3")
    s3.create_bucket(Bucket=name)
    s3.get_waiter("bucket_exists").wait(Bucket=name)
    assert name in {each["Name"] for each in s3.list_buckets()["Buckets"]}
    assert code_of(s3.create_bucket, Bucket=name) == "BucketAlreadyOwnedByYou"
    s3.delete_bucket(Bucket=name)
    s3.get_waiter("bucket_not_exists").wait(Bucket=name)


def test_object_comes_back_with_everything_that_was_said_about_it(s3: S3, bucket: str) -> None:
    said = {
        "ContentType": "text/html; charset=utf-8",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="a.html"',
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "Metadata": {"colour": "green", "size-class": "a b"},
    }
    put = s3.put_object(Bucket=bucket, Key="a.html", Body=b"<p>hello", **said)
    got = s3.get_object(Bucket=bucket, Key="a.html")
    assert got["Body"].read() == b"<p>hello"
    assert {name: got[name] for name in said} == said
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(b"<p>hello").hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key="a.html")
    assert {name: head[name] for name in said} == said
    assert head["ContentLength"] == 8


def test_empty_object_is_an_object(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_object_is_found_under_any_name(s3: S3, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == name.encode()
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == [name]
    assert names_of(s3.list_objects_v2(Bucket=bucket, Prefix=name[:5])) == [name]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": name})
    s3.delete_object(Bucket=bucket, Key=name)
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["copy"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksum_is_kept_and_checked_by_the_client(s3: S3, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="a", Body=b"content", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"content"
    field = f"Checksum{algorithm}"
    assert put[field] == got[field]
    assert got["ChecksumType"] == "FULL_OBJECT"


def test_managed_transfer_sends_parts_and_reads_ranges(s3: S3, bucket: str) -> None:
    body = content(2 * PART_BYTES + 12345)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", Config=SMALL_PARTS, ExtraArgs={"Metadata": {"a": "b"}})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert (head["ContentLength"], head["Metadata"]) == (len(body), {"a": "b"})
    assert head["ETag"].endswith('-3"')
    whole = io.BytesIO()
    s3.download_fileobj(bucket, "big", whole, Config=SMALL_PARTS)
    assert whole.getvalue() == body


def test_managed_copy_of_a_big_object_copies_its_parts(s3: S3, bucket: str) -> None:
    body = content(2 * PART_BYTES + 1)
    s3.upload_fileobj(io.BytesIO(body), bucket, "a b+c", Config=SMALL_PARTS)
    s3.copy({"Bucket": bucket, "Key": "a b+c"}, bucket, "copy", Config=SMALL_PARTS)
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == body


def test_range_is_a_part_of_the_content(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="a", Range="bytes=2-4")
    assert (got["Body"].read(), got["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert s3.get_object(Bucket=bucket, Key="a", Range="bytes=-3")["Body"].read() == b"789"
    assert code_of(s3.get_object, Bucket=bucket, Key="a", Range="bytes=10-") == "InvalidRange"


def test_paginator_gives_each_name_once(s3: S3, bucket: str) -> None:
    names = sorted(f"{folder}/{number}" for folder in "ab" for number in range(5))
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    assert [name for page in pages for name in names_of(page)] == names
    old = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3})
    assert [name for page in old for name in names_of(page)] == names
    folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert prefixes_of(folders) == ["a/", "b/"]


def test_delete_objects_deletes_all_that_are_named(s3: S3, bucket: str) -> None:
    for name in ("a", "b c", "d"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    named = [{"Key": name} for name in ("a", "b c", "never there")]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": named})
    assert {each["Key"] for each in answer["Deleted"]} == {"a", "b c", "never there"}
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["d"]


def test_resource_api_empties_and_deletes_a_bucket(resource: Any) -> None:
    made = resource.create_bucket(Bucket=unique("boto3"))
    made.put_object(Key="a/b", Body=b"1")
    made.Object("a/c").put(Body=b"2")
    assert [each.key for each in made.objects.filter(Prefix="a/")] == ["a/b", "a/c"]
    assert made.Object("a/c").get()["Body"].read() == b"2"
    made.objects.all().delete()
    made.delete()
    assert made.creation_date is None


def test_presigned_urls_open_what_they_name_and_nothing_else(s3: S3, bucket: str) -> None:
    name = "a b+c/é.txt"
    put = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": name}, ExpiresIn=60)
    get = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": name}, ExpiresIn=60)
    with httpx.Client(trust_env=False) as anyone:
        assert anyone.put(put, content=b"signed").status_code == 200
        assert anyone.get(get).content == b"signed"
        assert anyone.put(get, content=b"other").status_code == 403
        assert anyone.get(get.replace("c/", "d/", 1)).status_code == 403


def test_presigned_get_names_the_headers_of_its_answer(s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    wanted = {"ResponseContentType": "text/csv", "ResponseContentDisposition": 'attachment; filename="b.csv"'}
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a"} | wanted)
    answer = httpx.get(url, trust_env=False)
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="b.csv"'


def test_presigned_post_takes_a_form_within_its_conditions(s3: S3, bucket: str) -> None:
    conditions = [["content-length-range", 1, 10]]
    form = s3.generate_presigned_post(bucket, "in/${filename}", Conditions=conditions)
    with httpx.Client(trust_env=False) as browser:

        def post(body: bytes) -> int:
            file = {"file": ("a b.txt", body)}
            return browser.post(form["url"], data=form["fields"], files=file).status_code

        assert post(b"posted") == 204
        assert post(b"more than ten bytes") == 400
    assert s3.get_object(Bucket=bucket, Key="in/a b.txt")["Body"].read() == b"posted"


def test_conditional_put_makes_an_object_once(s3: S3, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1", IfNoneMatch="*")
    assert code_of(s3.put_object, Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key="a", Body=b"3", IfMatch=first["ETag"])
    stale = code_of(s3.put_object, Bucket=bucket, Key="a", Body=b"4", IfMatch=first["ETag"])
    assert stale == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"3"


def test_session_token_acts_as_its_user(s3: S3, s3_as: S3As, bucket: str) -> None:
    ann, bob = s3_as(sub=unique("ann")), s3_as(sub=unique("bob"))
    ann.put_object(Bucket=bucket, Key="ann/a", Body=b"hers")
    assert ann.get_object(Bucket=bucket, Key="ann/a")["Body"].read() == b"hers"
    assert code_of(bob.get_object, Bucket=bucket, Key="ann/a") == "NoSuchKey"
    assert code_of(bob.put_object, Bucket=bucket, Key="ann/a", Body=b"his") == "AccessDenied"
    assert s3.get_object(Bucket=bucket, Key="ann/a")["Body"].read() == b"hers"


def test_session_token_cannot_make_buckets(s3_as: S3As) -> None:
    assert code_of(s3_as().create_bucket, Bucket=unique("boto3")) == "AccessDenied"


def test_client_without_keys_reads_public_buckets_only(
    door: Door, s3: S3, bucket: str, public_bucket: str
) -> None:
    for each in (bucket, public_bucket):
        s3.put_object(Bucket=each, Key="a", Body=b"1")
    anyone = door.client(signature_version=UNSIGNED)
    assert anyone.get_object(Bucket=public_bucket, Key="a")["Body"].read() == b"1"
    assert code_of(anyone.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert code_of(anyone.list_objects_v2, Bucket=public_bucket) == "AccessDenied"
    anyone.close()


def test_wrong_keys_are_named_as_such(door: Door) -> None:
    unknown = Door(target=door.target, access_key_id="AKIANOBODY0000000000").client()
    guessed = Door(target=door.target, secret_access_key="guessed").client()
    assert code_of(unknown.list_buckets) == "InvalidAccessKeyId"
    assert code_of(guessed.list_buckets) == "SignatureDoesNotMatch"
    unknown.close()
    guessed.close()
