"""A client that outlives the faults of a disk: after each it looks at what is there, and goes on."""

from collections.abc import Callable, Sequence

import httpx

from tests.crash.ledger import CannotSay, Client, History, Step
from tests.crash.server import Server

from .life import read_all
from .mount import Mount
from .survey import read_histories
from .witness import Witness

# The server cannot say, or has no room: both are refusals in so many words.
_CLEAR = (503, 507)


class Patient:
    """One client of a server whose disk fails now and then."""

    def __init__(self, client: Client, server: Server, mount: Mount, caller: httpx.Client) -> None:
        self.witness = Witness(client, mount)
        self.refusals = 0
        self.client = client
        self._server = server
        self._caller = caller
        self._caller.event_hooks = {"response": [_refuse]}

    def try_request(self, step: Step | None = None) -> bool:
        """Make the request of `step`, else any; tell whether it was answered. Else its outcome is open."""
        try:
            self.witness.make_request(self._caller, step)
        except (CannotSay, httpx.RemoteProtocolError):  # a download that has begun can only be cut off
            self.refusals += 1
            return False
        return True

    def follow(self, scenario: Sequence[Callable[[Client], Step]]) -> None:
        """Make the requests of `scenario` until one is refused."""
        for next_step in scenario:
            if not self.try_request(next_step(self.client)):
                return

    def settle(self) -> None:
        """Look at what is there, which must be one of the open outcomes. Raises: AssertionError."""
        label = self.client.label
        events = read_histories(self._server.place, [label])[label].events
        self.witness.settle(History(read_all(self._caller, f"{label}/"), events))


def _refuse(answer: httpx.Response) -> None:
    if answer.status_code in _CLEAR:
        answer.read()
        raise CannotSay(answer)
