"""Requests that no honest client sends: hostile names, headers, content and metadata."""

import base64
import json
import zlib

import httpx
import pytest

from .client import (
    Target,
    error_of,
    get_object,
    invalid_key,
    object_path,
    put_object,
)
from .raw_socket import HUNG_UP, RawResponse, exchange, request_bytes

SERVER_FAILURE = 500
TRAVERSALS = [
    "../x",
    "..%2fx",
    "%2e%2e/x",
    "%2e%2e%2fx",
    ".%2e/x",
    "a/../../x",
    "a/%2e%2e/%2e%2e/x",
    "a/./x",
    "%2e",
    "a/..",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
]
HARMLESS_NAMES = [
    ("%252e%252e%252fx", "%2e%2e%2fx"),
    ("%252fetc", "%2fetc"),
    ("..;/x", "..;/x"),
    ("..%5cx", "..\\x"),
    ("C:%5cx", "C:\\x"),
    ("%EF%BC%8E%EF%BC%8E%EF%BC%8Fx", "\uff0e\uff0e\uff0fx"),
    (".../x", ".../x"),
    ("a..b", "a..b"),
    ("x%20", "x "),
    ("x.", "x."),
    ("%3Cscript%3E", "<script>"),
    ("'%20OR%201=1%20--", "' OR 1=1 --"),
    ("%25%5F%2A", "%_*"),
]
UNDECODABLE = ["%c0%ae%c0%ae/x", "%c0%af", "%ed%a0%80", "%ff", "%f5%80%80%80", "%e2%82"]
BAD_ESCAPES = ["%zz", "%", "%2", "a%gg/b", "%u002e"]


def send(
    target: Target,
    method: str,
    path: str,
    *headers: tuple[str, str],
    body: bytes = b"",
    role: str = "service_role",
) -> RawResponse:
    if body:
        headers = (*headers, ("Content-Length", str(len(body))))
    return exchange(
        target, request_bytes(target, method, path, headers=headers, token=target.token(role), body=body)
    )


def names_in(service: httpx.Client, bucket: str) -> list[str]:
    """List all names of a bucket."""
    return [entry["name"] for entry in service.post(f"/object/list-v2/{bucket}", json={}).json()["objects"]]


class TestNames:
    @pytest.mark.parametrize("path", TRAVERSALS)
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
    def test_dot_segments_never_reach_an_object(
        self, target: Target, service: httpx.Client, bucket: str, method: str, path: str
    ) -> None:
        answer = send(target, method, f"/object/{bucket}/{path}", body=b"x")
        assert 400 <= answer.status < SERVER_FAILURE
        assert b"root:" not in answer.body
        assert names_in(service, bucket) == []

    @pytest.mark.parametrize("name", ["..", ".", "a/../b", "../a", "a/..", "./a", "a/."])
    def test_dot_segments_in_json_are_invalid_destinations(
        self, service: httpx.Client, bucket: str, name: str
    ) -> None:
        put_object(service, bucket, "a.txt")
        for verb in ("copy", "move"):
            body = {"bucketId": bucket, "sourceKey": "a.txt", "destinationKey": name}
            assert error_of(service.post(f"/object/{verb}", json=body)) == invalid_key(name)
        assert names_in(service, bucket) == ["a.txt"]

    @pytest.mark.parametrize(("path", "name"), HARMLESS_NAMES)
    def test_paths_are_decoded_exactly_once(
        self, target: Target, service: httpx.Client, bucket: str, path: str, name: str
    ) -> None:
        assert send(target, "POST", f"/object/{bucket}/{path}", body=b"x").status == 200
        assert names_in(service, bucket) == [name]
        assert send(target, "GET", f"/object/{bucket}/{path}").body == b"x"

    @pytest.mark.parametrize("path", ["%00", "a%00b", "%0a", "a%0d%0ab", "%1b[31m", "%7f"])
    def test_control_characters_are_invalid(
        self, target: Target, service: httpx.Client, bucket: str, path: str
    ) -> None:
        answer = send(target, "POST", f"/object/{bucket}/{path}", body=b"x")
        assert answer.status == 400
        assert json.loads(answer.body)["code"] == "InvalidKey"
        assert names_in(service, bucket) == []

    @pytest.mark.parametrize("path", UNDECODABLE)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_paths_that_are_no_utf8_are_refused(
        self, target: Target, service: httpx.Client, bucket: str, method: str, path: str
    ) -> None:
        answer = send(target, method, f"/object/{bucket}/{path}", body=b"x")
        assert answer.status == 400
        assert str(json.loads(answer.body)["statusCode"]) == "400"
        assert names_in(service, bucket) == []

    @pytest.mark.parametrize("path", BAD_ESCAPES)
    def test_broken_escapes_are_a_bad_request(self, target: Target, bucket: str, path: str) -> None:
        answer = send(target, "GET", f"/object/{bucket}/{path}")
        assert answer.status == 400
        assert json.loads(answer.body)["error"] == "Bad Request"

    @pytest.mark.parametrize("path", ["%2e%2e/a.txt", "b%2Fa.txt", "..%2f..%2fbucket", "%00"])
    def test_bucket_segment_cannot_smuggle_a_path(self, target: Target, path: str) -> None:
        for door in ("", "public/", "info/", "authenticated/"):
            assert 400 <= send(target, "GET", f"/object/{door}{path}").status < SERVER_FAILURE

    @pytest.mark.parametrize("name", ["\ud800", "a\x00b"], ids=ascii)
    def test_json_names_that_are_no_text_store_nothing(
        self, service: httpx.Client, bucket: str, name: str
    ) -> None:
        put_object(service, bucket, "a.txt")
        body = json.dumps({"bucketId": bucket, "sourceKey": "a.txt", "destinationKey": name})
        headers = {"content-type": "application/json"}
        answer = service.post("/object/copy", content=body, headers=headers)
        assert error_of(answer).status_code == "400"
        assert names_in(service, bucket) == ["a.txt"]

    @pytest.mark.parametrize("text", ["\ud800", "\x00", "x" * 5000, "%" * 500, "_" * 500], ids=range(5))
    def test_hostile_search_text_is_no_server_failure(
        self, service: httpx.Client, bucket: str, text: str
    ) -> None:
        for path, body in (
            (f"/object/list/{bucket}", {"prefix": text, "search": text}),
            (f"/object/list-v2/{bucket}", {"prefix": text, "with_delimiter": True}),
            (f"/object/sign/{bucket}", {"expiresIn": 60, "paths": [text]}),
        ):
            headers = {"content-type": "application/json"}
            assert service.post(path, content=json.dumps(body), headers=headers).status_code < SERVER_FAILURE
        names = json.dumps({"prefixes": [text]})
        answer = service.request(
            "DELETE", f"/object/{bucket}", content=names, headers={"content-type": "application/json"}
        )
        assert answer.status_code < SERVER_FAILURE


