"""What S3 says of signatures, links and forms: who is let in, and for what."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import httpx
import pytest

from tests.contract.client import unique

from .door import S3, Door, names_of, path_of, refused


def test_request_without_a_signature_is_refused(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for method, path in [
        ("GET", "/"),
        ("GET", f"/{bucket}"),
        ("GET", f"/{bucket}/a"),
        ("PUT", f"/{bucket}/b"),
    ]:
        answer = door.send_unsigned(method, path)
        assert (answer.status, answer.code) == (403, "AccessDenied"), path
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]


@pytest.mark.parametrize(
    "scheme", ["Bearer abc", "AWS key:signature", "Basic YTpi", "AWS4-HMAC-SHA256 nothing"]
)
def test_other_authorization_is_refused(door: Door, bucket: str, scheme: str) -> None:
    answer = door.send_unsigned("GET", f"/{bucket}", headers={"Authorization": scheme})
    assert answer.status in {400, 403}
    assert answer.code in {
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "InvalidRequest",
        "InvalidArgument",
    }


def test_signature_is_for_one_method_path_and_query(door: Door, bucket: str) -> None:
    headers = {"Host": f"{door.address[0]}:{door.address[1]}"}
    query = door.presign("GET", f"/{bucket}/a")
    for method, path, extra in [
        ("PUT", f"/{bucket}/a", ""),
        ("GET", f"/{bucket}/b", ""),
        ("GET", f"/{bucket}/a", "&response-content-type=text%2Fhtml"),
    ]:
        answer = door.send_unsigned(method, path, query=query + extra, headers=headers)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_link_ends_when_it_says(door: Door, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_at(monkeypatch, timedelta(seconds=-61))
    query = door.presign("GET", f"/{bucket}/a", expires_in_s=60)
    answer = door.send_unsigned("GET", f"/{bucket}/a", query=query)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.text("Message").startswith("Request has expired")


def test_link_lasts_a_week_at_most(door: Door, bucket: str) -> None:
    query = door.presign("GET", f"/{bucket}/a", expires_in_s=604_801)
    answer = door.send_unsigned("GET", f"/{bucket}/a", query=query)
    assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")


@pytest.mark.parametrize("minutes", [-20, 20])
def test_clock_that_is_wrong_is_named_as_such(
    door: Door, bucket: str, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    signed_at(monkeypatch, timedelta(minutes=minutes))
    answer = door.send("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def signed_at(monkeypatch: pytest.MonkeyPatch, distance: timedelta) -> None:
    """Have botocore sign at another time than now."""
    then = datetime.now(UTC).replace(tzinfo=None) + distance
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_options: then)


def test_link_for_a_bearer_works_with_another_authorization_beside_it(
    door: Door, s3: S3, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    query = door.presign("GET", f"/{bucket}/a")
    headers = {"Authorization": "Bearer abc"}
    assert door.send_unsigned("GET", f"/{bucket}/a", query=query, headers=headers).body == b"1"


def test_other_region_is_told_the_right_one(door: Door, bucket: str) -> None:
    elsewhere = Door(target=door.target, region="mars-north-1")
    answer = elsewhere.send("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")
    assert answer.text("Region") == door.region


def test_body_other_than_signed_stores_nothing(door: Door, s3: S3, bucket: str) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    answer = door.send("PUT", f"/{bucket}/a", body=b"1", payload=other)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_unsigned_payload_is_taken(door: Door, s3: S3, bucket: str) -> None:
    assert door.send("PUT", f"/{bucket}/a", body=b"1", payload="UNSIGNED-PAYLOAD").status == 200
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_header_that_changes_the_request_must_be_signed(door: Door, s3: S3, bucket: str) -> None:
    query = door.presign("PUT", f"/{bucket}/a")
    headers = {"x-amz-copy-source": f"/{bucket}/secret"}
    s3.put_object(Bucket=bucket, Key="secret", Body=b"1")
    assert door.send_unsigned("PUT", f"/{bucket}/a", query=query, headers=headers).status == 403
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["secret"]


def test_user_sees_own_names_only(s3: S3, door_of: Callable[..., Door], bucket: str) -> None:
    ann = door_of(sub=unique("ann"))
    ann.send("PUT", f"/{bucket}/hers", body=b"1")
    s3.put_object(Bucket=bucket, Key="the service's", Body=b"2")
    listed = ann.send("GET", f"/{bucket}", query="list-type=2")
    if listed.status == 200:
        assert listed.texts("Contents/Key") == ["hers"]
    else:
        assert (listed.status, listed.code) == (404, "NoSuchBucket")
    assert ann.send("GET", path_of(bucket, "the service's")).code == "NoSuchKey"


def test_user_cannot_delete_or_copy_what_others_have(
    s3: S3, door_of: Callable[..., Door], bucket: str
) -> None:
    ann = door_of(sub=unique("ann"))
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    ann.send("DELETE", f"/{bucket}/a")
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    ann.send("POST", f"/{bucket}", query="delete=", body=body, headers={"Content-MD5": md5})
    copied = ann.send("PUT", f"/{bucket}/b", headers={"x-amz-copy-source": f"/{bucket}/a"})
    assert (copied.status, copied.code) == (404, "NoSuchKey")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]


def test_expired_and_forged_session_tokens_are_refused(s3_as: Callable[..., S3], door: Door) -> None:
    assert refused(s3_as(exp=1).list_buckets)[1] == "ExpiredToken"
    forged = Door(target=door.target, access_key_id="project", secret_access_key="x", session_token="forged")
    answer = forged.send("GET", "/")
    assert answer.status in {400, 403}
    assert answer.code in {"InvalidToken", "SignatureDoesNotMatch", "InvalidAccessKeyId"}


Post = Callable[..., httpx.Response]


@pytest.fixture
def post(s3: S3, bucket: str) -> Post:
    """Post a form for `name`; `changes` are laid over its fields after they were signed, None leaves out."""

    def send(
        name: str = "posted",
        body: bytes = b"12345",
        *,
        fields: dict[str, Any] | None = None,
        conditions: list[Any] | None = None,
        expires_in_s: int = 60,
        **changes: str | None,
    ) -> httpx.Response:
        form = s3.generate_presigned_post(
            bucket, name, Fields=fields, Conditions=conditions, ExpiresIn=expires_in_s
        )
        sent = {key: value for key, value in (form["fields"] | changes).items() if value is not None}
        return httpx.post(form["url"], data=sent, files={"file": ("a.txt", body)}, trust_env=False)

    return send


def test_form_stores_its_file(post: Post, s3: S3, bucket: str) -> None:
    said = {"Content-Type": "text/csv", "x-amz-meta-colour": "green", "success_action_status": "201"}
    answer = post(fields=said, conditions=[{name: value} for name, value in said.items()])
    assert (answer.status_code, b"<PostResponse" in answer.content) == (201, True)
    found = s3.get_object(Bucket=bucket, Key="posted")
    assert (found["Body"].read(), found["ContentType"]) == (b"12345", "text/csv")
    assert found["Metadata"] == {"colour": "green"}


def test_form_that_redirects_says_where_to(post: Post) -> None:
    said = {"success_action_redirect": "https://app.example/done?x=1"}
    answer = post(fields=said, conditions=[said])
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://app.example/done?x=1&")
    assert "key=posted" in answer.headers["location"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "another"}, "AccessDenied"),
        ({"x-amz-meta-colour": "unsigned"}, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"policy": "bm8gcG9saWN5"}, None),
        ({"x-amz-credential": None}, None),
    ],
)
def test_form_other_than_its_policy_stores_nothing(
    post: Post, s3: S3, bucket: str, changes: dict[str, str | None], code: str | None
) -> None:
    answer = post(**changes)
    assert answer.status_code in {400, 403}
    assert code is None or f"<Code>{code}</Code>" in answer.text
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_form_has_a_last_moment(post: Post) -> None:
    answer = post(expires_in_s=-60)
    assert answer.status_code == 403
    assert "<Code>AccessDenied</Code>" in answer.text


@pytest.mark.parametrize(("body", "code"), [(b"1" * 11, "EntityTooLarge"), (b"1", "EntityTooSmall")])
def test_form_bounds_its_file(post: Post, s3: S3, bucket: str, body: bytes, code: str) -> None:
    answer = post(body=body, conditions=[["content-length-range", 2, 10]])
    assert answer.status_code == 400
    assert f"<Code>{code}</Code>" in answer.text
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_form_may_leave_the_end_of_its_name_open(post: Post, s3: S3, bucket: str) -> None:
    assert post("in/${filename}").status_code == 204
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["in/a.txt"]
    assert post("in/${filename}", key="out/${filename}").status_code == 403
