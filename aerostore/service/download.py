"""Reading: who may see an object, whether the client needs its bytes, and the open bytes."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from aerostore.backend import BlobBackend, BlobReader
from aerostore.domain import (
    Blob,
    ByteRange,
    Conditions,
    DownloadLink,
    Object,
    RangeRequest,
    RlsContext,
    check_object_name,
)
from aerostore.errors import (
    Corrupted,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    StorageError,
)
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.tables import to_blob, to_object
from aerostore.permissions import (
    OBJECT_GET,
    OBJECT_GET_PUBLIC,
    OBJECT_GET_SIGNED,
    OBJECT_HEAD,
    OBJECT_INFO,
    OBJECT_INFO_PUBLIC,
    admit,
)
from aerostore.service.bucket import bucket_by
from aerostore.service.condition import is_current
from aerostore.telemetry import Telemetry

logger = logging.getLogger("aerostore.download")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What a client says about the copy it has and the part it wants.

    if_range: an entity tag or date that must still hold for the range to count (RFC 9110 section 13.1.5).
    part_number: which of the parts that the object was uploaded in is wanted, from 1, in place of a range.
    """

    conditions: Conditions = field(default_factory=Conditions)
    byte_range: RangeRequest | None = None
    if_range: str | datetime | None = None
    part_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """An object and its open bytes.

    public: anybody may read it. is_current: the client's copy is as good. byte_range: the part that was
    asked for. reader: the bytes, which the receiver closes; None when nobody wants them. expires_at: when
    the link ends that gave access.
    """

    object: Object
    public: bool
    is_current: bool = False
    byte_range: ByteRange | None = None
    reader: BlobReader | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    object: Object
    public: bool
    blob: Blob | None = None


class Downloads:
    """Ways to read an object: as a caller, as anybody from a public bucket, by a signed link."""

    def __init__(self, executor: Executor, backend: BlobBackend, *, telemetry: Telemetry) -> None:
        self._executor = executor
        self._backend = backend
        self._telemetry = telemetry

    async def open(self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest) -> Download:
        """Open an object that the caller may select, or any object of a public bucket.

        Raises: NoSuchBucket, NoSuchKey, InvalidRange, PreconditionFailed; Corrupted when bytes are missing or
        damaged, of long ones perhaps not before they are read.
        """
        context = admit(context, OBJECT_GET)
        return await self._open(context, lambda: _readable(context, bucket_id, name), request)

    async def open_public(
        self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest
    ) -> Download:
        """Open an object of a public bucket. Raises: as `open`; NoSuchBucket when the bucket is private."""
        context = admit(context, OBJECT_GET_PUBLIC)
        return await self._open(context, lambda: _publicly_readable(bucket_id, name), request)

    async def open_signed(self, context: RlsContext, link: DownloadLink, request: ReadRequest) -> Download:
        """Open the object of a verified link.

        Raises: as `open`; NoSuchKey when the object is gone, even if another has its name now.
        """
        context = admit(context, OBJECT_GET_SIGNED)
        download = await self._open(context, lambda: _linked(link), request)
        return replace(download, expires_at=link.expires_at)

    async def head(self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest) -> Download:
        """Look at an object as `open` would see it, without its bytes."""
        context = admit(context, OBJECT_HEAD)
        return await self._look(context, lambda: _readable(context, bucket_id, name), request)

    async def head_public(
        self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest
    ) -> Download:
        """Look at an object of a public bucket without its bytes."""
        context = admit(context, OBJECT_GET_PUBLIC)
        return await self._look(context, lambda: _publicly_readable(bucket_id, name), request)

    async def head_signed(self, context: RlsContext, link: DownloadLink, request: ReadRequest) -> Download:
        """Look at the object of a verified link without its bytes."""
        context = admit(context, OBJECT_GET_SIGNED)
        found = await self._look(context, lambda: _linked(link), request)
        return replace(found, expires_at=link.expires_at)

    async def info(self, context: RlsContext, bucket_id: str, name: str) -> Download:
        """Return what is known of an object that the caller may select."""
        context = admit(context, OBJECT_INFO)
        return await self._look(context, lambda: _readable(context, bucket_id, name), ReadRequest())

    async def info_public(self, context: RlsContext, bucket_id: str, name: str) -> Download:
        """Return what is known of an object of a public bucket."""
        context = admit(context, OBJECT_INFO_PUBLIC)
        return await self._look(context, lambda: _publicly_readable(bucket_id, name), ReadRequest())

    async def _look(
        self, context: RlsContext, find: Callable[[], Work[_Found]], request: ReadRequest
    ) -> Download:
        found = await self._executor.read(context, find)
        return Download(
            object=found.object,
            public=found.public,
            is_current=is_current(found.object, request.conditions),
        )

    async def _open(
        self, context: RlsContext, find: Callable[[], Work[_Found]], request: ReadRequest
    ) -> Download:
        found = await self._executor.read(context, lambda: _with_blob(find))
        try:
            download = await self._open_bytes(found, request)
        except StorageError as exc:
            self._note_failure(found, exc)
            raise
        if download.reader is None:
            self._count(found, "not_modified")
            return download
        bucket = self._telemetry.bucket_label(found.object.bucket_id)
        self._telemetry.download_bytes.labels(bucket).inc(download.reader.length)
        return replace(download, reader=self._watched(found, download.reader))

    def _watched(self, found: _Found, reader: BlobReader) -> BlobReader:
        def on_end(failure: StorageError | None) -> None:
            if failure is None:
                self._count(found, "ok")
            else:
                self._note_failure(found, failure)

        return _WatchedReader(reader, on_end)

    def _count(self, found: _Found, status: str) -> None:
        bucket = self._telemetry.bucket_label(found.object.bucket_id)
        self._telemetry.downloads.labels(bucket, status).inc()

    def _note_failure(self, found: _Found, failure: StorageError) -> None:
        """Count it, and name damage to the operator: the answer tells the client nothing of keys."""
        self._count(found, failure.code)
        if isinstance(failure, Corrupted):
            key = found.blob.key if found.blob else None
            facts = {"bucket": found.object.bucket_id, "name": found.object.name, "key": key}
            logger.error("stored bytes are missing or damaged", extra={"facts": facts})

    async def _open_bytes(self, found: _Found, request: ReadRequest) -> Download:
        seen = Download(object=found.object, public=found.public)
        if is_current(found.object, request.conditions):
            return replace(seen, is_current=True)
        if found.blob is None:
            raise Corrupted(resource=f"{found.object.bucket_id}/{found.object.name}")
        byte_range = wanted_range(found.object, request, found.blob.size_bytes)
        reader = await self._backend.open(found.blob.key, byte_range, piece_sums=found.blob.piece_sums)
        if reader.size_bytes != found.blob.size_bytes:
            await reader.aclose()
            raise Corrupted(resource=f"{found.object.bucket_id}/{found.object.name}")
        return replace(seen, byte_range=byte_range, reader=reader)