class TestHeaders:
    @pytest.mark.parametrize(
        "value", ["a%0d%0aSet-Cookie:%20x=1", "a%0aX-Injected:%201", "%00", "a%E2%80%A8b"]
    )
    def test_download_name_cannot_inject_headers(
        self, target: Target, service: httpx.Client, bucket: str, value: str
    ) -> None:
        put_object(service, bucket, "a.txt", b"x")
        answer = send(target, "GET", f"/object/{bucket}/a.txt?download={value}")
        assert answer.status in (200, 400)
        assert not {"set-cookie", "x-injected"} & set(answer.headers)
        assert "\n" not in answer.headers.get("content-disposition", "")

    @pytest.mark.parametrize("header", ["Cache-Control", "Content-Type", "X-Robots-Tag"])
    @pytest.mark.parametrize("value", ["a\rX-Injected: 1", "a\x00b", "a\x0bb"], ids=ascii)
    def test_control_characters_in_stored_headers_are_refused_or_dropped(
        self, target: Target, service: httpx.Client, bucket: str, header: str, value: str
    ) -> None:
        stored = send(target, "POST", f"/object/{bucket}/a.txt", (header, value), body=b"x")
        assert stored.status < SERVER_FAILURE
        answer = send(target, "GET", f"/object/{bucket}/a.txt")
        assert answer.status < SERVER_FAILURE
        assert "x-injected" not in answer.headers
        assert not any(character in answer.headers.get(header.lower(), "") for character in "\r\n\x00\x0b")

    @pytest.mark.parametrize("field", ["cacheControl", "contentType"])
    def test_form_fields_cannot_inject_headers(self, service: httpx.Client, bucket: str, field: str) -> None:
        data = {field: "60\r\nX-Injected: 1"}
        service.post(object_path(bucket, "a"), data=data, files={"file": ("x", b"x", "text/plain")})
        answer = get_object(service, bucket, "a")
        assert answer.status_code < SERVER_FAILURE
        assert "x-injected" not in answer.headers

    def test_copied_metadata_cannot_inject_headers(self, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        evil = "a/b\r\nX-Injected: 1"
        body = {
            "bucketId": bucket,
            "sourceKey": "a",
            "destinationKey": "b",
            "copyMetadata": False,
            "metadata": {"mimetype": evil, "cacheControl": evil},
        }
        assert service.post("/object/copy", json=body).status_code < SERVER_FAILURE
        answer = get_object(service, bucket, "b")
        assert answer.status_code < SERVER_FAILURE
        assert "x-injected" not in answer.headers

    @pytest.mark.parametrize(
        "value",
        [
            "bytes=" + ",".join(f"{at}-{at}" for at in range(3000)),
            "bytes=" + "0-," * 5000,
            "bytes=0-9,5-14,0-",
            "bytes=" + "9" * 4000 + "-",
            "bytes=-" + "9" * 4000,
            "bytes=5-2",
            "bytes=a-b",
            "bytes=--1",
            "bytes=1",
            "bytes=",
            "lines=0-1",
            "bytes=0x1-2",
            "bytes=\u0661-\u0662",
        ],
        ids=range(13),
    )
    def test_range_bombs_and_nonsense_stay_cheap(
        self, target: Target, service: httpx.Client, bucket: str, value: str
    ) -> None:
        put_object(service, bucket, "a.txt", b"0123456789")
        encoded = value.encode().decode("latin-1")
        answer = send(target, "GET", f"/object/{bucket}/a.txt", ("Range", encoded))
        assert answer.status in (200, 206, 416, 431, 400)
        assert len(answer.body) < 1000
        assert "multipart" not in answer.headers.get("content-type", "")

    def test_ten_thousand_headers_are_refused(self, target: Target, service: httpx.Client) -> None:
        headers = [(f"X-Header-{number}", "x" * 50) for number in range(10_000)]
        answer = exchange(
            target,
            request_bytes(target, "GET", "/bucket", headers=headers, token=target.token("service_role")),
        )
        assert answer == HUNG_UP or 400 <= answer.status < SERVER_FAILURE
        assert service.get("/status").status_code == 200

    @pytest.mark.parametrize(
        "value", ["x" * 20_000, "\xff\xfe", "Bearer " + "a." * 3000], ids=["long", "latin-1", "dots"]
    )
    def test_hostile_credentials_are_refused(self, target: Target, value: str) -> None:
        answer = exchange(target, request_bytes(target, "GET", "/bucket", headers=[("Authorization", value)]))
        assert 400 <= answer.status < SERVER_FAILURE

    @pytest.mark.parametrize("host", ["evil.example", "evil.example/storage/v1/bucket?x=", "a b", ""])
    def test_host_header_does_not_change_who_may_read(self, target: Target, bucket: str, host: str) -> None:
        payload = (
            f"GET {target.base_path}/bucket/{bucket} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        answer = exchange(target, payload.encode())
        assert 400 <= answer.status < SERVER_FAILURE
        assert b"evil.example" not in answer.body

    @pytest.mark.parametrize(
        "value",
        [
            base64.b64encode(b"\xff\xfe").decode(),
            base64.b64encode(b'{"a":1').decode(),
            base64.b64encode(b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}").decode(),
            base64.b64encode(b'{"a":"\\ud800"}').decode(),
            base64.b64encode(b'{"a":"\\u0000"}').decode(),
            base64.b64encode(b'{"a":1e999,"b":' + b"9" * 400 + b"}").decode(),
            "%%%",
        ],
        ids=range(7),
    )
    def test_metadata_garbage_is_no_server_failure(
        self, service: httpx.Client, bucket: str, value: str
    ) -> None:
        assert put_object(service, bucket, "a", b"x", {"x-metadata": value}).status_code < SERVER_FAILURE
        assert service.get(object_path(bucket, "a", "info")).status_code < SERVER_FAILURE
        assert service.post(f"/object/list/{bucket}", json={"prefix": ""}).status_code == 200


class TestContent:
    @pytest.mark.parametrize(
        "kind",
        [
            "text/html",
            "TEXT/HTML",
            "text/html;charset=utf-7",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "text/javascript",
        ],
    )
    def test_active_content_is_sandboxed(
        self, service: httpx.Client, nobody: httpx.Client, public_bucket: str, kind: str
    ) -> None:
        put_object(service, public_bucket, "a", b"<script>alert(1)</script>", {"content-type": kind})
        answer = nobody.get(object_path(public_bucket, "a", "public"))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert not answer.headers["content-type"].lower().startswith("text/html")

    def test_errors_cannot_be_rendered(self, nobody: httpx.Client) -> None:
        answer = nobody.get("/object/public/%3Cscript%3Ealert(1)%3C%2Fscript%3E/x")
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_compressed_uploads_are_never_inflated(self, service: httpx.Client, bucket: str) -> None:
        bomb = zlib.compress(b"\x00" * 10_000_000)
        put_object(service, bucket, "bomb", bomb, {"content-encoding": "deflate"})
        with service.stream("GET", object_path(bucket, "bomb")) as answer:
            assert b"".join(answer.iter_raw()) == bomb


def test_a_stored_script_cannot_become_a_service_worker(service: httpx.Client, bucket: str) -> None:
    assert put_object(service, bucket, "worker.js", b"/* a script */").is_success
    url = f"/object/authenticated/{bucket}/worker.js"
    assert service.get(url).is_success
    assert error_of(service.get(url, headers={"Service-Worker": "script"})).status_code == "403"


@pytest.mark.parametrize("depth", [200, 300, 600, 1000, 5000])
def test_metadata_is_refused_or_can_be_read_back_however_deep_it_is(
    service: httpx.Client, bucket: str, depth: int
) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    headers = {"x-metadata": base64.b64encode(nested.encode()).decode()}
    assert service.post(object_path(bucket, "deep"), content=b"x", headers=headers).status_code in {200, 400}
    assert service.get(object_path(bucket, "deep", "info")).status_code in {200, 400}
    assert service.request("DELETE", f"/object/{bucket}", json={"prefixes": ["deep"]}).status_code == 200
