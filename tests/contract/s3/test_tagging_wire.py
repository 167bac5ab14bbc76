"""Tags of objects: with the object, on their own, and by whom."""

from collections.abc import Callable

import httpx
import pytest

from .conftest import Send
from .door import Answer, Door, path_of

TAGGING = "<Tagging><TagSet>{}</TagSet></Tagging>"


def put_tags(send: Send, bucket: str, *pairs: tuple[str, str], name: str = "a", **headers: str) -> Answer:
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    spelled = {key.replace("_", "-"): value for key, value in headers.items()}
    body = TAGGING.format(tags).encode()
    return send("PUT", path_of(bucket, name), query="tagging", headers=spelled, body=body)


def tags(send: Send, bucket: str, name: str = "a") -> dict[str, str]:
    answer = send("GET", path_of(bucket, name), query="tagging")
    assert answer.status == 200
    return dict(zip(answer.texts("TagSet/Tag/Key"), answer.texts("TagSet/Tag/Value"), strict=True))


def test_tags_are_put_replaced_and_deleted(signed_request: Send, bucket: str) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, headers={"x-amz-tagging": "a+b=c%2Fd&e="}, body=b"content")
    assert tags(signed_request, bucket) == {"a b": "c/d", "e": ""}
    before = signed_request("HEAD", path).headers
    assert put_tags(signed_request, bucket, ("k", "ä"), ("l", "")).status == 200
    assert tags(signed_request, bucket) == {"k": "ä", "l": ""}
    after = signed_request("HEAD", path).headers
    assert (after["etag"], after["last-modified"]) == (before["etag"], before["last-modified"])
    assert after["x-amz-tagging-count"] == "2"
    assert signed_request("DELETE", path, query="tagging").status == 204
    assert tags(signed_request, bucket) == {}
    found = signed_request("GET", path)
    assert (found.body, "x-amz-tagging-count" in found.headers) == (b"content", False)


def test_new_content_has_the_tags_that_came_with_it(signed_request: Send, bucket: str) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, headers={"x-amz-tagging": "old=1"}, body=b"content")
    signed_request("PUT", path, body=b"content")
    assert tags(signed_request, bucket) == {}


def test_what_rest_stored_has_no_tags_until_it_gets_some(
    signed_request: Send, service: httpx.Client, bucket: str
) -> None:
    service.post(f"/object/{bucket}/a", content=b"content", headers={"content-type": "text/plain"})
    assert tags(signed_request, bucket) == {}
    put_tags(signed_request, bucket, ("k", "v"))
    assert tags(signed_request, bucket) == {"k": "v"}
    assert service.get(f"/object/{bucket}/a").content == b"content"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<Tagging>", "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (b"<Tagging/>", "MalformedXML"),
        (b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", "MalformedXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Tagging><TagSet/></Tagging>', "MalformedXML"),
        (b'<?xml version="1.0" encoding="utf-7"?><Tagging><TagSet/></Tagging>', "MalformedXML"),
        (b"<Tagging>" * 1000, "MalformedXML"),
        (b"<Tagging>" * 100_000, "MaxMessageLengthExceeded"),
        (TAGGING.format("<Tag><Key>a</Key><Value>;</Value></Tag>").encode(), "InvalidTag"),
        (TAGGING.format("<Tag><Key>a</Key><Value/></Tag>" * 2).encode(), "InvalidTag"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_body_that_is_no_tag_set_changes_nothing(
    signed_request: Send, bucket: str, body: bytes, code: str
) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, headers={"x-amz-tagging": "k=v"}, body=b"content")
    answer = signed_request("PUT", path, query="tagging", body=body)
    assert (answer.status, answer.code) == (400, code)
    assert tags(signed_request, bucket) == {"k": "v"}
    assert signed_request("GET", path).body == b"content"


def test_document_larger_than_any_tag_set_is_refused(signed_request: Send, bucket: str) -> None:
    path = path_of(bucket, "a")
    signed_request("PUT", path, body=b"content")
    answer = signed_request("PUT", path, query="tagging", body=b" " * 100_000)
    assert (answer.status, answer.code) == (400, "MaxMessageLengthExceeded")
    for hostile in (b"<Tagging>" + b"<a/>" * 1000 + b"</Tagging>", b"<Tagging>" * 1000):
        answer = signed_request("PUT", path, query="tagging", body=hostile)
        assert (answer.status, answer.code) == (400, "MalformedXML")


def test_wrong_md5_changes_no_tags(signed_request: Send, bucket: str) -> None:
    signed_request("PUT", path_of(bucket, "a"), body=b"content")
    answer = put_tags(signed_request, bucket, ("k", "v"), content_md5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert tags(signed_request, bucket) == {}


def test_tags_of_nothing_are_named_as_such(signed_request: Send, bucket: str) -> None:
    for method in ("GET", "DELETE"):
        assert signed_request(method, path_of(bucket, "none"), query="tagging").code == "NoSuchKey"
        assert signed_request(method, "/no-such-bucket/a", query="tagging").code == "NoSuchBucket"
    assert put_tags(signed_request, bucket, ("k", "v"), name="none").code == "NoSuchKey"
    assert put_tags(signed_request, "no-such-bucket", ("k", "v")).code == "NoSuchBucket"


def test_tags_belong_to_whom_the_object_belongs(
    door: Door, door_of: Callable[..., Door], public_bucket: str
) -> None:
    mine, theirs = door_of(sub="mine"), door_of(sub="theirs")
    mine.send("PUT", path_of(public_bucket, "a"), headers={"x-amz-tagging": "k=v"}, body=b"content")
    assert put_tags(theirs.send, public_bucket, ("k", "other")).code == "NoSuchKey"
    assert theirs.send("DELETE", path_of(public_bucket, "a"), query="tagging").code == "NoSuchKey"
    assert door.send_unsigned("GET", path_of(public_bucket, "a"), query="tagging").code == "AccessDenied"
    assert tags(mine.send, public_bucket) == {"k": "v"}
    assert put_tags(mine.send, public_bucket, ("k", "w")).status == 200


def test_tags_of_buckets_are_not_done(signed_request: Send, bucket: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = signed_request(method, f"/{bucket}", query="tagging", body=b"x" if method == "PUT" else b"")
        assert (answer.status, answer.code) == (501, "NotImplemented")
