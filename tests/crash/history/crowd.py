"""Clients that ask about the same few names at once, and the history of what they asked."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tests.crash.server import DEADLINE_S

from .asking import Caller, HttpCaller, NobodyKnows, NotAsked, StorageCaller
from .checker import Record
from .fleet import Fleet, Trouble
from .model import Operation

CLIENTS_PER_GROUP = 4
REQUESTS_PER_CLIENT = 12
_CONNECTIONS = 2
_VERBS = {"create": 3, "upsert": 3, "get": 4, "delete": 3, "move": 2, "copy": 2, "list": 2}
_LOOKS = {"get": 1, "list": 1}
# One write in so many brings bytes that are stored already.
_SHARED_EVERY = 4

Kind = type[HttpCaller] | type[StorageCaller]


def now() -> float:
    """Return the time that all records share, in milliseconds."""
    return time.monotonic_ns() / 1e6


class Client:
    """Asks random things about the names of one group, over several connections to any server."""

    def __init__(self, fleet: Fleet, label: str, seed: str, kind: Kind) -> None:
        self.label = label
        self.history: list[Record] = []
        self._fleet = fleet
        self._described = f"{label} ({kind.label})"
        self._kind = kind
        self._choices = random.Random(f"{seed}/{label}")
        self._callers: dict[tuple[str, int], Caller] = {}

    def ask(self, group: str, operation: Operation) -> None:
        """Ask until some server hears of it, and keep the record."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            record = Record(client=self._described, operation=operation, asked_at=now())
            try:
                answer = self._caller().ask(group, operation)
            except NotAsked:
                assert time.monotonic() < deadline, "no server takes connections"
                time.sleep(0.01)  # a server that starts is another process: it has no clock to pass in
            except NobodyKnows:
                self.history.append(record)
                return
            else:
                self.history.append(replace(record, answer=answer, answered_at=now()))
                return

    def random_operation(self, names: Sequence[str], value: str) -> Operation:
        """Choose what to ask next; after a write, as often as not, whether it can be seen."""
        has_written = bool(self.history) and self.history[-1].operation.is_write
        weights = _LOOKS if has_written and self._choices.random() < 0.5 else _VERBS
        verb = self._choices.choices(list(weights), weights=list(weights.values()))[0]
        if verb == "copy" and self._kind is HttpCaller and self._choices.random() < 0.5:
            verb = "replace"  # storage3 has no word for it
        name, to_name = self._choices.sample(list(names), 2)
        match verb:
            case "list":
                return Operation(verb)
            case "create" | "upsert":
                return Operation(verb, name, value=value)
            case "move" | "copy" | "replace":
                return Operation(verb, name, to_name)
        return Operation(verb, name)

    def close(self) -> None:
        for caller in self._callers.values():
            caller.close()

    def _caller(self) -> Caller:
        """Return a connection at random: the kernel gives each of them to some worker."""
        target = self._fleet.any_target(self._choices)
        key = (target.url, self._choices.randrange(_CONNECTIONS))
        if key not in self._callers:
            self._callers[key] = self._kind(target)
        return self._callers[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A few names, and the clients that meet there."""

    label: str
    names: Sequence[str]
    clients: Sequence[Client]

    def history(self) -> list[Record]:
        return [record for client in self.clients for record in client.history]


class Round:
    """Groups that work at once; in the middle of it, there is trouble."""

    def __init__(self, fleet: Fleet, label: str, seed: int, groups: int) -> None:
        self._fleet = fleet
        self._choices = random.Random(f"{seed}/{label}")
        self.groups = [self._group(f"{label}-{number}", f"{seed}") for number in range(groups)]
        self._left = self._choices.randint(1, groups * CLIENTS_PER_GROUP * REQUESTS_PER_CLIENT // 2)
        self._lock = threading.Lock()
        self._is_time_for_trouble = threading.Event()

    def _group(self, label: str, seed: str) -> Group:
        kinds: list[Kind] = [HttpCaller, StorageCaller] * CLIENTS_PER_GROUP
        clients = [
            Client(self._fleet, f"{label}-{number}", seed, kinds[number])
            for number in range(CLIENTS_PER_GROUP)
        ]
        return Group(label=label, names=self._choices.choice(["ab", "abc"]), clients=clients)

    def play(self, trouble: Trouble) -> None:
        """Let everybody ask, then ask for what is left; `trouble` comes after some answers."""
        crowd = [(group, client) for group in self.groups for client in group.clients]
        with ThreadPoolExecutor(len(crowd) + 1) as pool:
            troubling = pool.submit(self._make, trouble)
            working = [pool.submit(self._work, group, client) for group, client in crowd]
            for work in working:
                work.result()
            troubling.result()
        for group in self.groups:
            self._look_at_the_end(group)

    def _make(self, trouble: Trouble) -> None:
        assert self._is_time_for_trouble.wait(2 * DEADLINE_S), "the clients have stopped asking"
        trouble(self._fleet, self._choices)

    def _work(self, group: Group, client: Client) -> None:
        for number in range(REQUESTS_PER_CLIENT):
            value = f"{group.label}#same" if number % _SHARED_EVERY == 3 else f"{client.label}#{number}"
            client.ask(group.label, client.random_operation(group.names, value))
            self._count()

    def _count(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._is_time_for_trouble.set()

    def _look_at_the_end(self, group: Group) -> None:
        """Ask for each name once more, when nobody else does: what is lost must be missed by somebody."""
        for client in group.clients[:2]:
            for name in group.names:
                client.ask(group.label, Operation("get", name))
            client.ask(group.label, Operation("list"))
        for client in group.clients:
            client.close()
