"""Start a server as a subprocess, read what it used from /proc, and what the application printed."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One running candidate with its process tree."""

    def __init__(self, name: str, *, workers: int = 1, grace: int | None = None) -> None:
        self.name = name
        self.port = free_port()
        self.log = Path(tempfile.mkdtemp(prefix=f"{name}-")) / "log"
        command = [
            sys.executable,
            "-m",
            "benchmarks.server.serve",
            name,
            str(self.port),
            "--workers",
            str(workers),
        ]
        if grace is not None:
            command += ["--grace", str(grace)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        self._wait_until_open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_open(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.request(b"GET /empty HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"{self.name} did not start: {self.log.read_text()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()

    def pids(self) -> list[int]:
        """The server's process and all its descendants."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """User and system time used so far by the process tree."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def reset_peak(self) -> None:
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peak_mib(self) -> float:
        """Peak resident memory since `reset_peak`, summed over the process tree."""
        return self._status_mib("VmHWM")

    def resident_mib(self) -> float:
        return self._status_mib("VmRSS")

    def _status_mib(self, field: str) -> float:
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(field):
                    total += int(line.split()[1])
        return total / 1024

    def connect(self, timeout: float = 5) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def request(self, data: bytes, timeout: float = 5) -> bytes:
        """Send raw bytes on a new connection and return everything until the server closes or goes quiet."""
        with self.connect(timeout) as client:
            client.sendall(data)
            return read_all(client)

    def facts(self, **match: object) -> list[dict[str, Any]]:
        """What the application printed, reduced to the lines that carry `match`."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith('{"pid"'):
                fact: dict[str, Any] = json.loads(line)
                if all(fact.get(key) == value for key, value in match.items()):
                    found.append(fact)
        return found

    def wait_fact(self, key: str, timeout: float = 10, **match: object) -> dict[str, Any] | None:
        """The first printed fact that carries `match` and has `key`, or None after the timeout."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for fact in self.facts(**match):
                if key in fact:
                    return fact
            time.sleep(0.05)
        return None


def read_all(client: socket.socket) -> bytes:
    """Read until the end, a reset, or the socket's timeout."""
    received = bytearray()
    try:
        while data := client.recv(1 << 20):
            received += data
    except OSError:
        if not received:
            raise
    return bytes(received)
