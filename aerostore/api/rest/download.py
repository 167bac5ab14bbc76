"""Responses that carry an object: headers that are safe for a browser, and bytes from the backend."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aerostore.api.rest.query import content_disposition, read_query, read_request
from aerostore.api.rest.schema import Field
from aerostore.domain import has_control_character
from aerostore.service.download import Download, ReadRequest

# Whatever was uploaded is shown without scripts, forms, plug-ins or an origin of its own.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline';"
    " font-src 'self' data:"
)
SANDBOX_POLICY = f"sandbox; {_POLICY}"
# Shorter bodies are out before anybody could hang up.
_WATCHED_BYTES = 1024 * 1024
DOWNLOAD_QUERY = {"download": Field(kind="string")}


def download_headers(download: Download, disposition: str | None = None) -> dict[str, str]:
    """Return the headers of a response about this object; the same for GET, HEAD and 304.

    disposition: the value of `?download=`, None without it. Source: Supabase Storage.
    """
    found = download.object
    headers = {
        "accept-ranges": "bytes",
        "content-type": served_type(found.mime_type),
        "etag": f'"{found.etag}"',
        "last-modified": format_datetime(found.updated_at.replace(microsecond=0), usegmt=True),
        "x-robots-tag": str(found.metadata.get("xRobotsTag", "none")),
        "x-content-type-options": "nosniff",
        "content-security-policy": content_policy(found.mime_type),
    }
    if download.expires_at is not None:
        headers["expires"] = format_datetime(download.expires_at, usegmt=True)
    else:
        headers["cache-control"] = found.cache_control
    if not download.public:
        headers["vary"] = "Authorization, apikey"
    attachment = content_disposition(disposition)
    if attachment is not None:
        headers["content-disposition"] = attachment
    return {name: value for name, value in headers.items() if _is_sendable(value)}


def served_type(mime_type: str) -> str:
    """Return the Content-Type to answer with: HTML is shown as text. Source: Supabase Storage."""
    return "text/plain" if "text/html" in mime_type.lower() else mime_type


def content_policy(mime_type: str) -> str:
    """Return the Content-Security-Policy: a sandbox for all but PDF, which browsers show by plug-in.

    Source: HTML standard, sandboxing flags: a sandbox blocks every plug-in.
    """
    is_pdf = mime_type.partition(";")[0].strip().lower() == "application/pdf"
    return _POLICY if is_pdf else SANDBOX_POLICY


def _is_sendable(value: str) -> bool:
    """Rows may have been written by plain SQL: what cannot be a header value is left out."""
    return value.isascii() and not has_control_character(value)


async def object_response(request: Request, find: Callable[[ReadRequest], Awaitable[Download]]) -> Response:
    """Return the object that `find` gives, as GET or HEAD want it, or 304 when the client's copy is current.

    The request is read to its end first: nothing may fail between opening the bytes and sending them.
    """
    disposition = read_query(request, DOWNLOAD_QUERY).get("download")
    download = await find(read_request(request))
    headers = download_headers(download, disposition)
    request.scope["aerostore.facts"] = {
        **request.scope.get("aerostore.facts", {}),
        "bucket": download.object.bucket_id,
    }
    if download.is_current:
        return _bare(304, headers)
    if request.method == "HEAD":
        return _bare(200, {**headers, "content-length": str(download.object.size_bytes)})
    return BlobResponse(download, headers)


def _bare(status: int, headers: Mapping[str, str]) -> Response:
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
        gone = asyncio.create_task(_disconnect(receive)) if self._reader.length > _WATCHED_BYTES else None
        try:
            pending = b""
            async for piece in self._reader.chunks():
                if gone is not None and gone.done():
                    return
                if pending:
                    await self._send_piece(send, pending, more_body=True)
                pending = piece
            await self._send_piece(send, pending, more_body=False)
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


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
