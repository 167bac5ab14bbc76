"""Forms over the wire: what a browser may send by the policy of somebody else."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from tests.contract.client import unique
from tests.contract.conftest import MakeBucket

from .door import S3, Door, names_of

CONTENT = b"the content of the file"
Post = Callable[..., httpx.Response]


def send(
    door: Door,
    bucket: str,
    fields: Mapping[str, str],
    *,
    content: bytes = CONTENT,
    filename: str | None = "photo.jpg",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Post a form with these fields before the file."""
    return httpx.post(
        f"{door.url}/{bucket}",
        data=dict(fields),
        files={"file": (filename, content, "text/html")},
        headers=dict(headers or {}),
        trust_env=False,
    )


def code_of(answer: httpx.Response) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.fixture
def post(door: Door, s3: S3, bucket: str) -> Post:
    """Post a form for which the service signed a policy.

    said: fields with a condition each. added: fields that no condition is about.
    """

    def signed(
        key: str = "posted",
        said: Mapping[str, str] | None = None,
        *,
        conditions: list[Any] | None = None,
        added: Mapping[str, str] | None = None,
        by: S3 | None = None,
        **options: Any,
    ) -> httpx.Response:
        conditions = [*(conditions or []), *({name: value} for name, value in (said or {}).items())]
        form = (by or s3).generate_presigned_post(bucket, key, Fields=dict(said or {}), Conditions=conditions)
        return send(door, bucket, {**form["fields"], **(added or {})}, **options)

    return signed


def test_the_file_is_stored_with_what_the_fields_say(post: Post, s3: S3, bucket: str) -> None:
    said = {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="a"',
        "x-amz-meta-colour": "green",
        "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>",
    }
    assert post(said=said).status_code == 204
    found = s3.get_object(Bucket=bucket, Key="posted")
    assert found["Body"].read() == CONTENT
    assert (found["ContentType"], found["CacheControl"]) == ("image/png", "max-age=60")
    assert found["ContentDisposition"] == 'attachment; filename="a"'
    assert found["Metadata"] == {"colour": "green"}
    assert found["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert s3.get_object_tagging(Bucket=bucket, Key="posted")["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_the_type_of_the_file_part_counts_for_nothing(post: Post, s3: S3, bucket: str) -> None:
    assert post().status_code == 204
    assert s3.head_object(Bucket=bucket, Key="posted")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize(("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204)])
def test_the_form_chooses_among_three_answers(post: Post, asked: str, status: int) -> None:
    answer = post(said={"success_action_status": asked})
    assert answer.status_code == status
    assert answer.headers["etag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'
    assert answer.headers["x-amz-request-id"]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example", "ftp://a.example", "http://", "nonsense", "http://[x"]
)
def test_a_browser_is_sent_to_web_addresses_only(post: Post, door: Door, bucket: str, url: str) -> None:
    answer = post(said={"success_action_redirect": url})
    assert answer.status_code == 204
    assert answer.headers["location"] == f"{door.url}/{bucket}/posted"


def test_a_redirect_cannot_add_headers(post: Post) -> None:
    answer = post(said={"success_action_redirect": "http://a.example/x\ry\nSet-Cookie: a=b é"})
    assert answer.status_code in {204, 303}
    assert "set-cookie" not in answer.headers
    assert answer.headers["location"].isascii()


def test_a_new_version_of_a_file_takes_its_place(post: Post, s3: S3, bucket: str) -> None:
    assert post(content=b"one").status_code == post(content=b"two").status_code == 204
    assert s3.get_object(Bucket=bucket, Key="posted")["Body"].read() == b"two"


@pytest.mark.parametrize("filename", ["photo.jpg", "C:\\fotos\\photo.jpg", "../../photo.jpg"])
def test_the_last_part_of_the_file_name_may_be_in_the_key(
    post: Post, s3: S3, bucket: str, filename: str
) -> None:
    assert post("in/${filename}", filename=filename).status_code == 204
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["in/photo.jpg"]


# Refused


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ({"x-amz-meta-a": "1"}, "AccessDenied"),
        ({"acl": "private"}, "AccessDenied"),
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({"success_action_redirect": "https://evil.example"}, "AccessDenied"),
        ({"x-ignore-me": "1"}, ""),
        ({"X-AMZ-Signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": "short"}, "InvalidArgument"),
        ({"x-amz-date": "20130524T000000Z"}, "InvalidArgument"),
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, "InvalidArgument"),
        ({"x-amz-algorithm": "AWS4-ECDSA-P256-SHA256"}, "NotImplemented"),
        ({"AWSAccessKeyId": "a", "signature": "b"}, "InvalidRequest"),
    ],
    ids=str,
)
def test_fields_that_the_policy_does_not_know_are_refused(
    post: Post, s3: S3, bucket: str, added: dict[str, str], code: str
) -> None:
    assert code_of(post(added=added)) == code
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ([] if code else ["posted"])


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"acl": "public-read"}, 501, "NotImplemented"),
        ({"x-amz-server-side-encryption": "AES256"}, 501, "NotImplemented"),
        ({"x-amz-storage-class": "GLACIER"}, 400, "InvalidStorageClass"),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, 400, "BadDigest"),
        ({"x-amz-checksum-crc32": "nonsense"}, 400, "InvalidRequest"),
        ({"tagging": "nonsense"}, 400, "MalformedXML"),
        ({"tagging": '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>'}, 400, "MalformedXML"),
        ({"x-amz-meta-a": "x" * 3000}, 400, "MetadataTooLarge"),
        ({"Content-Type": "a/b\r\nX: y"}, 415, None),
    ],
    ids=str,
)
def test_fields_that_cannot_be_kept_store_nothing(
    post: Post, s3: S3, bucket: str, said: dict[str, str], status: int, code: str | None
) -> None:
    answer = post(said=said)
    assert answer.status_code == status, answer.text
    assert code is None or code_of(answer) == code
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_a_policy_for_one_bucket_is_not_good_for_another(
    door: Door, s3: S3, bucket: str, make_bucket: MakeBucket
) -> None:
    form = s3.generate_presigned_post(bucket, "posted")
    answer = send(door, make_bucket(), form["fields"])
    assert (answer.status_code, code_of(answer)) == (403, "AccessDenied")


