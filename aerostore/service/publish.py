"""From bytes to an object: the questions asked before they come, and the one transaction that shows them.

Every way to write an object ends here, whichever door it began at.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

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
    InsufficientStorage,
    KeyAlreadyExists,
    LockTimeout,
    NoSuchBucket,
    NoSuchRelation,
    Overloaded,
    PreconditionFailed,
    SlowDown,
    StorageError,
    Unavailable,
)
from aerostore.executor import Executor, Result, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.service.bucket import bucket_by, bucket_in
from aerostore.service.claim import Claim, Held, UnseenBytes
from aerostore.service.condition import require_match
from aerostore.service.digest import Digests
from aerostore.service.identifier import new_id
from aerostore.service.limit import (
    check_cache_control,
    check_content_type,
    check_mime_type,
    check_size,
    size_limit,
)
from aerostore.service.outbox import Outbox
from aerostore.telemetry import Telemetry

Also = Callable[[Object], Work[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCondition:
    """What must hold for the name when the object is written (RFC 9110 section 13.1).

    absent: nothing has the name. if_match: what has it has this entity tag, unquoted, or any one for `*`.
    """

    absent: bool = False
    if_match: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a client wants stored, besides the bytes.

    size_bytes: as announced, None when unknown. is_update: the client speaks of replacing (PUT), which
    policies see as another operation; what it may do is `upsert`'s matter. digests: count along with the
    bytes, and give the entity tag. etag: the entity tag, unquoted, when the bytes came in parts; without
    either it is the SHA-256. extra: further members of the metadata column.
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
    digests: Digests | None = None
    etag: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    condition: WriteCondition = WriteCondition()


class Publisher:
    """Writes objects. file_size_limit: the server's own limit, in bytes."""

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
        self.file_size_limit = file_size_limit

    async def admit_bytes(self, context: RlsContext, upload: Upload) -> int:
        """Refuse what can be refused before the bytes; return how many may come.

        What counts is the same question in `publish`.
        Raises: NoSuchBucket, InvalidMimeType, EntityTooLarge, InvalidKey, AccessDenied, KeyAlreadyExists,
        PreconditionFailed.
        """
        with _in_words_of(upload):
            return await self._executor.probe(context, lambda: self._admission(context, upload))

    async def publish(
        self,
        context: RlsContext,
        upload: Upload,
        blob_id: str,
        receipt: BlobReceipt,
        also: Also | None = None,
    ) -> Object:
        """Show the bytes of `receipt` as an object, by the right of `context`; drop them when it has none.

        also: what else the same transaction does. When this returns, everything is durable and visible.
        Raises: as `admit_bytes`; what `also` raises; Unavailable.
        """
        with _in_words_of(upload):
            return await self.keep(
                context, blob_id, receipt, lambda claim: self._write(context, upload, claim, also)
            )

    async def publish_held(
        self, context: RlsContext, upload: Upload, held: Held, also: Also | None = None
    ) -> Object:
        """Show bytes that have a row already as an object, as `publish` does; without a right they stay."""
        with _in_words_of(upload):
            work = partial(self._write, context, upload, held, also)
            return (await self._executor.write(context, work))[0]

    async def keep(
        self,
        context: RlsContext,
        blob_id: str,
        receipt: BlobReceipt,
        work: Callable[[Claim], Work[tuple[T, Blob]]],
    ) -> T:
        """Run `work`, which makes a row point at the bytes of `receipt`; drop them when none does then.

        work: in one transaction; returns, besides its result, the blob that its claim gave. It is run again
        when that blob's bytes had to be looked at first. Raises: what `work` raises; Unavailable.
        """
        fresh = Blob(
            id=blob_id,
            key=receipt.key,
            sha256=receipt.sha256,
            size_bytes=receipt.size_bytes,
            piece_sums=receipt.piece_sums,
        )
        try:
            result, blob = await self._commit(context, Claim(self._backend, fresh), work)
        except StorageError as exc:
            if not _may_have_committed(exc):
                await self.discard(fresh.key)
            raise
        if blob.key != fresh.key:
            await self.discard(fresh.key)
        return result

    async def discard(self, key: str) -> None:
        """Drop bytes that no transaction published; a failure leaves them to reclaim."""
        with suppress(StorageError):
            await self._backend.delete(key)

    @contextmanager
    def counting(self, upload: Upload) -> Iterator[None]:
        """Count the upload that the block tries, by its outcome."""
        label = self._telemetry.bucket_label
        try:
            yield
        except NoSuchBucket:
            raise  # a bucket that does not exist must not become a label
        except StorageError as exc:
            self._telemetry.uploads.labels(label(upload.bucket_id), exc.code).inc()
            raise

    def count_stored(self, stored: Object) -> None:
        """Count an upload that ended well."""
        bucket = self._telemetry.bucket_label(stored.bucket_id)
        self._telemetry.uploads.labels(bucket, "ok").inc()
        self._telemetry.upload_bytes.labels(bucket).inc(stored.size_bytes)

    async def _commit(
        self, context: RlsContext, claim: Claim, work: Callable[[Claim], Work[tuple[T, Blob]]]
    ) -> tuple[T, Blob]:
        while True:
            try:
                return await self._executor.write(context, lambda: work(claim))
            except UnseenBytes as unseen:
                await claim.look_at(unseen.blob)

    def _write(
        self, context: RlsContext, upload: Upload, claim: Claim | Held, also: Also | None
    ) -> Work[tuple[Object, Blob]]:
        found = yield together(sql.find_bucket(upload.bucket_id), *claim.question())
        self._check(upload, bucket_in(found, upload.bucket_id), claim.fresh.size_bytes)
        yield from require_match(upload.bucket_id, upload.name, upload.condition.if_match)
        now = self._clock()
        taken = yield from claim.take(found.then, now)
        blob = taken.blob
        new = new_object(context, upload, _system_metadata(upload, blob, now), now, blob.id)
        writing, look = (*taken.before, write_statement(upload, new)), look_at_upsert(upload, new)
        replaced = EventType.REPLACED if upload.upsert else None
        event = self._outbox.record(
            context, EventType.CREATED, new, replaced=replaced, uploadType=upload.upload_type
        )
        if also is None and claim.has_seen(blob):  # then nothing is left to decide
            return as_stored(upload, new, (yield together(*writing, event, *look, ends_unit=True))), blob
        stored = as_stored(upload, new, (yield together(*writing, *look)))
        claim.require_seen(blob)
        if also is not None:
            yield from also(stored)
        yield together(event, ends_unit=True)
        return stored, blob

    def _admission(self, context: RlsContext, upload: Upload) -> Work[int]:
        bucket = yield from bucket_by(sql.find_bucket(upload.bucket_id))
        limit = self._check(upload, bucket, upload.size_bytes)
        yield from require_match(upload.bucket_id, upload.name, upload.condition.if_match)
        yield write_statement(upload, self.proposed_object(context, upload))
        return limit

    def _check(self, upload: Upload, bucket: Bucket, size_bytes: int | None) -> int:
        """Compare `upload` with what its bucket takes; return how many bytes may come."""
        check_content_type(upload.mime_type)
        check_cache_control(upload.cache_control)
        check_mime_type(bucket, upload.name, upload.mime_type)
        limit = size_limit(bucket, upload.name, self.file_size_limit)
        check_size(size_bytes, limit)
        check_object_name(upload.name)
        return limit

    def proposed_object(self, context: RlsContext, upload: Upload) -> Object:
        """Return the row that policies judge before the bytes are there."""
        metadata: JsonObject = {"mimetype": upload.mime_type}
        if upload.size_bytes is not None:
            metadata |= {"size": upload.size_bytes, "contentLength": upload.size_bytes}
        return new_object(context, upload, metadata, self._clock())


