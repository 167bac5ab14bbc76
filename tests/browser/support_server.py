"""A real server for a browser: a process with a port and data of its own, that can go and come back."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx

from tests.contract.client import TLS, Target
from tests.port import free_port

SECRET = "browser-secret-that-is-long-enough-for-hs256"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
ROOT = Path(__file__).parents[2]


class Server:
    """`aerostore serve`, on the same port and the same data whenever it is started. settings: AEROSTORE_*."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self._port = free_port()
        self.data_dir = directory / "data"
        self._log = directory / "server.log"
        self._settings = {
            "data_dir": self.data_dir,
            "host": "127.0.0.1",
            "port": self._port,
            "jwt_secret": SECRET,
        } | settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> Target:
        """What clients of the public API know of it."""
        return Target(url=f"http://127.0.0.1:{self._port}/storage/v1", secret=SECRET, is_disposable=True)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self._log.open("ab") as output:
            self._process = self._spawn(output)
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start; its log:\n{self.log}")
            time.sleep(0.05)  # another process: there is no clock to pass in

    def stop(self) -> None:
        """Ask it to end, and return when it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = {f"AEROSTORE_{name.upper()}": str(value) for name, value in self._settings.items()}
        return subprocess.Popen(
            [sys.executable, "-m", "aerostore", "serve"],
            cwd=ROOT,
            env=environment | {"PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.target.url}/status", trust_env=False, verify=TLS).status_code == 200
        except httpx.TransportError:
            return False
