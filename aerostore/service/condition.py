"""Conditions that a request sets: on the object that it reads or copies, and on what it writes over."""

from aerostore.domain import Conditions, Object
from aerostore.errors import NoSuchKey, PreconditionFailed
from aerostore.executor import Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object


def is_current(found: Object, conditions: Conditions) -> bool:
    """Tell whether the client's copy of `found` is as good.

    Raises: PreconditionFailed. Source: RFC 9110 section 13.2.2, in its order of precedence.
    """
    modified_at = found.updated_at.replace(microsecond=0)
    if conditions.if_match is not None:
        if not _matches(conditions.if_match, found.etag):
            raise PreconditionFailed(resource=f"{found.bucket_id}/{found.name}")
    elif conditions.if_unmodified_since is not None and modified_at > conditions.if_unmodified_since:
        raise PreconditionFailed(resource=f"{found.bucket_id}/{found.name}")
    if conditions.if_none_match is not None:
        return _matches(conditions.if_none_match, found.etag)
    return conditions.if_modified_since is not None and modified_at <= conditions.if_modified_since


def _matches(tags: object, etag: str) -> bool:
    return isinstance(tags, tuple | list) and ("*" in tags or etag in tags)


def require_match(bucket_id: str, name: str, etag: str | None) -> Work[None]:
    """Check that the object has this entity tag, or any one for `*`; it stays so until the transaction ends.

    None asks for nothing. Raises: NoSuchKey, PreconditionFailed.
    Source: RFC 9110 section 13.1.1, as S3 has it for writes.
    """
    if etag is None:
        return
    yield sql.lock_object(bucket_id, name)
    # As the caller: the entity tag of what it may not see is none of its business.
    rows = (yield sql.find_visible_object(bucket_id, name)).rows
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    if etag not in {"*", to_object(rows[0]).etag}:
        raise PreconditionFailed(resource=f"{bucket_id}/{name}")
