"""Files: put, copy, move and delete objects. All doors come through here; reading is in `download`."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aerostore.backend import BlobBackend
from aerostore.domain import (
    Bucket,
    Clock,
    EventType,
    Object,
    RlsContext,
    UploadLink,
    check_object_name,
    to_iso,
)
from aerostore.errors import (
    AccessDenied,
    KeyAlreadyExists,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    PreconditionFailed,
    ResourceAlreadyExists,
)
from aerostore.executor import Executor, Result, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.permissions import (
    OBJECT_COPY,
    OBJECT_DELETE,
    OBJECT_DELETE_MANY,
    OBJECT_MOVE,
    OBJECT_UPLOAD,
    OBJECT_UPLOAD_SIGNED,
    OBJECT_UPLOAD_UPDATE,
    admit,
)
from aerostore.service.bucket import bucket_by, bucket_in
from aerostore.service.condition import is_current, require_match
from aerostore.service.copy import CopyRequest, carried_metadata, upload_of_copy
from aerostore.service.identifier import new_id
from aerostore.service.intake import accepted
from aerostore.service.limit import (
    check_cache_control,
    check_content_type,
    check_mime_type,
    check_size,
    size_limit,
)
from aerostore.service.outbox import Outbox
from aerostore.service.publish import (
    Publisher,
    Upload,
    as_stored,
    by_right_of,
    look_at_upsert,
    new_object,
    write_statement,
)
from aerostore.service.sight import seen_of_locked

_DELETE_BATCH = 500


@dataclass(frozen=True, slots=True)
class _Deletion:
    """What became of objects that were to be deleted: `gone`, or `refused` though the caller sees them."""

    gone: list[Object]
    refused: list[Object]


class Files:
    """Operations on objects."""

    def __init__(
        self,
        executor: Executor,
        backend: BlobBackend,
        outbox: Outbox,
        publisher: Publisher,
        *,
        clock: Clock,
    ) -> None:
        self._executor = executor
        self._backend = backend
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock

    # Writing

    async def put(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        """Store `body` as an object; when this returns, bytes and row are durable and visible.

        Without upsert exactly one of several concurrent writers of a name wins; with it the last commit
        wins whole. On failure nothing is visible.
        Raises: NoSuchBucket, InvalidMimeType, EntityTooLarge, InvalidKey, AccessDenied, KeyAlreadyExists,
        PreconditionFailed, IncompleteBody, ChecksumMismatch, InsufficientStorage, Unavailable.
        """
        operation = OBJECT_UPLOAD_UPDATE if upload.is_update else OBJECT_UPLOAD
        return await self._put(admit(context, operation), upload, body)

    async def put_signed(
        self, context: RlsContext, link: UploadLink, upload: Upload, body: bytes | AsyncIterable[bytes]
    ) -> Object:
        """Store `body` by the right of a signed upload URL; the link fixes the name, the owner and upsert."""
        caller = admit(context, OBJECT_UPLOAD_SIGNED)
        upload = replace(upload, bucket_id=link.bucket_id, name=link.name, upsert=link.upsert)
        return await self._put(by_right_of(link, caller), upload, body)

    async def check_put(self, context: RlsContext, upload: Upload) -> None:
        """Ask the policies whether the caller could store `upload` now; limits are for the real write.

        Raises: NoSuchRelation, InvalidKey, AccessDenied, KeyAlreadyExists.
        """
        check_object_name(upload.name)

        def work() -> Work[None]:
            _destination((yield sql.find_bucket(upload.bucket_id)), upload.bucket_id)
            yield write_statement(upload, self._publisher.proposed_object(context, upload))

        await self._executor.probe(context, work)

    async def _put(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        with self._publisher.counting(upload):
            stored = await self._store(context, upload, body)
        self._publisher.count_stored(stored)
        return stored

    async def _store(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        limit = self._publisher.file_size_limit
        if not isinstance(body, bytes):
            # A large body: ask before reading it. What counts is the same question at the commit.
            limit = await self._publisher.admit_bytes(context, upload)
        blob_id = new_id()
        counting = () if upload.digests is None else (upload.digests,)
        receipt = await self._backend.write(
            accepted(body, limit, *counting), blob_id=blob_id, size_bytes=upload.size_bytes
        )
        return await self._publisher.publish(context, upload, blob_id, receipt)

    # Copying and moving: rows only, the bytes stay where they are

    async def copy(self, context: RlsContext, request: CopyRequest) -> Object:
        """Make another object with the same bytes; owned by the caller, with an id of its own.

        Raises: NoSuchKey, NoSuchRelation for a missing destination bucket, InvalidKey, KeyAlreadyExists,
        AccessDenied, PreconditionFailed, and the destination bucket's limits when it is another bucket or the
        type changes.
        """
        context = admit(context, OBJECT_COPY)
        check_object_name(request.to_name)
        try:
            return await self._executor.write(context, lambda: self._copy(context, request))
        except KeyAlreadyExists:
            if not request.condition.absent:
                raise
            raise PreconditionFailed(resource=f"{request.to_bucket_id}/{request.to_name}") from None

    def _copy(self, context: RlsContext, request: CopyRequest) -> Work[Object]:
        source, destination = yield from _held(request.bucket_id, request.name, request.to_bucket_id)
        if is_current(source, request.conditions):
            raise PreconditionFailed(resource=f"{request.bucket_id}/{request.name}")
        yield from require_match(request.to_bucket_id, request.to_name, request.condition.if_match)
        now = self._clock()
        upload = upload_of_copy(source, request)
        bucket = _destination(destination, request.to_bucket_id)
        if bucket.id != source.bucket_id or upload.mime_type != source.mime_type:
            self._check_limits(bucket, upload.name, upload.mime_type, source.size_bytes)
        metadata = {
            **carried_metadata(source, request),
            "mimetype": check_content_type(upload.mime_type),
            "cacheControl": check_cache_control(upload.cache_control),
            "lastModified": to_iso(now),
        }
        new = new_object(context, upload, metadata, now, source.blob_id)
        replaced = EventType.COPIED if upload.upsert else None
        event = self._outbox.record(
            context, EventType.COPIED, new, replaced=replaced, uploadType=upload.upload_type
        )
        look = look_at_upsert(upload, new)
        written = yield together(write_statement(upload, new), event, *look, ends_unit=True)
        return as_stored(upload, new, written)

    async def move(
        self, context: RlsContext, bucket_id: str, name: str, *, to_bucket_id: str, to_name: str
    ) -> None:
        """Give an object another name, in this or another bucket; it keeps its id and never replaces another.

        Raises: NoSuchKey when absent or not the caller's to change, NoSuchRelation, InvalidKey,
        ResourceAlreadyExists, AccessDenied, and the destination bucket's limits when it is another bucket.
        """
        context = admit(context, OBJECT_MOVE)
        check_object_name(to_name)

        def work() -> Work[None]:
            source, destination = yield from _held(bucket_id, name, to_bucket_id)
            if (bucket_id, name) == (to_bucket_id, to_name):
                return
            bucket = _destination(destination, to_bucket_id)
            if bucket.id != source.bucket_id:
                self._check_limits(bucket, to_name, source.mime_type, source.size_bytes)
            yield from self._move(context, source, to_bucket_id, to_name)

        try:
            await self._executor.write(context, work)
        except KeyAlreadyExists:
            raise ResourceAlreadyExists(resource=f"{to_bucket_id}/{to_name}") from None

    def _move(self, context: RlsContext, source: Object, bucket_id: str, name: str) -> Work[None]:
        moved = replace(
            source,
            bucket_id=bucket_id,
            name=name,
            owner_id=context.user_id or source.owner_id,
            version=new_id(),
            updated_at=self._clock(),
        )
        if not (yield sql.move_object(source, moved)).changed:
            raise NoSuchKey(resource=f"{source.bucket_id}/{source.name}")
        left = self._outbox.record(context, EventType.MOVED_OUT, source)
        old = {
            "name": source.name,
            "bucketId": source.bucket_id,
            "version": source.version,
            "reqId": context.request_id,
        }
        came = self._outbox.record(context, EventType.MOVED_IN, moved, oldObject=old)
        yield together(left, came, ends_unit=True)

    def _check_limits(self, bucket: Bucket, name: str, mime_type: str, size_bytes: int) -> None:
        check_mime_type(bucket, name, mime_type)
        check_size(size_bytes, size_limit(bucket, name, self._publisher.file_size_limit))

    # Deleting: rows only, the bytes wait for reclaim

    async def delete(self, context: RlsContext, bucket_id: str, name: str) -> None:
        """Delete one object; nobody sees it once this returns.

        Raises: NoSuchKey when there is none; AccessDenied when the caller may not delete it.
        """
        context = admit(context, OBJECT_DELETE)

        def work() -> Work[None]:
            # As the system: a caller who may not delete is told so, as Supabase's clients expect.
            rows = (yield sql.lock_object(bucket_id, name)).rows
            if not rows:
                raise NoSuchKey(resource=f"{bucket_id}/{name}")
            found = to_object(rows[0])
            if not (yield sql.delete_object(found.id)).changed:
                raise AccessDenied(resource=f"{bucket_id}/{name}")
            yield together(self._outbox.record(context, EventType.REMOVED, found), ends_unit=True)

        await self._executor.write(context, work)

    async def delete_many(self, context: RlsContext, bucket_id: str, names: Sequence[str]) -> list[Object]:
        """Delete the objects among `names` that exist and that the caller may delete; return those.

        In batches: those committed stay deleted when a later one fails.
        """
        context = admit(context, OBJECT_DELETE_MANY)
        wanted = list(dict.fromkeys(names))
        deleted: list[Object] = []
        for start in range(0, len(wanted), _DELETE_BATCH):
            batch = wanted[start : start + _DELETE_BATCH]
            work = partial(self._delete_batch, context, bucket_id, batch)
            deleted += (await self._executor.write(context, work)).gone
        return deleted

    async def remove(
        self, context: RlsContext, bucket_id: str, name: str, *, if_match: str | None = None
    ) -> None:
        """Delete one object if it is there; what the caller cannot see is as good as gone.

        if_match: it must have this entity tag, unquoted, or any one for `*`.
        Raises: NoSuchBucket; AccessDenied when the caller sees it and may not delete it; with `if_match`
        NoSuchKey and PreconditionFailed. Source: Amazon S3, DeleteObject.
        """
        context = admit(context, OBJECT_DELETE)

        def work() -> Work[None]:
            yield from bucket_by(sql.find_bucket(bucket_id))
            yield from require_match(bucket_id, name, if_match)
            if (yield from self._delete_batch(context, bucket_id, [name])).refused:
                raise AccessDenied(resource=f"{bucket_id}/{name}")

        await self._executor.write(context, work)

    async def remove_many(self, context: RlsContext, bucket_id: str, names: Sequence[str]) -> set[str]:
        """Delete those of `names` that are there; return those that the caller sees and may not delete.

        In batches, as `delete_many`. Raises: NoSuchBucket. Source: Amazon S3, DeleteObjects.
        """
        context = admit(context, OBJECT_DELETE_MANY)
        await self._executor.read(context, lambda: bucket_by(sql.find_bucket(bucket_id)))
        wanted = list(dict.fromkeys(names))
        refused: set[str] = set()
        for start in range(0, len(wanted), _DELETE_BATCH):
            batch = wanted[start : start + _DELETE_BATCH]
            work = partial(self._delete_batch, context, bucket_id, batch)
            refused |= {each.name for each in (await self._executor.write(context, work)).refused}
        return refused

    def _delete_batch(self, context: RlsContext, bucket_id: str, names: Sequence[str]) -> Work[_Deletion]:
        # Locked first: what is moved away meanwhile must not be deleted.
        found = yield together(sql.lock_objects(bucket_id, names), sql.find_visible_objects(bucket_id, names))
        visible = seen_of_locked(found, found.then[0])
        if not visible:
            return _Deletion([], [])
        deleted = {row["id"] for row in (yield sql.delete_objects([each.id for each in visible])).rows}
        gone = [each for each in visible if each.id in deleted]
        if gone:
            yield self._outbox.record_each(context, EventType.REMOVED, gone)
        return _Deletion(gone, [each for each in visible if each.id not in deleted])


def _held(bucket_id: str, name: str, to_bucket_id: str) -> Work[tuple[Object, Result]]:
    """Return an object that stays until the transaction ends, and what was found of the other bucket."""
    found = yield together(
        sql.lock_object(bucket_id, name),
        sql.find_visible_object(bucket_id, name),
        sql.find_bucket(to_bucket_id),
    )
    visible, destination = found.then
    if not visible.rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return to_object(visible.rows[0]), destination


def _destination(found: Result, bucket_id: str) -> Bucket:
    try:
        return bucket_in(found, bucket_id)
    except NoSuchBucket:
        raise NoSuchRelation(resource=bucket_id) from None
