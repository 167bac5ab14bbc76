"""SIGTERM loses nothing that was acknowledged, and two workers on one directory act as one server."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.crash.server import Server, running, wait_until

from .client import KEY_EXISTS, NO_SUCH_KEY, error_of, get_object, object_path, put_object
from .raw_socket import TIMEOUT_S, read_response, request_bytes

MIB = 1024 * 1024
SHUTDOWN_DEADLINE_S = 60.0
BUCKET = "kept"


@contextmanager
def service_of(server: Server) -> Iterator[httpx.Client]:
    """Connect with the service role; the bucket exists afterwards."""
    with server.connect() as caller:
        caller.post("/bucket", json={"name": BUCKET})
        yield caller


@contextmanager
def upload_under_way(server: Server, begun: bytes, missing: int) -> Iterator[socket.socket]:
    """Begin an upload of `begun` and `missing` more bytes; the server is reading it when this yields."""
    head = request_bytes(
        server.target,
        "POST",
        object_path(BUCKET, "in-flight"),
        headers=[("Content-Length", str(len(begun) + missing))],
        token=server.target.token("service_role"),
    )
    with socket.create_connection(server.target.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(head + begun)
        wait_until(lambda: len(server.open_files()) == 1, "the upload is under way")
        yield connection


def test_sigterm_lets_an_upload_finish(tmp_path: Path) -> None:
    begun, rest = b"a" * (2 * MIB), b"b" * MIB
    with running(tmp_path / "data") as server, service_of(server):
        with upload_under_way(server, begun, len(rest)) as connection:
            server.terminate()
            wait_until(lambda: not accepts_connections(server), "nobody new is let in")
            connection.sendall(rest)
            assert read_response(connection).status == 200
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
    with running(tmp_path / "data") as server, service_of(server) as service:
        assert get_object(service, BUCKET, "in-flight").content == begun + rest


def accepts_connections(server: Server) -> bool:
    try:
        with socket.create_connection(server.target.address, timeout=TIMEOUT_S):
            return True
    except ConnectionRefusedError:
        return False


def test_sigterm_does_not_wait_for_ever_and_leaves_nothing_of_what_it_cut(tmp_path: Path) -> None:
    with running(tmp_path / "data", shutdown_timeout=1) as server, service_of(server):
        with upload_under_way(server, b"a" * (2 * MIB), missing=1):
            server.terminate()
            assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
        assert server.stored_files() == []
    with running(tmp_path / "data") as server, service_of(server) as service:
        assert error_of(get_object(service, BUCKET, "in-flight")) == NO_SUCH_KEY


class Uploads:
    """Uploads by several threads at once until the server refuses, and which of them it acknowledged."""

    def __init__(self, server: Server, *, enough: int) -> None:
        self._target = server.target
        self._enough = enough
        self.acknowledged: dict[str, bytes] = {}
        self.are_enough = threading.Event()

    def upload_until_refused(self, client: int) -> None:
        with self._target.connect(self._target.token("service_role")) as caller:
            for number in range(10_000):
                name, content = f"{client}/{number}", f"{client}-{number}-".encode() * 2000 * (1 + number % 5)
                try:
                    answer = put_object(caller, BUCKET, name, content)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                self.acknowledged[name] = content
                if len(self.acknowledged) >= self._enough:
                    self.are_enough.set()


def test_everything_acknowledged_before_sigterm_is_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, service_of(server), ThreadPoolExecutor(8) as pool:
        uploads = Uploads(server, enough=60)
        clients = [pool.submit(uploads.upload_until_refused, number) for number in range(8)]
        assert uploads.are_enough.wait(SHUTDOWN_DEADLINE_S)
        server.terminate()
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
        for client in clients:
            client.result(SHUTDOWN_DEADLINE_S)
    with running(tmp_path / "data") as server, service_of(server) as service:
        for name, content in uploads.acknowledged.items():
            assert get_object(service, BUCKET, name).content == content


def test_two_workers_show_each_other_every_write_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server, ExitStack() as stack:
        wait_until(lambda: len(server.workers()) == 2, "both workers run")
        idle = server.sockets_per_worker()
        callers = [stack.enter_context(service_of(server)) for _ in range(24)]
        busy = server.sockets_per_worker()
        assert all(now > before for before, now in zip(idle, busy, strict=True)), "one worker has them all"
        for number, caller in enumerate(callers):
            everybody_sees_what_one_does(callers, caller, f"object-{number}")


def everybody_sees_what_one_does(callers: list[httpx.Client], one: httpx.Client, name: str) -> None:
    path = object_path(BUCKET, name)
    for content in (b"new", b"replaced"):
        assert put_object(one, BUCKET, name, content, {"x-upsert": "true"}).status_code == 200
        assert {other.get(path).content for other in callers} == {content}
    assert error_of(put_object(callers[0], BUCKET, name)) == KEY_EXISTS
    assert one.delete(path).status_code == 200
    assert {error_of(other.get(path)) for other in callers} == {NO_SUCH_KEY}


def test_workers_do_not_outlive_the_first_process(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: not accepts_connections(server), "the port is free again")


def test_sigterm_while_workers_still_start_is_not_lost(tmp_path: Path) -> None:
    for _ in range(3):
        with running(tmp_path / "data", workers=2) as server:
            server.terminate()
            assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
