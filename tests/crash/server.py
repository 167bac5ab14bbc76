"""A server process of one's own: to stop, kill, starve and start again, and to watch through /proc."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.contract.client import Target
from tests.contract.conftest import SECRET
from tests.crash.preloaded import fork_server  # by its full name: the forked process imports it anew
from tests.port import free_port

from . import door
from .failpoint import VARIABLE, Orders
from .invariants import Place

DEADLINE_S = 30.0
_LOOK_AGAIN_S = 0.02
_LISTENING = "0A"
_REPOSITORY = Path(__file__).parents[2]


class Process(Protocol):
    """What is asked of a server's first process."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""

    def send_signal(self, number: int, /) -> None: ...

    def terminate(self) -> None: ...


class DiedAtStart(Exception):
    """The server was killed before it answered for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server that leads a process group of its own."""

    target: Target
    place: Place
    process: Process

    @property
    def data_dir(self) -> Path:
        return self.place.data_dir

    @property
    def blobs_dir(self) -> Path:
        return self.place.blobs_dir

    def connect(self) -> httpx.Client:
        """Open a client with the service role."""
        return self.target.connect(self.target.token("service_role"))

    def stored_files(self) -> list[Path]:
        """List every file below `blobs/`, temporary ones with a name included."""
        return sorted(path for path in self.blobs_dir.rglob("*") if path.is_file())

    def workers(self) -> list[int]:
        """List the processes that serve requests."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]

    def listeners(self) -> int:
        """Count the sockets that wait for clients: each worker has its own once it is ready to serve."""
        address = f":{self.target.address[1]:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()]
        return sum(row[1].endswith(address) and row[3] == _LISTENING for row in rows)

    def open_files(self) -> list[str]:
        """List the files below `blobs/` that workers hold open; unnamed ones are among them."""
        folder = str(self.blobs_dir)
        held = [path for pid in self.workers() for path in _open_paths(pid) if path.startswith(folder)]
        # Directories that are kept open for good are no sign of a request under way.
        return [path for path in held if not Path(path).is_dir()]

    def open_descriptors(self) -> int:
        """Count everything that the workers hold open: files, sockets, pipes."""
        return sum(len(_open_paths(pid)) for pid in self.workers())

    def sockets_per_worker(self) -> list[int]:
        """Count the sockets that each worker holds open."""
        return [sum(path.startswith("socket:") for path in _open_paths(pid)) for pid in self.workers()]

    def reset_peak_memory(self) -> int:
        """Let the kernel measure the peak anew; return the resident bytes of all workers now."""
        for pid in self.workers():
            Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")
        return sum(_status_bytes(pid, "VmRSS") for pid in self.workers())

    def peak_memory(self) -> int:
        """Return the most bytes that the workers had resident since the reset."""
        return sum(_status_bytes(pid, "VmHWM") for pid in self.workers())

    def terminate(self) -> None:
        """Ask for a graceful end, without waiting for it."""
        self.process.send_signal(signal.SIGTERM)

    def strike(self) -> None:
        """Send SIGKILL to every process of the group, without waiting for their end."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End every process of the group in the middle of whatever it does."""
        self.strike()  # also when the first process has ended: its workers may outlive it
        self.process.wait()
        wait_until(lambda: not _has_living_members(self.process.pid), "the workers are gone")


@contextmanager
def running(data_dir: Path, **settings: object) -> Iterator[Server]:
    """Serve `data_dir` for the time of the block. settings: as `AEROSTORE_*`, in lower case."""
    server = start(data_dir, **settings)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def running_at(place: Place, **settings: object) -> Iterator[Server]:
    """Serve what is kept at `place`, as `running` does."""
    with running(place.data_dir, **settings, **_where_rows_are(place)) as server:
        yield server


def _where_rows_are(place: Place) -> dict[str, object]:
    return {"database_url": place.database_url} if place.database_url else {}


@contextmanager
def forked_at(place: Place, orders: Orders | None = None, **settings: object) -> Iterator[Server]:
    """Serve what is kept at `place`, from a process that has imported everything: quick to start.

    orders: what it may be told to die at. Raises: DiedAtStart when it obeyed before it served.
    """
    given = {} if orders is None else {VARIABLE: str(orders.path)}

    def launch(environment: dict[str, str], log: Path) -> Process:
        return fork_server({**environment, **given}, log)

    server = _start(launch, place.data_dir, {**settings, **_where_rows_are(place)})
    try:
        yield server
    finally:
        server.kill()


def start(data_dir: Path, **settings: object) -> Server:
    """Start a server on a free port, by its command, and return when it answers."""
    return _start(_run_command, data_dir, settings)


def _start(
    launch: Callable[[dict[str, str], Path], Process], data_dir: Path, settings: dict[str, object]
) -> Server:
    if not Path("/proc/self/fd").exists():
        pytest.skip("watching a server from outside needs /proc")
    port = free_port()
    log = data_dir.with_name(f"{data_dir.name}-{port}.log")
    values = {"data_dir": data_dir, "host": "127.0.0.1", "port": port, "jwt_secret": SECRET, **door.SETTINGS}
    values |= settings
    process = launch({f"AEROSTORE_{name.upper()}": str(value) for name, value in values.items()}, log)
    server = Server(
        target=Target(url=f"http://127.0.0.1:{port}/storage/v1", secret=SECRET, is_disposable=True),
        place=Place(data_dir, str(settings.get("database_url", ""))),
        process=process,
    )
    try:
        _wait_for_the_first_answer(server, log)
    except BaseException:
        server.kill()
        raise
    return server


def _run_command(environment: dict[str, str], log: Path) -> Process:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "aerostore", "serve"],
            cwd=_REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for_the_first_answer(server: Server, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and server.process.poll() is None:
        if is_answering(server.target):
            return
        time.sleep(0.01)  # another process has no clock to pass in
    if server.process.poll() == -signal.SIGKILL:
        raise DiedAtStart
    pytest.fail(f"the server did not start; its log:\n{log.read_text(errors='replace')}", pytrace=False)


def require_life(server: Server) -> None:
    """Raise DiedAtStart when a job of the server met its order between the first answer and now."""
    if not is_answering(server.target):
        assert server.process.wait(DEADLINE_S) == -signal.SIGKILL, "the server ended by itself"
        raise DiedAtStart


def is_answering(target: Target) -> bool:
    """Tell whether the server at `target` answers now."""
    connection = http.client.HTTPConnection(*target.address, timeout=DEADLINE_S)
    try:
        connection.request("GET", f"{target.base_path}/status")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once `holds()` does. Raises: AssertionError naming `what` when it never does."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {deadline_s:.0f} s in vain until {what}"
        time.sleep(_LOOK_AGAIN_S)  # another process has no clock to pass in


def _open_paths(pid: int) -> list[str]:
    paths = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            paths.append(str(link.readlink()))
        except FileNotFoundError:
            continue  # closed since the directory was read
    return paths


def _status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise AssertionError(f"/proc/{pid}/status has no {field}")


def _has_living_members(group: int) -> bool:
    """Tell whether a process of this group still runs; one that only waits to be reaped does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _parent, member_of = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
            if int(member_of) == group and state != "Z":
                return True
    return False
