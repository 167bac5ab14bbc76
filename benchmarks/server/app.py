"""Plain ASGI application whose routes each isolate one property of the server under it.

What the application saw is printed as one JSON line per fact; the harness reads it from the server's log.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send, dict[str, str]], Awaitable[None]]

PIECE = 1 << 20
PAYLOAD = Path(tempfile.gettempdir()) / "aerostore-server-bench.bin"
BODY_4K = b"x" * 4096

sent_bytes: dict[str, int] = {}


def note(**facts: object) -> None:
    """Report a fact to whoever started the server."""
    print(json.dumps({"pid": os.getpid(), "at": time.time(), **facts}), flush=True)


async def respond(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def empty(_scope: Scope, _receive: Receive, send: Send, _query: dict[str, str]) -> None:
    await respond(send, 200, b"")


async def body4k(_scope: Scope, _receive: Receive, send: Send, _query: dict[str, str]) -> None:
    await respond(send, 200, BODY_4K)


async def start_payload(send: Send) -> None:
    length = str(PAYLOAD.stat().st_size).encode()
    headers = [(b"content-length", length), (b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def file(_scope: Scope, _receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Send the payload file in pieces, each read in a worker thread."""
    piece = int(query["piece"])
    await start_payload(send)
    with PAYLOAD.open("rb", buffering=0) as source:
        while data := await asyncio.to_thread(source.read, piece):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def pathsend(_scope: Scope, _receive: Receive, send: Send, _query: dict[str, str]) -> None:
    await start_payload(send)
    await send({"type": "http.response.pathsend", "path": str(PAYLOAD)})


async def drain(_scope: Scope, receive: Receive, send: Send, _query: dict[str, str]) -> None:
    """Read the body and forget it; answer with its size and the number of events it came in."""
    total = events = 0
    more = True
    while more:
        message = await receive()
        total += len(message.get("body", b""))
        events += 1
        more = message.get("more_body", False)
    await respond(send, 200, json.dumps({"bytes": total, "events": events}).encode())


async def store(_scope: Scope, receive: Receive, send: Send, _query: dict[str, str]) -> None:
    """Hash and write the body in 1 MiB pieces in a worker thread, at most one piece in flight."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile(buffering=0) as target:

        def take(piece: bytearray) -> None:
            digest.update(piece)
            target.write(piece)

        in_flight: asyncio.Task[None] | None = None
        pending = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                break
            pending += message.get("body", b"")
            more = message.get("more_body", False)
            if len(pending) >= PIECE or not more:
                if in_flight is not None:
                    await in_flight
                in_flight = asyncio.create_task(asyncio.to_thread(take, pending))
                pending = bytearray()
        if in_flight is not None:
            await in_flight
    await respond(send, 200, digest.hexdigest().encode())


async def record(scope: Scope, receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Read the body, if asked only after a while, and report how it ended."""
    total = 0
    end = "cancelled"
    headers = len(scope["headers"])
    note(id=query["id"], started=True)
    try:
        await asyncio.sleep(float(query.get("delay", "0")))
        while True:
            message = await receive()
            total += len(message.get("body", b""))
            if message["type"] == "http.disconnect":
                end = "disconnect"
                break
            if not message.get("more_body", False):
                end = "complete"
                break
    except Exception as error:
        end = f"raises {type(error).__name__}"
    finally:
        note(id=query["id"], bytes=total, end=end, added_headers=len(scope["headers"]) - headers)
    await respond(send, 200, b"ok")


async def stall(_scope: Scope, _receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Do not read the body for a while, then answer."""
    await asyncio.sleep(float(query["seconds"]))
    await respond(send, 200, b"")


async def stream(_scope: Scope, receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Send `mib` MiB from memory in 256 KiB pieces and report what send() did, and when the client left."""
    key, size = query["id"], int(query["mib"]) << 20
    piece = bytes(256 << 10)
    left_at: list[float] = []

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left_at.append(time.time())

    watcher = asyncio.create_task(watch()) if query.get("watch") == "1" else None
    raised = None
    sent_bytes[key] = 0
    try:
        length = (b"content-length", str(size).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        while sent_bytes[key] < size:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent_bytes[key] += len(piece)
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
    except Exception as error:
        raised = type(error).__name__
    note(id=key, sent=sent_bytes[key], raised=raised, left=left_at, done=True)
    if watcher is not None:
        watcher.cancel()


async def progress(_scope: Scope, _receive: Receive, send: Send, query: dict[str, str]) -> None:
    await respond(send, 200, str(sent_bytes.get(query["id"], 0)).encode())


async def scope_as_json(scope: Scope, _receive: Receive, send: Send, _query: dict[str, str]) -> None:
    headers = scope["headers"]
    raw_path = scope.get("raw_path")
    facts = {
        "pid": os.getpid(),
        "path": scope["path"],
        "raw_path": None if raw_path is None else raw_path.decode("latin-1"),
        "query_string": scope["query_string"].decode("latin-1"),
        "client": scope.get("client"),
        "spec_version": scope["asgi"].get("spec_version"),
        "extensions": sorted(scope.get("extensions") or {}),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")[:64]] for name, value in headers[:20]],
        "header_bytes": sum(len(name) + len(value) for name, value in headers),
    }
    await respond(send, 200, json.dumps(facts).encode())


async def bad_header(_scope: Scope, _receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Answer with a header value that must not reach the wire."""
    value = {
        "crlf": b"a\r\nx-injected: 1",
        "lf": b"a\nx-injected: 1",
        "nul": b"a\x00b",
        "utf8": "é€".encode(),
    }
    try:
        await respond(send, 200, b"ok", (b"x-probe", value[query["kind"]]))
    except Exception as error:
        note(id=query["id"], raised=type(error).__name__)
        raise
    note(id=query["id"], raised=None)


async def early(_scope: Scope, receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Refuse before reading a byte of the body; with `linger`, read on for a while before the end."""
    close = [(b"connection", b"close")] if "close" in query else []
    if "linger" not in query:
        await respond(send, 413, b"too large", *close)
        return
    headers = [(b"content-length", b"9"), *close]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": b"too large", "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(float(query["linger"])):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b""})


async def broken(_scope: Scope, _receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Fail in the middle of a response: the client must be able to tell."""
    headers = [] if query["framing"] == "chunked" else [(b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"x" * 500, "more_body": True})
    if query["how"] == "raise":
        raise RuntimeError("on purpose")


async def late(scope: Scope, receive: Receive, send: Send, query: dict[str, str]) -> None:
    """Wait before the first receive()."""
    await asyncio.sleep(float(query["seconds"]))
    await drain(scope, receive, send, query)


ROUTES: dict[str, Handler] = {
    "/empty": empty,
    "/body4k": body4k,
    "/file": file,
    "/pathsend": pathsend,
    "/drain": drain,
    "/store": store,
    "/record": record,
    "/stall": stall,
    "/stream": stream,
    "/progress": progress,
    "/bad-header": bad_header,
    "/early": early,
    "/broken": broken,
    "/late": late,
}


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        note(lifespan=message["type"])
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    handler = ROUTES.get(scope["path"], scope_as_json)
    raw_query = scope["query_string"]
    query = {key: values[-1] for key, values in parse_qs(raw_query.decode()).items()} if raw_query else {}
    await handler(scope, receive, send, query)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application whose start fails."""
    if scope["type"] == "lifespan":
        note(lifespan=(await receive())["type"])
        await send({"type": "lifespan.startup.failed", "message": "on purpose"})
