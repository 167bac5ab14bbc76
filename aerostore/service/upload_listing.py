"""Lists of multipart uploads that go on, by name, grouped at a delimiter. Pages are found by seeking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aerostore.domain import UploadSession
from aerostore.executor import Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_upload
from aerostore.service.bucket import bucket_by

# Of a group all but the first are passed over, so that fetching many at once would be in vain.
_GROUPED_BATCH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadQuery:
    """Which uploads: names that start with `prefix`, grouped at `delimiter` if there is one.

    after_name: where the page before ended, a name or a group; after_id: at which upload of that name, all
    of them if empty.
    """

    prefix: str = ""
    delimiter: str = ""
    after_name: str = ""
    after_id: str = ""
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class UploadGroup:
    """Uploads of names that are alike up to the next delimiter. prefix: with it."""

    prefix: str


UploadEntry = UploadSession | UploadGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadListing:
    """A page, in order of name, then id. is_last: no more follow."""

    entries: Sequence[UploadEntry]
    is_last: bool


@dataclass(frozen=True, slots=True)
class _Seek:
    """Where to go on: at names from `lower`; of `lower` itself with the ids that are above `after_id`."""

    lower: str
    after_id: str = ""


def list_uploads(
    bucket_id: str, query: UploadQuery, *, holder: str | None, now: datetime
) -> Work[UploadListing]:
    """Return a page of uploads. holder: whose; None for everybody's. Raises: NoSuchBucket."""
    # As the system: whoever may upload into a bucket sees its own uploads there; the rest looks empty to it.
    bucket = yield from bucket_by(sql.find_bucket(bucket_id))
    entries: list[UploadEntry] = []
    seek = _first(query) if query.limit else None
    while seek is not None and len(entries) <= query.limit:
        wanted = query.limit + 1 - len(entries)
        limit = min(wanted, _GROUPED_BATCH) if query.delimiter else wanted
        statement = sql.multipart.list_uploads(
            bucket.id,
            holder=holder,
            now=now,
            lower=seek.lower,
            upper=sql.successor(query.prefix),
            after_id=seek.after_id,
            limit=limit,
        )
        found = [to_upload(row) for row in (yield statement).rows]
        entries += _grouped(found, query)
        seek = _behind(found[-1], query) if len(found) == limit else None
    return UploadListing(entries=entries[: query.limit], is_last=len(entries) <= query.limit)


def _grouped(found: Sequence[UploadSession], query: UploadQuery) -> list[UploadEntry]:
    entries: list[UploadEntry] = []
    for each in found:
        group = _group_of(each.name, query)
        entry = each if group is None else UploadGroup(group)
        if entries[-1:] != [entry]:
            entries.append(entry)
    return entries


def _first(query: UploadQuery) -> _Seek | None:
    if query.after_name < query.prefix or not query.after_name:
        return _Seek(query.prefix)
    if _group_of(query.after_name, query) == query.after_name:
        return _behind_group(query.after_name)
    if query.after_id:
        return _Seek(query.after_name, query.after_id)
    return _Seek(query.after_name + sql.NAME_AFTER)


def _behind(last: UploadSession, query: UploadQuery) -> _Seek | None:
    group = _group_of(last.name, query)
    return _Seek(last.name, last.id) if group is None else _behind_group(group)


def _behind_group(group: str) -> _Seek | None:
    behind = sql.successor(group)
    return None if behind is None else _Seek(behind)


def _group_of(name: str, query: UploadQuery) -> str | None:
    at = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
    return None if at < 0 else name[: at + len(query.delimiter)]
