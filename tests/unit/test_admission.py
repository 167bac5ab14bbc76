"""What is let in, what is refused at once, and what happens to a reader that takes nothing."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from aerostore.api.admission import MAX_CONNECTIONS, Admission, connections_within
from aerostore.api.gate import Gate
from aerostore.errors import Overloaded
from aerostore.telemetry import Telemetry

Message = MutableMapping[str, Any]


def test_one_more_than_the_most_is_refused_until_one_has_ended() -> None:
    admission = Admission(2)
    with admission.admit("/object/a/b"):
        with admission.admit("/object/a/b"), pytest.raises(Overloaded), admission.admit("/object/a/b"):
            pass
        with admission.admit("/object/a/b"):
            pass


@pytest.mark.parametrize("path", ["/status", "/health", "/version", "/metrics"])
def test_those_who_watch_the_server_are_let_in(path: str) -> None:
    admission = Admission(1)
    with admission.admit("/object/a/b"), admission.admit(path):
        pass


def test_a_failure_frees_the_place() -> None:
    admission = Admission(1)
    with pytest.raises(ZeroDivisionError), admission.admit("/object/a/b"):
        raise ZeroDivisionError
    with admission.admit("/object/a/b"):
        pass


@pytest.mark.parametrize("open_files", [128, 256, 1024, 4096, 65_536])
def test_connections_and_the_files_of_their_requests_fit_into_the_descriptors(open_files: int) -> None:
    connections = connections_within(open_files, max_requests=512)
    assert 16 <= connections <= MAX_CONNECTIONS
    assert open_files < 256 or connections + min(connections, 512) <= open_files - 128


def scope_of(path: str) -> Scope:
    path = f"/storage/v1{path}"
    return {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}


class Connection:
    """One request and what came back. stalls: take nothing after the head."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.sent: list[Message] = []
        self._stalls = stalls

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        if self._stalls and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        self.sent.append(message)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


class Download:
    """An application that waits to be told, then sends a body; `ended` tells that it was let go."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.ended = False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await self.may_go_on.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": False})
        finally:
            self.ended = True


def test_a_request_too_many_is_answered_with_503_and_when_to_come_again() -> None:
    async def scenario() -> None:
        download, first, second = Download(), Connection(), Connection()
        gate = Gate(download, telemetry=Telemetry(), strict=False, max_requests=1)
        serving = asyncio.create_task(gate(scope_of("/object/b/a"), first.receive, first.send))
        await asyncio.sleep(0)
        await gate(scope_of("/object/b/a"), second.receive, second.send)
        assert (second.sent[0]["status"], second.headers[b"retry-after"]) == (503, b"5")
        assert json.loads(second.sent[1]["body"])["code"] == "Overloaded"
        download.may_go_on.set()
        await serving
        assert first.sent[0]["status"] == 200

    asyncio.run(scenario())


def test_a_reader_that_takes_nothing_is_given_up_and_the_log_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        download, reader = Download(), Connection(stalls=True)
        gate = Gate(download, telemetry=Telemetry(), strict=False, send_timeout_s=0.01)
        download.may_go_on.set()
        async with asyncio.timeout(30):
            await gate(scope_of("/object/b/a"), reader.receive, reader.send)
        assert download.ended
        assert [message["type"] for message in reader.sent] == ["http.response.start"]

    with caplog.at_level("INFO", logger="aerostore.request"):
        asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert vars(caplog.records[0])["facts"]["stalled"] is True
