"""What each server does at the edges of HTTP: `python -m benchmarks.server.semantics [--servers a,b]`.

Every probe talks raw bytes on a socket and compares with what the application saw; the answers are
printed as one Markdown table. Nothing here is a benchmark.
"""

import argparse
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Thread
from typing import Any

from benchmarks.server.harness import ROOT, Server, free_port, read_all

MIB = 1 << 20
BIG = 256 * MIB
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
identifiers = count()

Probe = Callable[[Server], Iterator[tuple[str, str]]]


def status(answer: bytes) -> str:
    """The status codes of all responses in `answer`, or `closed` for an empty one."""
    return "+".join(code.decode() for code in STATUS.findall(answer)) or "closed"


def head(target: str, *headers: str, method: str = "PUT") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def attempt(server: Server, data: bytes, timeout: float = 3) -> bytes:
    try:
        return server.request(data, timeout)
    except OSError:
        return b""


def get_json(server: Server, target: str) -> tuple[str, dict[str, Any]]:
    answer = attempt(server, head(target, "Connection: close", method="GET"))
    body = answer.partition(b"\r\n\r\n")[2]
    return status(answer), json.loads(body) if body.startswith(b"{") else {}


def recorded(server: Server, key: str) -> str:
    fact = server.wait_fact("end", id=key, timeout=3)
    if fact is not None:
        return f"{fact['end']} after {fact['bytes']} B"
    return "app not called" if not server.facts(id=key) else "app still waiting after 3 s"


def truncated(server: Server) -> Iterator[tuple[str, str]]:
    """1. Bodies that end early must never look complete."""
    chunked = "Transfer-Encoding: chunked"
    bodies = {
        "Content-Length 1000, 500 sent": ("Content-Length: 1000", b"x" * 500),
        "chunked, cut inside a chunk": (chunked, b"3e8\r\n" + b"x" * 500),
        "chunked, cut between chunks": (chunked, b"1f4\r\n" + b"x" * 500 + b"\r\n"),
        "chunked, cut inside the last `0` line": (chunked, b"1f4\r\n" + b"x" * 500 + b"\r\n0\r\n"),
        "chunked, malformed size": (chunked, b"1f4\r\n" + b"x" * 500 + b"\r\nzz\r\nabc\r\n"),
    }
    for label, (header, body) in bodies.items():
        for way in ("close", "half-close", "reset"):
            key = str(next(identifiers))
            with server.connect() as client:
                client.sendall(head(f"/record?id={key}", header) + body)
                time.sleep(0.2)
                if way == "half-close":
                    client.shutdown(socket.SHUT_WR)
                    ended = recorded(server, key)
                elif way == "reset":
                    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if way != "half-close":
                ended = recorded(server, key)
            yield f"1 {label}, {way}", ended
    for delay in (0, 1):
        key = str(next(identifiers))
        with server.connect() as client:
            client.sendall(head(f"/record?id={key}&delay={delay}", "Content-Length: 4") + b"data")
            client.shutdown(socket.SHUT_WR)
            answer = status(read_quietly(client))
        yield (
            f"1 complete body, half-close, app reads after {delay} s",
            f"{recorded(server, key)}, answer {answer}",
        )


def late_reader(server: Server) -> Iterator[tuple[str, str]]:
    """1. The same while the application is busy elsewhere, and with back-pressure on."""
    cases = {
        "complete body, close before receive()": (4, 4),
        "4 of 1000 B, close before receive()": (4, 1000),
        "4 of 10 MiB, close before receive()": (4 * MIB, 10 * MIB),
    }
    for label, (sent, length) in cases.items():
        key = str(next(identifiers))
        with server.connect() as client:
            client.sendall(head(f"/record?id={key}&delay=1", f"Content-Length: {length}"))
            push(client, sent, 0.3)
        yield f"1 {label}", recorded(server, key)


