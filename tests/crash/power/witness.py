"""A client that knows how far the disk was when it asked and when it was answered."""

from dataclasses import dataclass

import httpx

from tests.crash.ledger import CannotSay, Client, History, Step

from .mount import Mount


@dataclass(frozen=True, slots=True)
class Promise:
    """A request: when it was begun and answered, as positions in the disk's history, and where it led.

    possible: where else it could have led, until it was answered.
    """

    begun: int
    answered: int
    outcome: History
    possible: tuple[History, ...] = ()


class Witness:
    """One client in one life of a server, which ends with a power cut."""

    def __init__(self, client: Client, mount: Mount) -> None:
        self._client = client
        self._mount = mount
        self._before = client.acknowledged
        self._promises: list[Promise] = []
        self._last_begun = 0
        self._left_open: list[History] = []

    @property
    def label(self) -> str:
        return self._client.label

    def work_until_refused(self, caller: httpx.Client) -> None:
        """Make requests until the server is dead, or cannot say what became of one."""
        try:
            while True:
                self.make_request(caller)
        except (httpx.TransportError, CannotSay):
            self._left_open = self._client.possible_histories()[1:]

    def make_request(self, caller: httpx.Client, step: Step | None = None) -> None:
        """Make the request of `step`, else any. Raises: httpx.TransportError, CannotSay: it is left open."""
        self._last_begun = self._mount.position()
        if step is None:
            self._client.make_request(caller)
        else:
            self._client.take(step, caller)
        answered = self._mount.position()
        self._promises.append(Promise(self._last_begun, answered, self._client.acknowledged))

    def settle(self, shown: History) -> None:
        """Take what is shown after a request that failed for its outcome. Raises: AssertionError."""
        possible = tuple(self._client.possible_histories())
        self._client.go_on_from(shown)
        self._promises.append(Promise(self._last_begun, self._mount.position(), shown, possible))

    def answers(self) -> list[int]:
        """List the positions at which requests were answered."""
        return [promise.answered for promise in self._promises]

    def possible_at(self, position: int) -> list[History]:
        """List what a cut at `position` may leave: all that was answered, perhaps what was under way."""
        answered = [promise for promise in self._promises if promise.answered <= position]
        following = self._promises[len(answered) :]
        possible = [answered[-1].outcome if answered else self._before]
        if following and following[0].begun < position:
            possible += [following[0].outcome, *following[0].possible]
        if not following and self._last_begun < position:
            possible += self._left_open
        return possible

    def check(self, shown: History, position: int) -> None:
        """Raises: AssertionError when a cut at `position` may not leave what is shown."""
        possible = self.possible_at(position)
        assert shown in possible, _difference(self.label, shown, possible[0])

    def go_on_from(self, shown: History) -> None:
        """Let the client begin its next life with what is shown."""
        self._client.go_on_from(self._client.acknowledged)
        self._client.acknowledged = shown


def _difference(label: str, shown: History, promised: History) -> str:
    lines = [f"{label} is not shown what it was promised"]
    for name in sorted(shown.digests.keys() | promised.digests.keys()):
        here, there = shown.digests.get(name, "nothing"), promised.digests.get(name, "nothing")
        if here != there:
            lines.append(f"  {name}: {here[:12]}, promised {there[:12]}")
    if shown.events != promised.events:
        lines.append(f"  events: ... {shown.events[-4:]}, promised ... {promised.events[-4:]}")
    return "\n".join(lines)
