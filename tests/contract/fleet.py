"""Servers of several processes, and a connection to each process: what one knows, the others must know."""

import http.server
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.invariants import Place
from tests.crash.server import Server, running_at, wait_until

from .client import TIMEOUT_S, TLS
from .test_command_line import aerostore

USER = "44444444-4444-4444-8444-444444444444"
_CONNECTIONS_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Fleet:
    """Servers on the same rows and bytes; events: the ids of what their webhook has received."""

    servers: Sequence[Server]
    place: Place
    events: Counter[str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of aerostore beside the servers."""
        given = {"database_url": self.place.database_url} if self.place.database_url else {}
        return aerostore(*arguments, data_dir=self.place.data_dir, **given)


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to one process. Idle ones are closed by the server, so each test opens its own."""

    server: Server
    client: httpx.Client
    process: int
    port: int

    def ask(
        self, method: str, path: str, *, role: str | None = "service_role", sub: str = USER, **options: Any
    ) -> httpx.Response:
        """Send a request as the service role, as `role`, or as nobody; it must reach this process."""
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {self.server.target.token(role, sub=sub)}"
        return self.send(self.client.build_request(method, path, headers=headers, **options))

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send `request` as it is; it must reach this process."""
        answer = self.client.send(request)
        assert _port_of(answer) == self.port, "the connection broke: another process may have answered"
        return answer


def start_fleet(place: Place, stack: ExitStack, *, servers: int, workers: int) -> Fleet:
    events = Counter[str]()
    webhook = {"webhook_url": stack.enter_context(_receiver(events)), "webhook_allow_private": True}
    running = [stack.enter_context(running_at(place, workers=workers, **webhook)) for _ in range(servers)]
    for server in running:
        wait_until(partial(_is_complete, server, workers), "every worker listens")
    return Fleet(running, place, events)


def _is_complete(server: Server, workers: int) -> bool:
    return server.listeners() >= workers


@contextmanager
def _receiver(events: Counter[str]) -> Iterator[str]:
    """Run a webhook that counts how often each event comes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events[json.loads(self.rfile.read(int(self.headers["content-length"])))["id"]] += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/"
        listening.shutdown()


@contextmanager
def connected(fleet: Fleet) -> Iterator[list[Line]]:
    with ExitStack() as stack:
        yield [line for server in fleet.servers for line in _connect_to_all(server, stack)]


def _connect_to_all(server: Server, stack: ExitStack) -> list[Line]:
    """Open connections until each worker has taken one: the system deals them out as it likes."""
    found: dict[int, Line] = {}
    workers = set(server.workers())
    for _ in range(_CONNECTIONS_AT_MOST):
        client = stack.enter_context(
            httpx.Client(base_url=server.target.url, timeout=TIMEOUT_S, trust_env=False, verify=TLS)
        )
        port = _port_of(client.get("/status"))
        process = _owner_of(server, port)
        found.setdefault(process, Line(server, client, process, port))
        if set(found) == workers:
            return list(found.values())
    pytest.fail(f"of the workers {workers} only {set(found)} take connections", pytrace=False)


def _port_of(answer: httpx.Response) -> int:
    address: tuple[str, int] = answer.extensions["network_stream"].get_extra_info("client_addr")
    return address[1]


def _owner_of(server: Server, port: int) -> int:
    """Return which worker of `server` has the other end of the connection from our `port`."""
    here, there = f":{server.target.address[1]:04X}", f":{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()]
    (inode,) = [row[9] for row in rows if row[1].endswith(here) and row[2].endswith(there)]
    holders = [
        pid
        for pid in server.workers()
        if any(_target_of(link) == f"socket:[{inode}]" for link in Path(f"/proc/{pid}/fd").iterdir())
    ]
    assert len(holders) == 1, f"{holders} hold the connection"
    return holders[0]


def _target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed meanwhile
