"""Request bodies as they arrive, for every door."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request

from aerostore.errors import IncompleteBody, InvalidInput, RequestTimeout

# Up to here a body is collected in memory and goes to the service whole.
INLINE_BYTES = 64 * 1024


async def body_chunks(request: Request, idle_timeout_s: float) -> AsyncIterator[bytes]:
    """Yield the body as it arrives.

    Raises: IncompleteBody when the client goes away or sent another length than it announced;
    RequestTimeout when nothing comes for idle_timeout_s.
    """
    received, announced = 0, declared_size(request)
    while True:
        try:
            async with asyncio.timeout(idle_timeout_s):
                message = await request.receive()
        except TimeoutError:
            raise RequestTimeout from None
        if message["type"] == "http.disconnect":
            raise IncompleteBody
        if chunk := message.get("body", b""):
            received += len(chunk)
            yield chunk
        if not message.get("more_body", False):
            break
    if announced is not None and received != announced:
        raise IncompleteBody


def declared_size(request: Request) -> int | None:
    """Return Content-Length, None when there is none. Raises: InvalidInput when it is not a number."""
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise InvalidInput("The Content-Length header is not a number")
    return int(text)
