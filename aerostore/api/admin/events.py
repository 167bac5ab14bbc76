"""Events as they happen, as a stream of server-sent events. Source: HTML standard, section 9.2."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from aerostore.api.admin.edge import SESSION
from aerostore.api.admin.explain import asked_json
from aerostore.api.caller import Callers
from aerostore.api.hang_up import hung_up
from aerostore.domain import AdminSession, Event, JsonObject, to_iso
from aerostore.errors import InvalidParameter
from aerostore.service.admin_session import AdminSessions
from aerostore.service.feed import Beat, End, EventFeed, EventStream, FeedQuery, Gap, Item, Refusal
from aerostore.service.question import Question

_RETRY = b"retry: 2000\n\n"
_LAST_SEQ = 2**63 - 1
_MAX_TYPES = 20
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    # Proxies that collect an answer before they pass it on would hold it for ever. Source: nginx.
    "x-accel-buffering": "no",
}


class EventDoor:
    """Parses what a reader wants, and sends it what happens."""

    def __init__(self, callers: Callers, feed: EventFeed, sessions: AdminSessions) -> None:
        self._callers = callers
        self._feed = feed
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route("/events", self.follow, methods=["GET"], name="admin.event.follow")]

    async def follow(self, request: Request) -> Response:
        """GET /events."""
        context = await self._callers.required(request)
        query = _query_of(request)
        if request.method == "HEAD":
            return Response(headers=_HEADERS)
        session: AdminSession = request.scope[SESSION]
        is_open = partial(self._sessions.is_open, session.id)
        return EventStreamResponse(self._feed.follow(context, query, session_id=session.id, is_open=is_open))


class EventStreamResponse(Response):
    """Sends the items of a stream until it or its reader ends."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send headers with the first item: until then a failure is an answer of its own."""
        gone = asyncio.create_task(hung_up(receive))
        gone.add_done_callback(lambda _task: self._stream.leave())
        try:
            async with aclosing(self._stream.items()) as items:
                await self._send_items(items, send)
        finally:
            gone.cancel()
            self._stream.close()

    async def _send_items(self, items: AsyncIterator[Item], send: Send) -> None:
        first = await anext(items)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await _send_piece(send, _RETRY + to_frame(first))
        async for item in items:
            if self._stream.has_left:
                return  # nothing more is taken, and each try would be a line in the server's log
            await _send_piece(send, to_frame(item))
        await _send_piece(send, b"", more_body=False)


async def _send_piece(send: Send, piece: bytes, *, more_body: bool = True) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more_body})


def to_frame(item: Item) -> bytes:
    """Return an item as it is sent."""
    match item:
        case Event():
            return _frame("object", _event_json(item), seq=item.seq)
        case Refusal():
            return _frame("denial", _denial_json(item.told))
        case Gap():
            return _frame("gap", {"oldest": item.oldest}, seq=item.reached)
        case Beat():
            # Not a comment: its id a browser would keep to itself, and after a refusal it does not come back.
            return _frame("at", {}, seq=item.reached)
        case End():
            return _frame("end", {"reason": item.reason})


def _frame(name: str, data: JsonObject, *, seq: int | None = None) -> bytes:
    id = b"" if seq is None else b"id: %d\n" % seq
    # JSON has no line breaks, and nothing else ends a line of data.
    return b"%sevent: %s\ndata: %s\n\n" % (id, name.encode(), orjson.dumps(data))


def _event_json(event: Event) -> JsonObject:
    """Return an event; what its reader is not shown was taken from it before."""
    metadata = event.payload.get("metadata") or {}
    return {
        "seq": event.seq,
        "id": event.id,
        "type": event.type,
        "bucket": event.bucket_id,
        "name": event.name,
        "object_id": event.object_id,
        "size_bytes": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "actor": event.actor,
        "request_id": event.payload.get("reqId"),
        "at": to_iso(event.created_at),
    }


def _denial_json(told: JsonObject) -> JsonObject:
    asked = asked_json(Question(**told["question"]))
    return {name: value for name, value in told.items() if name != "question"} | {"explain": asked}


def _query_of(request: Request) -> FeedQuery:
    """Return what a reader asks for. Raises: InvalidParameter."""
    given = request.query_params
    types = given.getlist("type")
    if len(types) > _MAX_TYPES:
        raise InvalidParameter("Too many types", hint=f"Name at most {_MAX_TYPES}, or none for all.")
    denied = given.get("denied", "false")
    if denied not in {"true", "false"}:
        raise InvalidParameter("Invalid denied", hint="Use true or false.")
    # A browser that comes back repeats the address and knows better: its header is newer.
    after = request.headers.get("last-event-id") or given.get("after")
    return FeedQuery(
        bucket_id=given.get("bucket") or None,
        types=types,
        denied_only=denied == "true",
        after=None if after is None else _seq_of(after),
    )


def _seq_of(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _LAST_SEQ):
        raise InvalidParameter("Invalid event id", hint="Send the id of an event as it came, or none.")
    return int(text)
