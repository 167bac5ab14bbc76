"""The page of the admin UI and its files: headers, forms, addresses, and what is said without them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.admin.bundle import Bundle
from aerostore.api.admin.page import PageDoor, base_of, content_policy
from aerostore.errors import NoSuchRoute

INDEX = '<base href="__AEROSTORE_BASE__"><meta name="csp-nonce" content="__AEROSTORE_NONCE__">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    for name, content in {
        "index.html": INDEX,
        "icon.svg": "<svg/>",
        "assets/main-a1.js": "plain",
        "assets/main-a1.js.br": "brotli",
        "assets/main-a1.js.gz": "gzip",
        "assets/main-a1.css": "css",
        ".ui-source-hash": "hash",
    }.items():
        (tmp_path / name).write_text(content, "utf-8")
    return tmp_path


@pytest.fixture
def door(folder: Path) -> PageDoor:
    return PageDoor(Bundle(folder))


def scope_of(raw: str, *, path: str | None = None, root: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": root + (path or raw),
        "raw_path": (root + raw).encode(),
        "root_path": root,
        "headers": [],
    }


def show(door: PageDoor, path: str, **headers: str) -> Response:
    scope = scope_of(f"/admin/{path}")
    scope["path_params"] = {"path": path}
    scope["headers"] = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return asyncio.run(door.show(Request(scope)))


@pytest.mark.parametrize(
    ("raw", "base"),
    [
        ("/admin", "admin/"),
        ("/admin/", "./"),
        ("/admin/buckets", "./"),
        ("/admin/buckets/", "../"),
        ("/admin/buckets/a/b", "../../"),
        ("/admin/buckets/a/b/", "../../../"),
        ("/admin/buckets/a//b", "../../../"),
    ],
)
def test_the_base_leads_back_to_the_ui_from_every_page(raw: str, base: str) -> None:
    assert base_of(scope_of(raw)) == base
    assert base_of(scope_of(raw, root="/files")) == base


def test_an_escaped_slash_is_part_of_a_segment_as_it_is_for_browsers() -> None:
    scope = scope_of("/admin/buckets/a%2Fb", path="/admin/buckets/a/b")
    assert base_of(scope) == "../"


def test_a_root_path_that_the_proxy_has_cut_off_does_not_count() -> None:
    scope = scope_of("/admin/buckets/a") | {"root_path": "/files"}
    assert base_of(scope) == "../"


@pytest.mark.parametrize("path", ["", "buckets/a/b", "login", "index.html", "buckets/x.js", "..", "%2e%2e/x"])
def test_every_other_path_is_the_page(door: PageDoor, path: str) -> None:
    answer = show(door, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_page_is_never_kept_and_lets_nothing_foreign_in(door: PageDoor) -> None:
    headers = show(door, "buckets/a").headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    rules = dict(rule.partition(" ")[::2] for rule in headers["content-security-policy"].split("; "))
    assert rules["default-src"] == "'none'"
    assert (
        rules["script-src"] == rules["connect-src"] == rules["form-action"] == rules["base-uri"] == "'self'"
    )
    assert rules["style-src-attr"] == rules["frame-ancestors"] == rules["object-src"] == "'none'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in headers["content-security-policy"]


def test_the_nonce_is_new_each_time_and_the_same_in_page_and_header(door: PageDoor) -> None:
    nonces = set()
    for _ in range(5):
        answer = show(door, "buckets/a")
        text = bytes(answer.body).decode()
        nonce = text.partition('csp-nonce" content="')[2].partition('"')[0]
        assert answer.headers["content-security-policy"] == content_policy(nonce)
        assert '<base href="../">' in text
        nonces.add(nonce)
    assert len(nonces) == 5
    assert min(map(len, nonces)) >= 20


@pytest.mark.parametrize(
    ("accepted", "coding", "content"),
    [
        ("gzip, deflate, br", "br", b"brotli"),
        ("br;q=0, gzip;q=0.5", "gzip", b"gzip"),
        ("gzip;q=1.0", "gzip", b"gzip"),
        ("BR", "br", b"brotli"),
        ("br; q=0.000", None, b"plain"),
        ("identity", None, b"plain"),
        ("", None, b"plain"),
    ],
)
def test_a_file_comes_in_the_best_form_that_is_welcome(
    door: PageDoor, accepted: str, coding: str | None, content: bytes
) -> None:
    answer = show(door, "assets/main-a1.js", accept_encoding=accepted)
    assert (answer.headers.get("content-encoding"), answer.body) == (coding, content)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_file_without_other_forms_comes_as_it_is(door: PageDoor) -> None:
    answer = show(door, "assets/main-a1.css", accept_encoding="br, gzip")
    assert (answer.headers.get("content-encoding"), answer.body) == (None, b"css")


def test_names_with_a_hash_are_kept_for_ever_and_others_asked_for_again(door: PageDoor) -> None:
    assert show(door, "assets/main-a1.js").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert show(door, "icon.svg").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["assets/gone.js", "assets/../index.html", "api/nowhere", "api", "storage/v1/bucket", "storage"]
)
def test_what_is_no_page_is_not_found(door: PageDoor, path: str) -> None:
    with pytest.raises(NoSuchRoute):
        show(door, path)


@pytest.mark.parametrize("path", [".ui-source-hash", "assets/main-a1.js.br"])
def test_what_is_no_file_of_the_ui_is_not_served_as_one(door: PageDoor, path: str) -> None:
    if path.startswith("assets/"):
        with pytest.raises(NoSuchRoute):
            show(door, path)
    else:
        assert b"csp-nonce" in show(door, path).body


def test_without_a_ui_a_page_without_scripts_says_what_to_do(tmp_path: Path) -> None:
    door = PageDoor(Bundle(tmp_path))
    for path in ("", "buckets/a"):
        answer = show(door, path)
        assert answer.status_code == 503
        assert b"make ui" in answer.body
        assert b"<script" not in answer.body
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_ui_that_is_built_meanwhile_is_found(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    door = PageDoor(bundle)
    assert not bundle.is_built()
    (tmp_path / "index.html").write_text(INDEX, "utf-8")
    assert bundle.is_built()
    assert show(door, "").status_code == 200
