"""Cross-origin requests: what browsers ask before they send one, and what they learn from an answer."""

from collections.abc import Awaitable, Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from aerostore.api.request import ADMIN, headers_of

_Headers = Sequence[tuple[bytes, bytes]]


class Cors(CORSMiddleware):
    """Starlette's middleware; a request without Origin, which no script sent, takes a short way.

    Below /admin, where cookies count, nothing is granted to any other origin.
    All that its answer says is what it depends on. Source: Fetch standard, CORS protocol and HTTP caches.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if ADMIN in scope:
            await self.app(scope, receive, send)
        elif scope["type"] != "http" or "origin" in headers_of(scope):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, _varying(send))


def _varying(send: Send) -> Send:
    def send_varying(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = _with_origin(message.get("headers", []))
        return send(message)

    return send_varying


def _with_origin(headers: _Headers) -> _Headers:
    """Return `headers` with Origin as the last field that Vary names, in one header."""
    places = [place for place, (name, _value) in enumerate(headers) if name == b"vary"]
    if not places:
        return [*headers, (b"vary", b"Origin")]
    first, merged = places[0], b", ".join([*(headers[place][1] for place in places), b"Origin"])
    others = [header for header in headers[first + 1 :] if header[0] != b"vary"]
    return [*headers[:first], (b"vary", merged), *others]
