"""What every request costs at the door, in counts that no other work on the machine changes."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from aerostore.api.gate import Gate, route_path
from aerostore.app import create_app
from aerostore.settings import Settings
from aerostore.telemetry import Telemetry

# 84 and 120 when this was written; 354 and 531 before there was a table of routes.
TRIES = 3
MOST_CALLS_OF_STATUS = 95
MOST_CALLS_OF_REFUSAL = 135


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    folder: Path = tmp_path_factory.mktemp("data")
    return create_app(Settings(data_dir=folder, jwt_secret="s" * 32, signing_keys=("k" * 32,)))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Make no log lines: what they cost depends on who listens."""
    logger = logging.getLogger("aerostore")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def scope_of(path: str, method: str = "GET", root: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": root,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"user-agent", b"any"), (b"accept", b"*/*")],
    }


async def ask(app: Callable[[Scope, Receive, Send], Awaitable[None]], path: str) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(path), receive, send)
    return sent


def calls_of(app: Starlette, path: str) -> int:
    """Count the Python functions that a request calls, once everything is warm.

    The least of some tries: what the garbage collector ends in between may call functions as well.
    """
    calls = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    async def scenario() -> int:
        nonlocal calls
        calls = 0
        sys.setprofile(note)
        try:
            await ask(app, path)
        finally:
            sys.setprofile(None)
        return calls

    async def scenarios() -> int:
        await ask(app, path)
        return min([await scenario() for _ in range(TRIES)])

    return asyncio.run(scenarios())


def test_an_answer_that_needs_nothing_calls_few_functions(app: Starlette) -> None:
    assert calls_of(app, "/storage/v1/status") <= MOST_CALLS_OF_STATUS


def test_a_refusal_calls_few_functions(app: Starlette) -> None:
    assert calls_of(app, "/storage/v1/nothing/here") <= MOST_CALLS_OF_REFUSAL


def test_an_answer_that_needs_nothing_sets_no_timer(app: Starlette) -> None:
    async def scenario() -> list[object]:
        loop = asyncio.get_running_loop()
        timers: list[object] = []
        call_at = loop.call_at

        def noted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
            timers.append(arguments)
            return call_at(*arguments, **options)

        loop.call_at = noted  # type: ignore[method-assign, assignment] # the same call, counted
        await ask(app, "/storage/v1/status")
        return timers

    assert asyncio.run(scenario()) == []


def test_requests_in_flight_are_those_that_are_being_served() -> None:
    telemetry = Telemetry()
    seen: list[bytes] = []

    async def look(_scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(telemetry.render())
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    gate = Gate(look, telemetry=telemetry, strict=False)
    asyncio.run(ask(gate, "/storage/v1/status"))
    assert b"\nhttp_requests_in_flight 1.0\n" in seen[0]
    assert b"\nhttp_requests_in_flight 0.0\n" in telemetry.render()


@pytest.mark.parametrize(
    ("root", "path", "below"),
    [
        ("", "/storage/v1/object/b", "/object/b"),
        ("", "/storage/v1", ""),
        ("", "/other", "/other"),
        ("/files", "/files/storage/v1/status", "/status"),
        ("/files", "/storage/v1/status", "/status"),
        ("/files", "/filesystem/storage/v1/status", "/filesystem/storage/v1/status"),
        ("/", "/storage/v1/status", "/status"),
    ],
)
def test_the_path_below_the_base_is_found_wherever_the_application_is_mounted(
    root: str, path: str, below: str
) -> None:
    assert route_path(scope_of(path, root=root)) == below
