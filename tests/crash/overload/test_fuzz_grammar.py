"""Requests made up byte by byte: each is answered in time, and none breaks the server or stores by halves."""

import base64
import json

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.contract.client import object_path
from tests.contract.raw_socket import RawResponse, exchange, request_bytes
from tests.crash.server import Server

from .calm import MIB, count_threads, use
from .grammar import (
    BUCKET,
    bits,
    claims,
    conditions,
    form_types,
    forms,
    json_bodies,
    json_routes,
    paths,
    queries,
    tokens,
    values,
)

EXAMPLES = 100
GROWTH_LIMIT = 64 * MIB
Headers = list[tuple[str, str]]


class Fuzzer:
    """Sends what is made up, as the service role unless told otherwise, and keeps what was acknowledged."""

    def __init__(self, server: Server, size: int, seed: int) -> None:
        self._server = server
        self._size = size
        self._seed = seed
        self.acknowledged: set[str] = set()

    def run(self, strategy: st.SearchStrategy[bytes], examples: int = EXAMPLES) -> None:
        """Send what `strategy` makes up. Raises: AssertionError or TimeoutError with the smallest example."""

        @seed(self._seed)
        @settings(
            max_examples=examples * self._size,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(payload=strategy)
        def send(payload: bytes) -> None:
            self._judge(exchange(self._server.target, payload))

        send()

    def request(
        self, method: str, path: str, headers: Headers | None = None, body: bytes = b"", *, token: str = ""
    ) -> bytes:
        length = [("Content-Length", str(len(body)))] if body else []
        token = token or self._server.target.token("service_role")
        path = path.replace(" ", "%20").replace("\n", "%0a").replace("\r", "%0d")
        encodable = [(name, line.encode("utf-8").decode("latin-1")) for name, line in headers or []]
        return request_bytes(
            self._server.target,
            method,
            path.encode("utf-8", "replace").decode("latin-1"),
            headers=[*encodable, *length],
            token=token.encode("utf-8").decode("latin-1"),
            body=body,
        )

    def _judge(self, answer: RawResponse) -> None:
        assert answer.status < 500, answer
        if answer.status >= 400 and answer.body:
            fields = (
                json.loads(answer.body) if answer.headers.get("content-type") == "application/json" else {}
            )
            assert not fields or {"statusCode", "error", "message", "code"} <= set(fields), answer
        if answer.status == 200 and answer.body.startswith(b'{"Key":"' + BUCKET.encode() + b"/"):
            self.acknowledged.add(json.loads(answer.body)["Key"].removeprefix(f"{BUCKET}/"))


@pytest.fixture
def fuzzer(server: Server, service: httpx.Client, crash_size: int, crash_seed: int) -> Fuzzer:
    service.post("/bucket", json={"name": BUCKET, "public": True})
    service.post(f"/bucket/{BUCKET}/empty")
    assert service.post(object_path(BUCKET, "a"), content=b"0123456789" * 3).status_code == 200
    return Fuzzer(server, crash_size, crash_seed)


@pytest.fixture(autouse=True)
def is_healthy_afterwards(server: Server, service: httpx.Client) -> object:
    use(service)
    threads, resident = count_threads(server), server.reset_peak_memory()
    yield
    use(service)
    assert server.peak_memory() - resident < GROWTH_LIMIT
    assert count_threads(server) <= threads + 32
    assert service.get("/health").json()["healthy"] is True


pytestmark = pytest.mark.timeout(0)


def test_paths(fuzzer: Fuzzer) -> None:
    doors = bits(["/object/", "/object/public/", "/object/info/", "/object/sign/", "/bucket/", "/", ""])
    fuzzer.run(
        st.builds(
            lambda method, door, path: fuzzer.request(method, door + path),
            bits(["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "G\xc4T"]),
            doors,
            paths,
        )
    )


def test_names_of_uploads(fuzzer: Fuzzer, server: Server) -> None:
    fuzzer.run(
        st.builds(
            lambda method, path, body: fuzzer.request(method, f"/object/{BUCKET}/{path}", body=body),
            bits(["POST", "PUT"]),
            paths,
            st.binary(min_size=1, max_size=40),
        )
    )
    check_stored(server, fuzzer)


def check_stored(server: Server, fuzzer: Fuzzer) -> None:
    """What is stored is what was acknowledged, and nothing else."""
    query = f"SELECT name FROM storage_objects WHERE bucket_id = '{BUCKET}'"
    assert {name for (name,) in server.place.rows(query)} == fuzzer.acknowledged | {"a"}


def test_ranges_and_conditions(fuzzer: Fuzzer) -> None:
    fuzzer.run(
        st.builds(
            lambda method, headers: fuzzer.request(method, f"/object/{BUCKET}/a", headers),
            bits(["GET", "HEAD"]),
            conditions,
        )
    )


def test_query_strings(fuzzer: Fuzzer) -> None:
    routes = bits(
        ["/bucket", f"/object/{BUCKET}/a", f"/object/sign/{BUCKET}/a", f"/object/public/{BUCKET}/a"]
    )
    fuzzer.run(st.builds(lambda path, query: fuzzer.request("GET", f"{path}?{query}"), routes, queries))


def test_json_bodies(fuzzer: Fuzzer) -> None:
    kind = [("Content-Type", "application/json")]
    fuzzer.run(
        st.builds(lambda to, body: fuzzer.request(to[0], to[1], kind, body), json_routes, json_bodies),
        2 * EXAMPLES,
    )


def test_forms(fuzzer: Fuzzer, server: Server) -> None:
    path = f"/object/{BUCKET}/form"

    def upload(kind: str, body: str) -> bytes:
        headers = [("Content-Type", kind), ("x-upsert", "true")]
        return fuzzer.request("POST", path, headers, body.encode("latin-1"))

    usual = st.just("multipart/form-data; boundary=b")
    fuzzer.run(st.builds(upload, usual | usual | form_types, forms), 2 * EXAMPLES)
    check_stored(server, fuzzer)


def test_tokens(fuzzer: Fuzzer) -> None:
    routes = bits([("GET", "/bucket"), ("GET", f"/object/{BUCKET}/none"), ("POST", f"/object/list/{BUCKET}")])
    fuzzer.run(
        st.builds(
            lambda route, token: fuzzer.request(*route, token=token or "x"),
            routes,
            tokens,
        )
    )


def test_claims_of_genuine_tokens(fuzzer: Fuzzer, server: Server) -> None:
    def ask(given: dict[str, object]) -> bytes:
        try:
            token = server.target.token(None, **given)
        except (TypeError, ValueError, UnicodeEncodeError):  # no token can be made of it
            token = "x"
        return fuzzer.request(
            "POST", f"/object/list/{BUCKET}", [("Content-Type", "application/json")], b"{}", token=token
        )

    fuzzer.run(st.builds(ask, claims))


def test_metadata_headers(fuzzer: Fuzzer, server: Server) -> None:
    def upload(metadata: bytes, others: str) -> bytes:
        headers = [
            ("x-metadata", base64.b64encode(metadata).decode()),
            ("x-upsert", "true"),
            ("Content-Type", others),
            ("Cache-Control", others),
        ]
        return fuzzer.request("POST", f"/object/{BUCKET}/metadata", headers, b"x")

    fuzzer.run(st.builds(upload, json_bodies, values))
    check_stored(server, fuzzer)
