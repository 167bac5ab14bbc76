"""What every request passes, whichever door it takes: request id, path rules, the last catch, one log line.

Pure ASGI. Only the decoded path and the request id go into the log: no query, no headers, no bodies.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aerostore.api.admission import MAX_REQUESTS, Admission
from aerostore.api.error_response import to_response
from aerostore.api.request import ADMIN, DoorRequest, RequestHeaders, headers_of
from aerostore.api.within import within
from aerostore.domain import printable
from aerostore.errors import AccessDenied, InvalidInput, InvalidKey, MalformedPath, StorageError
from aerostore.service.identifier import new_request_id
from aerostore.telemetry import Telemetry

MAX_DRAINED_BYTES = 1024 * 1024
_DRAIN_TIMEOUT_S = 2.0
# granian lets go of a body a moment after a read of it was cancelled. Were the response complete before that,
# the connection would stay open until the client closes it.
_LET_GO_S = 0.2
SEND_TIMEOUT_S = 300.0
BASE_PATH = "/storage/v1"
Renderer = Callable[[Request, StorageError], Response]
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")
logger = logging.getLogger("aerostore.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class _StalledReader(Exception):
    """The client has stopped taking what it asked for."""


@dataclass(slots=True)
class _Exchange:
    """One request and its response, as far as they have come."""

    receive: Receive
    send: Send
    send_timeout_s: float
    request_id: str
    body_ended: bool
    awaits_go: bool
    gave_up_body: bool = False
    status: int = 0
    sent_bytes: int = 0

    async def receive_noting_end(self) -> Message:
        self.awaits_go = False
        try:
            message = await self.receive()
        except asyncio.CancelledError:
            self.gave_up_body = True
            raise
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.body_ended = True
        return message

    async def send_with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._complete(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            if self.gave_up_body and not self.body_ended and not message.get("more_body", False):
                await asyncio.sleep(_LET_GO_S)
        try:
            await within(self.send_timeout_s, self.send(message))
        except TimeoutError:
            raise _StalledReader from None

    def _complete(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the headers of a response with those that every response has."""
        complete = [*headers, (b"x-request-id", self.request_id.encode())]
        if _NO_SNIFFING not in complete:
            complete.append(_NO_SNIFFING)
        if not self.body_ended:
            # The server will not read the rest: a client must not reuse the connection (RFC 9112 9.6).
            complete.append((b"connection", b"close"))
        return complete

    async def drain(self) -> None:
        """Read what is left of a small refused body, so that the client can read the refusal.

        Of one whose client waits to be asked for it nothing: to read it is to ask (RFC 9110 section 10.1.1).
        """
        if self.awaits_go:
            return
        left = MAX_DRAINED_BYTES
        try:
            async with asyncio.timeout(_DRAIN_TIMEOUT_S):
                while not self.body_ended and left > 0:
                    left -= len((await self.receive_noting_end()).get("body", b""))
        except TimeoutError:
            return


