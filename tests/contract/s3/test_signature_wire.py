"""Signatures over the wire: as clients and proxies make of a request, and what nobody signed."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.client import unique

from .door import S3, Answer, Door, names_of

NAMES = st.text(
    st.one_of(
        st.sampled_from(" %+/~=&?#;:@!*'(),.-_\\\"<>[]{}|^`$ä漢😀"), st.characters(categories=["L", "N"])
    ),
    min_size=1,
    max_size=30,
)


def send_as_signed(
    door: Door,
    signed_url: str,
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> Answer:
    """Sign a request for one URL and send it to another path, with more headers."""
    request = AWSRequest(method, signed_url, headers=dict(headers or {}))
    S3SigV4Auth(door.credentials, "s3", door.region).add_auth(request)
    found = {"Host": signed_url.split("/")[2], **dict(request.headers.items()), **(sent or {})}
    return door.send_unsigned(method, path, query=query, headers=found)


def host_of(door: Door) -> str:
    return f"{door.address[0]}:{door.address[1]}"


def test_clients_that_leave_the_path_of_the_door_out_are_understood(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"1")
    url = f"http://{host_of(door)}/{bucket}/a%20b"
    assert send_as_signed(door, url, f"/{bucket}/a%20b").body == b"1"


def test_clients_that_encode_differently_than_they_sign_are_understood(
    door: Door, s3: S3, bucket: str
) -> None:
    name = "a(b)!*'"
    s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    strict = f"{door.url}/{bucket}/{quote(name, safe='')}"
    assert send_as_signed(door, strict, f"/{bucket}/{name}").body == b"1"


def test_the_host_before_a_proxy_is_understood(door: Door, bucket: str) -> None:
    url = f"http://files.example/{door.url.split('/', 3)[3]}/{bucket}"
    told = {"Host": host_of(door), "X-Forwarded-Host": "files.example"}
    assert send_as_signed(door, url, f"/{bucket}", sent=told).status == 200
    other = {"Host": host_of(door), "X-Forwarded-Host": "evil.example"}
    assert send_as_signed(door, url, f"/{bucket}", sent=other).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "path", ["/{bucket}/b", "/{bucket}//a", "/{bucket}/a%2F", "/{bucket}/a%20", "/{bucket}/A"]
)
def test_a_signature_is_good_for_one_object(door: Door, s3: S3, bucket: str, path: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    answer = send_as_signed(door, f"{door.url}/{bucket}/a", path.format(bucket=bucket))
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_an_escaped_door_is_no_way_around_the_path(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="secret", Body=b"1")
    host = host_of(door)
    request = AWSRequest("GET", f"http://{host}/")
    S3SigV4Auth(door.credentials, "s3", door.region).add_auth(request)
    at_server = Door(target=door.target, root_port=door.address[1])
    path = f"/storage/v1/%73%33/{bucket}/secret"
    answer = at_server.send_unsigned("GET", path, headers={"Host": host, **dict(request.headers.items())})
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(name=NAMES)
def test_whatever_botocore_signs_is_stored_under_its_name(door: Door, s3: S3, bucket: str, name: str) -> None:
    if any(segment in {".", ".."} for segment in name.split("/")):
        return
    s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": name})
    path, _mark, query = link.removeprefix(door.url).partition("?")
    assert unquote(path) == f"/{bucket}/{name}"
    assert door.send_unsigned("GET", path, query=query).body == name.encode()


@pytest.mark.parametrize(
    ("names", "listed"),
    [("prefix=a+b", ["a b"]), ("prefix=a%2Bb", ["a+b"]), ("prefix=a%20b&max-keys=1", ["a b"])],
)
def test_a_plus_in_a_query_is_a_space(door: Door, s3: S3, bucket: str, names: str, listed: list[str]) -> None:
    for name in ("a b", "a+b"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    signed = f"{door.url}/{bucket}?list-type=2&{names.replace('+', '%20')}"
    answer = send_as_signed(door, signed, f"/{bucket}", query=f"{names}&list-type=2")
    assert answer.texts("Contents/Key") == listed


def test_a_space_that_was_a_plus_when_it_was_signed_is_refused(door: Door, bucket: str) -> None:
    answer = send_as_signed(door, f"{door.url}/{bucket}?prefix=a%2Bb", f"/{bucket}", query="prefix=a+b")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_link_to_upload_keeps_what_was_said_in_it(door: Door, s3: S3, bucket: str) -> None:
    said = "x-amz-meta-colour=green&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
    request = AWSRequest("PUT", f"{door.url}/{bucket}/a?{said}")
    S3SigV4QueryAuth(door.credentials, "s3", door.region, expires=60).add_auth(request)
    query = request.url.partition("?")[2]
    assert door.send_unsigned("PUT", f"/{bucket}/a", query=query, body=b"content").status == 200
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"colour": "green"}


def test_a_link_cannot_become_a_copy(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="secret", Body=b"1")
    request = AWSRequest("PUT", f"{door.url}/{bucket}/a?x-amz-copy-source={bucket}%2Fsecret")
    S3SigV4QueryAuth(door.credentials, "s3", door.region, expires=60).add_auth(request)
    answer = door.send_unsigned("PUT", f"/{bucket}/a", query=request.url.partition("?")[2])
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == ["secret"]


def test_a_request_that_names_no_hash_of_its_body_is_refused(door: Door, bucket: str) -> None:
    request = AWSRequest("GET", f"{door.url}/{bucket}")
    S3SigV4Auth(door.credentials, "s3", door.region).add_auth(request)
    headers = {"Host": host_of(door), **dict(request.headers.items())}
    del headers["X-Amz-Content-SHA256"]
    answer = door.send_unsigned("GET", f"/{bucket}", headers=headers)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize("payload", ["nonsense", "0" * 63, "STREAMING-NOTHING", ""])
def test_a_word_for_the_body_that_means_nothing_stores_nothing(
    door: Door, s3: S3, bucket: str, payload: str
) -> None:
    answer = door.send("PUT", f"/{bucket}/a", body=b"1", payload=payload)
    assert answer.status == 400
    assert answer.code in {"InvalidArgument", "InvalidRequest"}
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Signature=" + "0" * 64,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%00%0a",
        "X-Amz-Algorithm=%FF",
        "AWSAccessKeyId=a&Signature=b&Expires=9999999999",
    ],
)
def test_halves_of_a_link_are_refused_and_never_an_error_of_the_server(
    door: Door, bucket: str, query: str
) -> None:
    answer = door.send_unsigned("GET", f"/{bucket}/a", query=query)
    assert answer.status == 400
    assert answer.code


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 " + "x" * 4000,
        "AWS4-HMAC-SHA256 Credential=é/20130524/us-east-1/s3/aws4_request",
        "AWS4-HMAC-SHA256 " + ",".join(f"A{number}=1" for number in range(500)),
    ],
)
def test_malformed_headers_are_refused_and_never_an_error_of_the_server(
    door: Door, bucket: str, authorization: str
) -> None:
    headers = {"Authorization": authorization, "x-amz-date": "20130524T000000Z"}
    answer = door.send_unsigned("GET", f"/{bucket}/a", headers=headers)
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")


def test_a_user_cannot_choose_a_role_by_the_key_id(door: Door, bucket: str) -> None:
    # The id of a real key beside a session token is refused: neither one's rights count.
    token = door.target.token("authenticated", sub=unique("ann"))
    mixed = Door(target=door.target, session_token=token)
    answer = mixed.send("GET", f"/{bucket}")
    assert (answer.status, answer.code) == (400, "InvalidToken")
