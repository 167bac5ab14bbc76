"""Values that no page of the admin UI sends, in every place that a request to its API has for one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.client import Target, unique

from .browser import Browser, signed_in

HOSTILE = (
    "\0",
    "a\0b",
    "\x1b[2J",
    "\u202egpj.exe",
    "\U0010ffff",
    "' OR 1=1 --",
    "%_*\\",
    "../..",
    "a" * 20_000,
    "",
)
NO_TEXT: tuple[object, ...] = (None, True, -1, 10**30, 1.5, [], {}, [None], {"a": {"b": []}})
WHOLE_JSON = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b'{"a":1,"a":2}',
    b"[" * 5_000,
    b"\xff",
    b'{"bucket":"\\ud800"}',
)

QUERIES: Mapping[str, tuple[str, ...]] = {
    "api/buckets/stats": ("bucket",),
    "api/objects/count": ("bucket", "prefix"),
    "api/objects/search": ("bucket", "q", "prefix", "limit", "cursor"),
    "api/jobs": ("kind", "state", "limit", "cursor"),
    "api/policies/coverage": ("bucket",),
    "api/metrics/range": ("range",),
    "api/audit": ("type", "limit", "cursor"),
}
BODIES: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("PATCH", "api/objects/metadata"): {
        "bucket": "b",
        "name": "n",
        "content_type": "a/b",
        "cache_control": "no-cache",
        "user_metadata": {},
    },
    ("POST", "api/objects/sign"): {"bucket": "b", "name": "n", "expires_in_s": 60, "download": "x"},
    ("POST", "api/zip"): {
        "bucket": "b",
        "names": ["n"],
        "prefixes": ["p/"],
        "below": "",
        "file_name": "x.zip",
    },
    ("POST", "api/prefix/move"): {
        "bucket": "b",
        "prefix": "p/",
        "to_bucket": "b",
        "to_prefix": "q/",
        "conflict": "fail",
    },
    ("POST", "api/prefix/copy"): {
        "bucket": "b",
        "prefix": "p/",
        "to_bucket": "b",
        "to_prefix": "q/",
        "conflict": "skip",
    },
    ("POST", "api/prefix/delete"): {"bucket": "b", "prefix": "p/"},
    ("POST", "api/jobs/scrub"): {"unknown": "x"},
    ("POST", "api/policies/explain"): {"op": "download", "bucket": "b", "name": "n", "role": "anon"},
}
PATHS = (
    ("GET", "api/jobs/{}"),
    ("POST", "api/jobs/{}/cancel"),
    ("GET", "api/jobs/{}/report"),
    ("DELETE", "api/sessions/{}"),
)


@pytest.fixture(scope="module")
def operator(target: Target) -> Iterator[Browser]:
    with signed_in(target) as browser:
        yield browser


@pytest.fixture
def full_bucket(operator: Browser, bucket: str) -> str:
    """A bucket with the object `n` and the folder `p/`: what is asked for there is there."""
    for name in ("n", "p/n"):
        stored = operator.post(f"storage/v1/object/{bucket}/{name}", content=b"text")
        assert stored.status_code == 200, stored.text
    return bucket


def assert_told(answer: httpx.Response) -> None:
    """What a client sent is answered, or refused with words; it is never the server's failure."""
    assert answer.status_code < 500, (answer.request.url, answer.request.content[:200], answer.text[:300])
    if answer.status_code >= 400:
        assert answer.json()["message"]
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", QUERIES)
def test_a_hostile_query_is_no_failure_of_the_server(operator: Browser, full_bucket: str, path: str) -> None:
    good = {"bucket": full_bucket, "q": "n", "range": "1h"}
    for name in QUERIES[path]:
        others = {other: good[other] for other in QUERIES[path] if other in good and other != name}
        for value in HOSTILE:
            assert_told(operator.get(path, params={**others, name: value[:4_000]}))


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_hostile_id_is_no_failure_of_the_server(operator: Browser, method: str, path: str) -> None:
    for value in HOSTILE:
        assert_told(operator.request(method, path.format(quote(value[:1_000], safe="") or "%20")))


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_hostile_value_is_no_failure_of_the_server(
    operator: Browser, full_bucket: str, method: str, path: str
) -> None:
    good = {name: full_bucket if name == "bucket" else value for name, value in BODIES[method, path].items()}
    for name in good:
        for value in (*HOSTILE, *NO_TEXT, [HOSTILE[0]], {HOSTILE[0]: HOSTILE[1]}):
            assert_told(send(operator, method, path, {**good, name: value}))


# Without a token it is no attempt to sign in: of those an address may make a few only.
@pytest.mark.parametrize(("method", "path"), [*BODIES, ("POST", "api/session")])
def test_a_hostile_body_is_no_failure_of_the_server(operator: Browser, method: str, path: str) -> None:
    for body in WHOLE_JSON:
        headers = {"content-type": "application/json"}
        assert_told(operator.request(method, path, content=body, headers=headers))


def send(operator: Browser, method: str, path: str, body: Mapping[str, Any]) -> httpx.Response:
    """Send JSON as it is written here: with control characters and numbers of any length."""
    content = json.dumps(body).encode()
    return operator.request(method, path, content=content, headers={"content-type": "application/json"})


def test_a_refused_sign_in_leaves_the_session_that_there_is(operator: Browser) -> None:
    operator.sign_in(unique("no-token"))
    assert operator.session() is not None


def deep(levels: int) -> bytes:
    return b'{"x":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("levels", [100, 200, 210, 252, 300, 990, 1020])
def test_however_deep_metadata_is_the_object_can_be_found(
    operator: Browser, full_bucket: str, levels: int
) -> None:
    body = b'{"bucket":"%s","name":"n","user_metadata":%s}' % (full_bucket.encode(), deep(levels))
    told = operator.request(
        "PATCH", "api/objects/metadata", content=body, headers={"content-type": "application/json"}
    )
    assert told.status_code == (200 if levels <= 200 else 400), told.text[:200]
    assert_can_be_found(operator, full_bucket)


@pytest.mark.parametrize("number", ["18446744073709551616", "1.7e308", "-1e200", "1e999"])
def test_however_large_a_number_is_the_object_can_be_found(
    operator: Browser, full_bucket: str, number: str
) -> None:
    body = f'{{"bucket":"{full_bucket}","name":"n","user_metadata":{{"x":{number}}}}}'
    told = operator.request(
        "PATCH", "api/objects/metadata", content=body, headers={"content-type": "application/json"}
    )
    assert told.status_code in {200, 400}, told.text
    assert_can_be_found(operator, full_bucket)


def assert_can_be_found(operator: Browser, bucket: str) -> None:
    assert operator.get("api/objects/search", params={"bucket": bucket, "q": "n"}).status_code == 200
    assert operator.get(f"storage/v1/object/info/{bucket}/n").status_code == 200


@pytest.mark.parametrize("levels", [200, 252, 900])
def test_deep_claims_are_refused_or_hide_no_session(operator: Browser, target: Target, levels: int) -> None:
    with Browser(target) as browser:
        claims = {"user_metadata": json.loads(deep(levels))}
        assert_told(browser.sign_in(target.token("authenticated", sub=unique("deep"), **claims)))
    assert operator.get("api/sessions").status_code == 200
    question = {"op": "download", "bucket": "b", "name": "n", "role": "anon", "claims": claims}
    assert_told(send(operator, "POST", "api/policies/explain", question))