def by_right_of(link: UploadLink, caller: RlsContext) -> RlsContext:
    """Return as whom an upload by `link` is written: as the system, owned by whoever asked for the link.

    Policies judged it when the link was issued. caller: who sends the bytes, for the operation and the log.
    """
    return replace(SYSTEM, user_id=link.owner_id, operation=caller.operation, request_id=caller.request_id)


def new_object(
    context: RlsContext,
    upload: Upload,
    metadata: JsonObject,
    now: datetime,
    blob_id: str | None = None,
) -> Object:
    """Return the row of an object that is new, whatever its name has been before."""
    return Object(
        id=new_id(),
        bucket_id=upload.bucket_id,
        name=upload.name,
        owner_id=context.user_id,
        version=new_id(),
        blob_id=blob_id,
        metadata=metadata,
        user_metadata=upload.user_metadata,
        created_at=now,
        updated_at=now,
        last_accessed_at=now,
    )


def write_statement(upload: Upload, new: Object) -> Statement:
    """Return what writes the row, over one of that name or not, as the upload asks."""
    replaces = upload.upsert and not upload.condition.absent
    return sql.upsert_object(new) if replaces else sql.insert_object(new)


def look_at_upsert(upload: Upload, new: Object) -> tuple[Statement, ...]:
    """Return what finds the row as it was written: an upsert keeps some of the row that it may have met."""
    # As the system: what the caller wrote is the caller's to know.
    return (sql.find_object(new.bucket_id, new.name),) if upload.upsert else ()


def as_stored(upload: Upload, new: Object, written: Result) -> Object:
    """Return the row as it is. written: of a step that ended with `look_at_upsert`."""
    return to_object(written.then[-1].rows[0]) if upload.upsert else new


@contextmanager
def _in_words_of(upload: Upload) -> Iterator[None]:
    """Say what a refused write means to who asked: the bucket went, or the name is taken after all."""
    try:
        yield
    except NoSuchRelation:  # the bucket went after it was found
        raise NoSuchBucket(resource=upload.bucket_id) from None
    except KeyAlreadyExists:
        if not upload.condition.absent:
            raise
        raise PreconditionFailed(resource=f"{upload.bucket_id}/{upload.name}") from None


def _may_have_committed(failure: StorageError) -> bool:
    """Tell whether the transaction's end is unknown: then its bytes may be in use, and reclaim finds out."""
    is_certain = isinstance(failure, InsufficientStorage | LockTimeout | SlowDown | Overloaded)
    return isinstance(failure, Unavailable) and not is_certain


def _system_metadata(upload: Upload, blob: Blob, now: datetime) -> JsonObject:
    """Return the metadata column. Without another one the entity tag is the SHA-256: strong, and known."""
    digests = upload.digests
    etag = upload.etag or (digests.etag if digests else blob.sha256)
    metadata: JsonObject = {
        "eTag": f'"{etag}"',
        "size": blob.size_bytes,
        "mimetype": upload.mime_type,
        "cacheControl": upload.cache_control,
        "lastModified": to_iso(now),
        "contentLength": blob.size_bytes,
        "httpStatusCode": 200,
        **upload.extra,
    }
    if digests and digests.checksums:
        metadata["checksums"] = dict(digests.checksums)
    if upload.robots_tag:
        metadata["xRobotsTag"] = upload.robots_tag
    return metadata
