"""What must be true, as plain dictionaries: buckets, objects and the list of committed changes.

Values that the server chooses are numbers here: `serial` stands for an object's id, `version` for the
version of one write. `known.py` learns which is which.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from tests.service.model.caller import Caller

_NUMBERS = count(1)


class Place(NamedTuple):
    """Where an object is or could be."""

    bucket: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    id: str
    name: str
    public: bool
    size_limit: int | None
    mime_types: list[str] | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a client sends to be stored."""

    body: bytes
    mime_type: str = "application/octet-stream"
    cache_control: str = "no-cache"
    user_metadata: dict[str, Any] | None = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object. written_at: when its content and metadata came; updated_at: when it last changed at all."""

    content: Content
    owner: str | None
    serial: int
    version: int
    created_at: datetime
    updated_at: datetime
    written_at: datetime
    accessed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of one object, as the outbox tells it. batch: equal for those whose order nobody promised."""

    type: str
    place: Place
    stored: Stored
    at: datetime
    batch: int


class Reference:
    """The model. Every change is a method that needs no permission: see `refusal.py` for who may."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.objects: dict[Place, Stored] = {}
        self.changes: list[Change] = []

    def copy(self) -> "Reference":
        twin = Reference()
        twin.buckets, twin.objects, twin.changes = (
            dict(self.buckets),
            dict(self.objects),
            list(self.changes),
        )
        return twin

    def held(self, bucket: str) -> dict[str, Stored]:
        return {place.name: stored for place, stored in self.objects.items() if place.bucket == bucket}

    def visible(self, caller: Caller, bucket: str) -> dict[str, Stored]:
        """Return what the policies let `caller` select."""
        return {name: stored for name, stored in self.held(bucket).items() if caller.owns(stored.owner)}

    def is_public(self, bucket: str) -> bool:
        return bucket in self.buckets and self.buckets[bucket].public

    # Objects

    def write(self, owner: str | None, place: Place, content: Content, now: datetime) -> None:
        """Store. What replaces an object keeps its id and birthday; from a writer without user, its owner."""
        self._put(
            owner, place, content, now, "ObjectCreated:Put" if place in self.objects else "ObjectCreated:Post"
        )

    def duplicate(self, owner: str | None, place: Place, content: Content, now: datetime) -> None:
        self._put(owner, place, content, now, "ObjectCreated:Copy")

    def _put(self, owner: str | None, place: Place, content: Content, now: datetime, event: str) -> None:
        former = self.objects.get(place)
        stored = Stored(
            content=content,
            owner=owner or (former.owner if former else None),
            serial=former.serial if former else next(_NUMBERS),
            version=next(_NUMBERS),
            created_at=former.created_at if former else now,
            updated_at=now,
            written_at=now,
            accessed_at=now,
        )
        self.objects[place] = stored
        self._record(event, [place], now)

    def move(self, owner: str | None, source: Place, place: Place, now: datetime) -> None:
        if source == place:
            return
        self._record("ObjectRemoved:Move", [source], now)
        moved = self.objects.pop(source)
        self.objects[place] = replace(
            moved, owner=owner or moved.owner, version=next(_NUMBERS), updated_at=now
        )
        self._record("ObjectCreated:Move", [place], now)

    def remove(self, places: Iterable[Place], now: datetime) -> None:
        gone = list(places)
        self._record("ObjectRemoved:Delete", gone, now)
        for place in gone:
            del self.objects[place]

    def _record(self, event: str, places: Iterable[Place], now: datetime) -> None:
        batch = next(_NUMBERS)
        self.changes += [
            Change(type=event, place=place, stored=self.objects[place], at=now, batch=batch)
            for place in places
        ]

    def forget_changes(self, now: datetime, retention_s: int) -> None:
        """Drop what reclaim trims: old changes, but never the newest."""
        before = now - timedelta(seconds=retention_s)
        kept = [change for change in self.changes[:-1] if change.at >= before]
        self.changes = kept + self.changes[-1:]
