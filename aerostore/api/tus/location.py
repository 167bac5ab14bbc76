"""The address of an upload, as its creator is told it."""

import re

from starlette.requests import Request

from aerostore.api.gate import BASE_PATH

PROXY_HEADERS = (
    *("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-forwarded-port", "x-forwarded-prefix"),
)
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)


def location_of(request: Request, path: str, *, public_url: str) -> str:
    """Return the URL of `path`, which is below /storage/v1.

    It is absolute when public_url tells where clients reach the server, or when nothing tells of a proxy in
    between. Behind a proxy only it knows its scheme and host, and what it adds to a request anybody can
    write: then the URL is a path, which clients resolve against the one that they asked (RFC 9110 10.2.2).
    """
    if public_url:
        return f"{public_url.rstrip('/')}{BASE_PATH}{path}"
    local = f"{request.scope.get('root_path', '')}{BASE_PATH}{path}"
    host = request.headers.get("host", "")
    if any(name in request.headers for name in PROXY_HEADERS) or not _HOST.fullmatch(host):
        return local
    return f"{request.scope['scheme']}://{host}{local}"
