"""Headers that lie about where a request came from or what it is, and those that would be said again."""

from collections.abc import Iterable

import httpx
import pytest

from tests.attack.route_table import Entry, entries
from tests.attack.scene import Scene, open_scene
from tests.contract.client import Target, object_path, put_object, unique
from tests.contract.raw_socket import HUNG_UP, RawResponse, exchange, request_bytes

SERVER_FAILURE = 500
EVIL = "evil.example"
GETS = [entry for entry in entries() if entry.method == "GET"]
STEADY = [entry for entry in GETS if entry.operation != "metrics"]
PROXY_LIES = [
    ("X-Forwarded-Host", EVIL),
    ("X-Forwarded-Server", EVIL),
    ("X-Forwarded-Proto", f"https://{EVIL}"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Prefix", f"/{EVIL}"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Real-IP", "127.0.0.1"),
    ("X-Client-IP", "127.0.0.1"),
    ("True-Client-IP", "127.0.0.1"),
    ("Forwarded", f"for=127.0.0.1;host={EVIL};proto=https"),
    ("X-Host", EVIL),
    ("X-Original-Host", EVIL),
    ("X-Original-URL", "/storage/v1/status"),
    ("X-Rewrite-URL", "/storage/v1/status"),
    ("X-HTTP-Method", "DELETE"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Method-Override", "DELETE"),
    ("X-Supabase-User", "service_role"),
    ("X-Role", "service_role"),
    ("Via", EVIL),
    ("Base-Url", f"http://{EVIL}"),
    ("Destination", f"http://{EVIL}/"),
]
NEVER_SENT = {"set-cookie", "x-injected", "location", "refresh", "access-control-allow-credentials"}


def comparable(answer: RawResponse) -> tuple[int, dict[str, str], bytes]:
    """Leave out of an answer what differs from one to the next."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in {"date", "x-request-id", "content-length"}
    }
    return answer.status, headers, answer.body.partition(b'"request_id"')[0]


def send(
    target: Target, path: str, headers: Iterable[tuple[str, str]] = (), *, role: str | None = "service_role"
) -> RawResponse:
    token = None if role is None else target.token(role)
    return exchange(target, request_bytes(target, "GET", path, headers=headers, token=token))


@pytest.fixture(scope="module")
def stored(service: httpx.Client) -> str:
    """A private bucket with a file in it, which no test here changes."""
    bucket = unique("stored")
    assert service.post("/bucket", json={"name": bucket}).is_success
    assert put_object(service, bucket, "a.txt", b"content").is_success
    return bucket


@pytest.mark.parametrize("entry", STEADY, ids=str)
def test_what_proxies_are_said_to_have_said_changes_nothing(
    target: Target, stored: str, entry: Entry
) -> None:
    path = entry.at(stored, "a.txt")
    honest = comparable(send(target, path))
    for lie in PROXY_LIES:
        assert comparable(send(target, path, [lie])) == honest, lie[0]
    for lied in (send(target, path, PROXY_LIES), send(target, path, PROXY_LIES, role=None)):
        assert EVIL not in str(lied.headers)
        assert EVIL.encode() not in lied.body


@pytest.mark.parametrize("entry", STEADY, ids=str)
def test_a_poisoned_host_decides_nothing_and_is_not_said_again(
    target: Target, stored: str, entry: Entry
) -> None:
    address, port = target.address
    plain = request_bytes(target, "GET", entry.at(stored, "a.txt"))
    honest = comparable(exchange(target, plain))
    for host in (EVIL, f"{EVIL}/storage/v1/status?", f"127.0.0.1#{EVIL}", f"a@{EVIL}", "[::1"):
        poisoned = plain.replace(f"Host: {address}:{port}".encode(), f"Host: {host}".encode())
        assert poisoned != plain
        answer = exchange(target, poisoned)
        assert EVIL.encode() not in answer.body
        assert EVIL not in str(answer.headers)
        assert answer == HUNG_UP or answer.status == 400 or comparable(answer) == honest, host


def test_a_link_is_made_without_any_host(target: Target, stored: str) -> None:
    body = b'{"expiresIn":60}'
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *PROXY_LIES]
    token = target.token("service_role")
    payload = request_bytes(
        target, "POST", f"/object/sign/{stored}/a.txt", headers=headers, token=token, body=body
    )
    answer = exchange(target, payload)
    assert answer.body.startswith(b'{"signedURL":"/object/sign/')
    assert EVIL.encode() not in answer.body


def test_metrics_are_not_local_because_a_header_says_so(target: Target) -> None:
    """Whatever came through a proxy is from elsewhere; without its header there was no proxy."""
    assert send(target, "/metrics", role=None).status == 200
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert send(target, "/metrics", [(name, "127.0.0.1")], role=None).status == 400
        assert send(target, "/metrics", [(name, "127.0.0.1")], role="anon").status == 403


@pytest.mark.parametrize(
    "value",
    [
        "a\rX-Injected: 1",
        "a\x00b",
        "a\x0bb",
        "a\x1b[31mb",
        "a b",
        '"quoted"',
        "{}",
        "<b>",
        "x" * 65,
        "\xe9t\xe9",
        "a,b",
        "",
    ],
    ids=ascii,
)
def test_a_request_id_is_taken_over_only_when_it_is_harmless(target: Target, value: str) -> None:
    answer = send(target, "/status", [("X-Request-Id", value)])
    if answer != HUNG_UP and answer.status == 200:
        assert answer.headers["x-request-id"] != value
        assert answer.headers["x-request-id"].isalnum()
    assert not NEVER_SENT & set(answer.headers)


@pytest.mark.parametrize(
    "query",
    [
        "download=a%0d%0aSet-Cookie:%20x=1",
        "download=%22;%20filename=evil.html",
        "download=..%2f..%2fevil",
        "download=a%00b",
        "download=%e2%80%ae",
        "download=%ff%fe",
        "download=" + "x" * 3000,
        "download=a&download=b%0d%0aX-Injected:%201",
        "response-content-type=text/html",
        "response-content-disposition=inline",
        "response-cache-control=public",
        "content-type=text/html&mimetype=text/html",
    ],
)
def test_a_query_sets_no_header_but_the_encoded_name(target: Target, stored: str, query: str) -> None:
    plain, answer = (
        send(target, f"/object/authenticated/{stored}/a.txt{more}") for more in ("", f"?{query}")
    )
    assert answer.status in {200, 400}
    assert not NEVER_SENT & set(answer.headers)
    if answer.status == 200:
        disposition = answer.headers.pop("content-disposition", "attachment;")
        assert comparable(answer)[1] == comparable(plain)[1]
        assert disposition.startswith("attachment;")
        assert not set('"\\/\r\n\0') & set(disposition)


@pytest.mark.parametrize(
    "requested",
    ["x\rSet-Cookie: a=b", "x\x00y", "x\x0by", "*", "x" * 9000, "authorization, x-\xe9"],
    ids=["carriage-return", "nul", "tab", "star", "long", "latin-1"],
)
def test_a_preflight_says_no_header_again_that_could_be_two(target: Target, requested: str) -> None:
    headers = [
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", requested),
    ]
    answer = exchange(target, request_bytes(target, "OPTIONS", "/bucket", headers=headers))
    assert not NEVER_SENT & set(answer.headers)
    assert not set("\r\n\0") & set(answer.headers.get("access-control-allow-headers", ""))


@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example.evil.example", "https://evilapp.example", "http://app.example"),
        *("https://app.example:444", "https://sub.app.example", "https://APP.example.", "null", ""),
        *("https://app.example@evil.example", "https://app.example%60.evil.example", "*"),
    ],
)
def test_only_the_named_origins_may_read_answers(origins: Scene, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"origin": origin, "access-control-request-method": "GET"}
        answer = origins.ask("nobody", method, "/bucket", headers=headers)
        assert answer.headers.get("access-control-allow-origin") is None


def test_a_named_origin_may_read_answers(origins: Scene) -> None:
    answer = origins.ask("nobody", "GET", "/status", headers={"origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Iterable[Scene]:
    folder = tmp_path_factory.mktemp("origins") / "data"
    with open_scene(folder, cors_origins=("https://app.example",)) as scene:
        yield scene


@pytest.mark.parametrize(
    "suffix", ["/x.css", ".css", "%2fx.css", ";x.css", "%00.css", "%3f.css", "%23.css", "/", "//", "/."]
)
def test_a_private_file_has_no_second_address_that_a_cache_would_keep(
    target: Target, stored: str, suffix: str
) -> None:
    answer = send(target, f"/object/authenticated/{stored}/a.txt{suffix}")
    assert answer.status == 400
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("entry", GETS, ids=str)
def test_no_answer_to_a_caller_is_for_shared_caches(target: Target, stored: str, entry: Entry) -> None:
    answer = send(target, entry.at(stored, "a.txt"))
    assert "public" not in answer.headers.get("cache-control", "")
    assert "s-maxage" not in answer.headers.get("cache-control", "")


def test_what_an_apikey_lists_is_not_stored_by_caches(target: Target, stored: str) -> None:
    """A cache keeps away from answers to Authorization by itself (RFC 9111 3.5); it does not know apikey."""
    key = ("apikey", target.token("service_role"))
    for path in ("/bucket", f"/bucket/{stored}", "/metrics", object_path(stored, "a.txt", "authenticated")):
        answer = send(target, path, [key], role=None)
        assert answer.status == 200
        storing = answer.headers.get("cache-control", "")
        assert "no-store" in storing or "apikey" in answer.headers.get("vary", "").lower(), path
