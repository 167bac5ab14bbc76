"""What hostile clients send to the admin API: text that databases choke on, forged places, lies of origin."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from tests.contract.client import TLS, Target, unique
from tests.requirement import skip_without

SERVER_FAILURE = 500
HOSTILE = [
    *("\0", "a\0b", "\x1b[31m", "a\r\nb", "\u202e\ufffe", "../x/", "//", "\\", "x" * 3000, "\u00e9" * 600),
    *("%00", "' OR 1=1 --", '"', "-1", "9" * 400),
]
NUMBERS = ["1e999", "-1e999", "9" * 400, "1.5", "-1", str(2**63), str(2**64), "NaN", "1E-400", "true", "[]"]
LISTS = [
    *("buckets/stats?bucket={}", "objects/count?bucket={}", "objects/count?bucket={bucket}&prefix={}"),
    *("objects/search?bucket={}&q=a", "objects/search?bucket={bucket}&q={}"),
    *("objects/search?bucket={bucket}&q=a&prefix={}", "objects/search?bucket={bucket}&q=a&cursor={}"),
    *("objects/search?bucket={bucket}&q=a&limit={}", "jobs?kind={}", "jobs?state={}", "jobs?cursor={}"),
    *("jobs?limit={}", "jobs/{}", "jobs/{}/report", "jobs/{}/report?format={}"),
    "policies/coverage?bucket={}",
    *("metrics/range?range={}", "audit?type={}", "audit?cursor={}", "audit?limit={}", "sessions/{}", "{}"),
]
BODIES: dict[str, dict[str, Any]] = {
    "prefix/copy": {"prefix": "none/", "to_bucket": "none", "to_prefix": "to/", "conflict": "skip"},
    "prefix/move": {"prefix": "none/", "to_bucket": "none", "to_prefix": "to/", "conflict": "fail"},
    "prefix/delete": {"prefix": "none/"},
    "objects/sign": {"name": "none", "expires_in_s": 60, "download": ""},
    "zip": {"names": ["none"], "prefixes": ["none/"], "below": "", "file_name": "a.zip"},
    "policies/explain": {"op": "copy", "name": "none", "to": "to", "role": "authenticated", "sub": "x"},
}
FORWARDED = {
    "x-forwarded-prefix": "//evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "gopher",
    "x-original-url": "/evil.example",
    "forwarded": "host=evil.example",
}


def named(text: str) -> str:
    return ascii(text[:20])


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in at the admin UI of the server at `origin`."""

    client: httpx.Client
    origin: str

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"api/{path}")

    def send(self, method: str, path: str, body: bytes) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return self.client.request(method, f"api/{path}", content=body, headers=headers)

    def form(self, body: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        """Send what a form can send: no header but those that the browser adds."""
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.client.cookies.jar)
        with httpx.Client(trust_env=False, verify=TLS) as browser:
            address = f"{self.origin}/admin/api/zip"
            return browser.post(address, data=body, headers={"cookie": cookie, **headers})


