"""What every request passes, whichever door it takes: request id, path rules, the last catch, one log line.

Pure ASGI. Only the decoded path and the request id go into the log: no query, no headers, no bodies.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aerostore.api.error_response import to_response
from aerostore.domain import has_control_character, printable
from aerostore.errors import InvalidInput, InvalidKey, StorageError
from aerostore.telemetry import Telemetry

logger = logging.getLogger("aerostore.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(slots=True)
class _Outcome:
    """What the log line tells: filled in while the response goes out."""

    status: int = 0
    sent_bytes: int = 0


class Gate:
    """Wraps an ASGI application. now: a monotonic clock in seconds."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        telemetry: Telemetry,
        strict: bool,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._strict = strict
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and account for it; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, outcome = self._now(), _Outcome()
        scope["aerostore.request_id"] = request_id = _request_id(scope)

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            elif message["type"] == "http.response.body":
                outcome.sent_bytes += len(message.get("body", b""))
            await send(message)

        with self._telemetry.requests_in_flight.track_inprogress():
            try:
                await self._serve(scope, receive, send_counted, outcome)
            finally:
                self._account(scope, outcome, self._now() - started)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, outcome: _Outcome) -> None:
        request = Request(scope)
        try:
            check_path(scope)
            await self._app(scope, receive, send)
        except Exception as exc:
            if outcome.status:
                raise  # the response has begun: nothing can be mapped any more, the server cuts it off
            error = exc if isinstance(exc, StorageError) else StorageError("Internal Server Error")
            if error is not exc:
                logger.exception("unexpected failure", extra={"facts": _identity(scope)})
            await to_response(request, error, strict=self._strict)(scope, receive, send)

    def _account(self, scope: Scope, outcome: _Outcome, seconds: float) -> None:
        operation = getattr(scope.get("route"), "name", None) or "none"
        status = outcome.status or 499
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._telemetry.request_duration.labels(method, operation, str(status)).observe(seconds)
        facts = {
            **_identity(scope),
            "operation": operation,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "sent_bytes": outcome.sent_bytes,
            **scope.get("aerostore.facts", {}),
        }
        logger.info("request", extra={"facts": facts})


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _request_id(scope: Scope) -> str:
    """Return the client's id if it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return secrets.token_hex(8)


def _identity(scope: Scope) -> dict[str, str]:
    return {
        "request_id": scope["aerostore.request_id"],
        "method": scope["method"],
        "path": printable(scope["path"], limit=1200),
    }


def check_path(scope: Scope) -> None:
    """Refuse paths that cannot be decoded exactly once into text; put the decoded one into `scope`.

    Servers decode leniently: they replace what is not UTF-8 and keep broken escapes.
    Raises: InvalidInput, InvalidKey. Source: RFC 3986 section 2.1.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        raw = raw.partition(b"?")[0]
        if _BAD_ESCAPE.search(raw):
            raise InvalidInput(
                "The path holds an invalid percent escape", hint="Percent-encode the object name as UTF-8."
            )
        try:
            scope["path"] = unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidKey("Invalid key: the path is not valid UTF-8") from None
    if has_control_character(scope["path"]):
        raise InvalidKey(f"Invalid key: {printable(scope['path'])}")
