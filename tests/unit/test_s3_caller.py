"""Who signed a request: by which keys, at which address, in what time."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from botocore.auth import HmacV1Auth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request

from aerostore.api.auth import Authenticator, mint_token
from aerostore.api.caller import CALLER
from aerostore.api.s3.caller import MAX_SKEW, SIGNED_PATH, S3Callers, Signed
from aerostore.errors import StorageError
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.permissions.compiled import CompiledPolicies
from aerostore.policy import load
from aerostore.service.access_key import AccessKeys

JWT_SECRET = "correct horse battery staple, twice over"
ANON_KEY = mint_token(JWT_SECRET, role="anon", expires_in_s=None)
KEY_ID, SECRET = "configured", "the secret of the settings"
BASE = "/storage/v1/s3"
HOST = "storage.example:8000"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_callers(clock: Clock, **options: Any) -> S3Callers:
    # No key of the rows is asked for: the executor is never started.
    executor = SqliteExecutor(Path("never.db"), CompiledPolicies(load([])))
    keys = AccessKeys(executor, ["signing key"], clock=clock, configured=(KEY_ID, SECRET))
    authenticator = Authenticator(secret=JWT_SECRET, now=lambda: clock().timestamp())
    given: dict[str, Any] = {"region": "eu-example-1", "anon_key": ANON_KEY, "clock": clock} | options
    return S3Callers(authenticator, keys, **given)


def to_request(method: str, url: str, headers: Mapping[str, str], **scope: Any) -> Request:
    parts = urlsplit(url)
    return Request(
        {
            "type": "http",
            "method": method,
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            **scope,
        }
    )


def signed(
    path: str = f"{BASE}/bucket/key",
    *,
    host: str = HOST,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    sent_path: str | None = None,
    sent_headers: Mapping[str, str] | None = None,
    region: str = "us-east-1",
    credentials: Credentials | None = None,
    **scope: Any,
) -> Request:
    """Sign a request as botocore does, and return it as it may arrive elsewhere."""
    request = AWSRequest(method, f"http://{host}{path}", headers=dict(headers or {}))
    S3SigV4Auth(credentials or Credentials(KEY_ID, SECRET), "s3", region).add_auth(request)
    found = {"host": host, **dict(request.headers.items()), **(sent_headers or {})}
    return to_request(method, f"http://{host}{path if sent_path is None else sent_path}", found, **scope)


def presigned(
    path: str = f"{BASE}/bucket/key",
    *,
    expires_in_s: int = 60,
    query: str = "",
    added: str = "",
    headers: Mapping[str, str] | None = None,
) -> Request:
    request = AWSRequest("GET", f"http://{HOST}{path}{query and '?'}{query}")
    signer = S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", "us-east-1", expires=expires_in_s)
    signer.add_auth(request)
    return to_request("GET", request.url + added, {"host": HOST, **(headers or {})})


def ask(callers: S3Callers, request: Request) -> Signed:
    return asyncio.run(callers.optional(request))


def refusal(callers: S3Callers, request: Request) -> str:
    with pytest.raises(StorageError) as refused:
        ask(callers, request)
    assert SECRET not in str(refused.value)
    return refused.value.code


# By a header


def test_the_right_signature_acts_with_the_role_of_the_key(clock: Clock) -> None:
    request = signed()
    found = ask(make_callers(clock), request)
    assert not found.is_anonymous
    assert (found.context.role, found.context.can_bypass_rls) == ("service_role", True)
    assert (found.context.door, found.context.method, found.context.path) == ("s3", "GET", "/s3/bucket/key")
    assert request.scope[CALLER] == found.context
    assert request.scope["aerostore.facts"] == {"user": "service_role", "access_key": KEY_ID}
    assert SECRET not in repr(found)


def test_a_wrong_secret_is_refused(clock: Clock) -> None:
    request = signed(credentials=Credentials(KEY_ID, "another"))
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"
    assert CALLER not in request.scope


def test_an_unknown_key_is_refused(clock: Clock) -> None:
    request = signed(credentials=Credentials("nobody", SECRET))
    assert refusal(make_callers(clock), request) == "InvalidAccessKeyId"


@pytest.mark.parametrize("region", ["us-east-1", "auto", "eu-example-1"])
def test_usual_regions_are_taken(clock: Clock, region: str) -> None:
    assert not ask(make_callers(clock), signed(region=region)).is_anonymous


def test_another_region_is_refused(clock: Clock) -> None:
    assert refusal(make_callers(clock), signed(region="us-west-2")) == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("way", [1, -1])
def test_a_clock_may_be_wrong_by_a_quarter_of_an_hour(clock: Clock, way: int) -> None:
    request, callers = signed(), make_callers(clock)
    clock.now = clock.now.replace(microsecond=0) + way * (MAX_SKEW - timedelta(seconds=5))
    ask(callers, request)
    clock.now += way * timedelta(seconds=10)
    assert refusal(callers, request) == "RequestTimeTooSkewed"


def test_every_amz_header_must_be_signed(clock: Clock) -> None:
    added = {"x-amz-copy-source": "/secret/key"}
    assert refusal(make_callers(clock), signed(sent_headers=added)) == "AccessDenied"
    assert not ask(make_callers(clock), signed(headers=added)).is_anonymous


def test_a_changed_header_that_was_signed_is_refused(clock: Clock) -> None:
    request = signed(headers={"x-amz-meta-a": "1"}, sent_headers={"x-amz-meta-a": "2"})
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"


def test_headers_that_proxies_add_do_not_matter(clock: Clock) -> None:
    added = {"via": "1.1 proxy", "x-forwarded-for": "10.0.0.1", "user-agent": "changed"}
    assert not ask(make_callers(clock), signed(sent_headers=added)).is_anonymous


def test_the_hash_of_the_body_must_be_named(clock: Clock) -> None:
    request = signed()
    request.scope["headers"] = [
        each for each in request.scope["headers"] if each[0] != b"x-amz-content-sha256"
    ]
    assert refusal(make_callers(clock), request) == "InvalidRequest"


def test_the_declared_hash_is_part_of_the_signature(clock: Clock) -> None:
    found = ask(make_callers(clock), signed())
    assert len(found.payload.declared) == 64
    changed = signed(sent_headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert refusal(make_callers(clock), changed) == "SignatureDoesNotMatch"


def test_a_service_key_in_a_web_page_is_told_and_a_link_there_is_not(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    callers, page = make_callers(clock), {"origin": "https://app.example"}
    ask(callers, presigned(headers=page))
    assert caplog.text == ""
    ask(callers, signed(sent_headers=page))
    assert "service key was used from a web page" in caplog.text


# At which address


@pytest.mark.parametrize(
    "path", ["/bucket/key", "/", "/bucket", "/bucket/a%20b//%C3%A9~", "/bucket/%2E%2E/x"]
)
def test_a_signature_over_the_path_below_the_door_is_right(clock: Clock, path: str) -> None:
    assert not ask(make_callers(clock), signed(path, sent_path=BASE + path)).is_anonymous


def test_a_signature_over_a_path_that_a_proxy_cut_is_right(clock: Clock) -> None:
    callers = make_callers(clock, public_url="https://files.example/api/")
    request = signed(f"/api{BASE}/bucket/key", sent_path=f"{BASE}/bucket/key")
    assert not ask(callers, request).is_anonymous
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"


def test_a_signature_over_the_path_of_a_mount_is_right(clock: Clock) -> None:
    request = signed(f"/files{BASE}/bucket/key", root_path="/files")
    assert not ask(make_callers(clock), request).is_anonymous


@pytest.mark.parametrize(
    ("signed_path", "sent_path"),
    [
        ("/", "/storage/v1/%73%33/bucket/key"),
        ("/x", "/storage/v1/%73%33/bucket/storage/v1/s3/x"),
        ("/key", f"{BASE}/bucket/key"),
        (f"{BASE}/bucket", f"{BASE}/bucket/key"),
        (f"{BASE}/bucket/a/b", f"{BASE}/bucket/a%252Fb"),
        (f"{BASE}/bucket/a", f"{BASE}/bucket/./a"),
        (f"{BASE}/bucket/a", f"{BASE}/bucket//a"),
        (f"{BASE}/bucket/a", f"{BASE}/bucket/a/"),
    ],
)
def test_a_signature_is_good_for_no_other_path(clock: Clock, signed_path: str, sent_path: str) -> None:
    request = signed(signed_path, sent_path=sent_path)
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"


def test_at_a_port_of_its_own_the_path_is_the_one_that_was_sent(clock: Clock) -> None:
    at_root: dict[str, Any] = {SIGNED_PATH: b"/bucket/key"}
    request = signed("/bucket/key", sent_path=f"{BASE}/bucket/key", **at_root)
    assert not ask(make_callers(clock), request).is_anonymous
    request = signed(f"{BASE}/bucket/key", **at_root)
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "sent",
    [
        {"host": f"{HOST}"},
        {"host": "10.0.0.1", "x-forwarded-host": HOST},
        {"host": "10.0.0.1", "x-forwarded-host": "storage.example", "x-forwarded-port": "8000"},
        {"host": "10.0.0.1", "x-forwarded-host": f"{HOST}, inner.example"},
    ],
)
def test_the_host_may_be_told_by_a_proxy(clock: Clock, sent: dict[str, str]) -> None:
    assert not ask(make_callers(clock), signed(sent_headers=sent)).is_anonymous


def test_the_host_may_be_that_of_the_public_url(clock: Clock) -> None:
    request = signed(host="files.example", sent_headers={"host": "10.0.0.1"})
    assert not ask(make_callers(clock, public_url="https://files.example"), request).is_anonymous
    assert refusal(make_callers(clock), request) == "SignatureDoesNotMatch"


def test_the_usual_port_may_be_named_or_not(clock: Clock) -> None:
    request = signed(host="files.example", sent_headers={"host": "files.example:443"})
    assert not ask(make_callers(clock), request).is_anonymous


# By a URL


def test_a_presigned_url_is_good_until_it_ends(clock: Clock) -> None:
    request, callers = presigned(expires_in_s=60), make_callers(clock)
    found = ask(callers, request)
    assert found.payload.declared == "UNSIGNED-PAYLOAD"
    clock.now += timedelta(seconds=62)
    assert refusal(callers, request) == "AccessDenied"


def test_a_presigned_url_of_tomorrow_is_refused(clock: Clock) -> None:
    clock.now -= timedelta(days=1)
    assert refusal(make_callers(clock), presigned(expires_in_s=7 * 24 * 3600)) == "AccessDenied"


@pytest.mark.parametrize("added", ["&versionId=1", "&X-Amz-Expires=600", "&x-amz-meta-a=1", "&X-Amz-Foo"])
def test_nothing_can_be_added_to_a_presigned_url(clock: Clock, added: str) -> None:
    code = refusal(make_callers(clock), presigned(added=added))
    assert code in {"SignatureDoesNotMatch", "AuthorizationQueryParametersError"}


def test_a_bearer_token_beside_a_presigned_url_is_ignored(clock: Clock) -> None:
    request = presigned(headers={"authorization": f"Bearer {ANON_KEY}"})
    assert ask(make_callers(clock), request).context.role == "service_role"


def test_headers_in_a_presigned_url_count_as_headers(clock: Clock) -> None:
    hoisted = "x-amz-meta-a=one&X-Amz-Tagging=a%3D1&x-amz-checksum-crc32=AAAAAA%3D%3D&x-id=PutObject"
    request = presigned(query=hoisted)
    ask(make_callers(clock), request)
    assert request.headers["x-amz-meta-a"] == "one"
    assert request.headers["x-amz-tagging"] == "a=1"
    assert not any(name.startswith("x-amz-checksum") for name in request.headers)
    assert "x-amz-signature" not in request.headers


def test_a_copy_source_in_a_presigned_url_is_not_implemented(clock: Clock) -> None:
    assert refusal(make_callers(clock), presigned(query="x-amz-copy-source=a/b")) == "NotImplemented"


def test_headers_in_the_query_of_another_request_are_only_a_query(clock: Clock) -> None:
    request = signed(f"{BASE}/bucket/key?x-amz-meta-a=1")
    ask(make_callers(clock), request)
    assert "x-amz-meta-a" not in request.headers


# Other ways


def test_two_mechanisms_at_once_are_refused(clock: Clock) -> None:
    authorization = signed().headers["authorization"]
    for request in (
        presigned(headers={"authorization": authorization}),
        presigned(headers={"authorization": "AWS key:signature"}),
    ):
        assert refusal(make_callers(clock), request) == "InvalidArgument"
    twice = signed()
    twice.scope["headers"].append((b"authorization", authorization.encode()))
    assert refusal(make_callers(clock), twice) == "InvalidArgument"


def test_signature_version_2_is_refused(clock: Clock) -> None:
    request = AWSRequest("GET", f"http://{HOST}{BASE}/bucket/key", headers={})
    HmacV1Auth(Credentials(KEY_ID, SECRET)).add_auth(request)
    by_header = to_request("GET", request.url, {"host": HOST, **dict(request.headers.items())})
    assert refusal(make_callers(clock), by_header) == "InvalidRequest"
    by_query = "?AWSAccessKeyId=configured&Expires=9999999999&Signature=abc"
    assert refusal(make_callers(clock), to_request("GET", request.url + by_query, {})) == "InvalidRequest"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (f"Bearer {ANON_KEY}", "InvalidArgument"),
        (ANON_KEY, "InvalidArgument"),
        ("Basic YTpi", "InvalidArgument"),
        ("AWS4-HMAC-SHA512 Credential=a", "AuthorizationHeaderMalformed"),
        ("AWS4-ECDSA-P256-SHA256 Credential=a", "NotImplemented"),
    ],
)
def test_other_credentials_are_refused(clock: Clock, authorization: str, code: str) -> None:
    request = to_request("GET", f"http://{HOST}{BASE}/b", {"authorization": authorization})
    assert refusal(make_callers(clock), request) == code


def test_a_presigned_url_of_the_last_day_of_all_is_refused(clock: Clock) -> None:
    credential = "configured%2F99991231%2Fus-east-1%2Fs3%2Faws4_request"
    url = (
        f"http://{HOST}{BASE}/b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}"
        f"&X-Amz-Date=99991231T235959Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host"
        f"&X-Amz-Signature={'0' * 64}"
    )
    assert refusal(make_callers(clock), to_request("GET", url, {})) == "AccessDenied"


def test_asymmetric_presigned_urls_are_not_implemented(clock: Clock) -> None:
    url = f"http://{HOST}{BASE}/b?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"
    assert refusal(make_callers(clock), to_request("GET", url, {})) == "NotImplemented"


# Nobody


def test_a_request_without_a_signature_is_anonymous(clock: Clock) -> None:
    request = to_request("GET", f"http://{HOST}{BASE}/b", {"host": HOST})
    found = ask(make_callers(clock), request)
    assert found.is_anonymous
    assert (found.context.role, found.context.door) == ("anon", "s3")
    assert found.payload.chain is None
    assert CALLER not in request.scope
    asyncio.run(found.recheck())


def test_an_anonymous_request_is_refused_where_a_signature_is_needed(clock: Clock) -> None:
    request = to_request("GET", f"http://{HOST}{BASE}/b", {"host": HOST})
    with pytest.raises(StorageError) as refused:
        asyncio.run(make_callers(clock).required(request))
    assert refused.value.code == "AccessDenied"


# Session tokens


def session(clock: Clock, *, key_id: str = "project", secret: str = ANON_KEY, **options: Any) -> Request:
    token = options.pop("token", None)
    claims: dict[str, Any] = {"role": "authenticated", "subject": "user", "expires_in_s": 60} | options
    token = token or mint_token(JWT_SECRET, now=lambda: clock().timestamp(), **claims)
    return signed(credentials=Credentials(key_id, secret, token))


def test_a_session_token_acts_as_its_user(clock: Clock) -> None:
    found = ask(make_callers(clock), session(clock, team="a"))
    assert (found.context.role, found.context.user_id) == ("authenticated", "user")
    assert found.context.claims["team"] == "a"
    assert not found.context.can_bypass_rls


def test_a_session_token_needs_a_signature_with_the_anon_key(clock: Clock) -> None:
    assert refusal(make_callers(clock), session(clock, secret=SECRET)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "token", ["nonsense", "a.b.c", mint_token("another secret, also long", role="anon", expires_in_s=None)]
)
def test_a_forged_session_token_is_refused(clock: Clock, token: str) -> None:
    assert refusal(make_callers(clock), session(clock, token=token)) == "InvalidToken"


def test_a_session_token_of_an_unknown_role_is_refused(clock: Clock) -> None:
    assert refusal(make_callers(clock), session(clock, role="admin")) == "InvalidToken"


def test_an_expired_session_token_is_refused_at_the_start_and_at_the_end_of_a_body(clock: Clock) -> None:
    callers, request = make_callers(clock), session(clock)
    found = ask(callers, request)
    clock.now += timedelta(seconds=61)
    with pytest.raises(StorageError) as refused:
        asyncio.run(found.recheck())
    assert refused.value.code == "ExpiredToken"
    assert refusal(callers, request) == "ExpiredToken"


def test_a_key_that_is_known_takes_no_session_token(clock: Clock) -> None:
    assert refusal(make_callers(clock), session(clock, key_id=KEY_ID, secret=SECRET)) == "InvalidToken"


def test_without_an_anon_key_no_session_token_is_taken(clock: Clock) -> None:
    callers = make_callers(clock, anon_key="")
    for secret in ("", ANON_KEY):
        with pytest.raises(StorageError) as refused:
            ask(callers, session(clock, secret=secret))
        assert refused.value.code == "InvalidToken"
        assert "AEROSTORE_ANON_KEY" in (refused.value.hint or "")


def test_a_session_token_must_be_signed_like_the_rest(clock: Clock) -> None:
    request = signed(
        credentials=Credentials("project", ANON_KEY), sent_headers={"x-amz-security-token": ANON_KEY}
    )
    assert refusal(make_callers(clock), request) == "AccessDenied"
