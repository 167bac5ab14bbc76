"""Cross-origin requests: what a browser needs before supabase-js may talk to the server."""

import httpx
import pytest

from .client import object_path, put_object

ORIGIN = "http://localhost:3000"
REQUESTED = (
    "authorization, apikey, content-type, x-client-info, x-upsert, x-metadata, cache-control, range, "
    "if-none-match, x-signature, traceparent, x-supabase-client-platform"
)


def preflight(caller: httpx.Client, path: str, method: str, origin: str = ORIGIN) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": REQUESTED,
    }
    return caller.options(path, headers=headers)


def listed(value: str) -> set[str]:
    return {entry.strip().lower() for entry in value.split(",")}


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/bucket", "GET"),
        ("/bucket", "POST"),
        ("/bucket/b", "PUT"),
        ("/bucket/b", "DELETE"),
        ("/object/b/a", "POST"),
        ("/object/b/a", "HEAD"),
        ("/object/list/b", "POST"),
        ("/object/sign/b/a", "POST"),
        ("/object/upload/sign/b/a", "PUT"),
    ],
)
def test_preflight_allows_what_the_clients_send(nobody: httpx.Client, path: str, method: str) -> None:
    answer = preflight(nobody, path, method)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
    assert method.lower() in listed(answer.headers["access-control-allow-methods"])
    assert listed(REQUESTED) <= listed(answer.headers["access-control-allow-headers"])


def test_answers_can_be_read_across_origins(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    answer = service.get(object_path(bucket, "a.txt"), headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)
    exposed = listed(answer.headers["access-control-expose-headers"])
    assert exposed >= {"etag", "content-range", "content-disposition"} or "*" in exposed


def test_errors_can_be_read_across_origins(nobody: httpx.Client) -> None:
    answer = nobody.get("/bucket", headers={"origin": ORIGIN})
    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000.evil.example"])
def test_credentials_are_never_shared_with_any_origin(nobody: httpx.Client, origin: str) -> None:
    for answer in (
        preflight(nobody, "/bucket", "GET", origin),
        nobody.get("/bucket", headers={"origin": origin}),
    ):
        assert answer.headers.get("access-control-allow-credentials") != "true"


def test_origin_specific_answers_vary(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt")
    answer = service.get(object_path(bucket, "a.txt"), headers={"origin": ORIGIN})
    is_for_all = answer.headers["access-control-allow-origin"] == "*"
    assert is_for_all or "origin" in answer.headers["vary"].lower()