def own_path(scope: Scope) -> str:
    """Return the path as the application has it, wherever it is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def route_path(scope: Scope) -> str:
    """Return the path below /storage/v1, wherever the application is mounted."""
    return own_path(scope).removeprefix(BASE_PATH)


class Gate:
    """Wraps an ASGI application. on_refusal: sees each error before it is answered, and may add a hint.

    renderers: how doors that are not REST show errors, by the beginning of their paths.
    max_requests: served at once by this process. send_timeout_s: how long a client may take for one piece
    of a response. now: a monotonic clock in seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        telemetry: Telemetry,
        strict: bool,
        on_refusal: Callable[[Request, StorageError], None] | None = None,
        renderers: Mapping[str, Renderer] | None = None,
        max_requests: int = MAX_REQUESTS,
        send_timeout_s: float = SEND_TIMEOUT_S,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._strict = strict
        self._on_refusal = on_refusal
        self._renderers = renderers or {}
        self._admission = Admission(max_requests)
        self._send_timeout_s = send_timeout_s
        self._now = now
        self._in_flight = 0
        telemetry.requests_in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and account for it; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        scope["aerostore.request_id"] = request_id = _request_id(headers)
        exchange = _Exchange(
            receive,
            send,
            self._send_timeout_s,
            request_id,
            body_ended=not _announces_body(headers),
            awaits_go=_awaits_go(headers),
        )
        started = self._now()
        self._in_flight += 1
        try:
            await self._serve(scope, exchange)
        finally:
            self._in_flight -= 1
            self._account(scope, exchange, self._now() - started)

    async def _serve(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            check_path(scope)
            check_headers(headers_of(scope))
            with self._admission.admit(route_path(scope)):
                await self._app(scope, exchange.receive_noting_end, exchange.send_with_headers)
        except _StalledReader:
            scope["aerostore.facts"] = {**scope.get("aerostore.facts", {}), "stalled": True}
        except Exception as exc:
            if exchange.status:
                raise  # the response has begun: nothing can be mapped any more, the server cuts it off
            error = exc if isinstance(exc, StorageError) else StorageError("Internal Server Error")
            if error is not exc:
                logger.exception("unexpected failure", extra={"facts": _identity(scope)})
            request = DoorRequest(scope)
            if self._on_refusal is not None:
                self._on_refusal(request, error)
            await exchange.drain()
            response = self._render(request, error)
            await response(scope, exchange.receive_noting_end, exchange.send_with_headers)

    def _render(self, request: Request, error: StorageError) -> Response:
        path = route_path(request.scope)
        for prefix, render in self._renderers.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return render(request, error)
        return to_response(request, error, strict=self._strict or ADMIN in request.scope)

    def _account(self, scope: Scope, exchange: _Exchange, seconds: float) -> None:
        operation = getattr(scope.get("route"), "name", None) or "none"
        status = exchange.status or 499
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._telemetry.request_ended(method, operation, status, seconds)
        facts = {
            **_identity(scope),
            "operation": operation,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "sent_bytes": exchange.sent_bytes,
            **scope.get("aerostore.facts", {}),
        }
        logger.info("request", extra={"facts": facts})


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _request_id(headers: RequestHeaders) -> str:
    """Return the client's id if it is harmless, else a new one."""
    for given in headers.getlist("x-request-id"):
        if _REQUEST_ID.fullmatch(given):
            return given
    return new_request_id()


def _announces_body(headers: RequestHeaders) -> bool:
    return "transfer-encoding" in headers or any(
        length != "0" for length in headers.getlist("content-length")
    )


def _awaits_go(headers: RequestHeaders) -> bool:
    return any(each.lower() == "100-continue" for each in headers.getlist("expect"))


def _identity(scope: Scope) -> dict[str, str]:
    return {
        "request_id": scope["aerostore.request_id"],
        "method": scope["method"],
        "path": printable(scope["path"], limit=1200),
    }


def check_headers(headers: RequestHeaders) -> None:
    """Refuse requests that no client of ours sends and that could fool somebody.

    A body in a transfer coding that the server does not undo would be stored as it is on the wire; a
    stored script must not become a service worker. Source: RFC 9112 section 6.1, Service Workers 6.2.
    Raises: InvalidInput, AccessDenied.
    """
    coding = headers.get("transfer-encoding", "chunked")
    if coding.strip().lower() != "chunked":
        raise InvalidInput("Only the chunked transfer coding is understood")
    if "service-worker" in headers:
        raise AccessDenied("Stored files cannot be service workers")


def check_path(scope: Scope) -> None:
    """Refuse paths that cannot be decoded exactly once into text; put the decoded one into `scope`.

    Servers decode leniently: they replace what is not UTF-8 and keep broken escapes.
    Raises: MalformedPath, InvalidKey. Source: RFC 3986 section 2.1.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        raw = raw.partition(b"?")[0]
        if _BAD_ESCAPE.search(raw):
            raise MalformedPath
        try:
            scope["path"] = unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidKey("Invalid key: the path is not valid UTF-8") from None
