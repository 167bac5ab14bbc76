"""Objects at the S3 door, request by request: who is answered, and every header of the answer."""

import gzip
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection

import httpx
import pytest

from tests.contract.client import etag_of, get_object, put_object

from .conftest import Send
from .door import Answer, Door, path_of

MD5 = '"9a0364b9e99bb480dd25e1f0284c8555"'  # of b"content"
NAMES = [
    "plain.txt",
    "with space and+plus",
    "50%25 of #1?&=;:@$,'()*!",
    "ä/日本/\N{GRINNING FACE}",
    "a//b",
    "folder/",
    "/",
    "//leading",
    "e\u0301 is not \u00e9",
    "x" * 1024,
    "\\back\\slash",
    "s3",
    "list-type=2",
]


def put(send: Send, bucket: str, name: str = "a", *, body: bytes = b"content", **headers: str) -> Answer:
    return send("PUT", path_of(bucket, name), headers=spelled(headers), body=body)


def get(send: Send, bucket: str, name: str = "a", query: str = "", **headers: str) -> Answer:
    return send("GET", path_of(bucket, name), query=query, headers=spelled(headers))


def head(send: Send, bucket: str, name: str = "a", query: str = "", **headers: str) -> Answer:
    return send("HEAD", path_of(bucket, name), query=query, headers=spelled(headers))


def spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


# Names


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:30]))
def test_name_is_kept_byte_by_byte_at_every_door(
    signed_request: Send, service: httpx.Client, bucket: str, name: str
) -> None:
    body = name.encode()
    assert put(signed_request, bucket, name, body=body).status == 200
    assert get(signed_request, bucket, name).body == body
    assert head(signed_request, bucket, name).headers["content-length"] == str(len(body))
    listed = service.post(f"/object/list-v2/{bucket}", json={}).json()["objects"]
    assert [each["name"] for each in listed] == [name]
    assert signed_request("DELETE", path_of(bucket, name)).status == 204
    assert get(signed_request, bucket, name).code == "NoSuchKey"


# Two doors, one object


def test_what_s3_stored_is_read_by_rest(signed_request: Send, service: httpx.Client, bucket: str) -> None:
    put(signed_request, bucket, content_type="text/plain", cache_control="max-age=5", x_amz_meta_k="v")
    found = get_object(service, bucket, "a")
    assert found.content == b"content"
    assert (found.headers["etag"], found.headers["cache-control"]) == (MD5, "max-age=5")
    assert "content-encoding" not in found.headers
    info = service.get(f"/object/info/{bucket}/a").json()
    assert (info["metadata"], info["content_type"]) == ({"k": "v"}, "text/plain")


def test_what_s3_stored_compressed_is_read_as_such_by_rest(
    signed_request: Send, service: httpx.Client, bucket: str
) -> None:
    body = gzip.compress(b"content")
    put(signed_request, bucket, body=body, content_encoding="gzip", content_language="de")
    found = get_object(service, bucket, "a")
    assert (found.content, found.headers["content-language"]) == (b"content", "de")


def test_what_rest_stored_is_read_by_s3(signed_request: Send, service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a", headers={"x-metadata": "eyJrIjoidiIsIm4iOjEsIm8iOnsiYSI6WyLDpCJdfX0="})
    found = get(signed_request, bucket)
    assert (found.body, found.headers["etag"]) == (b"content", etag_of(b"content"))
    assert (found.headers["x-amz-meta-k"], found.headers["x-amz-meta-n"]) == ("v", "1")
    assert found.headers["x-amz-missing-meta"] == "1"  # no header can hold an ä
    assert "x-amz-checksum-crc32" not in get(signed_request, bucket, x_amz_checksum_mode="ENABLED").headers


def test_events_say_by_which_door_an_object_came(
    signed_request: Send, service: httpx.Client, bucket: str
) -> None:
    put(signed_request, bucket)
    row = service.post(f"/object/list-v2/{bucket}", json={}).json()["objects"][0]
    assert row["metadata"]["mimetype"] == "binary/octet-stream"
    assert row["metadata"]["eTag"] == MD5


# Headers


def test_answer_has_what_was_given_and_nothing_else(signed_request: Send, bucket: str) -> None:
    given = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "public, max-age=9",
        "content-disposition": 'attachment; filename="a.txt"',
        "content-encoding": "gzip",
        "content-language": "de",
        "expires": "Thu, 01 Dec 2033 16:00:00 GMT",
        "x-amz-meta-colour": "green",
    }
    headers = {**given, "x-amz-tagging": "k=v&l=w"}
    assert signed_request("PUT", path_of(bucket, "a"), headers=headers, body=b"content").status == 200
    for answer in (get(signed_request, bucket), head(signed_request, bucket)):
        assert answer.status == 200
        assert {name: answer.headers[name] for name in given} == given
        assert answer.headers["x-amz-tagging-count"] == "2"
        assert (answer.headers["etag"], answer.headers["accept-ranges"]) == (MD5, "bytes")
        assert answer.headers["content-length"] == "7"
        assert answer.headers["x-amz-request-id"] == answer.headers["x-request-id"]
    put(signed_request, bucket)
    bare = get(signed_request, bucket)
    assert bare.headers["content-type"] == "binary/octet-stream"
    assert set(given) & set(bare.headers) == {"content-type"}
    assert "x-amz-tagging-count" not in bare.headers


