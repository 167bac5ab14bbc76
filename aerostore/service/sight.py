"""What a reader gets to see: units of work that find an object with its blob, in one step each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aerostore.domain import Blob, DownloadLink, Object, check_object_name
from aerostore.errors import AccessDenied, InvalidKey, NoSuchKey
from aerostore.executor import Result, Row, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_blob, to_object
from aerostore.service.bucket import bucket_by, bucket_in


@dataclass(frozen=True, slots=True)
class Found:
    """An object that may be read. public: by anybody. expires_at: when the link ends that gave access."""

    object: Object
    public: bool
    blob: Blob | None
    expires_at: datetime | None = None


def readable(bucket_id: str, name: str) -> Work[Found]:
    """Find an object of a public bucket, or one that the policies let the caller select.

    Raises: NoSuchBucket, InvalidKey, NoSuchKey; AccessDenied when a policy fails.
    """
    in_public = sql.find_public_object(bucket_id, name)
    in_private = sql.find_protected_object(bucket_id, name)
    return _find(sql.find_bucket(bucket_id), bucket_id, name, in_public, in_private)


def publicly_readable(bucket_id: str, name: str) -> Work[Found]:
    """Find an object of a public bucket; no private bucket exists here.

    Raises: NoSuchBucket, InvalidKey, NoSuchKey.
    """
    # As the system: the bucket is public, so no policy is asked.
    in_public = sql.find_public_object(bucket_id, name)
    return _find(sql.find_public_bucket(bucket_id), bucket_id, name, in_public)


def readable_despite(failure: AccessDenied, bucket_id: str, name: str) -> Work[Found]:
    """Find what `readable` failed to: an object of a public bucket, whose readers no policy concerns.

    Raises: NoSuchBucket, InvalidKey, NoSuchKey; `failure` when the bucket is private.
    """
    bucket = yield from bucket_by(sql.find_bucket(bucket_id))
    if not bucket.public:
        raise failure
    return (yield from publicly_readable(bucket_id, name))


def _find(find_bucket: Statement, bucket_id: str, name: str, *find_object: Statement) -> Work[Found]:
    """Find the bucket, the object by the first statement that does, and its blob, all in one step."""
    try:
        check_object_name(name)
    except InvalidKey:
        yield from bucket_by(find_bucket)  # that there is no such bucket comes first
        raise
    step = yield together(find_bucket, sql.find_blob_of(bucket_id, name), *find_object, ends_unit=True)
    bucket = bucket_in(step, bucket_id)
    blob, *objects = step.then
    rows = next((each.rows for each in objects if each.rows), ())
    return Found(_only_object(rows, bucket_id, name), bucket.public, _only_blob(blob))


def linked(link: DownloadLink) -> Work[Found]:
    """Find the object of a verified link. Raises: NoSuchKey when it is gone, whatever has its name now."""
    # As the system: the link is the permission; policies were asked when it was issued.
    at = link.bucket_id, link.name
    step = yield together(sql.find_object(*at), sql.find_blob_of(*at), ends_unit=True)
    found = _only_object(step.rows, *at)
    if found.id != link.object_id:
        raise NoSuchKey(resource=f"{link.bucket_id}/{link.name}")
    return Found(found, public=False, blob=_only_blob(step.then[0]), expires_at=link.expires_at)


def seen_of_locked(locked: Result, visible: Result) -> list[Object]:
    """Return what the caller sees of the rows that stay as they are, in order of name.

    On PostgreSQL the look that follows a lock is a newer one: what came meanwhile can go again.
    """
    staying = {row["id"] for row in locked.rows}
    objects = [to_object(row) for row in visible.rows if row["id"] in staying]
    return sorted(objects, key=lambda each: each.name)


def _only_object(rows: Sequence[Row], bucket_id: str, name: str) -> Object:
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return to_object(rows[0])


def _only_blob(found: Result) -> Blob | None:
    return to_blob(found.rows[0]) if found.rows else None