def upgrade(server: Server) -> Iterator[tuple[str, str]]:
    """1. An Upgrade header, as HTTP/2-capable clients send it, must not eat the body or the next request."""
    chunks = b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n"
    framings = {"Content-Length: 1000": b"x" * 1000, "Transfer-Encoding: chunked": chunks}
    for protocol in ("websocket", "h2c"):
        upgrading = (
            "Connection: Upgrade, HTTP2-Settings",
            f"Upgrade: {protocol}",
            "HTTP2-Settings: AAMAAABkAAQ",
        )
        for framing, body in framings.items():
            for pause in (0.0, 0.3):
                key = str(next(identifiers))
                again = b""
                with server.connect(2) as client:
                    request = head(f"/record?id={key}", *upgrading, framing)
                    if pause:
                        client.sendall(request)
                        time.sleep(pause)
                        request = b""
                    answer = read_some(client, request + body)
                    again = read_some(client, head("/empty", "Connection: close", method="GET"))
                when = "body later" if pause else "body in the same packet"
                yield (
                    f"1 Upgrade: {protocol}, {framing}, {when}",
                    f"{status(answer)}, {recorded(server, key)}; next request: {status(again)}",
                )
        with server.connect(2) as client:
            answer = read_some(client, head("/empty", *upgrading, method="GET"))
            again = read_some(client, head("/empty", "Connection: close", method="GET"))
        yield f"1 Upgrade: {protocol}, GET", f"{status(answer)}; next request: {status(again)}"
    key = str(next(identifiers))
    smuggled = head(f"/record?id={key}", *upgrading, "Content-Length: 4") + b"data"
    answer = attempt(server, head("/empty", method="GET") + smuggled)
    yield "1 Upgrade: h2c, pipelined behind a GET", f"{status(answer)}, {recorded(server, key)}"


def read_some(client: socket.socket, data: bytes) -> bytes:
    """Send, and return what comes back within 0.3 s."""
    try:
        client.sendall(data)
    except OSError:
        return b""
    return read_quietly_nonblocking(client)


def read_quietly(client: socket.socket) -> bytes:
    try:
        return read_all(client)
    except OSError:
        return b""


def push(client: socket.socket, size: int, seconds: float) -> int:
    """Send up to `size` bytes without blocking for up to `seconds`; how many the other side took."""
    client.setblocking(False)
    block, sent, deadline = b"v" * MIB, 0, time.monotonic() + seconds
    while sent < size and (left := deadline - time.monotonic()) > 0:
        if select.select([], [client], [], left)[1]:
            try:
                sent += client.send(block[: size - sent])
            except OSError:
                break
    client.settimeout(5)
    return sent


def upload_pressure(server: Server) -> Iterator[tuple[str, str]]:
    """2. A body nobody reads must stay with the client."""
    server.reset_peak()
    before = server.resident_mib()
    with server.connect() as client:
        client.sendall(head("/stall?seconds=3", f"Content-Length: {BIG}"))
        taken = push(client, BIG, 2.5) / MIB
        growth = server.peak_mib() - before
    yield "2 256 MiB upload, app not reading", f"{taken:.1f} MiB left the client, memory +{growth:.1f} MiB"


def download_pressure(server: Server) -> Iterator[tuple[str, str]]:
    """3. A client that does not read must stop send()."""
    key = f"slow{next(identifiers)}"
    server.reset_peak()
    before = server.resident_mib()
    with server.connect() as client:
        client.sendall(head(f"/stream?id={key}&mib=256", method="GET"))
        client.recv(4096)
        time.sleep(2)
        answer = attempt(server, head(f"/progress?id={key}", "Connection: close", method="GET"))
        accepted = int(answer.partition(b"\r\n\r\n")[2]) / MIB
        growth = server.peak_mib() - before
        total = 4096
        while total < BIG and (data := client.recv(MIB)):
            total += len(data)
        done = server.wait_fact("done", id=key)
        growth_all = server.peak_mib() - before
    yield (
        "3 client not reading",
        f"send() accepted {accepted:.1f} MiB, memory +{growth:.1f} MiB; all of it +{growth_all:.1f} MiB, "
        f"{'complete' if done and not done['raised'] else done}",
    )
    for watch in (0, 1):
        key = f"gone{next(identifiers)}"
        with server.connect() as client:
            client.sendall(head(f"/stream?id={key}&mib=256&watch={watch}", method="GET"))
            client.recv(4096)
            time.sleep(0.3)
        left = time.time()
        done = server.wait_fact("done", id=key, timeout=8)
        if done is None:
            result = "send() blocks for ever"
        else:
            raised = f"send() raises {done['raised']}" if done["raised"] else "send() swallows silently"
            result = f"{raised}, app got rid of {done['sent'] / MIB:.0f} MiB"
            if watch:
                seen = done["left"]
                late = f"after {max(0.0, seen[0] - left) * 1000:.0f} ms" if seen else "never"
                result += f", receive() gave http.disconnect {late}"
        yield f"3 client gone{', app also waits in receive()' if watch else ''}", result


