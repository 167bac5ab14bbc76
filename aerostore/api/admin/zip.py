"""Archives as the admin UI asks for them: many objects in one answer, sent as they are read."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from aerostore.api.body import body_chunks
from aerostore.api.caller import Callers
from aerostore.api.hang_up import hung_up
from aerostore.api.rest.body import MAX_JSON_BYTES
from aerostore.api.rest.query import content_disposition
from aerostore.api.rest.schema import Field, parse_json_body, validate
from aerostore.errors import RequestBodyTooLarge, SchemaViolation
from aerostore.service.zip import Archives, Selection

SELECTION = {
    "bucket": Field(kind="string", required=True),
    "names": Field(kind="string_array"),
    "prefixes": Field(kind="string_array", max_items=1000),
    "below": Field(kind="string"),
    "file_name": Field(kind="string"),
}
_FORM_TYPE = "application/x-www-form-urlencoded"
# Percent-encoded a text may be three times as long.
_MAX_FORM_BYTES = 3 * MAX_JSON_BYTES
_JSON_TYPE = "application/json"


class ZipDoor:
    """Parses selections and sends archives."""

    def __init__(self, archives: Archives, callers: Callers, *, body_timeout_s: float) -> None:
        self._archives = archives
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route("/zip", self.send, methods=["POST"], name="storage.object.zip")]

    async def send(self, request: Request) -> Response:
        """POST /zip: JSON, or a form with the JSON in its field `selection`."""
        asked = await _read_selection(request, self._body_timeout_s)
        context = await self._callers.required(request)
        selection = Selection(
            bucket_id=asked["bucket"],
            names=asked.get("names", ()),
            prefixes=asked.get("prefixes", ()),
            below=asked.get("below", ""),
        )
        pieces = await self._archives.open(
            context, selection, confirm=lambda: self._callers.identify(request)
        )
        # What fails before the first byte is still an answer of its own.
        first = await anext(pieces)
        return ZipResponse(first, pieces, file_name=asked.get("file_name") or "archive.zip")


class ZipResponse(Response):
    """Sends an archive piece by piece, and lets go of all it holds however that ends."""

    def __init__(self, first: bytes, others: AsyncGenerator[bytes, None], *, file_name: str) -> None:
        self._first = first
        self._others = others
        headers = {
            "content-disposition": content_disposition(file_name) or "attachment",
            "cache-control": "no-store",
        }
        super().__init__(headers=headers, media_type="application/zip")
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers and pieces; stop when the client has gone, which `send` would not tell."""
        gone = asyncio.create_task(hung_up(receive))
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            await _send_piece(send, self._first)
            async for piece in self._others:
                if gone.done():
                    return
                await _send_piece(send, piece)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            await self._others.aclose()


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _read_selection(request: Request, idle_timeout_s: float) -> dict[str, Any]:
    """Return the selection in a body.

    Raises: RequestBodyTooLarge, MalformedJson, SchemaViolation.
    """
    content_type = request.headers.get("content-type", "")
    is_form = content_type.partition(";")[0].strip().lower() == _FORM_TYPE
    raw = await _read(request, _MAX_FORM_BYTES if is_form else MAX_JSON_BYTES, idle_timeout_s)
    if is_form:
        raw, content_type = _field(raw), _JSON_TYPE
        if len(raw) > MAX_JSON_BYTES:
            raise RequestBodyTooLarge
    parsed = parse_json_body(raw, content_type)
    return validate(parsed, SELECTION, where="body")


async def _read(request: Request, at_most: int, idle_timeout_s: float) -> bytes:
    raw = bytearray()
    async for chunk in body_chunks(request, idle_timeout_s):
        raw += chunk
        if len(raw) > at_most:
            raise RequestBodyTooLarge
    return bytes(raw)


def _field(raw: bytes) -> bytes:
    """Return the one field of a form."""
    try:
        given = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=2, errors="strict")
    except ValueError:  # UnicodeError among them
        given = {}
    if list(given) != ["selection"] or len(given["selection"]) != 1:
        raise SchemaViolation("body must have the field 'selection' and no other")
    return given["selection"][0].encode()