def test_page_that_was_stored_has_no_rights_in_a_browser(door: Door, bucket: str) -> None:
    for name, kind in (("a", "text/html"), ("b", "application/pdf")):
        put(door.send, bucket, name, content_type=kind)
        query = door.presign("GET", path_of(bucket, name), query="response-content-type=text%2Fhtml")
        answer = door.send_unsigned("GET", path_of(bucket, name), query=query)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html")
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "header",
    [
        {"content_language": "a" * 1001},
        {"x_amz_tagging": "a=%ff"},
    ],
    ids=str,
)
def test_header_that_could_not_be_said_back_is_refused(
    signed_request: Send, bucket: str, header: dict[str, str]
) -> None:
    answer = signed_request("PUT", path_of(bucket, "a"), headers=spelled(header), body=b"content")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert get(signed_request, bucket).code == "NoSuchKey"


@pytest.mark.parametrize("value", ["a%0d%0aset-cookie%3a%20a%3db", "%00", "%E6%97%A5", "%C2%85"])
def test_header_asked_for_by_link_cannot_make_another(door: Door, bucket: str, value: str) -> None:
    put(door.send, bucket)
    query = door.presign("GET", path_of(bucket, "a"), query=f"response-content-disposition={value}")
    answer = door.send_unsigned("GET", path_of(bucket, "a"), query=query)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "set-cookie" not in answer.headers


# Ranges and parts


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-2", 206, b"con"),
        ("bytes=-3", 206, b"ent"),
        ("bytes=6-900", 206, b"t"),
        ("bytes=7-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=0-1,3-4", 200, b"content"),
        ("bytes=3-1", 200, b"content"),
        ("lines=1-2", 200, b"content"),
        ("bytes=" + "9" * 40 + "-", 200, b"content"),
    ],
)
def test_head_agrees_with_get_on_ranges(
    signed_request: Send, bucket: str, wanted: str, status: int, body: bytes
) -> None:
    put(signed_request, bucket)
    got, looked = get(signed_request, bucket, range=wanted), head(signed_request, bucket, range=wanted)
    assert (got.status, looked.status) == (status, status)
    if status == 416:
        assert (got.code, got.text("ActualObjectSize")) == ("InvalidRange", "7")
        assert got.headers["content-range"] == looked.headers["content-range"] == "bytes */7"
        return
    assert got.body == body
    assert looked.headers["content-length"] == got.headers["content-length"] == str(len(body))
    assert looked.headers.get("content-range") == got.headers.get("content-range")


