"""The cookie of a session: its name, its path, its flags. Source: RFC 6265, and rfc6265bis for prefixes."""

import re

from starlette.requests import Request

from aerostore.api.admin.area import ADMIN_PATH
from aerostore.errors import InvalidParameter

BASE_HEADER = "x-aerostore-base"
# A name with `__Host-` could not have a path, and the cookie would go to the public API as well.
_SECURE_NAME = "__Secure-aerostore-admin"
_PLAIN_NAME = "aerostore-admin"
_NAMES = (_SECURE_NAME, _PLAIN_NAME)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+=:@-]*)+", re.ASCII)
_MAX_PATH = 500
# One for each path that holds this one, and what other servers of the host may have set.
_MOST_TRIED = 4


def secrets_in(request: Request) -> list[str]:
    """Return what may be the secrets of sessions, in the order in which the browser sent them.

    Beside a cookie that only https can set, one that anything on the way could set counts for nothing.
    """
    found = _cookies_in(request)
    secure = [secret for name, secret in found if name == _SECURE_NAME]
    return (secure or [secret for _, secret in found])[:_MOST_TRIED]


def every_secret_in(request: Request) -> list[str]:
    """Return all that may be secrets of sessions, for whoever ends them."""
    return [secret for _, secret in _cookies_in(request)][: 2 * _MOST_TRIED]


def _cookies_in(request: Request) -> list[tuple[str, str]]:
    pairs = [pair.strip().partition("=") for pair in ";".join(request.headers.getlist("cookie")).split(";")]
    return [(name, value) for name, _, value in pairs if name in _NAMES and _SECRET.fullmatch(value)]


def cookie_path(request: Request) -> str:
    """Return the path of the UI in the browser: a proxy may have cut off what comes before it.

    Raises: InvalidParameter when what the browser says of it cannot be.
    """
    own: str = request.scope.get("root_path", "") + ADMIN_PATH
    told = request.headers.get(BASE_HEADER)
    if told is None:
        return own
    path = told.removesuffix("/")
    if len(path) > _MAX_PATH or not path.endswith(own) or not _PATH.fullmatch(path):
        raise InvalidParameter(
            f"{BASE_HEADER} is not a path that ends with {own}/", hint="Send the path of document.baseURI."
        )
    return path


def session_cookie(request: Request, secret: str, path: str) -> str:
    """Return the Set-Cookie that signs in. path: that of `cookie_path`."""
    return f"{_name(request)}={secret}{_attributes(request, path)}"


def ended_cookie(request: Request, path: str) -> str:
    """Return the Set-Cookie that takes it back. path: that of `cookie_path`."""
    return f"{_name(request)}=; Max-Age=0{_attributes(request, path)}"


def _name(request: Request) -> str:
    return _SECURE_NAME if _is_https(request) else _PLAIN_NAME


def _attributes(request: Request, path: str) -> str:
    secure = "; Secure" if _is_https(request) else ""
    return f"; Path={path}; HttpOnly; SameSite=Strict{secure}"


def _is_https(request: Request) -> bool:
    """Tell whether the browser speaks https, if only to a proxy: Origin says so, and no page writes it."""
    return request.scope["scheme"] == "https" or request.headers.get("origin", "").startswith("https://")