def paths(server: Server) -> Iterator[tuple[str, str]]:
    """4. The undecoded path."""
    for target in (
        "/scope/a%2Fb",
        "/scope/%zz",
        "/scope/%ff",
        "/scope/%C3%A9",
        "/scope/a//b/../c",
        "/scope/\xe9",
    ):
        code, facts = get_json(server, target)
        shown = f"path {facts['path']!a}, raw_path {facts['raw_path']!a}" if facts else f"answer {code}"
        yield f"4 `{target.encode('unicode_escape').decode()}`", shown
    code, facts = get_json(server, "http://other/scope/x?y=%zz")
    shown = (
        f"path {facts['path']!a}, raw_path {facts['raw_path']!a}, query {facts['query_string']}"
        if facts
        else code
    )
    yield "4 absolute-form target", shown


def framing(server: Server) -> Iterator[tuple[str, str]]:
    """5. Ambiguous or oversized messages."""
    cases = {
        "Content-Length and Transfer-Encoding": (
            ("Content-Length: 4", "Transfer-Encoding: chunked"),
            b"4\r\ndata\r\n0\r\n\r\n",
        ),
        "Content-Length 4 and 5": (("Content-Length: 4", "Content-Length: 5"), b"data!"),
        "Content-Length 4 twice": (("Content-Length: 4", "Content-Length: 4"), b"data"),
        "Content-Length -1": (("Content-Length: -1",), b""),
        "Content-Length +4": (("Content-Length: +4",), b"data"),
        "Content-Length 2**64": ((f"Content-Length: {2**64}",), b"data"),
        "Transfer-Encoding: gzip, chunked": (
            ("Transfer-Encoding: gzip, chunked",),
            b"4\r\ndata\r\n0\r\n\r\n",
        ),
        "Transfer-Encoding: identity": (("Transfer-Encoding: identity",), b""),
        "obs-fold": (("X-Folded: a", " b", "Content-Length: 4"), b"data"),
        "space before colon": (("X-Space : a", "Content-Length: 4"), b"data"),
        "NUL in header value": (("X-Nul: a\x00b", "Content-Length: 4"), b"data"),
        "bare LF line ends": (("X-A: b\nX-C: d", "Content-Length: 4"), b"data"),
    }
    for label, (headers, body) in cases.items():
        key = str(next(identifiers))
        answer = attempt(server, head(f"/record?id={key}", "Connection: close", *headers) + body)
        yield f"5 {label}", f"{status(answer)}, {recorded(server, key)}"
    for label, headers in {
        "1 MiB of headers, 16 lines": tuple(f"X-{n}: {'v' * 65_520}" for n in range(16)),
        "1 MiB of headers, 16,384 lines": tuple(f"X-{n}: {'v' * 54}" for n in range(16_384)),
        "64 KiB header": (f"X-Long: {'v' * 65_536}",),
        "16 KiB header": (f"X-Long: {'v' * 16_384}",),
        "200 headers": tuple(f"X-{n}: v" for n in range(200)),
    }.items():
        answer = attempt(server, head("/scope", "Connection: close", *headers, method="GET"))
        seen = "app called" if b'"header_bytes"' in answer else "app not called"
        yield f"5 {label}", f"{status(answer)}, {seen}"


