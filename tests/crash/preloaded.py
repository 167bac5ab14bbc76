"""Servers forked from a process that has imported everything: they start in a fraction of the time.

What they run is `aerostore serve` itself. This is what makes thousands of kills affordable, and where
failpoints get into a server.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

_REPOSITORY = Path(__file__).parents[2]


class Preloaded:
    """A forked server, as far as `subprocess.Popen` is asked about one."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid: int = process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        assert code is not None, f"process {self.pid} has not ended after {timeout} s"
        return code

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def fork_server(environment: Mapping[str, str], log: Path) -> Preloaded:
    """Start `aerostore serve` with exactly this environment, as the leader of a process group."""
    process = _context().Process(target=_serve, args=(dict(environment), log))
    process.start()
    return Preloaded(process)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aerostore.cli.program"])
    return context


def _serve(environment: Mapping[str, str], log: Path) -> None:
    os.setsid()
    _redirect_output(log)
    os.chdir(_REPOSITORY)
    os.environ.clear()  # noqa: TID251 -- this is the environment of the server, which begins here
    os.environ.update(environment)  # noqa: TID251 -- as above
    multiprocessing.set_start_method("fork", force=True)  # workers inherit what is loaded, and the failpoints
    _arm(environment)
    sys.argv = ["aerostore", "serve"]

    from aerostore.cli import program

    assert Path(program.__file__).is_relative_to(_REPOSITORY), (
        f"this is another aerostore: {program.__file__}"
    )
    program.run()


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def _arm(environment: Mapping[str, str]) -> None:
    from .failpoint import VARIABLE

    if VARIABLE in environment:
        from .failpoint.injection import obey

        obey(Path(environment[VARIABLE]))
