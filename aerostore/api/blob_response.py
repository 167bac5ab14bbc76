"""Responses with the bytes of an object, for every door, and what keeps browsers safe from them."""

import asyncio
from collections.abc import Mapping
from email.utils import format_datetime

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aerostore.api.hang_up import hung_up
from aerostore.domain import Object, has_control_character
from aerostore.service.download import Download

# Whatever was uploaded is shown without scripts, forms, plug-ins or an origin of its own.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline';"
    " font-src 'self' data:"
)
SANDBOX_POLICY = f"sandbox; {_POLICY}"
# Shorter bodies are out before anybody could hang up.
_WATCHED_BYTES = 1024 * 1024


def content_policy(mime_type: str) -> str:
    """Return the Content-Security-Policy: a sandbox for all but PDF, which browsers show by plug-in.

    Of several types with commas between them browsers take the last one. Source: HTML standard, sandboxing
    flags: a sandbox blocks every plug-in; Fetch standard, extract a MIME type.
    """
    is_pdf = mime_type.partition(";")[0].strip().lower() == "application/pdf" and "," not in mime_type
    return _POLICY if is_pdf else SANDBOX_POLICY


def is_sendable(value: str) -> bool:
    """Rows may have been written by plain SQL: what cannot be a header value is left out."""
    return value.isascii() and not has_control_character(value)


def last_modified(found: Object) -> str:
    """Return the Last-Modified of an object: whole seconds, in the form of RFC 9110 section 5.6.7."""
    return format_datetime(found.updated_at.replace(microsecond=0), usegmt=True)


def bare_response(status: int, headers: Mapping[str, str]) -> Response:
    """Return headers alone, as for a HEAD or a 304: the length they name is that of a body not sent."""
    response = Response(status_code=status, headers=headers)
    if "content-length" not in headers:
        del response.headers["content-length"]
    return response


class BlobResponse(Response):
    """Streams an open reader and closes it, whatever happens to the connection."""

    def __init__(self, download: Download, headers: Mapping[str, str]) -> None:
        if download.reader is None:
            raise ValueError("the download has no open bytes")
        self._reader = download.reader
        self._has_begun = False
        sized = {**headers, "content-length": str(self._reader.length)}
        status = 200
        if download.byte_range is not None:
            first, last = download.byte_range.first, download.byte_range.last
            sized["content-range"] = f"bytes {first}-{last}/{self._reader.size_bytes}"
            status = 206
        super().__init__(status_code=status, headers=sized)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers and bytes; a slow client holds neither a thread nor more than a piece in memory."""
        try:
            await self._send_body(receive, send)
        finally:
            await self._reader.aclose()

    async def _send_body(self, receive: Receive, send: Send) -> None:
        """Send the pieces; stop when the client has gone, which `send` would not tell."""
        gone = asyncio.create_task(hung_up(receive)) if self._reader.length > _WATCHED_BYTES else None
        left = self._reader.length
        try:
            async for piece in self._reader.chunks():
                if gone is not None and gone.done():
                    return
                left -= len(piece)
                await self._send_piece(send, piece, more_body=left > 0)
            if not self._has_begun:
                await self._send_piece(send, b"", more_body=False)
        finally:
            if gone is not None:
                gone.cancel()

    async def _send_piece(self, send: Send, piece: bytes, *, more_body: bool) -> None:
        """Send `piece`, after the headers when it is the first: damage found before it is still an error."""
        if not self._has_begun:
            self._has_begun = True
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
        await send({"type": "http.response.body", "body": piece, "more_body": more_body})
