"""The paths below /admin: which requests are theirs, and the public API as it is seen from there."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aerostore.api.gate import BASE_PATH, own_path
from aerostore.api.request import ADMIN

# Pages of other origins have no use of an answer.
_ISOLATED = (b"cross-origin-resource-policy", b"same-origin")
_NOT_KEPT = (b"cache-control", b"no-store")
_ABOUT_CACHES = {b"cache-control", b"expires"}
_Headers = Sequence[tuple[bytes, bytes]]
ADMIN_PATH = "/admin"
API_PATH = f"{ADMIN_PATH}/api"
STORAGE_PATH = ADMIN_PATH + BASE_PATH


class AdminArea:
    """Wraps the application. Requests below /admin are marked, and those for the storage find it there.

    The application sees /admin/storage/v1 as /storage/v1 of an application that is mounted at /admin: the
    same routes, with addresses of their own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http" or ADMIN_PATH not in scope["path"]:
            await self._app(scope, receive, send)
            return
        scope = _marked(scope)
        await self._app(scope, receive, _guarding(send, scope[ADMIN]) if ADMIN in scope else send)


def _marked(scope: Scope) -> Scope:
    path = own_path(scope)
    if path.startswith(f"{STORAGE_PATH}/"):
        return {**scope, "root_path": scope.get("root_path", "") + ADMIN_PATH, ADMIN: path}
    if path == ADMIN_PATH or path.startswith(f"{ADMIN_PATH}/"):
        return {**scope, ADMIN: path}
    return scope


def _guarding(send: Send, path: str) -> Send:
    """Return `send` with headers that an answer to a cookie needs, in place of what is said elsewhere."""
    is_storage = path.startswith(f"{STORAGE_PATH}/")

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [each for each in message.get("headers", []) if each[0] != _ISOLATED[0]]
            message["headers"] = [*(_asked_again(headers) if is_storage else headers), _ISOLATED]
        await send(message)

    return send_guarded


def _asked_again(headers: _Headers) -> _Headers:
    """Return the headers of a file for a cache that asks before it shows the file again.

    Who is signed in may be somebody else by then, whatever Cache-Control the file was stored with.
    """
    if _NOT_KEPT in headers:
        return headers
    return [
        *(each for each in headers if each[0] not in _ABOUT_CACHES),
        (b"cache-control", b"private, no-cache"),
    ]