def test_range_counts_only_for_the_version_that_it_is_of(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    assert get(signed_request, bucket, range="bytes=0-1", if_range=MD5).status == 206
    assert get(signed_request, bucket, range="bytes=0-1", if_range='"other"').body == b"content"


def test_checksum_is_sent_for_the_whole_only(signed_request: Send, bucket: str) -> None:
    stored = put(signed_request, bucket, x_amz_checksum_crc32="95hBgA==")
    assert stored.status == 400  # of something else
    put(signed_request, bucket, x_amz_checksum_sha256="7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=")
    whole = head(signed_request, bucket, x_amz_checksum_mode="ENABLED")
    assert whole.headers["x-amz-checksum-sha256"] == "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="
    assert whole.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    for partly in (
        get(signed_request, bucket, x_amz_checksum_mode="ENABLED", range="bytes=0-1"),
        get(signed_request, bucket),
    ):
        assert "x-amz-checksum-sha256" not in partly.headers


def test_object_that_came_whole_is_its_own_first_part(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    first = get(signed_request, bucket, query="partNumber=1")
    assert (first.status, first.body, first.headers["content-range"]) == (206, b"content", "bytes 0-6/7")
    assert "x-amz-mp-parts-count" not in first.headers
    assert get(signed_request, bucket, query="partNumber=2").code == "InvalidPartNumber"
    assert head(signed_request, bucket, query="partNumber=2").status == 416
    for wrong in ("0", "10001", "-1", "x", "", "%C2%B2"):
        assert get(signed_request, bucket, query=f"partNumber={wrong}").code == "InvalidArgument", wrong
    both = get(signed_request, bucket, query="partNumber=1", range="bytes=0-1")
    assert (both.status, both.code) == (400, "InvalidRequest")


# Conditions


def test_conditions_have_the_precedence_of_http(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    modified = parsedate_to_datetime(head(signed_request, bucket).headers["last-modified"])
    before, after = (format_datetime(modified + timedelta(days=days), usegmt=True) for days in (-1, 1))
    for status, conditions in (
        (200, {"if_match": MD5, "if_unmodified_since": before}),
        (412, {"if_match": '"other"', "if_unmodified_since": after}),
        (304, {"if_none_match": MD5, "if_modified_since": before}),
        (200, {"if_none_match": '"other"', "if_modified_since": after}),
        (304, {"if_none_match": f'"other", {MD5}'}),
        (412, {"if_match": '"other"', "if_none_match": MD5}),
        (304, {"if_none_match": "*"}),
        (200, {"if_modified_since": "no date"}),
    ):
        assert get(signed_request, bucket, **conditions).status == status, conditions
        assert head(signed_request, bucket, **conditions).status == status, conditions


@pytest.mark.parametrize("size", [10, 200_000])
def test_of_many_writers_once_one_wins_and_others_are_told(door: Door, bucket: str, size: int) -> None:
    def write(number: int) -> Answer:
        return put(door.send, bucket, body=bytes([number]) * size, if_none_match="*")

    with ThreadPoolExecutor(8) as writers:
        answers = list(writers.map(write, range(8)))
    [winner] = [number for number, answer in enumerate(answers) if answer.status == 200]
    assert {(each.status, each.code) for each in answers if each.status != 200} == {
        (412, "PreconditionFailed")
    }
    assert get(door.send, bucket).body == bytes([winner]) * size


@pytest.mark.parametrize(
    "conditions",
    [
        {"if_none_match": MD5},
        {"if_none_match": "*", "if_match": MD5},
        {"if_match": f'{MD5}, "other"'},
        {"if_modified_since": "Thu, 01 Dec 2033 16:00:00 GMT"},
        {"if_unmodified_since": "Thu, 01 Dec 2033 16:00:00 GMT"},
    ],
    ids=str,
)
def test_condition_that_no_write_has_is_refused(
    signed_request: Send, bucket: str, conditions: dict[str, str]
) -> None:
    answer = signed_request("PUT", path_of(bucket, "a"), headers=spelled(conditions), body=b"content")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert get(signed_request, bucket).code == "NoSuchKey"


def test_delete_of_another_version_is_refused(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    path = path_of(bucket, "a")
    assert signed_request("DELETE", path, headers={"if-match": '"other"'}).code == "PreconditionFailed"
    assert signed_request("DELETE", path, query="versionId=1").code == "NoSuchVersion"
    assert signed_request("DELETE", path, query="versionId=null", headers={"if-match": MD5}).status == 204
    assert signed_request("DELETE", path, headers={"if-match": MD5}).code == "NoSuchKey"


def test_delete_of_many_tells_of_each_why_it_stayed(signed_request: Send, bucket: str) -> None:
    for name in ("a", "b", "c", "d"):
        put(signed_request, bucket, name)
    objects = [
        "<Key>a</Key>",
        f"<Key>b</Key><ETag>{MD5}</ETag>",
        "<Key>c</Key><ETag>other</ETag>",
        "<Key>d</Key><VersionId>7</VersionId>",
        "<Key>d</Key><Size>7</Size>",
        "<Key>a</Key>",
        "<Key>never</Key><VersionId>null</VersionId>",
    ]
    body = "".join(f"<Object>{each}</Object>" for each in objects)
    answer = signed_request("POST", f"/{bucket}", query="delete", body=f"<Delete>{body}</Delete>".encode())
    assert answer.status == 200
    assert answer.texts("Deleted/Key") == ["a", "b", "a", "never"]
    errors = list(zip(answer.texts("Error/Key"), answer.texts("Error/Code"), strict=True))
    assert errors == [("c", "PreconditionFailed"), ("d", "NoSuchVersion"), ("d", "NotImplemented")]
    assert [name for name in "abcd" if head(signed_request, bucket, name).status == 200] == ["c", "d"]


def test_delete_of_many_is_checked_before_anything_goes(signed_request: Send, bucket: str) -> None:
    put(signed_request, bucket)
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    wrong = {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    answer = signed_request("POST", f"/{bucket}/", query="delete", headers=wrong, body=body)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert head(signed_request, bucket).status == 200
    assert signed_request("POST", "/no-such-bucket", query="delete", body=body).code == "NoSuchBucket"


# Bodies


def test_upload_needs_a_length(door: Door, bucket: str) -> None:
    path = path_of(bucket, "a")
    query = door.presign("PUT", path)
    host, port = door.target.address
    connection = HTTPConnection(host, port, timeout=10)
    try:
        url = f"{door.target.base_path}/s3{path}?{query}"
        connection.request("PUT", url, body=iter([b"content"]), encode_chunked=True)
        response = connection.getresponse()
        answer = Answer(response.status, {}, response.read())
    finally:
        connection.close()
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    assert get(door.send, bucket).code == "NoSuchKey"


def test_what_is_too_large_for_the_bucket_is_refused(
    signed_request: Send, make_bucket: Callable[..., str]
) -> None:
    small = make_bucket(file_size_limit=5, allowed_mime_types=["text/plain"])
    answer = put(signed_request, small, content_type="text/plain")
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    answer = put(signed_request, small, body=b"abc", content_type="image/png")
    assert (answer.status, answer.code) == (415, "InvalidMimeType")
    assert put(signed_request, small, body=b"abc", content_type="text/plain").status == 200


def test_large_body_comes_back_whole_under_its_md5(signed_request: Send, bucket: str) -> None:
    body = bytes(range(256)) * 8000
    stored = put(signed_request, bucket, body=body)
    assert stored.headers["etag"] == f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    assert get(signed_request, bucket).body == body


# Who may


def test_anybody_reads_objects_of_public_buckets_only(door: Door, bucket: str, public_bucket: str) -> None:
    put(door.send, public_bucket, content_type="text/plain", x_amz_meta_k="v")
    put(door.send, bucket)
    opened = door.send_unsigned("GET", path_of(public_bucket, "a"))
    assert (opened.status, opened.body, opened.headers["x-amz-meta-k"]) == (200, b"content", "v")
    assert "authorization" not in opened.headers.get("vary", "").lower()
    assert door.send_unsigned("HEAD", path_of(public_bucket, "a")).status == 200
    assert door.send_unsigned("GET", path_of(public_bucket, "b")).code == "NoSuchKey"
    closed = [door.send_unsigned("GET", path_of(where, "a")) for where in (bucket, f"{bucket}-none")]
    assert [(each.status, each.code) for each in closed] == [(403, "AccessDenied")] * 2
    assert closed[0].text("Message") == closed[1].text("Message")
    assert door.send_unsigned("HEAD", path_of(bucket, "a")).status == 403
    named = door.send_unsigned("GET", path_of(public_bucket, "a"), query="response-expires=now")
    assert (named.status, named.code) == (400, "InvalidRequest")
    for method in ("PUT", "DELETE"):
        assert door.send_unsigned(method, path_of(public_bucket, "a"), body=b"x").code == "AccessDenied"


def test_what_a_policy_hides_cannot_be_told_from_nothing(
    door: Door, door_of: Callable[..., Door], bucket: str
) -> None:
    mine, theirs = door_of(sub="mine"), door_of(sub="theirs")
    assert put(mine.send, bucket).status == 200
    assert get(mine.send, bucket).body == b"content"
    answers = []
    for name in ("a", "none"):
        got, looked = get(theirs.send, bucket, name), head(theirs.send, bucket, name)
        removed = theirs.send("DELETE", path_of(bucket, name))
        conditional = theirs.send("DELETE", path_of(bucket, name), headers={"if-match": MD5})
        tags = theirs.send("GET", path_of(bucket, name), query="tagging")
        answers.append((got.status, got.code, looked.status, removed.status, conditional.code, tags.code))
    assert answers[0] == answers[1] == (404, "NoSuchKey", 404, 204, "NoSuchKey", "NoSuchKey")
    assert get(door.send, bucket).body == b"content"


def test_write_that_policies_refuse_leaves_what_was_there(
    door: Door, door_of: Callable[..., Door], bucket: str
) -> None:
    put(door.send, bucket)
    theirs = door_of(sub="theirs")
    refused = put(theirs.send, bucket, body=b"other")
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert "Replacing needs INSERT and SELECT, and UPDATE on a taken name." in refused.text("Message")
    assert put(theirs.send, bucket, body=b"o" * 200_000).code == "AccessDenied"
    assert get(door.send, bucket).body == b"content"


def test_delete_of_many_passes_over_what_is_hidden(
    signed_request: Send, door_of: Callable[..., Door], public_bucket: str
) -> None:
    put(signed_request, public_bucket)
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>"
    answer = door_of().send("POST", f"/{public_bucket}", query="delete", body=body)
    assert (answer.texts("Deleted/Key"), answer.texts("Error/Key")) == (["a", "none"], [])
    assert get(signed_request, public_bucket).body == b"content"