def floods(server: Server) -> Iterator[tuple[str, str]]:
    """5. Heads and trailers without end, and trailers that pose as headers."""
    streams = {
        "64 MiB in one header line": head("/scope", method="GET")[:-2] + b"X-Long: ",
        "64 MiB of request target": b"GET /",
        "64 MiB in one trailer line": head("/record?id=flood", "Transfer-Encoding: chunked")
        + b"0\r\nX-Long: ",
        "64 MiB of chunk extension": head("/record?id=flood", "Transfer-Encoding: chunked") + b"4;a=",
    }
    for label, start in streams.items():
        server.reset_peak()
        before = server.resident_mib()
        with server.connect() as client:
            client.sendall(start)
            taken = push(client, 64 * MIB, 3) / MIB
            answer = read_quietly_nonblocking(client)
        yield (
            f"5 {label}",
            f"{status(answer)}, took {taken:.1f} MiB, memory +{server.peak_mib() - before:.1f} MiB",
        )
    key = str(next(identifiers))
    body = b"4\r\ndata\r\n0\r\nX-Forged: 1\r\n\r\n"
    request = head(f"/record?id={key}&delay=0.3", "Connection: close", "Transfer-Encoding: chunked") + body
    answer = attempt(server, request)
    fact = server.wait_fact("end", id=key, timeout=3) or {"added_headers": "?"}
    yield "5 trailer field", f"{status(answer)}, {fact['added_headers']} headers appeared in scope"


def response_headers(server: Server) -> Iterator[tuple[str, str]]:
    """6. Header values that must not reach the wire."""
    for kind in ("crlf", "lf", "nul", "utf8"):
        key = str(next(identifiers))
        answer = attempt(server, head(f"/bad-header?kind={kind}&id={key}", "Connection: close", method="GET"))
        fact = server.wait_fact("raised", id=key, timeout=3) or {"raised": "nothing reported"}
        lines = answer.lower().splitlines()
        wire = (
            "INJECTED"
            if b"x-injected: 1" in lines
            else "value sent"
            if b"\nx-probe: " in answer.lower()
            else ""
        )
        yield (
            f"6 {kind} in response header",
            f"{status(answer)}, send() raised {fact['raised']} {wire}".strip(),
        )


def newcomer(server: Server) -> str:
    """What a client meets that connects during the shutdown."""
    try:
        answer = server.request(head("/empty", "Connection: close", method="GET"), 0.3)
    except TimeoutError:
        return "new connections HANG"
    except OSError:
        return "new connections refused"
    return f"new connections served ({status(answer)})"


def shutdown_case(name: str, grace: int | None, seconds: float, processes: int = 1) -> str:
    """SIGTERM with half of an upload sent; the rest follows after `seconds`."""
    with (
        Server(name, grace=grace, workers=processes) as server,
        server.connect(15) as client,
        server.connect() as idle,
    ):
        client.sendall(head("/record?id=term", "Content-Length: 1000") + b"x" * 500)
        server.wait_fact("started", id="term")
        os.kill(server.process.pid, signal.SIGTERM)
        began = time.time()
        time.sleep(min(1.0, seconds / 2))
        accepting = newcomer(server)
        exits: list[float] = []

        def note_exit() -> None:
            server.process.wait()
            exits.append(time.time())

        waiter = Thread(target=note_exit)
        waiter.start()
        idle_closed = idle.recv(1) == b"" if select.select([idle], [], [], 0)[0] else False
        time.sleep(max(0.0, began + seconds - time.time()))
        answer = b""
        try:
            client.sendall(b"x" * 500)
            answer = read_all(client)
        except OSError:
            pass
        waiter.join(6)
        exited = (
            f"exit {server.process.returncode} after {exits[0] - began:.1f} s" if exits else "still running"
        )
        ended = server.facts(id="term")[-1]
        stopped = server.facts(lifespan="lifespan.shutdown", pid=ended["pid"])
        if not stopped:
            order = "lifespan shutdown not run"
        else:
            late = "after" if stopped[0]["at"] >= ended["at"] else "BEFORE"
            order = f"lifespan shutdown {late} the request's end"
        idle_text = "idle one closed" if idle_closed else "idle one left open"
        return (
            f"client {status(answer)}, app {ended.get('end', 'no end')}, {order}, "
            f"{accepting}, {idle_text}, {exited}"
        )


