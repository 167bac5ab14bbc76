"""Answers that may take long: white space keeps the connection alive until the document is there.

Source: S3 CompleteMultipartUpload, which answers 200 before it knows, and says in the body how it ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from aerostore.api.s3.error import code_of, to_response
from aerostore.api.s3.xml import DECLARATION, to_xml, xml_response
from aerostore.errors import StorageError
from aerostore.service.ending import end

PATIENCE_S = 5.0
logger = logging.getLogger("aerostore.request")


async def patient_response(
    request: Request, work: Coroutine[Any, Any, Element], *, patience_s: float = PATIENCE_S
) -> Response:
    """Return the document that `work` makes, with a true status if it is there within `patience_s`.

    After that the response begins with status 200 and goes on with a space every `patience_s`; then a
    failure is an <Error> in its body. Raises: what `work` raises within the time.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=patience_s)
    except asyncio.CancelledError:
        await end([task])
        raise
    if task.done():
        return xml_response(task.result())
    return _LateResponse(request, task, patience_s)


class _LateResponse(StreamingResponse):
    """The document of `task`, at last; whatever happens to the connection, the task does not outlive it."""

    def __init__(self, request: Request, task: asyncio.Task[Element], patience_s: float) -> None:
        super().__init__(_document_at_last(request, task, patience_s), media_type="application/xml")
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A client that has gone already ends this before the first byte is asked for."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await end([self._task])


async def _document_at_last(
    request: Request, task: asyncio.Task[Element], patience_s: float
) -> AsyncIterator[bytes]:
    yield DECLARATION
    while not task.done():
        yield b" "
        await asyncio.wait({task}, timeout=patience_s)
    yield _without_declaration(_outcome(request, task))


def _outcome(request: Request, task: asyncio.Task[Element]) -> bytes:
    try:
        return to_xml(task.result())
    except StorageError as exc:
        error = exc
    except Exception:
        logger.exception("unexpected failure", extra={"facts": {"path": request.scope["path"]}})
        error = StorageError("Internal Server Error")
    # The log line has the status that was sent, which is that of success.
    request.scope.setdefault("aerostore.facts", {})["failed"] = code_of(error)
    return bytes(to_response(request, error).body)


def _without_declaration(document: bytes) -> bytes:
    return document.partition(b"?>")[2].lstrip()