@contextmanager
def signed_in(target: Target, role: str, **claims: Any) -> Iterator[Visitor]:
    origin = target.url.removesuffix("/storage/v1")
    headers = {"x-aerostore-csrf": "1", "sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=f"{origin}/admin/", headers=headers, trust_env=False, verify=TLS) as client:
        answer = client.post("api/session", json={"key": target.token(role, **claims)})
        assert answer.status_code == 200, answer.text
        yield Visitor(client, origin)


@pytest.fixture(scope="module")
def service(target: Target) -> Iterator[Visitor]:
    with signed_in(target, "service_role") as visitor:
        yield visitor


@pytest.fixture(scope="module")
def user(target: Target) -> Iterator[Visitor]:
    with signed_in(target, "authenticated", sub=unique("visitor")) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def bucket(service: Visitor, user: Visitor) -> str:
    """A bucket with an object of the user's, and one that only the service may see."""
    name = unique("adversary")
    assert service.client.post("storage/v1/bucket", json={"name": name}).is_success
    assert service.client.post(f"storage/v1/object/{name}/hidden-a", content=b"x").is_success
    assert user.client.post(f"storage/v1/object/{name}/own-a", content=b"x").is_success
    return name


def failures(answers: Iterable[tuple[object, httpx.Response]]) -> Sequence[object]:
    """Return what was sent where the server failed."""
    return [sent for sent, answer in answers if answer.status_code >= SERVER_FAILURE]


@pytest.mark.parametrize("text", HOSTILE, ids=named)
def test_no_text_in_an_address_is_a_failure_of_the_server(
    service: Visitor, user: Visitor, bucket: str, text: str
) -> None:
    paths = [path.replace("{bucket}", bucket).replace("{}", quote(text, safe="")) for path in LISTS]
    for visitor in (service, user):
        assert not failures((path, visitor.get(path)) for path in paths)


@pytest.mark.parametrize("text", HOSTILE, ids=named)
def test_no_text_in_a_body_is_a_failure_of_the_server(
    service: Visitor, user: Visitor, bucket: str, text: str
) -> None:
    bodies = [
        (path, orjson.dumps({"bucket": bucket, **body, member: [text] if isinstance(old, list) else text}))
        for path, body in BODIES.items()
        for member, old in {"bucket": bucket, **body}.items()
    ]
    for visitor in (service, user):
        assert not failures((each, visitor.send("POST", *each)) for each in bodies)


@pytest.mark.parametrize("text", HOSTILE, ids=named)
def test_no_description_makes_an_object_that_cannot_be_shown(user: Visitor, bucket: str, text: str) -> None:
    for said in (
        {"content_type": text},
        {"cache_control": text},
        {"user_metadata": {text: [text]}},
        {"user_metadata": {"__proto__": {"x": text}}},
    ):
        body = orjson.dumps({"bucket": bucket, "name": "own-a", **said})
        assert user.send("PATCH", "objects/metadata", body).status_code < SERVER_FAILURE
        found = user.get(f"objects/search?bucket={bucket}&q=own")
        assert [each["name"] for each in found.json()["objects"]] == ["own-a"]
        assert user.client.get(f"storage/v1/object/{bucket}/own-a").status_code == 200


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_is_a_failure_of_the_server(service: Visitor, bucket: str, number: str) -> None:
    start = f'{{"bucket":"{bucket}","name":"own-a",'.encode()
    asked = [
        ("objects/sign", b'"expires_in_s":'),
        ("policies/explain", b'"op":"upload","role":"anon","size":'),
        ("jobs/reclaim", b'"apply":'),
        ("zip", b'"names":'),
        ("prefix/copy", b'"to_prefix":"to/","prefix":'),
    ]
    bodies = [(path, start + members + number.encode() + b"}") for path, members in asked]
    assert not failures((each, service.send("POST", *each)) for each in bodies)


def test_a_cursor_of_another_bucket_shows_nothing_that_policies_hide(user: Visitor, bucket: str) -> None:
    for place in ("", "a", "hidden", "hidden-a", "z", "\U0010ffff"):
        cursor = base64.urlsafe_b64encode(place.encode()).decode()
        for prefix in ("", "hidden", "own"):
            query = {"bucket": bucket, "q": "a", "cursor": cursor, "prefix": prefix}
            page = user.client.get("api/objects/search", params=query).json()
            assert {each["name"] for each in page["objects"]} <= {"own-a"}
            assert page["scanned"] <= 1


@pytest.mark.parametrize(
    "place", [b"", b"[]", b'["x","y"]', b'[1,"y"]', b"[null,null]", b"\xff", b"[" * 2000]
)
def test_a_forged_cursor_of_the_audit_is_refused(service: Visitor, place: bytes) -> None:
    answer = service.get(f"audit?cursor={base64.urlsafe_b64encode(place).decode()}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "site", [None, "none", "cross-site", "same-site", "Same-Origin", "same-origin, cross-site"]
)
def test_a_form_is_taken_from_no_page_but_ours_whatever_the_browser_says(
    user: Visitor, bucket: str, site: str | None
) -> None:
    host = user.origin.partition("://")[2]
    asked = {"selection": orjson.dumps({"bucket": bucket, "prefixes": [""]}).decode()}
    told = {} if site is None else {"sec-fetch-site": site}
    for origin in ("null", "", host, f"http://{host}.evil.example", f"http://{host}@evil.example", "file://"):
        assert user.form(asked, {"origin": origin, **told}).status_code == 403, origin
    assert user.form(asked, {"origin": user.origin, "sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("path", ["", "a", "a/b", "%22%3E%3Cscript%3E", "a%2fb", "a?b/c/../.."])
def test_the_page_is_where_its_address_says_whatever_a_proxy_is_said_to_say(user: Visitor, path: str) -> None:
    address = f"{user.origin}/admin/{path}"
    page = user.client.get(address, headers=FORWARDED)
    base = re.findall(r"<base href=\"([^\"]*)\"", page.text)
    if page.status_code == 503:
        skip_without("chromium", "the page of the admin UI: it is not built (make ui)")
    assert "evil" not in page.text
    assert [str(httpx.URL(address).join(each)) for each in base] == [f"{user.origin}/admin/"]