def termination(server: Server) -> Iterator[tuple[str, str]]:
    """7. SIGTERM during an upload."""
    yield "7 SIGTERM, upload ends 1 s later, default", shutdown_case(server.name, None, 1)
    yield "7 SIGTERM, upload ends 5 s later, default", shutdown_case(server.name, None, 5)
    yield "7 SIGTERM, upload ends 5 s later, grace 10 s", shutdown_case(server.name, 10, 5)
    yield "7 SIGTERM, upload ends 5 s later, grace 2 s", shutdown_case(server.name, 2, 5)
    yield "7 SIGTERM, upload ends 5 s later, grace 10 s, two workers", shutdown_case(server.name, 10, 5, 2)


def expectation(server: Server) -> Iterator[tuple[str, str]]:
    """8. Expect, HEAD, keep-alive, pipelining, refusing early."""
    expect = ("Expect: 100-continue", "Content-Length: 4")
    with server.connect() as client:
        began = time.monotonic()
        client.sendall(head("/late?seconds=1", *expect))
        first = client.recv(4096)
        waited = time.monotonic() - began
        client.sendall(b"data")
        final = client.recv(4096)
        yield (
            "8 100-continue, app receives after 1 s",
            f"{status(first)} after {waited:.1f} s, then {status(final)}",
        )
    with server.connect(2) as client:
        client.sendall(head("/early", *expect))
        answer = read_quietly(client)
        yield "8 100-continue, app refuses", f"{status(answer)}, {connection_header(answer)}"
    answer = attempt(
        server, head("/body4k", method="HEAD") + head("/empty", "Connection: close", method="GET")
    )
    length = "content-length kept" if b"content-length: 4096" in answer.lower() else "content-length lost"
    body = "body sent" if b"xxxx" in answer else "no body"
    yield "8 HEAD, then GET on the connection (pipelined)", f"{status(answer)}, {length}, {body}"
    yield from refused_upload(server)


def connection_header(answer: bytes) -> str:
    return "connection: close" if b"connection: close" in answer.lower() else "no connection: close"


def refused_upload(server: Server) -> Iterator[tuple[str, str]]:
    """Refuse 256 MiB before reading: the client must get the answer, and must not be drained for ever."""
    server.reset_peak()
    before = server.resident_mib()
    with server.connect() as client:
        client.sendall(head("/early", f"Content-Length: {BIG}"))
        time.sleep(0.3)
        sent = push(client, BIG, 4)
        answer = read_quietly_nonblocking(client)
        again = b""
        if sent == BIG:
            try:
                client.sendall(head("/empty", "Connection: close", method="GET"))
                again = read_quietly(client)
            except OSError:
                pass
        growth = server.peak_mib() - before
    yield (
        "8 413 before a 256 MiB body",
        f"{status(answer)}, {connection_header(answer)}, server took {sent / MIB:.1f} MiB, "
        f"next request on it: {status(again)}, memory +{growth:.1f} MiB",
    )
    for label, query in {
        "`connection: close`": "close=1",
        "`connection: close`, app reads on for 1 s": "close=1&linger=1",
    }.items():
        outcomes = [refused_with_close(server, query) for _ in range(20)]
        seen = ", ".join(f"{outcome}: {outcomes.count(outcome)}" for outcome in sorted(set(outcomes)))
        yield f"8 413 with {label}, client sends on, 20 times", seen
    with server.connect() as client:
        client.sendall(head("/early", "Content-Length: 4") + b"data")
        first = client.recv(4096)
        time.sleep(0.1)
        again = b""
        try:
            client.sendall(head("/empty", "Connection: close", method="GET"))
            again = read_quietly(client)
        except OSError:
            pass
        yield "8 413 before a 4 byte body", f"{status(first)}, next request on it: {status(again)}"


def refused_with_close(server: Server, query: str) -> str:
    """What a client gets that writes on until it fails, and only then reads."""
    with server.connect() as client:
        client.sendall(head(f"/early?{query}", f"Content-Length: {BIG}"))
        push(client, BIG, 4)
        return status(read_quietly(client))


def interrupted_response(server: Server) -> Iterator[tuple[str, str]]:
    """11. A response that fails half-way must not look complete."""
    for framing in ("length", "chunked"):
        for how in ("raise", "return"):
            request = head(f"/broken?framing={framing}&how={how}", method="GET")
            answer = attempt(server, request)
            sound = answer.endswith(b"0\r\n\r\n") if framing == "chunked" else answer.count(b"x") >= 1000
            yield (
                f"11 app {how}s mid-body, {framing}",
                f"{status(answer)}, {'LOOKS COMPLETE' if sound else 'cut'}",
            )


