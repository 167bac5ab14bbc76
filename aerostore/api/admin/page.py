"""The admin UI itself: one page for every address of it, and its files.

The page runs nothing but the scripts of its own origin, and nothing may show it in a frame.
Source: CSP Level 3, Trusted Types (W3C).
"""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from aerostore.api.admin.area import ADMIN_PATH
from aerostore.api.admin.bundle import INDEX, Asset, Bundle
from aerostore.api.gate import own_path
from aerostore.domain import printable
from aerostore.errors import NoSuchRoute

BASE_MARK = b"__AEROSTORE_BASE__"
NONCE_MARK = b"__AEROSTORE_NONCE__"
_NO_PAGES = ("api/", "storage/", "assets/")
_IMMUTABLE = "public, max-age=31536000, immutable"
_MISSING = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>The admin UI is not built</title>"
    "<h1>The admin UI is not built</h1>"
    "<p>The storage itself works. In a checkout of aerostore, <code>make ui</code> builds the UI; it needs"
    " Node.js 20.19, or 22.12 and newer, or lets pip fetch one. A released wheel has it inside:"
    " <code>pip install --force-reinstall aerostore</code>.</p>"
    "<p>This page finds it as soon as it is there.</p></html>"
)


def content_policy(nonce: str) -> str:
    """Return the Content-Security-Policy of the page. nonce: for the style sheets that scripts add."""
    return (
        "default-src 'none'; script-src 'self'"
        f"; style-src 'self' 'nonce-{nonce}'; style-src-attr 'none'"
        "; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'"
        "; frame-src 'self' blob:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
        "; object-src 'none'; require-trusted-types-for 'script'"
    )


def base_of(scope: Scope) -> str:
    """Return the way from the address of a page back to /admin/, as the browser resolves it.

    Counted, not named: a proxy may have cut off what the browser has before /admin, and an escaped slash in
    the address is none. Source: RFC 3986 section 5.2.
    """
    path: str = scope["path"]
    above = path[: len(path) - len(own_path(scope))] + ADMIN_PATH
    raw: bytes = scope.get("raw_path") or path.encode()
    depth = raw.partition(b"?")[0].count(b"/") - above.count("/")
    if depth <= 0:
        return f"{ADMIN_PATH[1:]}/"
    return "../" * (depth - 1) or "./"


class PageDoor:
    """Serves the built UI, or says that there is none."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def routes(self) -> list[Route]:
        """List the routes; they come after all others below /admin."""
        return [
            Route(path, self.show, methods=["GET"], name="admin.ui", include_in_schema=False)
            for path in (ADMIN_PATH, f"{ADMIN_PATH}/{{path:name}}")
        ]

    async def show(self, request: Request) -> Response:
        """GET, HEAD /admin and below: a file of the UI, else the page. Raises: NoSuchRoute."""
        path: str = request.path_params.get("path", "")
        asset = self._bundle.assets().get(path)
        if asset is not None and path != INDEX:
            return _file(request, asset)
        if path.startswith(_NO_PAGES) or path in {"api", "storage"}:
            raise NoSuchRoute(f"Route {request.method}:{printable(own_path(request.scope))} not found")
        if not self._bundle.is_built():
            return _page(_MISSING.encode(), "default-src 'none'; frame-ancestors 'none'", status=503)
        return self._index(request)

    def _index(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = self._bundle.assets()[INDEX].encoded["identity"]
        html = html.replace(BASE_MARK, base_of(request.scope).encode()).replace(NONCE_MARK, nonce.encode())
        return _page(html, content_policy(nonce), status=200)


def _page(html: bytes, policy: str, *, status: int) -> Response:
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "none",
    }
    return Response(html, status_code=status, headers=headers, media_type="text/html")


def _file(request: Request, asset: Asset) -> Response:
    coding, content = asset.best_for(",".join(request.headers.getlist("accept-encoding")))
    headers = {
        "content-type": asset.content_type,
        "cache-control": _IMMUTABLE if asset.is_hashed else "no-cache",
        "x-content-type-options": "nosniff",
        "vary": "Accept-Encoding",
    }
    if coding != "identity":
        headers["content-encoding"] = coding
    return Response(content, headers=headers)
