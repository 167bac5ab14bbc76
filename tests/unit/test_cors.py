"""The short way of requests without Origin gives the very headers that Starlette's middleware gives."""

import asyncio

import pytest
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from aerostore.api.cors import Cors

Header = tuple[bytes, bytes]
AGENT = (b"user-agent", b"any")
ORIGIN = (b"origin", b"https://example.org")


def answered(middleware: type[CORSMiddleware], given: list[Header], headers: list[Header]) -> list[Message]:
    """Return what a client gets of an application that answers with `headers`."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"x"})

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    app = middleware(application, allow_origins=["https://example.org"], expose_headers=["etag"])
    asyncio.run(app({"type": "http", "method": "GET", "headers": given}, receive, send))
    return sent


@pytest.mark.parametrize("given", [[AGENT], [AGENT, ORIGIN], []], ids=["none", "origin", "no headers"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"etag", b"1")],
        [(b"etag", b"1"), (b"vary", b"Authorization, apikey"), (b"date", b"2")],
        [(b"vary", b"Accept"), (b"etag", b"1"), (b"vary", b"Cookie"), (b"date", b"2"), (b"vary", b"Range")],
    ],
)
def test_an_answer_has_the_headers_of_starlettes_middleware(
    given: list[Header], headers: list[Header]
) -> None:
    ours = answered(Cors, given, headers)
    starlettes = answered(CORSMiddleware, given, headers)
    assert [list(message.get("headers", [])) for message in ours] == [
        list(message.get("headers", [])) for message in starlettes
    ]
    assert [message["type"] for message in ours] == [message["type"] for message in starlettes]
