"""Programs that a benchmark starts: servers, and tools that have to be there."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.contest import CannotRun
from benchmarks.contest.site import Request

_PATIENCE_S = 60
_LOOK_AGAIN_S = 0.003
_PATH = f"{os.defpath}:/usr/local/bin:/usr/sbin:/sbin"
PLAIN_ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
"""All that a server gets besides its settings: nothing of this shell reaches it."""
_PACKAGES = {"wrk": "wrk", "curl": "curl", "nginx": "nginx", "git": "git", "initdb": "postgresql"}


def find_tool(name: str) -> str:
    """Return the path of a program. Raises: CannotRun, with the package that has it."""
    if found := shutil.which(name) or shutil.which(name, path=_PATH):
        return found
    raise CannotRun(f"{name} is missing. Debian and Ubuntu: apt-get install {_PACKAGES[name]}")


class Server:
    """A server process that can be stopped and started again.

    ready_url: answers a GET with 2xx as soon as the server serves. log: takes what it prints.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        ready_url: str,
    ) -> None:
        self._command = command
        self._environment = {**PLAIN_ENVIRONMENT, **environment}
        self._folder = folder
        self._log = log
        self._ready_url = ready_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that was started last."""
        if self._process is None:
            raise CannotRun(f"{self._command[0]} is not running")
        return self._process.pid

    def start(self, first: Request | None = None) -> None:
        """Start, and wait for the first answer: to `first`, else at `ready_url`.

        Raises: CannotRun, with what it printed.
        """
        first = first or Request(method="GET", url=self._ready_url)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _PATIENCE_S
        while not _is_answered(first):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise CannotRun(f"{' '.join(self._command)} does not serve:\n{self._log.read_text()[-2000:]}")
            time.sleep(_LOOK_AGAIN_S)

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _is_answered(request: Request) -> bool:
    url = urlsplit(request.url)
    connection = HTTPConnection(url.netloc, timeout=_PATIENCE_S)
    try:
        connection.request(request.method, url.path, headers=dict(request.headers))
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return 200 <= answer.status < 300
