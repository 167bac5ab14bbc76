"""Errors at the S3 door: true statuses, documents that clients can read, and nothing that falls through."""

import json
import re

import pytest

from .conftest import Send
from .door import Door, path_of


def test_error_is_a_document_without_a_namespace(door: Door, bucket: str) -> None:
    answer = door.send("GET", path_of(bucket, "no ne"), headers={"x-request-id": "asked-for"})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/xml")
    assert answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error>')
    tags = ["Code", "Message", "Resource", "Key", "RequestId", "HostId"]
    assert [child.tag for child in answer.xml] == tags
    assert (answer.code, answer.text("Resource")) == ("NoSuchKey", f"/{bucket}/no ne")
    assert answer.text("Key") == "no ne"
    assert answer.text("RequestId") == answer.headers["x-amz-request-id"] == "asked-for"
    assert answer.text("HostId") == answer.headers["x-amz-id-2"]
    assert answer.headers["cache-control"] == "no-store"
    assert "policy lets the caller select" in answer.text("Message")


@pytest.mark.parametrize("path", ["/no-such-bucket", "/no-such-bucket/a"])
def test_head_has_the_status_and_no_body(signed_request: Send, path: str) -> None:
    answer = signed_request("HEAD", path)
    assert (answer.status, answer.body) == (404, b"")
    assert answer.headers["x-amz-request-id"]


def test_error_is_json_for_who_asks_for_it(signed_request: Send, bucket: str) -> None:
    answer = signed_request("GET", path_of(bucket, "none"), headers={"accept": "application/json"})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    body = json.loads(answer.body)
    assert (body["statusCode"], body["code"], body["message"]) == ("404", "NoSuchKey", "Object not found")
    assert body["request_id"] == answer.headers["x-request-id"]
    both = signed_request("GET", path_of(bucket, "none"), headers={"accept": "application/json, */*"})
    assert both.headers["content-type"] == "application/xml"


@pytest.mark.parametrize("path", ["/b/a%zz", "/b/a%", "/%"])
def test_path_that_cannot_be_decoded_is_an_invalid_uri(door: Door, path: str) -> None:
    answer = door.send_unsigned("GET", path)
    assert (answer.status, answer.code) == (400, "InvalidURI")


@pytest.mark.parametrize("name", ["%ff", "a%00b", "a/../b", "%0a", ".", "a%c2%85"])
def test_name_that_breaks_the_rules_is_never_stored(door: Door, bucket: str, name: str) -> None:
    query = door.presign("PUT", f"/{bucket}/{name}")
    answer = door.send_unsigned("PUT", f"/{bucket}/{name}", query=query, body=b"content")
    assert answer.status in {400, 403}
    assert answer.code in {"InvalidKey", "InvalidURI", "SignatureDoesNotMatch"}
    assert door.send("GET", f"/{bucket}").texts("Contents/Key") == []


def test_name_of_a_byte_too_many_is_too_long(signed_request: Send, bucket: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answer = signed_request(method, path_of(bucket, "ä" * 512 + "a"))
        assert (answer.status, answer.code) == (400, "KeyTooLongError")
        assert (answer.text("Size"), answer.text("MaxSizeAllowed")) == ("1025", "1024")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/b/a"), ("POST", "/b/a"), ("DELETE", "/"), ("POST", ""), ("PUT", ""), ("OPTIONS", "/b")],
)
def test_method_that_no_operation_has_is_not_allowed(signed_request: Send, method: str, path: str) -> None:
    answer = signed_request(method, path)
    assert (answer.status, answer.code) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("PUT", "acl"),
        ("GET", "%61cl"),
        ("GET", "tagging&acl"),
        ("PUT", "tagging&uploadId=1"),
        ("DELETE", "legal-hold"),
        ("POST", "select&select-type=2"),
        ("GET", "torrent"),
        ("POST", "restore"),
        ("GET", "uploads"),
    ],
)
def test_what_is_not_done_is_never_taken_for_something_else(
    signed_request: Send, bucket: str, method: str, query: str
) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, body=b"content")
    answer = signed_request(method, path, query=query, body=b"<x/>" if method in {"PUT", "POST"} else b"")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    named = re.split("[=&]", query.replace("%61", "a"))[0]
    assert named in answer.text("Message")
    assert signed_request("GET", path).body == b"content"


