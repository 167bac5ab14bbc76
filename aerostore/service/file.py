"""Files: put, copy, move and delete objects. All doors come through here; reading is in `download`."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from aerostore.backend import BlobBackend, BlobReceipt
from aerostore.domain import (
    SYSTEM,
    Blob,
    Bucket,
    Clock,
    EventType,
    JsonObject,
    Object,
    RlsContext,
    UploadLink,
    check_object_name,
    to_iso,
)
from aerostore.errors import (
    AccessDenied,
    InsufficientStorage,
    KeyAlreadyExists,
    LockTimeout,
    NoSuchBucket,
    NoSuchKey,
    NoSuchRelation,
    ResourceAlreadyExists,
    StorageError,
    Unavailable,
)
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.tables import to_object
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
from aerostore.service.bucket import bucket_by
from aerostore.service.claim import Claim, UnseenBytes
from aerostore.service.limit import (
    check_cache_control,
    check_content_type,
    check_mime_type,
    check_size,
    size_limit,
)
from aerostore.service.outbox import Outbox
from aerostore.telemetry import Telemetry

_DELETE_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a client wants stored, besides the bytes.

    size_bytes: as announced, None when unknown. is_update: the client speaks of replacing (PUT), which
    policies see as another operation; what it may do is `upsert`'s matter.
    """

    bucket_id: str
    name: str
    mime_type: str = "application/octet-stream"
    cache_control: str = "no-cache"
    user_metadata: JsonObject | None = None
    robots_tag: str | None = None
    upsert: bool = False
    is_update: bool = False
    size_bytes: int | None = None
    upload_type: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """Which object to copy where. metadata: what replaces the source's when it is not kept."""

    bucket_id: str
    name: str
    to_bucket_id: str
    to_name: str
    upsert: bool = False
    keep_metadata: bool = True
    mime_type: str | None = None
    cache_control: str | None = None
    user_metadata: JsonObject | None = None


