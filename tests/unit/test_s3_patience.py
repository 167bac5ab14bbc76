"""Answers of S3 that take their time: a true status if they are quick, else white space and then the end."""

import asyncio
from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message

from aerostore.api.s3.patience import patient_response
from aerostore.errors import InvalidPart, StorageError

REQUEST = Request({"type": "http", "method": "POST", "path": "/s3/photos/a", "headers": []})
PATIENCE_S = 0.01


class Work:
    """Work that goes on until a test lets it end."""

    def __init__(self, outcome: Element | Exception) -> None:
        self.may_end = asyncio.Event()
        self.was_cancelled = False
        self._outcome = outcome

    async def __call__(self) -> Element:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def answer() -> Element:
    return Element("Answer")


def late(outcome: Element | Exception, then: Callable[[Work, StreamingResponse], Awaitable[None]]) -> None:
    """Ask for work that is late, and go on with what is answered until then."""

    async def ask() -> None:
        work = Work(outcome)
        response = await patient_response(REQUEST, work(), patience_s=PATIENCE_S)
        assert isinstance(response, StreamingResponse)
        assert response.status_code == 200
        await then(work, response)

    asyncio.run(ask())


async def body_of(work: Work, response: StreamingResponse) -> bytes:
    """Return the body, of work that ends after some white space."""
    body = b""
    async for chunk in response.body_iterator:
        assert isinstance(chunk, bytes)
        body += chunk
        if body.endswith(b"   "):
            work.may_end.set()
    return body


def test_a_quick_answer_is_an_ordinary_response() -> None:
    async def ask() -> None:
        work = Work(answer())
        work.may_end.set()
        response = await patient_response(REQUEST, work(), patience_s=60)
        assert (response.status_code, bytes(response.body)[-10:]) == (200, b"<Answer />")

    asyncio.run(ask())


@pytest.mark.parametrize("error", [InvalidPart(), RuntimeError("a defect")])
def test_a_quick_refusal_keeps_its_status(error: Exception) -> None:
    async def ask() -> None:
        work = Work(error)
        work.may_end.set()
        await patient_response(REQUEST, work(), patience_s=60)

    with pytest.raises(type(error)):
        asyncio.run(ask())


def test_a_late_answer_comes_behind_white_space() -> None:
    async def then(work: Work, response: StreamingResponse) -> None:
        body = await body_of(work, response)
        declaration, _line, rest = body.partition(b"\n")
        assert declaration == b'<?xml version="1.0" encoding="UTF-8"?>'
        assert rest.lstrip() == b"<Answer />"
        assert rest.startswith(b"   ")

    late(answer(), then)


def test_a_late_refusal_is_an_error_in_the_body() -> None:
    async def then(work: Work, response: StreamingResponse) -> None:
        body = await body_of(work, response)
        assert b"   <Error><Code>InvalidPart</Code>" in body
        assert body.count(b"<?xml") == 1
        assert REQUEST.scope["aerostore.facts"] == {"failed": "InvalidPart"}

    late(InvalidPart(), then)


def test_a_late_defect_is_logged_and_tells_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    async def then(work: Work, response: StreamingResponse) -> None:
        body = await body_of(work, response)
        assert b"<Code>InternalError</Code>" in body
        assert b"a defect" not in body

    late(RuntimeError("a defect"), then)
    assert "unexpected failure" in caplog.text


@pytest.mark.parametrize("patience_s", [PATIENCE_S, 60])
def test_work_that_nobody_waits_for_any_longer_is_ended(patience_s: float) -> None:
    async def give_up() -> Work:
        work = Work(StorageError())

        async def read() -> None:
            response = await patient_response(REQUEST, work(), patience_s=patience_s)
            assert isinstance(response, StreamingResponse)
            async for _chunk in response.body_iterator:
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(5 * PATIENCE_S)
        reading.cancel()
        await asyncio.wait({reading})
        return work

    assert asyncio.run(give_up()).was_cancelled


def test_work_of_a_client_that_has_gone_before_the_first_byte_is_ended() -> None:
    async def answer_to_nobody() -> bool:
        work = Work(answer())
        response = await patient_response(REQUEST, work(), patience_s=PATIENCE_S)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(_message: Message) -> None:
            await asyncio.sleep(PATIENCE_S)

        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        return work.was_cancelled  # asked before the loop ends: its end cancels whatever is left

    assert asyncio.run(answer_to_nobody())