@pytest.mark.parametrize(
    "header",
    [
        "x-amz-server-side-encryption: AES256",
        "x-amz-server-side-encryption-customer-algorithm: AES256",
        "x-amz-object-lock-mode: GOVERNANCE",
        "x-amz-bypass-governance-retention: true",
        "x-amz-website-redirect-location: /b",
        "x-amz-write-offset-bytes: 0",
        "x-amz-expected-bucket-owner: 111122223333",
        "x-amz-grant-read: uri=all",
        "x-amz-acl: public-read",
        "x-amz-acl: made-up",
        "x-amz-mfa: 1 2",
    ],
)
def test_promise_that_is_not_kept_is_not_made(signed_request: Send, bucket: str, header: str) -> None:
    name, _, value = header.partition(": ")
    path = path_of(bucket, "a")
    answer = signed_request("PUT", path, headers={name: value}, body=b"content")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert name in answer.text("Message")
    assert signed_request("GET", path).code == "NoSuchKey"


@pytest.mark.parametrize(
    ("method", "below", "query"),
    [
        ("GET", None, ""),
        ("PUT", "", ""),
        ("HEAD", "", ""),
        ("DELETE", "", ""),
        ("GET", "", ""),
        ("GET", "", "location"),
        ("GET", "", "versioning"),
        ("GET", "", "uploads"),
        ("POST", "", "delete"),
        ("GET", "/a", ""),
        ("HEAD", "/a", ""),
        ("PUT", "/a", ""),
        ("DELETE", "/a", ""),
        ("GET", "/a", "attributes"),
        ("GET", "/a", "tagging"),
        ("PUT", "/a", "tagging"),
        ("DELETE", "/a", "tagging"),
        ("POST", "/a", "uploads"),
        ("GET", "/a", "uploadId=1"),
        ("PUT", "/a", "partNumber=1&uploadId=1"),
        ("POST", "/a", "uploadId=1"),
        ("DELETE", "/a", "uploadId=1"),
    ],
)
def test_no_operation_passes_over_what_is_not_done(
    signed_request: Send, bucket: str, method: str, below: str | None, query: str
) -> None:
    path = "/" if below is None else f"/{bucket}{below}"
    headers = {"x-amz-expected-bucket-owner": "111122223333"}
    body = b"content" if method in {"PUT", "POST"} else b""
    assert signed_request(method, path, query=query, headers=headers, body=body).status == 501


@pytest.mark.parametrize("query", ["", "partNumber=1&uploadId=1"])
def test_no_copy_passes_over_what_is_not_done(signed_request: Send, bucket: str, query: str) -> None:
    headers = {"x-amz-copy-source": f"{bucket}/b", "x-amz-server-side-encryption": "AES256"}
    assert signed_request("PUT", f"/{bucket}/a", query=query, headers=headers).status == 501


def test_what_is_not_done_is_not_passed_over_in_a_presigned_url(door: Door, bucket: str) -> None:
    path = path_of(bucket, "a")
    query = door.presign("PUT", path, query="x-amz-server-side-encryption=AES256")
    answer = door.send_unsigned("PUT", path, query=query, body=b"content")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert door.send("GET", path).code == "NoSuchKey"


def test_acl_that_changes_nothing_is_taken(signed_request: Send, bucket: str) -> None:
    for acl in ("private", "bucket-owner-full-control", "bucket-owner-read"):
        headers = {"x-amz-acl": acl, "x-amz-storage-class": "STANDARD"}
        assert signed_request("PUT", path_of(bucket, "a"), headers=headers, body=b"content").status == 200


@pytest.mark.parametrize("wanted", [None, "", "ETag,Owner", "etag"])
def test_attribute_that_is_none_is_refused(signed_request: Send, bucket: str, wanted: str | None) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, body=b"content")
    headers = {} if wanted is None else {"x-amz-object-attributes": wanted}
    answer = signed_request("GET", path, query="attributes", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    for name in ("x-amz-max-parts", "x-amz-part-number-marker"):
        headers = {"x-amz-object-attributes": "ETag", name: "-1"}
        assert signed_request("GET", path, query="attributes", headers=headers).code == "InvalidArgument"


def test_only_the_door_itself_speaks_xml(door: Door) -> None:
    answer = door.send_unsigned("GET", "x/b")  # /s3x/b
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")


def test_operation_in_the_metrics_is_that_of_the_law(signed_request: Send, door: Door, bucket: str) -> None:
    token = door.target.token("service_role")
    counted = [f'operation="{name}"' for name in ("storage.s3.upload", "storage.s3.object.get_tagging")]

    def are_counted() -> bool:
        signed_request("PUT", path_of(bucket, "a"), body=b"content")
        signed_request("GET", path_of(bucket, "a"), query="tagging")
        with door.target.connect(token) as client:
            text = client.get("/metrics").text
        return all(operation in text for operation in counted)

    # Each worker counts what it served itself, and any of them may answer.
    assert any(are_counted() for _ in range(50))
