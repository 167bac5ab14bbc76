"""Reading: who may see an object, whether the client needs its bytes, and the open bytes."""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
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
)
from aerostore.errors import AccessDenied, Corrupted, InvalidRange, StorageError
from aerostore.executor import Executor
from aerostore.permissions import (
    OBJECT_GET,
    OBJECT_GET_PUBLIC,
    OBJECT_GET_SIGNED,
    OBJECT_HEAD,
    OBJECT_INFO,
    OBJECT_INFO_PUBLIC,
    admit,
)
from aerostore.service.condition import is_current
from aerostore.service.sight import Found, linked, publicly_readable, readable, readable_despite
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
        found = await self._find(admit(context, OBJECT_GET), bucket_id, name)
        return await self._opened(found, request)

    async def open_public(
        self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest
    ) -> Download:
        """Open an object of a public bucket. Raises: as `open`; NoSuchBucket when the bucket is private."""
        context = admit(context, OBJECT_GET_PUBLIC)
        found = await self._executor.read(context, lambda: publicly_readable(bucket_id, name))
        return await self._opened(found, request)

    async def open_signed(self, context: RlsContext, link: DownloadLink, request: ReadRequest) -> Download:
        """Open the object of a verified link.

        Raises: as `open`; NoSuchKey when the object is gone, even if another has its name now.
        """
        found = await self._executor.read(admit(context, OBJECT_GET_SIGNED), lambda: linked(link))
        return await self._opened(found, request)

    async def head(self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest) -> Download:
        """Look at an object as `open` would see it, without its bytes."""
        return _looked_at(await self._find(admit(context, OBJECT_HEAD), bucket_id, name), request)

    async def head_public(
        self, context: RlsContext, bucket_id: str, name: str, request: ReadRequest
    ) -> Download:
        """Look at an object of a public bucket without its bytes."""
        context = admit(context, OBJECT_GET_PUBLIC)
        found = await self._executor.read(context, lambda: publicly_readable(bucket_id, name))
        return _looked_at(found, request)

    async def head_signed(self, context: RlsContext, link: DownloadLink, request: ReadRequest) -> Download:
        """Look at the object of a verified link without its bytes."""
        found = await self._executor.read(admit(context, OBJECT_GET_SIGNED), lambda: linked(link))
        return _looked_at(found, request)

    async def info(self, context: RlsContext, bucket_id: str, name: str) -> Download:
        """Return what is known of an object that the caller may select."""
        return _looked_at(await self._find(admit(context, OBJECT_INFO), bucket_id, name), ReadRequest())

    async def info_public(self, context: RlsContext, bucket_id: str, name: str) -> Download:
        """Return what is known of an object of a public bucket."""
        context = admit(context, OBJECT_INFO_PUBLIC)
        found = await self._executor.read(context, lambda: publicly_readable(bucket_id, name))
        return _looked_at(found, ReadRequest())

    async def _find(self, context: RlsContext, bucket_id: str, name: str) -> Found:
        try:
            return await self._executor.read(context, lambda: readable(bucket_id, name))
        except AccessDenied as exc:
            failure = exc
        return await self._executor.read(context, lambda: readable_despite(failure, bucket_id, name))

    async def _opened(self, found: Found, request: ReadRequest) -> Download:
        try:
            if is_current(found.object, request.conditions):
                self._count(found, "not_modified")
                return _download(found, is_current=True)
            blob = _bytes_of(found)
            byte_range = wanted_range(found.object, request, blob.size_bytes)
            reader = await self._open_bytes(found, blob, byte_range)
        except StorageError as exc:
            self._note_failure(found, exc)
            raise
        bucket = self._telemetry.bucket_label(found.object.bucket_id)
        self._telemetry.download_bytes.labels(bucket).inc(reader.length)
        return _download(found, byte_range=byte_range, reader=self._watched(found, reader))

    def _watched(self, found: Found, reader: BlobReader) -> BlobReader:
        def on_end(failure: StorageError | None) -> None:
            if failure is None:
                self._count(found, "ok")
            else:
                self._note_failure(found, failure)

        return _WatchedReader(reader, on_end)

    def _count(self, found: Found, status: str) -> None:
        bucket = self._telemetry.bucket_label(found.object.bucket_id)
        self._telemetry.downloads.labels(bucket, status).inc()

    def _note_failure(self, found: Found, failure: StorageError) -> None:
        """Count it, and name damage to the operator: the answer tells the client nothing of keys."""
        self._count(found, failure.code)
        if isinstance(failure, Corrupted):
            key = found.blob.key if found.blob else None
            facts = {"bucket": found.object.bucket_id, "name": found.object.name, "key": key}
            logger.error("stored bytes are missing or damaged", extra={"facts": facts})

    async def _open_bytes(self, found: Found, blob: Blob, byte_range: ByteRange | None) -> BlobReader:
        reader = await self._backend.open(blob.key, byte_range, piece_sums=blob.piece_sums)
        if reader.size_bytes != blob.size_bytes:
            await reader.aclose()
            raise _damaged(found)
        return reader


def _bytes_of(found: Found) -> Blob:
    if found.blob is None:
        raise _damaged(found)
    return found.blob


def _damaged(found: Found) -> Corrupted:
    return Corrupted(resource=f"{found.object.bucket_id}/{found.object.name}")


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


def _looked_at(found: Found, request: ReadRequest) -> Download:
    return _download(found, is_current=is_current(found.object, request.conditions))


def _download(
    found: Found,
    *,
    is_current: bool = False,
    byte_range: ByteRange | None = None,
    reader: BlobReader | None = None,
) -> Download:
    return Download(
        object=found.object,
        public=found.public,
        is_current=is_current,
        byte_range=byte_range,
        reader=reader,
        expires_at=found.expires_at,
    )


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
