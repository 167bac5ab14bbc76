"""What is not implemented is refused with 501 and changes nothing: it never becomes another operation."""

import pytest

from .door import S3, Door, names_of

OF_BUCKETS = [
    "abac", "accelerate", "acl", "analytics", "cors", "encryption", "intelligent-tiering", "inventory",
    "lifecycle", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy",
    "policyStatus", "publicAccessBlock", "replication", "requestPayment", "tagging", "versions", "website",
]  # fmt: skip
OF_OBJECTS = ["acl", "legal-hold", "object-lock", "restore", "retention", "select", "torrent", "renameObject"]
BODY = b"<Anything/>"


@pytest.mark.parametrize("name", OF_BUCKETS)
def test_setting_of_a_bucket_is_refused_by_any_method(door: Door, s3: S3, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for method in ("GET", "PUT", "DELETE"):
        answer = door.send(method, f"/{bucket}", query=f"{name}=", body=BODY if method == "PUT" else b"")
        assert (answer.status, answer.code) == (501, "NotImplemented"), method
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_setting_of_an_object_is_refused_by_any_method(door: Door, s3: S3, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for method in ("GET", "PUT", "POST", "DELETE"):
        body = BODY if method in {"PUT", "POST"} else b""
        answer = door.send(method, f"/{bucket}/a", query=f"{name}=", body=body)
        assert answer.status in {405, 501}, method
        assert answer.code in {"NotImplemented", "MethodNotAllowed"}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_versioning_cannot_be_enabled(door: Door, s3: S3, bucket: str) -> None:
    body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert door.send("PUT", f"/{bucket}", query="versioning=", body=body).code == "NotImplemented"
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "id=someone"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-write-offset-bytes", "1"),
    ],
)
def test_promise_that_cannot_be_kept_is_refused(
    door: Door, s3: S3, bucket: str, header: str, value: str
) -> None:
    answer = door.send("PUT", f"/{bucket}/a", body=b"1", headers={header: value})
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize(
    ("method", "query"), [("GET", "acl=&policy="), ("PUT", "tagging=&acl="), ("POST", "uploads=&delete=")]
)
def test_two_operations_at_once_are_refused(door: Door, bucket: str, method: str, query: str) -> None:
    assert door.send(method, f"/{bucket}", query=query, body=b"").status in {400, 405, 501}


@pytest.mark.parametrize("method", ["PATCH", "POST", "OPTIONS", "TRACE", "BREW"])
def test_method_that_is_none_of_s3_is_refused(door: Door, s3: S3, bucket: str, method: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    assert door.send(method, f"/{bucket}/a").status in {400, 403, 404, 405, 501}
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_version_that_never_was_is_not_the_current_one(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    for method in ("GET", "HEAD", "DELETE"):
        answer = door.send(method, f"/{bucket}/a", query="versionId=0123456789abcdef")
        assert answer.status in {400, 404, 501}, method
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "xxxx">]><Delete><Object><Key>&x;</Key></Object></Delete>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a"><Delete><Object><Key>a</Key></Object></Delete>',
        b"<Delete>" + b"<a>" * 10_000 + b"</a>" * 10_000 + b"</Delete>",
        b"\xff\xfe\x00",
    ],
)
def test_xml_that_means_harm_is_refused(door: Door, s3: S3, bucket: str, body: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    answer = door.send("POST", f"/{bucket}", query="delete=", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]
