"""What a client knows of its objects: what was acknowledged, and what the request under way would change.

Each client keeps to names of its own and asks one thing at a time, so that after a crash exactly two
histories are possible: with its last request, or without it. Anything else is a broken promise.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.contract.client import object_path

NAMES_PER_CLIENT = 8
# Bodies up to 64 KiB are collected in memory; longer ones go to disk piece by piece.
SIZES = (0, 10, 5_000, 60_000, 300_000, 2_500_000)
UPSERT = {"x-upsert": "true"}

Event = tuple[str, str]


@dataclass(frozen=True, slots=True)
class History:
    """SHA-256 by name, and the events that led there as (type, name), oldest first."""

    digests: dict[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def put(self, name: str, content: bytes) -> "History":
        kind = "ObjectCreated:Put" if name in self.digests else "ObjectCreated:Post"
        return History({**self.digests, name: digest_of(content)}, (*self.events, (kind, name)))

    def create(self, name: str, content: bytes) -> "History":
        return self if name in self.digests else self.put(name, content)

    def copy(self, name: str, new_name: str) -> "History":
        digests = {**self.digests, new_name: self.digests[name]}
        return History(digests, (*self.events, ("ObjectCreated:Copy", new_name)))

    def move(self, name: str, new_name: str) -> "History":
        if new_name in self.digests:
            return self
        digests = {**self._without(name), new_name: self.digests[name]}
        events = (("ObjectRemoved:Move", name), ("ObjectCreated:Move", new_name))
        return History(digests, (*self.events, *events))

    def delete(self, name: str) -> "History":
        return History(self._without(name), (*self.events, ("ObjectRemoved:Delete", name)))

    def _without(self, name: str) -> dict[str, str]:
        return {other: digest for other, digest in self.digests.items() if other != name}


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """A request, and the history that it leads to; the same history when the server must refuse it."""

    ask: Callable[[httpx.Client], httpx.Response]
    outcome: History


class CannotSay(Exception):
    """The server answered 503."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Client:
    """Makes requests that `seed` decides, and keeps the ledger of what was promised."""

    def __init__(self, bucket: str, label: str, seed: int) -> None:
        self.label = label
        self.acknowledged = History()
        self._under_way: History | None = None
        self._bucket = bucket
        self._random = random.Random(f"{seed}/{label}")
        self._names = [f"{label}/{number}" for number in range(NAMES_PER_CLIENT)]

    def possible_histories(self) -> list[History]:
        """List what a server may show that died just now."""
        return [self.acknowledged] if self._under_way is None else [self.acknowledged, self._under_way]

    def go_on_from(self, shown: History) -> None:
        """Accept what the server shows after a crash. Raises: AssertionError when it cannot be."""
        assert shown in self.possible_histories()
        self.acknowledged, self._under_way = shown, None

    def make_request(self, caller: httpx.Client) -> None:
        """Make one request.

        Raises: httpx.TransportError when the server dies, CannotSay when it has lost its database: the
        outcome is open then.
        """
        step = self._next_step()
        self._under_way = step.outcome
        answer = step.ask(caller)
        if answer.status_code == 503:
            raise CannotSay(answer)
        is_refusal = step.outcome == self.acknowledged
        assert answer.status_code == (400 if is_refusal else 200), answer.text
        self.acknowledged, self._under_way = step.outcome, None

    def _next_step(self) -> Step:
        steps = [self._create, self._upsert]
        if self.acknowledged.digests:
            steps += [self._copy, self._move, self._delete]
        return self._random.choice(steps)()

    def _create(self) -> Step:
        name, content = self._random.choice(self._names), self._content()
        path = object_path(self._bucket, name)
        return Step(
            lambda caller: caller.post(path, content=content), self.acknowledged.create(name, content)
        )

    def _upsert(self) -> Step:
        name, content = self._random.choice(self._names), self._content()
        path = object_path(self._bucket, name)
        return Step(lambda caller: caller.put(path, content=content), self.acknowledged.put(name, content))

    def _copy(self) -> Step:
        name, new_name = self._held_name(), self._random.choice(self._names)
        body = self._relocation(name, new_name)
        return Step(
            lambda caller: caller.post("/object/copy", json=body, headers=UPSERT),
            self.acknowledged.copy(name, new_name),
        )

    def _move(self) -> Step:
        name = self._held_name()
        new_name = self._random.choice([other for other in self._names if other != name])
        body = self._relocation(name, new_name)
        return Step(
            lambda caller: caller.post("/object/move", json=body), self.acknowledged.move(name, new_name)
        )

    def _delete(self) -> Step:
        name = self._held_name()
        path = object_path(self._bucket, name)
        return Step(lambda caller: caller.delete(path), self.acknowledged.delete(name))

    def _held_name(self) -> str:
        return self._random.choice(sorted(self.acknowledged.digests))

    def _relocation(self, name: str, new_name: str) -> dict[str, str]:
        return {"bucketId": self._bucket, "sourceKey": name, "destinationKey": new_name}

    def _content(self) -> bytes:
        """Make bytes; few letters and sizes, so that clients meet in the same blob."""
        letter = self._random.choice([b"x", b"y", self.label.encode()])
        return letter * self._random.choice(SIZES)