class Files:
    """Operations on objects. file_size_limit: the server's own limit, in bytes."""

    def __init__(
        self,
        executor: Executor,
        backend: BlobBackend,
        outbox: Outbox,
        *,
        clock: Clock,
        telemetry: Telemetry,
        file_size_limit: int,
    ) -> None:
        self._executor = executor
        self._backend = backend
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._file_size_limit = file_size_limit

    # Writing

    async def put(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        """Store `body` as an object; when this returns, bytes and row are durable and visible.

        Without upsert exactly one of several concurrent writers of a name wins; with it the last commit
        wins whole. On failure nothing is visible.
        Raises: NoSuchBucket, InvalidMimeType, EntityTooLarge, InvalidKey, AccessDenied, KeyAlreadyExists,
        IncompleteBody, InsufficientStorage, Unavailable.
        """
        operation = OBJECT_UPLOAD_UPDATE if upload.is_update else OBJECT_UPLOAD
        return await self._put(admit(context, operation), upload, body)

    async def put_signed(
        self, context: RlsContext, link: UploadLink, upload: Upload, body: bytes | AsyncIterable[bytes]
    ) -> Object:
        """Store `body` by the right of a signed upload URL; the link fixes the name, the owner and upsert."""
        caller = admit(context, OBJECT_UPLOAD_SIGNED)
        # As the system, owned by whoever asked for the link: policies judged it when it was issued.
        context = replace(
            SYSTEM, user_id=link.owner_id, operation=caller.operation, request_id=caller.request_id
        )
        upload = replace(upload, bucket_id=link.bucket_id, name=link.name, upsert=link.upsert)
        return await self._put(context, upload, body)

    async def check_put(self, context: RlsContext, upload: Upload) -> None:
        """Ask the policies whether the caller could store `upload` now; limits are for the real write.

        Raises: NoSuchRelation, InvalidKey, AccessDenied, KeyAlreadyExists.
        """
        check_object_name(upload.name)

        def work() -> Work[None]:
            yield from self._destination(upload.bucket_id)
            yield _write_statement(upload, self._proposed_object(context, upload))

        await self._executor.probe(context, work)

    async def _put(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        label = self._telemetry.bucket_label
        try:
            stored = await self._store(context, upload, body)
        except NoSuchBucket:
            raise  # a bucket that does not exist must not become a label
        except StorageError as exc:
            self._telemetry.uploads.labels(label(upload.bucket_id), exc.code).inc()
            raise
        self._telemetry.uploads.labels(label(upload.bucket_id), "ok").inc()
        self._telemetry.upload_bytes.labels(label(upload.bucket_id)).inc(stored.size_bytes)
        return stored

    async def _store(self, context: RlsContext, upload: Upload, body: bytes | AsyncIterable[bytes]) -> Object:
        limit = self._file_size_limit
        if not isinstance(body, bytes):
            # A large body: ask before reading it. What counts is the same question at the commit.
            limit = await self._executor.probe(context, lambda: self._admission(context, upload))
        blob_id = str(uuid.uuid4())
        receipt = await self._backend.write(
            _within_limit(body, limit), blob_id=blob_id, size_bytes=upload.size_bytes
        )
        return await self._publish(context, upload, blob_id, receipt)

    async def _publish(
        self, context: RlsContext, upload: Upload, blob_id: str, receipt: BlobReceipt
    ) -> Object:
        fresh = Blob(
            id=blob_id,
            key=receipt.key,
            sha256=receipt.sha256,
            size_bytes=receipt.size_bytes,
            piece_sums=receipt.piece_sums,
        )
        try:
            stored, blob = await self._commit_upload(context, upload, fresh)
        except StorageError as exc:
            if not _may_have_committed(exc):
                await self._discard(fresh)
            if isinstance(exc, NoSuchRelation):  # the bucket went after it was found
                raise NoSuchBucket(resource=upload.bucket_id) from None
            raise
        if blob.key != fresh.key:
            await self._discard(fresh)
        return stored

    async def _commit_upload(self, context: RlsContext, upload: Upload, fresh: Blob) -> tuple[Object, Blob]:
        claim = Claim(self._backend, fresh)
        while True:
            try:
                return await self._executor.write(context, lambda: self._commit(context, upload, claim))
            except UnseenBytes as unseen:
                await claim.look_at(unseen.blob)

    async def _discard(self, blob: Blob) -> None:
        """Drop bytes of this request that no transaction published; a failure leaves them to reclaim."""
        with suppress(StorageError):
            await self._backend.delete(blob.key)

    def _admission(self, context: RlsContext, upload: Upload) -> Work[int]:
        """Refuse what can be refused before the bytes; return how many bytes may come."""
        bucket = yield from self._receiving_bucket(upload)
        yield _write_statement(upload, self._proposed_object(context, upload))
        return size_limit(bucket, upload.name, self._file_size_limit)

    def _commit(self, context: RlsContext, upload: Upload, claim: Claim) -> Work[tuple[Object, Blob]]:
        yield from self._receiving_bucket(replace(upload, size_bytes=claim.fresh.size_bytes))
        now = self._clock()
        blob = yield from claim.take(now)
        metadata = _system_metadata(upload, blob, now)
        new = replace(self._new_object(context, upload, metadata, now), blob_id=blob.id)
        stored = yield from _write(upload, new)
        claim.require_seen(blob)
        event = EventType.CREATED if stored.id == new.id else EventType.REPLACED
        yield self._outbox.record(context, event, stored, uploadType=upload.upload_type)
        return stored, blob

    def _receiving_bucket(self, upload: Upload) -> Work[Bucket]:
        bucket = yield from bucket_by(sql.find_bucket(upload.bucket_id))
        check_content_type(upload.mime_type)
        check_cache_control(upload.cache_control)
        check_mime_type(bucket, upload.name, upload.mime_type)
        check_size(upload.size_bytes, size_limit(bucket, upload.name, self._file_size_limit))
        check_object_name(upload.name)
        return bucket

    def _proposed_object(self, context: RlsContext, upload: Upload) -> Object:
        """Return the row that policies judge before the bytes are there."""
        metadata: JsonObject = {"mimetype": upload.mime_type}
        if upload.size_bytes is not None:
            metadata |= {"size": upload.size_bytes, "contentLength": upload.size_bytes}
        return self._new_object(context, upload, metadata, self._clock())

    def _new_object(self, context: RlsContext, upload: Upload, metadata: JsonObject, now: datetime) -> Object:
        return Object(
            id=str(uuid.uuid4()),
            bucket_id=upload.bucket_id,
            name=upload.name,
            owner_id=context.user_id,
            version=str(uuid.uuid4()),
            metadata=metadata,
            user_metadata=upload.user_metadata,
            created_at=now,
            updated_at=now,
            last_accessed_at=now,
        )

    # Copying and moving: rows only, the bytes stay where they are

    async def copy(self, context: RlsContext, request: CopyRequest) -> Object:
        """Make another object with the same bytes; owned by the caller, with an id of its own.

        Raises: NoSuchKey, NoSuchRelation for a missing destination bucket, InvalidKey, KeyAlreadyExists,
        AccessDenied, and the destination bucket's limits when it is another bucket or the type changes.
        """
        context = admit(context, OBJECT_COPY)
        check_object_name(request.to_name)
        return await self._executor.write(context, lambda: self._copy(context, request))

    def _copy(self, context: RlsContext, request: CopyRequest) -> Work[Object]:
        yield sql.lock_object(request.bucket_id, request.name)  # what is copied stays until the copy is there
        source = yield from _visible_object(request.bucket_id, request.name)
        now = self._clock()
        upload = _as_upload(source, request)
        bucket = yield from self._destination(request.to_bucket_id)
        if bucket.id != source.bucket_id or upload.mime_type != source.mime_type:
            self._check_limits(bucket, upload.name, upload.mime_type, source.size_bytes)
        metadata = {
            **source.metadata,
            "mimetype": check_content_type(upload.mime_type),
            "cacheControl": check_cache_control(upload.cache_control),
            "lastModified": to_iso(now),
        }
        new = replace(self._new_object(context, upload, metadata, now), blob_id=source.blob_id)
        stored = yield from _write(upload, new)
        yield self._outbox.record(context, EventType.COPIED, stored, uploadType=upload.upload_type)
        return stored

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
            yield sql.lock_object(bucket_id, name)
            source = yield from _visible_object(bucket_id, name)
            if (bucket_id, name) == (to_bucket_id, to_name):
                return
            bucket = yield from self._destination(to_bucket_id)
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
            version=str(uuid.uuid4()),
            updated_at=self._clock(),
        )
        if not (yield sql.move_object(source, moved)).changed:
            raise NoSuchKey(resource=f"{source.bucket_id}/{source.name}")
        yield self._outbox.record(context, EventType.MOVED_OUT, source)
        old = {
            "name": source.name,
            "bucketId": source.bucket_id,
            "version": source.version,
            "reqId": context.request_id,
        }
        yield self._outbox.record(context, EventType.MOVED_IN, moved, oldObject=old)

    def _destination(self, bucket_id: str) -> Work[Bucket]:
        try:
            return (yield from bucket_by(sql.find_bucket(bucket_id)))
        except NoSuchBucket:
            raise NoSuchRelation(resource=bucket_id) from None

    def _check_limits(self, bucket: Bucket, name: str, mime_type: str, size_bytes: int) -> None:
        check_mime_type(bucket, name, mime_type)
        check_size(size_bytes, size_limit(bucket, name, self._file_size_limit))

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
            yield self._outbox.record(context, EventType.REMOVED, found)

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
            deleted += await self._executor.write(context, work)
        return deleted

    def _delete_batch(self, context: RlsContext, bucket_id: str, names: Sequence[str]) -> Work[list[Object]]:
        yield sql.lock_objects(bucket_id, names)  # what is moved away meanwhile must not be deleted
        visible = [to_object(row) for row in (yield sql.find_visible_objects(bucket_id, names)).rows]
        if not visible:
            return []
        gone = {row["id"] for row in (yield sql.delete_objects([each.id for each in visible])).rows}
        deleted = [each for each in visible if each.id in gone]
        for each in deleted:
            yield self._outbox.record(context, EventType.REMOVED, each)
        return deleted


def _may_have_committed(failure: StorageError) -> bool:
    """Tell whether the transaction's end is unknown: then its bytes may be in use, and reclaim finds out."""
    return isinstance(failure, Unavailable) and not isinstance(failure, InsufficientStorage | LockTimeout)


def _visible_object(bucket_id: str, name: str) -> Work[Object]:
    rows = (yield sql.find_visible_object(bucket_id, name)).rows
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return to_object(rows[0])


def _write_statement(upload: Upload, new: Object) -> Statement:
    return sql.upsert_object(new) if upload.upsert else sql.insert_object(new)


def _write(upload: Upload, new: Object) -> Work[Object]:
    """Write the row and return it as it is: an upsert keeps some of the row that it may have met."""
    yield _write_statement(upload, new)
    if not upload.upsert:
        return new
    # As the system: what the caller wrote is the caller's to know.
    return to_object((yield sql.find_object(new.bucket_id, new.name)).rows[0])


def _system_metadata(upload: Upload, blob: Blob, now: datetime) -> JsonObject:
    """Return the metadata column. The entity tag is the SHA-256: strong, and known without another pass."""
    metadata: JsonObject = {
        "eTag": f'"{blob.sha256}"',
        "size": blob.size_bytes,
        "mimetype": upload.mime_type,
        "cacheControl": upload.cache_control,
        "lastModified": to_iso(now),
        "contentLength": blob.size_bytes,
        "httpStatusCode": 200,
    }
    if upload.robots_tag:
        metadata["xRobotsTag"] = upload.robots_tag
    return metadata


def _as_upload(source: Object, request: CopyRequest) -> Upload:
    keep = request.keep_metadata
    return Upload(
        bucket_id=request.to_bucket_id,
        name=request.to_name,
        mime_type=source.mime_type if keep else request.mime_type or source.mime_type,
        cache_control=source.cache_control if keep else request.cache_control or source.cache_control,
        user_metadata=source.user_metadata if keep else request.user_metadata,
        upsert=request.upsert,
    )


async def _within_limit(body: bytes | AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        check_size(len(body), limit)
        yield body
        return
    received = 0
    async for chunk in body:
        received += len(chunk)
        check_size(received, limit)
        yield chunk
