"""What a client knows of its objects: what was acknowledged, and what the request under way would change.

Each client keeps to names of its own and asks one thing at a time, so that after a crash few histories are
possible: without its last request, with it, or with some of its batches. Anything else is a broken promise.
"""

import hashlib
import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import httpx

from . import asking, door
from .asking import Ask

NAMES_PER_CLIENT = 8
OWN_NAMES = 3
# Bodies up to 64 KiB are collected in memory; longer ones go to disk piece by piece.
SIZES = (0, 10, 10, 5_000, 5_000, 60_000, 60_000, 300_000, 300_000, 2_500_000, 5_500_000)
BATCH = 500
WAYS = (*asking.WAYS, *door.WAYS)
_DELETED = "ObjectRemoved:Delete"

Event = tuple[str, str]


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return `events` so that they can be compared: deletes in a row have no order among themselves."""
    runs = itertools.groupby(events, key=lambda event: event[0] == _DELETED)
    return tuple(event for deleted, run in runs for event in (sorted(run) if deleted else run))


@dataclass(frozen=True, slots=True)
class History:
    """SHA-256 by name, and the events that led there as (type, name), oldest first.

    has_bucket: whether the client's own bucket exists.
    """

    digests: dict[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    has_bucket: bool = False

    def put(self, name: str, content: bytes) -> "History":
        kind = "ObjectCreated:Put" if name in self.digests else "ObjectCreated:Post"
        return self._with({**self.digests, name: digest_of(content)}, (kind, name))

    def copy(self, name: str, new_name: str) -> "History":
        return self._with({**self.digests, new_name: self.digests[name]}, ("ObjectCreated:Copy", new_name))

    def move(self, name: str, new_name: str) -> "History":
        digests = {**self._without([name]), new_name: self.digests[name]}
        return self._with(digests, ("ObjectRemoved:Move", name), ("ObjectCreated:Move", new_name))

    def delete(self, names: Iterable[str]) -> "History":
        held = [name for name in names if name in self.digests]
        return self._with(self._without(held), *((_DELETED, name) for name in held))

    def _with(self, digests: dict[str, str], *events: Event) -> "History":
        return replace(self, digests=digests, events=in_order((*self.events, *events)))

    def _without(self, names: Sequence[str]) -> dict[str, str]:
        return {other: digest for other, digest in self.digests.items() if other not in names}


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """A request, and the histories that it leads to: the last when it is done, any of them when cut.

    status: what the server must answer. digest: of the content that it must answer with.
    """

    ask: Ask
    outcomes: tuple[History, ...]
    status: int = 200
    digest: str | None = None


class CannotSay(Exception):
    """The server answered 503."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.answer = answer


