"""Connections that do nothing, or hardly anything: others are served, and in the end they are closed."""

import socket
import threading
import time

import httpx
import pytest

from tests.contract.raw_socket import request_bytes
from tests.crash.server import Server, wait_until

from .calm import BUCKET, MIB, recovering, use
from .flock import Flock, answer_of, flock, many_descriptors

IDLE = 3000
SLOW = 100
PIPELINED = 300
STALLED = 20
PATIENCE_S = 60.0
HEAD = b"GET /storage/v1/status HTTP/1.1\r\nHost: localhost\r\n"
MEMORY_OF_A_CONNECTION = 16 * 1024


def test_thousands_of_idle_connections_cost_little_and_keep_nobody_out(
    server: Server, service: httpx.Client
) -> None:
    with many_descriptors(IDLE + 500) as allowed, flock(server.target) as idle:
        count = min(IDLE, allowed - 500)
        with recovering(server, service, growth_limit=16 * MIB + count * MEMORY_OF_A_CONNECTION):
            for _ in range(count):
                idle.join()
            wait_until(lambda: sum(server.sockets_per_worker()) >= count, "all connections are accepted")
            with server.connect() as newcomer:
                use(newcomer)
            idle.disperse()


def test_heads_that_never_end_and_connections_that_ask_no_more_are_closed_however_lively_they_are(
    server: Server, service: httpx.Client
) -> None:
    with (
        recovering(server, service, growth_limit=32 * MIB),
        flock(server.target) as slow,
        flock(server.target) as silent,
    ):
        for _ in range(SLOW):
            assert answer_of(silent.join(HEAD + b"\r\n")) is not None
        for number in range(SLOW):
            slow.join([b"G", b"GET /storage/v1/st", HEAD, HEAD + b"X-Head: "][number % 4])
        wait_until(lambda: trickle(slow) == [], "no head is open any more", PATIENCE_S)
        use(service)
        assert [answer_of(member) for member in silent.members] == [None] * SLOW


@pytest.mark.parametrize("path", ["/nothing", f"/object/{BUCKET}/stalled"], ids=["unknown", "upload"])
def test_connections_whose_request_was_answered_before_its_body_came_are_closed(
    server: Server, service: httpx.Client, token: str, path: str
) -> None:
    length = [("Content-Length", "100")]
    asked = request_bytes(server.target, "PUT", path, headers=length, token=token)
    with recovering(server, service, growth_limit=32 * MIB), flock(server.target) as stalled:
        for _ in range(STALLED):
            stalled.join(asked.replace(b"Connection: close\r\n", b""))
        assert None not in stalled.answers()
        assert stalled.answers() == [None] * STALLED


def trickle(slow: Flock) -> list[socket.socket]:
    """Send a little on each connection; return those that still take it."""
    time.sleep(0.5)  # such a client has all the time in the world
    return [member for member in slow.members if slow.send(member, b"X: y\r\nZ")]


def test_requests_sent_in_one_go_are_all_answered_in_little_memory(
    server: Server, service: httpx.Client, token: str
) -> None:
    last = request_bytes(server.target, "GET", "/object/calm/normal", token=token)
    request = last.replace(b"Connection: close\r\n", b"")
    with recovering(server, service, growth_limit=32 * MIB), flock(server.target) as pipelines:
        pipeline = pipelines.join()
        sender = threading.Thread(target=pipelines.send, args=(pipeline, request * PIPELINED + last))
        sender.start()
        received = b"".join(iter(lambda: pipeline.recv(MIB), b""))
        sender.join()
        assert received.count(b"HTTP/1.1 200 OK\r\n") == PIPELINED + 1


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_connections_that_come_and_go_leave_nothing(
    server: Server, service: httpx.Client, crash_size: int, reset: bool
) -> None:
    with recovering(server, service, growth_limit=32 * MIB), flock(server.target) as visitors:
        for _ in range(5 * crash_size):
            for number in range(100):
                visitors.join(HEAD[: number % len(HEAD)])
            visitors.disperse(reset=reset)
