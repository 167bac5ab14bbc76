"""The servers of a history, and what happens to them in the middle of it."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.contract.client import Target
from tests.crash.invariants import Place
from tests.crash.server import Server, forked_at

from .asking import BUCKET

PAUSE_S = 0.3
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'aerostore'"


class Fleet:
    """Servers of two workers each, on the same rows and bytes."""

    def __init__(self, place: Place, size: int) -> None:
        self.place = place
        self._stacks = [ExitStack() for _ in range(size)]
        self._servers: list[Server] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            self._servers = [self._start(stack) for stack in self._stacks]
            yield
        finally:
            for stack in self._stacks:
                stack.close()

    def any_server(self, choices: random.Random) -> Server:
        return choices.choice(self._servers)

    def any_target(self, choices: random.Random) -> Target:
        return self.any_server(choices).target

    def restart_one(self, choices: random.Random) -> None:
        """Kill a server with all its workers; return when it is there again, under another address."""
        at = choices.randrange(len(self._servers))
        self._stacks[at].close()
        self._servers[at] = self._start(self._stacks[at])

    def _start(self, stack: ExitStack) -> Server:
        return stack.enter_context(forked_at(self.place, workers=2))


def make_bucket(fleet: Fleet) -> None:
    target = fleet.any_target(random.Random(0))
    with target.connect(target.token("service_role")) as caller:
        answer = caller.post("/bucket", json={"name": BUCKET})
        assert answer.status_code == 200, answer.text


Trouble = Callable[[Fleet, random.Random], None]


def nothing(_fleet: Fleet, _choices: random.Random) -> None:
    """Leave them alone."""


def kill_worker(fleet: Fleet, choices: random.Random) -> None:
    """Kill one worker; its server starts another one."""
    with suppress(ProcessLookupError):
        os.kill(choices.choice(fleet.any_server(choices).workers()), signal.SIGKILL)


def restart_server(fleet: Fleet, choices: random.Random) -> None:
    """Kill a whole server and start it again."""
    fleet.restart_one(choices)


def pause_worker(fleet: Fleet, choices: random.Random) -> None:
    """Hold one worker up in the middle of whatever it does."""
    _pause(choices.choice(fleet.any_server(choices).workers()))


def pause_database(fleet: Fleet, choices: random.Random) -> None:
    """Hold up one connection's process of PostgreSQL."""
    if backends := [pid for (pid,) in fleet.place.rows(_BACKENDS)]:
        _pause(choices.choice(backends))


def _pause(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(PAUSE_S)  # another process has no clock to pass in
        finally:
            os.kill(pid, signal.SIGCONT)