class Client:
    """Makes requests that `seed` decides, and keeps the ledger of what was promised.

    own_bucket: a bucket that only this client uses, makes, empties and deletes.
    """

    def __init__(self, bucket: str, label: str, seed: int, *, own_bucket: str | None = None) -> None:
        self.label = label
        self.own_bucket = own_bucket
        self.acknowledged = History()
        self.answered = 0
        self._under_way: tuple[History, ...] = ()
        self._bucket = bucket
        self._random = random.Random(f"{seed}/{label}")
        self._names = [f"{label}/{number}" for number in range(NAMES_PER_CLIENT)]
        self._own_names = [f"{label}/own/{number}" for number in range(OWN_NAMES)]

    def possible_histories(self) -> list[History]:
        """List what a server may show that died just now."""
        return [self.acknowledged, *self._under_way]

    def go_on_from(self, shown: History) -> None:
        """Accept what the server shows after a crash. Raises: AssertionError when it cannot be."""
        possible = self.possible_histories()
        assert shown in possible, _difference(self.label, shown, possible)
        self.acknowledged, self._under_way = shown, ()

    def make_request(self, caller: httpx.Client) -> None:
        """Make one request.

        Raises: httpx.TransportError when the server dies, CannotSay when it has lost its database: the
        outcome is open then.
        """
        self.take(self._next_step(), caller)

    def take(self, step: Step, caller: httpx.Client) -> None:
        """Make the request of `step`. Raises: as `make_request`."""
        self._under_way = step.outcomes
        answer = step.ask(caller)
        if answer.status_code == 503:
            raise CannotSay(answer)
        assert answer.status_code == step.status, answer.text
        assert step.digest is None or digest_of(answer.content) == step.digest, "other bytes were served"
        self.acknowledged, self._under_way = step.outcomes[-1], ()
        self.answered += 1

    def bucket_of(self, name: str) -> str:
        """Return the bucket where `name` belongs."""
        return self._own() if name.startswith(f"{self.label}/own/") else self._bucket

    # Steps that are chosen at random

    def _next_step(self) -> Step:
        steps = [self._upload, self._upload]
        if self.acknowledged.digests:
            steps += [self._copy, self._move, self._delete, self._delete_many, self._read]
        if self.own_bucket is not None:
            steps += [self._change_bucket]
        return self._random.choice(steps)()

    def _upload(self) -> Step:
        name = self._random.choice(self._open_names())
        return self.upload(
            name, self._content(), upsert=self._random.random() < 0.5, way=self._random.choice(WAYS)
        )

    def _copy(self) -> Step:
        return self.copy(self._held_name(), self._random.choice(self._open_names()))

    def _move(self) -> Step:
        name = self._held_name()
        return self.move(name, self._random.choice([other for other in self._open_names() if other != name]))

    def _delete(self) -> Step:
        return self.delete(self._held_name())

    def _delete_many(self) -> Step:
        return self.delete_many(self._random.sample(self._names, self._random.randint(1, 4)))

    def _read(self) -> Step:
        return self.read(self._held_name())

    def _change_bucket(self) -> Step:
        if not self.acknowledged.has_bucket:
            return self.create_bucket()
        return self._random.choice([self.create_bucket, self.empty_bucket, self.delete_bucket])()

    def _held_name(self) -> str:
        return self._random.choice(sorted(self.acknowledged.digests))

    def _open_names(self) -> list[str]:
        return self._names + (self._own_names if self.acknowledged.has_bucket else [])

    def _content(self) -> bytes:
        """Make bytes; few letters and sizes, so that clients meet in the same blob."""
        letter = self._random.choice([b"x", b"y", self.label.encode()])
        return letter * (self._random.choice(SIZES) // len(letter))

    # Steps by name

    def upload(
        self, name: str, content: bytes, *, upsert: bool = False, way: asking.Way = asking.raw
    ) -> Step:
        ask = way(self.bucket_of(name), name, content, upsert)
        is_refused = not upsert and name in self.acknowledged.digests
        return self._refused(ask) if is_refused else Step(ask, (self.acknowledged.put(name, content),))

    def copy(self, name: str, new_name: str) -> Step:
        return Step(self._relocate("copy", name, new_name), (self.acknowledged.copy(name, new_name),))

    def move(self, name: str, new_name: str) -> Step:
        ask = self._relocate("move", name, new_name)
        if new_name in self.acknowledged.digests:
            return self._refused(ask)
        return Step(ask, (self.acknowledged.move(name, new_name),))

    def delete(self, name: str) -> Step:
        return Step(asking.delete(self.bucket_of(name), name), (self.acknowledged.delete([name]),))

    def delete_many(self, names: Sequence[str]) -> Step:
        """Delete names of one bucket: in batches, in the order of `names`."""
        outcomes = _after_batches(self.acknowledged, names)
        return Step(asking.delete_many(self.bucket_of(names[0]), names), outcomes)

    def read(self, name: str) -> Step:
        digest = self.acknowledged.digests[name]
        return Step(asking.read(self.bucket_of(name), name), (self.acknowledged,), digest=digest)

    def create_bucket(self) -> Step:
        ask = asking.create_bucket(self._own())
        if self.acknowledged.has_bucket:
            return self._refused(ask)
        return Step(ask, (replace(self.acknowledged, has_bucket=True),))

    def empty_bucket(self) -> Step:
        """Empty the client's own bucket: in batches, in the order of names."""
        held = sorted(name for name in self.acknowledged.digests if self.bucket_of(name) == self._own())
        return Step(asking.empty_bucket(self._own()), _after_batches(self.acknowledged, held))

    def delete_bucket(self) -> Step:
        ask = asking.delete_bucket(self._own())
        if any(self.bucket_of(name) == self._own() for name in self.acknowledged.digests):
            return self._refused(ask)
        return Step(ask, (replace(self.acknowledged, has_bucket=False),))

    def _relocate(self, door: str, name: str, new_name: str) -> Ask:
        return asking.relocate(door, (self.bucket_of(name), name), (self.bucket_of(new_name), new_name))

    def _refused(self, ask: Ask) -> Step:
        return Step(ask, (self.acknowledged,), status=400)

    def _own(self) -> str:
        assert self.own_bucket is not None
        return self.own_bucket


def _after_batches(history: History, names: Sequence[str]) -> tuple[History, ...]:
    """List the histories after each batch; at least one."""
    ends = range(BATCH, len(names) + BATCH, BATCH) if names else (0,)
    return tuple(history.delete(names[:end]) for end in ends)


def _difference(label: str, shown: History, possible: Sequence[History]) -> str:
    """Say in what the server differs from each history that it may show."""
    lines = [f"{label}: the server shows what cannot be"]
    for number, history in enumerate(possible):
        lines += [f"against possibility {number}:", *_points_of_difference(shown, history)]
    return "\n".join(lines)


def _points_of_difference(shown: History, expected: History) -> list[str]:
    names = sorted(shown.digests.keys() | expected.digests.keys())
    pairs = [(name, shown.digests.get(name), expected.digests.get(name)) for name in names]
    lines = [f"  {name}: shows {is_}, expected {wanted}" for name, is_, wanted in pairs if is_ != wanted]
    if shown.events != expected.events:
        lines.append(f"  events end with {shown.events[-5:]}, expected {expected.events[-5:]}")
    if shown.has_bucket != expected.has_bucket:
        lines.append(f"  its own bucket: {shown.has_bucket}, expected {expected.has_bucket}")
    return lines
