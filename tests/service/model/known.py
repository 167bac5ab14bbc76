"""What the server chose: ids and versions, learned when first seen and held to from then on."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from aerostore.domain import to_iso
from tests.contract.client import etag_of
from tests.service.model.reference import Bucket, Change, Place, Reference, Stored
from tests.service.model.server import Server

Json = dict[str, Any]


class Known:
    """Numbers of the model -> ids of the server. No two numbers share an id."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def copy(self) -> "Known":
        twin = Known()
        twin._ids, twin._numbers = dict(self._ids), dict(self._numbers)
        return twin

    def same(self, number: int, seen: str) -> str:
        """Return the id that `number` has; it is `seen` when nothing was known of either."""
        if seen not in self._numbers:
            self._numbers[self._ids.setdefault(number, seen)] = number
        return self._ids.get(number, f"an id other than {seen}, which is {self._numbers[seen]}'s")

    # JSON shapes, as docs and clients have them. `seen` is the answer, for the ids in it.

    def listed(self, stored: Stored, seen: Json) -> Json:
        return {
            "id": self.same(stored.serial, seen["id"]),
            "created_at": to_iso(stored.created_at),
            "updated_at": to_iso(stored.updated_at),
            "last_accessed_at": to_iso(stored.accessed_at),
            "metadata": metadata_of(stored),
        }

    def row(self, place: Place, stored: Stored, seen: Json) -> Json:
        return {
            **self.listed(stored, seen),
            "name": place.name,
            "bucket_id": place.bucket,
            "owner": as_uuid(stored.owner),
            "owner_id": stored.owner or "",
            "version": self.same(stored.version, seen["version"]),
            "user_metadata": stored.content.user_metadata,
        }

    def info(self, place: Place, stored: Stored, seen: Json) -> Json:
        return {
            "id": self.same(stored.serial, seen["id"]),
            "name": place.name,
            "version": self.same(stored.version, seen["version"]),
            "bucket_id": place.bucket,
            "size": len(stored.content.body),
            "content_type": stored.content.mime_type,
            "cache_control": stored.content.cache_control,
            "etag": etag_of(stored.content.body),
            "metadata": stored.content.user_metadata,
            "last_modified": to_iso(stored.updated_at),
            "created_at": to_iso(stored.created_at),
        }

    def event(self, change: Change, seen: Json) -> Json:
        return {
            "type": change.type,
            "bucket": change.place.bucket,
            "name": change.place.name,
            "object": self.same(change.stored.serial, seen["object"]),
            "version": self.same(change.stored.version, seen["version"]),
            "etag": etag_of(change.stored.content.body),
            "at": to_iso(change.at),
        }


def metadata_of(stored: Stored) -> Json:
    size = len(stored.content.body)
    return {
        "eTag": etag_of(stored.content.body),
        "size": size,
        "contentLength": size,
        "mimetype": stored.content.mime_type,
        "cacheControl": stored.content.cache_control,
        "lastModified": to_iso(stored.written_at),
        "httpStatusCode": 200,
    }


def as_uuid(owner: str | None) -> str:
    """Return what the old column `owner` shows: ids of users that are UUIDs, else nothing."""
    return owner if owner and owner.count("-") == 4 else ""


def bucket_shape(bucket: Bucket) -> Json:
    """Return a bucket as `GET /bucket/{id}` has it; nobody but the service role makes any."""
    return {
        "id": bucket.id,
        "name": bucket.name,
        "owner": "",
        "public": bucket.public,
        "file_size_limit": bucket.size_limit,
        "allowed_mime_types": bucket.mime_types,
        "created_at": to_iso(bucket.created_at),
        "updated_at": to_iso(bucket.updated_at),
    }


def check_events(server: Server, reference: Reference, known: Known) -> None:
    """Compare the outbox with the changes that were made: in order, but for those of one batch."""
    seen = list(_events(server))
    assert len(seen) == len(reference.changes), [each["type"] for each in seen]
    start = 0
    for _number, batch in groupby(reference.changes, key=lambda change: change.batch):
        made = sorted(batch, key=lambda change: change.place.name)
        told = sorted(seen[start : start + len(made)], key=lambda each: str(each["name"]))
        assert told == [known.event(change, each) for change, each in zip(made, told, strict=True)]
        start += len(made)


def _events(server: Server) -> Iterator[Json]:
    columns = "type, bucket_id, name, object_id, payload, created_at"
    for kind, bucket, name, subject, payload, at in server.data.rows(
        f"SELECT {columns} FROM storage_events ORDER BY seq"
    ):
        details = json.loads(payload) if isinstance(payload, str) else payload
        yield {
            "type": kind,
            "bucket": bucket,
            "name": name,
            "object": str(subject),
            "version": details["version"],
            "etag": details["metadata"]["eTag"],
            "at": to_iso(at) if isinstance(at, datetime) else at,
        }
