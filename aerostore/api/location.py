"""Addresses that an answer names: where clients reach what is below /storage/v1."""

import re
from posixpath import relpath

from starlette.requests import Request

from aerostore.api.gate import BASE_PATH, route_path
from aerostore.api.request import ADMIN

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
    Below /admin it is a relative one: the cookie is for the address that the browser asked, whatever it is.
    """
    if ADMIN in request.scope:
        return relpath(path, start=route_path(request.scope).rpartition("/")[0])
    if public_url:
        return f"{public_url.rstrip('/')}{BASE_PATH}{path}"
    return with_host(request, f"{request.scope.get('root_path', '')}{BASE_PATH}{path}")


def with_host(request: Request, path: str) -> str:
    """Return the URL of `path`, which the client sees as it is: absolute when nothing tells of a proxy."""
    host = request.headers.get("host", "")
    if any(name in request.headers for name in PROXY_HEADERS) or not _HOST.fullmatch(host):
        return path
    return f"{request.scope['scheme']}://{host}{path}"
