"""Buckets: create, read, list, update, empty, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aerostore.domain import Bucket, Clock, EventType, Object, RlsContext, check_bucket_name
from aerostore.errors import (
    AccessDenied,
    BucketNotEmpty,
    BucketTooLarge,
    InvalidInput,
    NoSuchBucket,
    NoSuchRelation,
)
from aerostore.executor import Executor, Result, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_bucket, to_object
from aerostore.permissions import (
    BUCKET_CREATE,
    BUCKET_DELETE,
    BUCKET_EMPTY,
    BUCKET_GET,
    BUCKET_LIST,
    BUCKET_UPDATE,
    S3_BUCKET_HEAD,
    S3_BUCKET_LOCATION,
    S3_BUCKET_VERSIONING,
    Operation,
    admit,
)
from aerostore.service.limit import check_mime_types, parse_file_size
from aerostore.service.outbox import Outbox

_EMPTY_BATCH = 500
_CHANGEABLE = {"public", "file_size_limit", "allowed_mime_types"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketQuery:
    """Which buckets to list. search: a substring of the name in any case; column: sort by it."""

    search: str | None = None
    column: str | None = None
    order: str = "asc"
    limit: int | None = None
    offset: int = 0


class Buckets:
    """Operations on buckets. file_size_limit: the server's own limit, in bytes."""

    def __init__(
        self, executor: Executor, outbox: Outbox, *, clock: Clock, file_size_limit: int, empty_at_most: int
    ) -> None:
        self._executor = executor
        self._outbox = outbox
        self._clock = clock
        self._file_size_limit = file_size_limit
        self._empty_at_most = empty_at_most

    async def create(
        self,
        context: RlsContext,
        *,
        name: str,
        bucket_id: str | None = None,
        public: bool = False,
        type: str = "STANDARD",
        file_size_limit: int | str | None = None,
        allowed_mime_types: Sequence[str] | None = None,
    ) -> Bucket:
        """Create a bucket; `bucket_id` is `name` unless given.

        Raises: InvalidBucketName, EntityTooLarge, InvalidMimeType, BucketAlreadyExists, AccessDenied.
        """
        context = admit(context, BUCKET_CREATE)
        now = self._clock()
        bucket = Bucket(
            id=check_bucket_name(bucket_id or name),
            name=check_bucket_name(name),
            owner_id=context.user_id,
            public=public,
            type=type,
            file_size_limit=parse_file_size(file_size_limit, self._file_size_limit),
            allowed_mime_types=check_mime_types(allowed_mime_types),
            versioning_status="DISABLED",
            created_at=now,
            updated_at=now,
        )

        def work() -> Work[Bucket]:
            yield sql.insert_bucket(bucket)
            return bucket

        return await self._executor.write(context, work)

    async def get(self, context: RlsContext, bucket_id: str) -> Bucket:
        """Return a bucket that the caller may select. Raises: NoSuchBucket."""
        return await self._find(context, BUCKET_GET, bucket_id)

    async def head(self, context: RlsContext, bucket_id: str) -> Bucket:
        """Return a bucket as `get` does. Source: S3 HeadBucket."""
        return await self._find(context, S3_BUCKET_HEAD, bucket_id)

    async def get_location(self, context: RlsContext, bucket_id: str) -> Bucket:
        """Return a bucket as `get` does. Source: S3 GetBucketLocation."""
        return await self._find(context, S3_BUCKET_LOCATION, bucket_id)

    async def get_versioning(self, context: RlsContext, bucket_id: str) -> Bucket:
        """Return a bucket as `get` does. Source: S3 GetBucketVersioning."""
        return await self._find(context, S3_BUCKET_VERSIONING, bucket_id)

    async def list(self, context: RlsContext, query: BucketQuery) -> list[Bucket]:
        """Return the buckets that the caller may select; none is not an error."""
        context = admit(context, BUCKET_LIST)
        statement = sql.list_buckets(
            search=query.search,
            column=query.column,
            order=query.order,
            limit=query.limit,
            offset=query.offset,
        )

        def work() -> Work[list[Bucket]]:
            return [to_bucket(row) for row in (yield statement).rows]

        return await self._executor.read(context, work)

    async def list_by_id(
        self, context: RlsContext, *, limit: int, prefix: str = "", after: str = ""
    ) -> tuple[Sequence[Bucket], bool]:
        """Return at most `limit` buckets that the caller may select, and whether more follow.

        By their ids in bytewise order, which begin with `prefix` and follow `after`. Source: S3 ListBuckets.
        """
        context = admit(context, BUCKET_LIST)
        # A bucket's id holds no control characters.
        lower = max(prefix, after + sql.NAME_AFTER) if after else prefix
        statement = sql.list_buckets_by_id(lower=lower, upper=sql.successor(prefix), limit=limit + 1)

        def work() -> Work[Sequence[Bucket]]:
            return [to_bucket(row) for row in (yield statement).rows]

        buckets = await self._executor.read(context, work)
        return buckets[:limit], len(buckets) > limit

    async def update(self, context: RlsContext, bucket_id: str, changes: Mapping[str, Any]) -> None:
        """Change public, file_size_limit or allowed_mime_types: those given, None clears a limit.

        Raises: InvalidInput, EntityTooLarge, InvalidMimeType; NoSuchBucket when absent or not the caller's.
        """
        context = admit(context, BUCKET_UPDATE)
        if not changes.keys() <= _CHANGEABLE:
            raise InvalidInput(f"Only these can be changed: {', '.join(sorted(_CHANGEABLE))}")
        row = dict(changes)
        if "file_size_limit" in row:
            row["file_size_limit"] = parse_file_size(row["file_size_limit"], self._file_size_limit)
        if "allowed_mime_types" in row:
            row["allowed_mime_types"] = check_mime_types(row["allowed_mime_types"])

        def work() -> Work[None]:
            result = yield sql.update_bucket(bucket_id, {**row, "updated_at": self._clock()})
            if not result.changed:
                raise NoSuchBucket(resource=bucket_id)

        await self._executor.write(context, work)

    async def empty(self, context: RlsContext, bucket_id: str) -> int:
        """Delete every object that exists now, in batches; return how many. For the service role only.

        In the order of names, not of dates: clocks of several machines differ. What is uploaded meanwhile may
        stay or go. A batch that was committed stays deleted when a later one fails; calling again goes on.
        Raises: AccessDenied, NoSuchBucket, BucketTooLarge.
        """
        context = admit(context, BUCKET_EMPTY)
        await self._executor.read(context, lambda: self._check_emptiable(bucket_id))
        after, removed = "", 0
        while True:
            work = partial(self._remove_batch, context, bucket_id, after)
            batch = await self._executor.write(context, work)
            removed += len(batch)
            if len(batch) < _EMPTY_BATCH:
                return removed
            after = batch[-1].name

    async def delete(self, context: RlsContext, bucket_id: str) -> None:
        """Delete an empty bucket and the unfinished uploads in it.

        Raises: NoSuchBucket when absent or not the caller's to delete; BucketNotEmpty.
        """
        context = admit(context, BUCKET_DELETE)

        def work() -> Work[None]:
            yield from bucket_by(sql.find_visible_bucket(bucket_id))
            content = (yield sql.count_bucket_content(bucket_id, 1)).rows[0]
            if content["objects"]:
                raise BucketNotEmpty(resource=bucket_id)
            yield sql.delete_uploads(bucket_id)
            if not (yield sql.delete_bucket(bucket_id)).changed:
                raise NoSuchBucket(resource=bucket_id)

        try:
            await self._executor.write(context, work)
        except NoSuchRelation:  # an upload into it was committed after the count
            raise BucketNotEmpty(resource=bucket_id) from None

    async def _find(self, context: RlsContext, operation: Operation, bucket_id: str) -> Bucket:
        context = admit(context, operation)
        return await self._executor.read(context, lambda: bucket_by(sql.find_visible_bucket(bucket_id)))

    def _check_emptiable(self, bucket_id: str) -> Work[None]:
        yield from bucket_by(sql.find_bucket(bucket_id))
        content = (yield sql.count_bucket_content(bucket_id, self._empty_at_most + 1)).rows[0]
        if content["objects"] > self._empty_at_most:
            raise BucketTooLarge(resource=bucket_id)

    def _remove_batch(self, context: RlsContext, bucket_id: str, after: str) -> Work[Sequence[Object]]:
        rows = (yield sql.lock_objects_after(bucket_id, after, _EMPTY_BATCH)).rows
        objects = [to_object(row) for row in rows]
        if not objects:
            return []
        if (yield sql.delete_objects([each.id for each in objects])).changed != len(objects):
            raise AccessDenied
        yield together(self._outbox.record_each(context, EventType.REMOVED, objects), ends_unit=True)
        return objects


def bucket_by(statement: Statement) -> Work[Bucket]:
    """Run `statement` and return its bucket. Raises: NoSuchBucket when it finds none."""
    return bucket_in((yield statement), str(statement.parameters.get("id", "")))


def bucket_in(found: Result, bucket_id: str) -> Bucket:
    """Return the bucket that was looked for. Raises: NoSuchBucket when there is none."""
    if not found.rows:
        raise NoSuchBucket(resource=bucket_id)
    return to_bucket(found.rows[0])
