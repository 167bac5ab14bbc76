"""What tus asks of HTTP before any route is found: other methods in a header, and answers to preflights."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aerostore.api.gate import route_path

PREFIX = "/upload/resumable"
_OVERRIDES = {b"PATCH", b"DELETE", b"HEAD"}


class TusEdge:
    """Wraps an application, with its answers to preflights; touches requests to the tus door only.

    capabilities: the headers that tell what the door can. A browser asks with OPTIONS whether it may send a
    request, and the same answer must serve clients that ask what the server can.
    """

    def __init__(self, app: ASGIApp, *, capabilities: Mapping[str, str]) -> None:
        self._app = app
        self._capabilities = [(name.lower().encode(), text.encode()) for name, text in capabilities.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not is_tus(route_path(scope)):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._app(scope, receive, self._with_capabilities(send))
        else:
            await self._app(_with_meant_method(scope), receive, send)

    def _with_capabilities(self, send: Send) -> Send:
        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                kept = [each for each in message["headers"] if not each[0].startswith(b"content-")]
                message = {**message, "status": 204, "headers": [*kept, *self._capabilities]}
            elif message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        return send_with


def is_tus(path: str) -> bool:
    """Tell whether a path below /storage/v1 is the tus door's."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _with_meant_method(scope: Scope) -> Scope:
    """Return the scope with the method of X-HTTP-Method-Override, for clients that can only GET and POST."""
    if scope["method"] != "POST":
        return scope
    meant = {value.upper() for name, value in scope["headers"] if name == b"x-http-method-override"}
    if len(meant) == 1 and meant <= _OVERRIDES:
        return {**scope, "method": meant.pop().decode()}
    return scope
