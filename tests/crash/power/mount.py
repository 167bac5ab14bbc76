"""A mounted volume in a process of its own, which outlives killed servers, and the way to steer it."""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from tests.requirement import skip_without

from .fault import NO_FAULT, Fault
from .operation import Operation
from .steering import make_counter, shared_counter, unmount

DEADLINE_S = 30.0
_REPOSITORY = Path(__file__).parents[3]


class Mount:
    """The near end of a mounted volume. Its history is numbered from 0; `position` is how long it is."""

    def __init__(self, directory: Path, counter: memoryview, control: Connection) -> None:
        self.directory = directory
        self._counter = counter
        self._control = control
        self._lock = threading.Lock()

    def position(self) -> int:
        """Return how many operations there were, without asking anybody: it takes no time."""
        position: int = self._counter[0]
        return position

    def arm(self, fault: Fault) -> None:
        """Let `fault` be the only one from now on."""
        self._ask("arm", fault)

    def seen(self) -> int:
        """Return how many operations were like the armed fault, whether they failed or not."""
        seen: int = self._ask("seen")
        return seen

    def disarm(self) -> int:
        """Let nothing fail any more; return what `seen` was."""
        seen = self.seen()
        self._ask("arm", NO_FAULT)
        return seen

    def freeze(self) -> int:
        """Take the power away; return how long the history was then."""
        position: int = self._ask("freeze")
        return position

    def history(self) -> list[Operation]:
        """Return everything that has happened."""
        path = self.directory.with_suffix(".history")
        self._ask("save", path)
        history: list[Operation] = pickle.loads(path.read_bytes())
        path.unlink()
        return history

    def _ask(self, verb: str, *arguments: Any) -> Any:
        with self._lock:
            self._control.send((verb, *arguments))
            return self._control.recv()


@contextmanager
def mounted(directory: Path, history: Iterable[Operation] = ()) -> Iterator[Mount]:
    """Mount a volume at `directory`, which is made, for the time of the block. history: where it begins."""
    directory.mkdir(parents=True)
    files = [directory.with_suffix(suffix) for suffix in (".start", ".counter", ".socket")]
    start, count, socket = files
    start.write_bytes(pickle.dumps(list(history)))
    make_counter(count)
    command = [sys.executable, "-m", "tests.crash.power.far_end", *map(str, (directory, *files))]
    process = subprocess.Popen(command, cwd=_REPOSITORY)
    try:
        _wait_until_mounted(directory, process)
        with shared_counter(count) as counter, Client(str(socket)) as control:
            yield Mount(directory, counter, control)
    finally:
        unmount(directory)
        _end(process)


def require_fuse() -> None:
    """Skip the test where no file system can be mounted."""
    if os.geteuid() != 0:
        skip_without("fuse", "power cuts need root, to mount a file system")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or find_library("fuse3") is None:
        skip_without("fuse", "power cuts need /dev/fuse and libfuse3 (apt-get install fuse3 libfuse3-3)")


def _wait_until_mounted(directory: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not os.path.ismount(directory):
        assert process.poll() is None, "the file system did not start"
        assert time.monotonic() < deadline, "the file system was not there in time"
        time.sleep(0.01)  # another process has no clock to pass in


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
