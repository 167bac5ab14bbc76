"""What every test of the admin UI does: sign in, go somewhere, look with the eyes of axe, keep a picture."""

import struct
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from playwright.sync_api import APIRequestContext, Page

from tests.contract.client import Target
from tests.requirement import skip_without

from .support_server import ROOT

PICTURES = ROOT / "artifacts" / "ui"
_AXE = ROOT / "admin_ui" / "node_modules" / "axe-core" / "axe.min.js"
# Playwright looks again each half second where something takes a while; this looks all the time. It is a head
# start only: each test still waits for what it wants to see.
_LOADED = """() => new Promise((resolve) => {
  const isThere = () =>
    document.querySelector('main *') && !document.querySelector('main :is(.skeleton, [aria-busy=true])');
  const look = () => (isThere() || performance.now() > 10_000 ? resolve() : setTimeout(look, 10));
  look();
})"""
# What is right is not asked for: to tell of it takes longer than to find it.
_LOOK = """(rules) => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })
  .then(({ violations }) => violations)"""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def admin_url(target: Target, path: str = "") -> str:
    """Return the address of a page of the admin UI. path: relative to `/admin/`."""
    return f"{target.url.removesuffix('/storage/v1')}/admin/{path}"


def folder_path(bucket: str, prefix: str = "") -> str:
    """Return the path of a folder's page, relative to `/admin/`. prefix: ends with a slash, or is empty."""
    return f"buckets/{quote(bucket, safe='')}/{quote(prefix.removesuffix('/'))}"


def start_session(requests: APIRequestContext, target: Target, token: str) -> str:
    """Give a browser context the cookie of a new session, without a page; return the session's id."""
    answer = requests.post(
        admin_url(target, "api/session"),
        data={"key": token},
        headers={"x-aerostore-csrf": "1", "origin": admin_url(target).removesuffix("/admin/")},
    )
    assert answer.ok, answer.text()
    session_id: str = answer.json()["session"]["id"]
    return session_id


def visit(page: Page, target: Target, path: str = "") -> None:
    """Open a page of the admin UI, and return about when it has its data. path: below `/admin/`."""
    page.goto(admin_url(target, path))
    page.evaluate(_LOADED)


def sign_in(page: Page, target: Target, path: str = "", role: str = "service_role", **claims: Any) -> str:
    """Open a page as somebody who is signed in already; return the session's id. path: below `/admin/`.

    Once for a page: what it asks at that moment is refused when another session begins.
    """
    session_id = start_session(page.context.request, target, target.token(role, **claims))
    visit(page, target, path)
    return session_id


def reload(page: Page) -> None:
    """Load the page again, and return about when it has its data."""
    page.reload()
    page.evaluate(_LOADED)


def violations(page: Page, rules: Sequence[str] = RULES) -> list[str]:
    """Return what axe finds wrong with the page as it is, one line each. rules: tags or ids of axe."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe_source())
    return [_told(violation) for violation in page.evaluate(_LOOK, list(rules))]


def picture(page: Page, name: str) -> None:
    """Keep what is seen now as artifacts/ui/<name>.png, for people to look at."""
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def png(width: int = 64, height: int = 48) -> bytes:
    """Return a picture: a gradient, so that it is seen whether it is there."""
    rows = b"".join(
        b"\0" + bytes(part for x in range(width) for part in (x * 255 // width, y * 255 // height, 128))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, body) for kind, body in chunks)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@cache
def _axe_source() -> str:
    if not _AXE.exists():
        skip_without("chromium", "the admin UI with axe: its packages are missing (make services)")
    return _AXE.read_text()


def _told(violation: dict[str, Any]) -> str:
    elements = [
        f"{node['html'][:160]} -- {node.get('failureSummary', '')[:240]}" for node in violation["nodes"][:3]
    ]
    return f"{violation['id']} ({violation['impact']}): {elements}"
