"""What wrk cannot send: many uploads at once without a copy of the body for each, HEAD, and a fixed number.

Runs in a process of its own, `python -m benchmarks.contest.crowd`, so that its CPU time is known.
"""

import asyncio
import json
import mmap
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import orjson

from benchmarks.contest import CannotRun
from benchmarks.contest.sample import Load
from benchmarks.contest.site import Request, target_of
from benchmarks.server.harness import ROOT

_RECEIVE = 1 << 16
_TAG_BYTES = 16
_PATIENCE_S = 60


def send(requests: Sequence[Request], *, connections: int, body: Path | None = None) -> Load:
    """Send each request once, over that many connections.

    body: for all of them, each with a beginning of its own; else a request has what it brings along.

    Raises: CannotRun.
    """
    plan = {
        "body": str(body) if body else None,
        "connections": connections,
        "requests": [[each.method, each.url, dict(each.headers), each.body.decode()] for each in requests],
    }
    command = [sys.executable, "-m", "benchmarks.contest.crowd"]
    done = subprocess.run(command, cwd=ROOT, input=orjson.dumps(plan), capture_output=True, check=False)
    if done.returncode:
        raise CannotRun(f"The uploads could not be sent: {done.stderr.decode(errors='replace')}")
    return Load(**json.loads(done.stdout))


@dataclass(slots=True)
class _Crowd:
    """The requests that are left, and what became of the others. body: shared by all of them."""

    address: tuple[str, int]
    heads: list[bytes]
    body: memoryview
    times_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    async def send_all(self) -> None:
        """Send over one connection until nothing is left; begin a new one after a failure."""
        while self.heads:
            try:
                await self._use_connection()
            except (OSError, TimeoutError, EOFError) as exc:
                self.errors[type(exc).__name__] += 1

    async def _use_connection(self) -> None:
        loop = asyncio.get_running_loop()
        with closing(socket.socket()) as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, self.address)
            while self.heads:
                head = self.heads.pop()
                began = time.perf_counter()
                async with asyncio.timeout(_PATIENCE_S):
                    status = await self._send(connection, head)
                self.times_ms.append((time.perf_counter() - began) * 1e3)
                if not 200 <= status < 300:
                    self.errors[f"status {status}"] += 1

    async def _send(self, connection: socket.socket, head: bytes) -> int:
        loop = asyncio.get_running_loop()
        tag = secrets.token_bytes(_TAG_BYTES)[: len(self.body)]
        await loop.sock_sendall(connection, head + tag)
        if len(self.body) > len(tag):
            await loop.sock_sendall(connection, self.body[len(tag) :])
        return await _read_answer(connection, has_body=not head.startswith(b"HEAD "))


async def _read_answer(connection: socket.socket, *, has_body: bool) -> int:
    """Read one answer to its end and return its status. Raises: EOFError when it is cut."""
    received = b""
    while not is_whole(received, has_body=has_body):
        piece = await asyncio.get_running_loop().sock_recv(connection, _RECEIVE)
        if not piece:
            raise EOFError
        received += piece
    return int(received.split(maxsplit=2)[1])


def is_whole(answer: bytes, *, has_body: bool) -> bool:
    """Tell whether a head, and the body that it announces, are there (RFC 9112 section 6)."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end or not has_body:
        return bool(end)
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    headers = {name: value.strip() for name, _, value in lines}
    if headers.get(b"transfer-encoding") == b"chunked":
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(headers.get(b"content-length", b"0"))


def to_head(method: str, url: str, headers: dict[str, str], size_bytes: int) -> bytes:
    """Return the head of a request, up to its body."""
    host, length = f"host: {urlsplit(url).netloc}", f"content-length: {size_bytes}"
    lines = [f"{method} {target_of(url)} HTTP/1.1", host, length]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode()


def summarise(times_ms: Sequence[float], *, seconds: float, size_bytes: int, errors: Counter[str]) -> Load:
    """Put the answers together. size_bytes: of one body."""
    few = [times_ms[0] if times_ms else 0.0] * 99
    cuts = quantiles(times_ms, n=100, method="inclusive") if len(times_ms) > 1 else few
    return Load(
        requests=len(times_ms),
        seconds=seconds,
        size_bytes=len(times_ms) * size_bytes,
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        errors=dict(errors),
    )


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


async def _run(crowd: _Crowd, connections: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(crowd.send_all() for _ in range(connections)))
    return time.perf_counter() - began


def main() -> None:
    """Read a plan from standard input, send it, and print what came of it."""
    plan = json.loads(sys.stdin.buffer.read())
    url = urlsplit(plan["requests"][0][1])
    body = _mapped(Path(plan["body"])) if plan["body"] else memoryview(b"")
    heads = [
        to_head(method, url, headers, len(body) + len(own.encode())) + own.encode()
        for method, url, headers, own in plan["requests"]
    ]
    crowd = _Crowd((url.hostname or "127.0.0.1", url.port or 80), heads, body)
    seconds = asyncio.run(_run(crowd, plan["connections"]))
    load = summarise(crowd.times_ms, seconds=seconds, size_bytes=len(body), errors=crowd.errors)
    print(orjson.dumps(load).decode())


if __name__ == "__main__":
    main()
