"""Signatures: those that AWS publishes, those that botocore makes, and none that was meddled with."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import (
    UNSIGNED_PAYLOAD,
    Claim,
    Message,
    canonical_query,
    header_claim,
    is_signed,
    joined_headers,
    path_spellings,
    query_claim,
    require_region,
)

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = hashlib.sha256(b"").hexdigest()
CREDENTIALS = Credentials(KEY_ID, SECRET)
HOST = "storage.example:8000"

# Keys of objects and values of queries, with all that is spelled in more than one way.
TEXTS = st.text(
    st.one_of(st.sampled_from(" %+/~=&?#;:@!*'(),.-_\\\"<>[]{}|^`$äß漢😀"), st.characters(codec="utf-8")),
    max_size=20,
)
QUERIES = st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=5)


def authorization(signed_headers: str, signature: str) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={signed_headers},Signature={signature}"
    )


def example(
    method: str, path: str, query: str, headers: Mapping[str, str], signature: str, payload: str
) -> bool:
    """Verify one of the published requests, with the headers that all of them have."""
    every = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": payload,
        **headers,
    }
    joined = joined_headers((name.encode(), value.encode()) for name, value in every.items())
    claim = header_claim(authorization(";".join(sorted(every)), signature), joined)
    return is_signed(claim, SECRET, message(method, path, query, joined), payload)


def message(method: str, path: str, query: str, headers: Mapping[str, bytes]) -> Message:
    return Message(
        method=method,
        paths=path_spellings(path),
        query=query.encode(),
        headers=headers,
        hosts=[headers["host"]],
    )


def test_published_get_of_a_range_is_right() -> None:
    signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert example("GET", "/test.txt", "", {"range": "bytes=0-9"}, signature, EMPTY)


def test_published_put_is_right() -> None:
    headers = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    payload = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    assert example("PUT", "/test%24file.text", "", headers, signature, payload)


def test_published_query_without_a_value_is_right() -> None:
    signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    assert example("GET", "/", "lifecycle", {}, signature, EMPTY)


def test_published_list_is_right() -> None:
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert example("GET", "/", "prefix=J&max-keys=2", {}, signature, EMPTY)


def test_published_presigned_url_is_right() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    headers = {"host": b"examplebucket.s3.amazonaws.com"}
    claim = query_claim(parse_qsl(query))
    assert claim.expires_in_s == 86400
    assert is_signed(claim, SECRET, message("GET", "/test.txt", query, headers), UNSIGNED_PAYLOAD)


# What botocore signs


def signed_by_botocore(
    path: str, query: str, headers: Mapping[str, str], *, method: str = "PUT"
) -> tuple[AWSRequest, dict[str, bytes]]:
    request = AWSRequest(method, f"http://{HOST}{path}?{query}", headers=dict(headers), data=b"body")
    S3SigV4Auth(CREDENTIALS, "s3", "us-east-1").add_auth(request)
    sent = {"host": HOST, **dict(request.headers.items())}
    return request, joined_headers((name.encode(), value.encode()) for name, value in sent.items())


def verified(
    path: str, query: str, headers: Mapping[str, bytes], *, method: str = "PUT", secret: str = SECRET
) -> bool:
    claim = header_claim(headers["authorization"].decode(), headers)
    payload = headers["x-amz-content-sha256"].decode()
    return is_signed(claim, secret, message(method, path, query, headers), payload)


def encoded(key: str) -> str:
    return "/bucket/" + quote(key, safe="/~")


@given(TEXTS, QUERIES, TEXTS)
def test_whatever_botocore_signs_is_right(key: str, query: Sequence[tuple[str, str]], value: str) -> None:
    written = "&".join(f"{quote(name, safe='~')}={quote(text, safe='~')}" for name, text in query)
    meta = {"x-amz-meta-note": quote(value)}
    _, headers = signed_by_botocore(encoded(key), written, meta)
    assert verified(encoded(key), written, headers)


@given(TEXTS, QUERIES)
def test_order_of_the_query_does_not_matter(key: str, query: Sequence[tuple[str, str]]) -> None:
    pairs = [f"{quote(name, safe='~')}={quote(text, safe='~')}" for name, text in query]
    _, headers = signed_by_botocore(encoded(key), "&".join(pairs), {})
    assert verified(encoded(key), "&".join(reversed(pairs)), headers)


@given(TEXTS, QUERIES)
def test_presigned_url_of_botocore_is_right(key: str, query: Sequence[tuple[str, str]]) -> None:
    # Their own names would make another URL of it.
    written = "&".join(f"a{quote(name, safe='~')}={quote(text, safe='~')}" for name, text in query)
    request = AWSRequest("GET", f"http://{HOST}{encoded(key)}?{written}")
    S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60).add_auth(request)
    found = urlsplit(request.url).query
    claim = query_claim(parse_qsl(found, keep_blank_values=True))
    headers = {"host": HOST.encode()}
    assert is_signed(claim, SECRET, message("GET", encoded(key), found, headers), UNSIGNED_PAYLOAD)


@given(TEXTS)
def test_path_that_is_sent_raw_and_signed_encoded_is_right(key: str) -> None:
    _, headers = signed_by_botocore(encoded(key), "", {})
    raw = "/bucket/" + key.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    assert verified(raw.encode().decode("latin-1"), "", headers)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/bucket/other"},
        {"path": "/bucket//key"},
        {"query": "versionId=2"},
        {"query": ""},
        {"query": "versionId=1&extra"},
        {"method": "GET"},
        {"secret": "another"},
        {"headers": {"x-amz-meta-note": b"changed"}},
        {"headers": {"host": b"other.example"}},
        {"headers": {"x-amz-date": b"20130524T000000Z"}},
        {"headers": {"x-amz-content-sha256": EMPTY.encode()}},
    ],
    ids=str,
)
def test_whatever_is_changed_makes_the_signature_wrong(change: Mapping[str, Any]) -> None:
    _, headers = signed_by_botocore("/bucket/key", "versionId=1", {"x-amz-meta-note": "note"})
    right: dict[str, Any] = {"path": "/bucket/key", "query": "versionId=1", "headers": headers}
    assert verified(**right)
    changed = {**right, **change, "headers": {**headers, **change.get("headers", {})}}
    if "x-amz-date" in change.get("headers", {}):
        scope = headers["authorization"].decode().split("/")[1]
        changed["headers"]["authorization"] = headers["authorization"].replace(scope.encode(), b"20130524")
    assert not verified(**changed)


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_a_changed_digit_makes_the_signature_wrong(position: int, digit: str) -> None:
    _, headers = signed_by_botocore("/bucket/key", "", {})
    text = headers["authorization"].decode()
    at = text.index("Signature=") + len("Signature=") + position
    meddled = {**headers, "authorization": f"{text[:at]}{digit}{text[at + 1 :]}".encode()}
    assert verified("/bucket/key", "", meddled) == (text[at] == digit)


def test_an_encoded_slash_is_another_path_than_a_slash() -> None:
    assert list(path_spellings("/bucket/a%2Fb")) == ["/bucket/a%2Fb", "/bucket/a/b"]
    _, headers = signed_by_botocore("/bucket/a%2Fb", "", {})
    assert verified("/bucket/a%2Fb", "", headers)
    assert not verified("/bucket/a%252Fb", "", headers)


def test_a_plus_in_a_query_is_the_space_that_is_read_from_it() -> None:
    assert (
        canonical_query(b"prefix=a+b") == canonical_query(b"prefix=a%20b") != canonical_query(b"prefix=a%2Bb")
    )


def test_headers_of_one_name_are_joined_and_their_spaces_made_one() -> None:
    raw = [(b"X-Amz-Meta-A", b"  one   two "), (b"x-amz-meta-a", b"three"), (b"host", b"h")]
    assert joined_headers(raw) == {"x-amz-meta-a": b"one two,three", "host": b"h"}


# What is malformed


GOOD = authorization("host;x-amz-date", "0" * 64)
DATE = {"x-amz-date": b"20130524T000000Z"}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("AWS4-HMAC-SHA256", "malformed"),
        ("AWS4-HMAC-SHA256 Credential=a", "Credential, SignedHeaders and Signature"),
        (GOOD.replace("Signature=", "Sig="), "Credential, SignedHeaders and Signature"),
        (GOOD + ",Signature=" + "1" * 64 + ",X", "malformed"),
        (GOOD.replace("0" * 64, "0" * 63), "64 lower-case"),
        (GOOD.replace("0" * 64, "A" * 64), "64 lower-case"),
        (GOOD.replace("/s3/", "/ec2/"), "incorrect service"),
        (GOOD.replace("aws4_request", "aws2_request"), "terminal"),
        (GOOD.replace("/20130524/", "/2013/"), "date"),
        (GOOD.replace("/20130524/", "/20130525/"), "not the day"),
        (GOOD.replace(f"{KEY_ID}/", "/"), "malformed"),
        (GOOD.replace("host;x-amz-date", "x-amz-date"), "Host header must be signed"),
        (GOOD.replace("host;x-amz-date", "x-amz-date;host"), "in order"),
        (GOOD.replace("host;x-amz-date", "Host;x-amz-date"), "in order"),
        (GOOD.replace("host;x-amz-date", "host;host"), "in order"),
    ],
)
def test_malformed_authorization_is_refused(header: str, reason: str) -> None:
    with pytest.raises(S3Fault, match=reason) as refused:
        header_claim(header, DATE)
    assert refused.value.code == "AuthorizationHeaderMalformed"
    assert refused.value.status == 400


def test_parts_that_come_twice_are_refused() -> None:
    with pytest.raises(S3Fault) as refused:
        header_claim(f"{GOOD},Signature={'1' * 64}", DATE)
    assert refused.value.code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("date", [b"", b"yesterday", b"20139924T000000Z", b"2013-05-24"])
def test_a_header_without_a_readable_time_is_refused(date: bytes) -> None:
    with pytest.raises(S3Fault) as refused:
        header_claim(GOOD, {"x-amz-date": date})
    assert refused.value.status in {400, 403}


def test_the_date_header_will_do() -> None:
    claim = header_claim(GOOD, {"date": b"Fri, 24 May 2013 00:00:00 GMT"})
    assert claim.signed_at == datetime(2013, 5, 24, tzinfo=UTC)


PRESIGNED = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": f"{KEY_ID}/20130524/us-east-1/s3/aws4_request",
    "X-Amz-Date": "20130524T000000Z",
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0" * 64,
}


@pytest.mark.parametrize("name", [name for name in PRESIGNED])
def test_a_presigned_url_needs_all_its_parameters(name: str) -> None:
    with pytest.raises(S3Fault, match="requires"):
        query_claim([each for each in PRESIGNED.items() if each[0] != name])


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "1.5", "", "9" * 30, "٣"])
def test_a_presigned_url_ends_within_a_week(expires: str) -> None:
    with pytest.raises(S3Fault) as refused:
        query_claim(list({**PRESIGNED, "X-Amz-Expires": expires}.items()))
    assert refused.value.code == "AuthorizationQueryParametersError"


def test_a_parameter_that_comes_twice_is_refused() -> None:
    with pytest.raises(S3Fault, match="more than once"):
        query_claim([*PRESIGNED.items(), ("X-Amz-Signature", "1" * 64)])


def claim_for(region: str) -> Claim:
    return header_claim(GOOD.replace("us-east-1", region), DATE)


@pytest.mark.parametrize("region", ["", "auto", "us-east-1", "eu-example-1"])
def test_usual_regions_and_the_own_one_are_taken(region: str) -> None:
    require_region(claim_for(region), "eu-example-1")


def test_another_region_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(S3Fault) as refused:
        require_region(claim_for("us-west-2"), "eu-example-1")
    assert refused.value.code == "AuthorizationHeaderMalformed"
    assert refused.value.details == {"Region": "eu-example-1"}
    assert "expecting 'eu-example-1'" in refused.value.message


def test_a_session_token_is_no_part_of_what_a_claim_prints() -> None:
    claim = header_claim(GOOD, {**DATE, "x-amz-security-token": b"secret-token"})
    assert claim.session_token == "secret-token"
    assert "secret-token" not in repr(claim)
