"""The address that the creator of an upload is told, whoever stands between client and server."""

import pytest
from starlette.requests import Request

from aerostore.api.location import location_of
from aerostore.api.request import ADMIN

PATH = "/upload/resumable/id"


def asked(*headers: tuple[str, str], root_path: str = "", scheme: str = "http") -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "headers": raw, "root_path": root_path, "scheme": scheme})


def test_location_is_absolute_when_nobody_stands_between() -> None:
    request = asked(("Host", "127.0.0.1:8000"))
    assert location_of(request, PATH, public_url="") == f"http://127.0.0.1:8000/storage/v1{PATH}"


@pytest.mark.parametrize("host", ["files.example:8443", "[::1]:8000", "localhost"])
def test_location_keeps_the_host_that_the_client_named(host: str) -> None:
    request = asked(("Host", host), scheme="https", root_path="/files")
    assert location_of(request, PATH, public_url="") == f"https://{host}/files/storage/v1{PATH}"


@pytest.mark.parametrize("public_url", ["https://files.example/api", "https://files.example/api/"])
def test_public_url_wins_over_all_that_a_request_says(public_url: str) -> None:
    request = asked(("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), root_path="/mounted")
    assert location_of(request, PATH, public_url=public_url) == f"https://files.example/api/storage/v1{PATH}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Port", "99"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Real-Ip", "192.0.2.1"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("Via", "1.1 proxy"),
    ],
)
def test_location_behind_a_proxy_is_a_path_that_nothing_can_poison(name: str, value: str) -> None:
    request = asked(("Host", "inside:8000"), (name, value), root_path="/files")
    assert location_of(request, PATH, public_url="") == f"/files/storage/v1{PATH}"


@pytest.mark.parametrize("host", ["", "a b", "user@host", "host/path", "h\u00f6st", "host:port", "ho\\st"])
def test_location_is_a_path_when_the_host_is_none(host: str) -> None:
    assert location_of(asked(("Host", host)), PATH, public_url="") == f"/storage/v1{PATH}"


def test_location_is_a_path_without_any_host() -> None:
    assert location_of(asked(), PATH, public_url="") == f"/storage/v1{PATH}"


@pytest.mark.parametrize("public_url", ["", "https://files.example/api"])
@pytest.mark.parametrize(("asked_at", "told"), [("", "resumable/id"), ("/", "id")])
def test_below_admin_the_location_is_relative_whatever_stands_between(
    asked_at: str, told: str, public_url: str
) -> None:
    """The cookie is for the address that the browser asked, which only the browser knows."""
    request = asked(("Host", "inside:8000"), ("X-Forwarded-Host", "evil.example"), root_path="/files/admin")
    request.scope["path"] = f"/files/admin/storage/v1/upload/resumable{asked_at}"
    request.scope[ADMIN] = request.scope["path"]
    assert location_of(request, PATH, public_url=public_url) == told