def read_quietly_nonblocking(client: socket.socket) -> bytes:
    received = b""
    while select.select([client], [], [], 0.3)[0]:
        try:
            data = client.recv(65536)
        except OSError:
            return received or b"HTTP/1.1 reset\r\n"
        if not data:
            break
        received += data
    return received


def workers(server: Server) -> Iterator[tuple[str, str]]:
    """9. Several workers, the peer's address, and the death of a worker."""
    with Server(server.name, workers=2) as pair:
        seen: dict[int, int] = {}
        while len(pair.facts(lifespan="lifespan.startup")) < 2:
            time.sleep(0.1)
        time.sleep(0.3)
        for _ in range(60):
            facts = get_json(pair, "/scope")[1]
            seen[facts["pid"]] = seen.get(facts["pid"], 0) + 1
        yield "9 two workers", f"{len(seen)} processes answered ({sorted(seen.values())} of 60)"
        yield "9 peer address", json.dumps(facts["client"])
        yield "9 ASGI version and extensions", f"{facts['spec_version']}, {facts['extensions']}"
        os.kill(next(iter(seen)), signal.SIGKILL)
        time.sleep(3)
        alive = pair.process.poll() is None
        codes = [get_json(pair, "/scope")[0] for _ in range(10)] if alive else []
        yield (
            "9 one worker killed",
            f"{'parent alive' if alive else 'PARENT EXITS'}, {codes.count('200')} of 10 answered, "
            f"{len(pair.facts(lifespan='lifespan.startup'))} startups in all",
        )


def slow_headers(server: Server) -> Iterator[tuple[str, str]]:
    """Beyond the list: how long a connection may sit there."""
    for label, data in {
        "silent connection": b"",
        "half a request head": b"GET / HTTP/1.1\r\nHost:",
        "kept-alive connection": head("/empty", method="GET"),
    }.items():
        with server.connect(40) as client:
            client.sendall(data)
            began = time.monotonic()
            try:
                while client.recv(4096):
                    pass
                shown = f"closed after {time.monotonic() - began:.0f} s"
            except ConnectionError:
                shown = f"reset after {time.monotonic() - began:.0f} s"
            except TimeoutError:
                shown = "open after 40 s"
        yield f"10 {label}", shown


def failed_start(server: Server) -> Iterator[tuple[str, str]]:
    """12. An application that cannot start must not leave a process that looks alive."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.server.serve",
        server.name,
        str(free_port()),
        "--target",
        "benchmarks.server.app:failing",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            code = f"exit {process.wait(8)}"
        except subprocess.TimeoutExpired:
            process.terminate()
            code = "STILL RUNNING after 8 s"
        output, _ = process.communicate()
    yield "12 lifespan startup fails", f"{code}, {output.count(b'lifespan.startup')} attempts"


PROBES: dict[str, Probe] = {
    "1": truncated,
    "1-late": late_reader,
    "1-upgrade": upgrade,
    "2": upload_pressure,
    "3": download_pressure,
    "4": paths,
    "5": framing,
    "5-floods": floods,
    "6": response_headers,
    "7": termination,
    "8": expectation,
    "9": workers,
    "10": slow_headers,
    "11": interrupted_response,
    "12": failed_start,
}


def examine(name: str, chosen: list[str]) -> dict[str, str]:
    results: dict[str, str] = {}
    for number in chosen:
        with Server(name) as server:
            try:
                for label, result in PROBES[number](server):
                    results[label] = result
            except Exception as error:
                results[f"{number} (probe failed)"] = repr(error)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", default="uvicorn,granian,hypercorn")
    parser.add_argument("--probes", default=",".join(PROBES))
    arguments = parser.parse_args()
    names = arguments.servers.split(",")
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(lambda name: examine(name, arguments.probes.split(",")), names))
    print(f"| probe | {' | '.join(names)} |")
    print(f"|---|{'---|' * len(names)}")
    for label in dict.fromkeys(label for results in found for label in results):
        print(f"| {label} | {' | '.join(results.get(label, '') for results in found)} |")


if __name__ == "__main__":
    main()