@pytest.mark.parametrize("key", ["a/../b", ".", "a\x00b", "x" * 1025])
def test_names_that_objects_cannot_have_are_refused(post: Post, key: str) -> None:
    assert post(key).status_code == 400


def test_without_a_policy_nobody_signed(door: Door, s3: S3, bucket: str, public_bucket: str) -> None:
    for each in (bucket, public_bucket):
        answer = send(door, each, {"key": "posted"})
        # A bucket that nobody may see does not exist for them.
        assert code_of(answer) in {"AccessDenied", "NoSuchBucket"}
        assert names_of(s3.list_objects_v2(Bucket=each)) == []


def test_a_credential_without_a_policy_is_refused(door: Door, s3: S3, bucket: str) -> None:
    fields = s3.generate_presigned_post(bucket, "posted")["fields"]
    del fields["policy"]
    answer = send(door, bucket, fields)
    assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")


def test_a_form_has_a_key_before_its_file(door: Door, bucket: str) -> None:
    answer = send(door, bucket, {})
    assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")
    late = file_part("x") + field("key", "a") + "--b--\r\n"
    answer = post_raw(door, bucket, late)
    assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")


def field(name: str, value: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def file_part(content: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{content}\r\n'


def post_raw(door: Door, bucket: str, body: str) -> httpx.Response:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    return httpx.post(f"{door.url}/{bucket}", content=body, headers=headers, trust_env=False)


def test_a_file_may_come_without_a_name(door: Door, s3: S3, bucket: str) -> None:
    fields = s3.generate_presigned_post(bucket, "posted")["fields"]
    body = "".join(field(name, value) for name, value in fields.items()) + field("file", "x") + "--b--\r\n"
    assert post_raw(door, bucket, body).status_code == 204
    assert s3.get_object(Bucket=bucket, Key="posted")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "--b--\r\n",
        "".join(field(f"f{number}", "x") for number in range(95)) + field("file", "x") + "--b--\r\n",
        field("key", "a") + field("policy", "x" * 2_000_000) + field("file", "x") + "--b--\r\n",
        field("key", "a") + file_part("x"),
    ],
    ids=["nothing", "no parts", "many fields", "long field", "no end"],
)
def test_what_is_no_form_is_refused(door: Door, bucket: str, body: str) -> None:
    answer = post_raw(door, bucket, body)
    assert answer.status_code in {400, 403, 404}
    assert code_of(answer)


def test_a_form_has_a_file(door: Door, s3: S3, bucket: str) -> None:
    fields = s3.generate_presigned_post(bucket, "posted")["fields"]
    for body in ("".join(field(name, value) for name, value in fields.items()), field("key", "a")):
        answer = post_raw(door, bucket, body + "--b--\r\n")
        assert (answer.status_code, code_of(answer)) == (400, "IncorrectNumberOfFilesInPostRequest")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_another_kind_of_body_is_refused(door: Door, bucket: str) -> None:
    answer = httpx.post(f"{door.url}/{bucket}", content=b"{}", trust_env=False)
    assert (answer.status_code, code_of(answer)) == (412, "PreconditionFailed")


def test_a_form_is_signed_by_its_fields_only(post: Post) -> None:
    answer = post(headers={"authorization": "Bearer abc"})
    assert (answer.status_code, code_of(answer)) == (400, "InvalidArgument")


# By whose right


def test_a_form_stores_by_the_right_of_who_signed_it(
    post: Post, s3: S3, bucket: str, s3_as: Callable[..., S3]
) -> None:
    user = s3_as(sub=unique("ann"))
    assert post("hers", by=user).status_code == 204
    assert user.get_object(Bucket=bucket, Key="hers")["Body"].read() == CONTENT
    s3.put_object(Bucket=bucket, Key="the service's", Body=b"before")
    answer = post("the service's", by=user)
    assert (answer.status_code, code_of(answer)) == (403, "AccessDenied")
    assert s3.get_object(Bucket=bucket, Key="the service's")["Body"].read() == b"before"


def test_the_limits_of_the_bucket_hold(door: Door, s3: S3, make_bucket: MakeBucket) -> None:
    bucket = make_bucket(allowed_mime_types=["image/png"], file_size_limit=10)
    for said, content, status in [
        ({"Content-Type": "text/html"}, b"small", 415),
        ({"Content-Type": "image/png"}, b"x" * 11, 400),
        ({"Content-Type": "image/png"}, b"x" * 10, 204),
    ]:
        form = s3.generate_presigned_post(bucket, "a", Fields=said, Conditions=[said])
        answer = send(door, bucket, form["fields"], content=content)
        assert answer.status_code == status, answer.text