class _WatchedReader:
    """`inner`, whose end is reported once: at its last chunk, at its failure, or when it is closed before."""

    def __init__(self, inner: BlobReader, on_end: Callable[[StorageError | None], None]) -> None:
        self.size_bytes = inner.size_bytes
        self.length = inner.length
        self._inner = inner
        self._on_end = on_end
        self._has_ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner.chunks():
                yield chunk
        except StorageError as exc:
            self._end(exc)
            raise
        self._end(None)

    async def aclose(self) -> None:
        self._end(None)
        await self._inner.aclose()

    def _end(self, failure: StorageError | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._on_end(failure)


def _with_blob(find: Callable[[], Work[_Found]]) -> Work[_Found]:
    found = yield from find()
    rows = (yield sql.find_blob_of(found.object.bucket_id, found.object.name)).rows
    return replace(found, blob=to_blob(rows[0])) if rows else found


def _readable(context: RlsContext, bucket_id: str, name: str) -> Work[_Found]:
    """An object of a public bucket, or one that the policies let the caller select."""
    bucket = yield from bucket_by(sql.find_bucket(bucket_id))
    check_object_name(name)
    find = sql.find_object if bucket.public else sql.find_visible_object
    rows = (yield find(bucket_id, name)).rows
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return _Found(to_object(rows[0]), bucket.public)


def _publicly_readable(bucket_id: str, name: str) -> Work[_Found]:
    # As the system: the bucket is public, so no policy is asked; a private one does not exist here.
    bucket = yield from bucket_by(sql.find_bucket(bucket_id))
    if not bucket.public:
        raise NoSuchBucket(resource=bucket_id)
    check_object_name(name)
    rows = (yield sql.find_object(bucket_id, name)).rows
    if not rows:
        raise NoSuchKey(resource=f"{bucket_id}/{name}")
    return _Found(to_object(rows[0]), public=True)


def _linked(link: DownloadLink) -> Work[_Found]:
    # As the system: the link is the permission; policies were asked when it was issued.
    rows = (yield sql.find_object(link.bucket_id, link.name)).rows
    found = to_object(rows[0]) if rows else None
    if found is None or found.id != link.object_id:
        raise NoSuchKey(resource=f"{link.bucket_id}/{link.name}")
    return _Found(found, public=False)


def wanted_range(found: Object, request: ReadRequest, size_bytes: int) -> ByteRange | None:
    """Return which bytes of `found`, which has so many, a request is about; None for all of them.

    Raises: InvalidRange when there are none such, also for a part that never was.
    """
    if request.part_number is not None:
        return _part_range(found, request.part_number, size_bytes)
    if request.byte_range is None or not _range_counts(found, request.if_range):
        return None
    return request.byte_range.within(size_bytes)


def part_sizes(found: Object) -> list[int]:
    """Return the lengths in bytes of the parts that the object was uploaded in; none if it came whole."""
    return [size for count, size in found.metadata.get("parts", ()) for _ in range(count)]


def _part_range(found: Object, number: int, size_bytes: int) -> ByteRange | None:
    sizes = part_sizes(found) or [size_bytes]
    if not 1 <= number <= len(sizes):
        raise InvalidRange(size_bytes=size_bytes)
    first, length = sum(sizes[: number - 1]), sizes[number - 1]
    if not length and size_bytes:  # there is no range of no bytes, and the whole is something else
        raise InvalidRange(size_bytes=size_bytes)
    return ByteRange(first, first + length - 1) if length else None


def _range_counts(found: Object, if_range: str | datetime | None) -> bool:
    if isinstance(if_range, datetime):
        return found.updated_at.replace(microsecond=0) == if_range
    return if_range is None or if_range == found.etag
