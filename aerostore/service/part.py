"""Parts of multipart uploads: bytes that come in become blobs that the rows of parts point at."""

import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field

from aerostore.backend import BlobBackend
from aerostore.domain import (
    SYSTEM,
    Blob,
    ByteRange,
    Clock,
    Conditions,
    Object,
    UploadPart,
    UploadSession,
    check_object_name,
)
from aerostore.errors import (
    Corrupted,
    EntityTooLarge,
    InvalidInput,
    InvalidPart,
    InvalidRange,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
    Unavailable,
)
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_blob, to_object, to_upload, to_upload_part
from aerostore.service.bucket import bucket_by
from aerostore.service.claim import Claim, Held
from aerostore.service.completion import checksum_kind_of
from aerostore.service.condition import is_current
from aerostore.service.digest import Digests
from aerostore.service.intake import accepted
from aerostore.service.limit import check_size
from aerostore.service.publish import Publisher
from aerostore.service.upload import Right, UploadSessions, upload_of

MAX_PARTS = 10_000
MAX_PART_BYTES = 5 * 1024**3
_PAGE = 500
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSource:
    """Stored bytes that shall be a part. byte_range: None for all of the object's."""

    bucket_id: str
    name: str
    byte_range: ByteRange | None = None
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True, slots=True)
class _Room:
    """How many bytes a part may have, and all parts together."""

    part_bytes: int
    total_bytes: int


class Parts:
    """Takes in parts, one by one, whoever sends how many at once."""

    def __init__(
        self,
        sessions: UploadSessions,
        executor: Executor,
        backend: BlobBackend,
        publisher: Publisher,
        *,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._executor = executor
        self._backend = backend
        self._publisher = publisher
        self._clock = clock

    async def receive(
        self,
        right: Right,
        session: UploadSession,
        number: int,
        chunks: AsyncIterable[bytes],
        *,
        size_bytes: int | None,
        digests: Digests,
    ) -> UploadPart:
        """Store `chunks` as a part, in place of one of the same number; durable when this returns, or absent.

        digests: with the MD5; those that the upload was begun with are counted besides.
        Raises: EntityTooLarge, ChecksumMismatch, IncompleteBody, InvalidInput for another checksum than the
        upload's; AccessDenied and as `Publisher.admit_bytes`; NoSuchUpload when it ended meanwhile.
        """
        room = await self._room(right, session, number, size_bytes)
        own = _missing_digests(session, digests)
        blob_id = str(uuid.uuid4())
        body = accepted(chunks, room.part_bytes, digests, own)
        receipt = await self._backend.write(body, blob_id=blob_id, size_bytes=size_bytes)
        checksums = {**digests.checksums, **own.checksums}

        def work(claim: Claim) -> Work[tuple[UploadPart, Blob]]:
            current = yield from _locked(session.id)
            blob = yield from claim.hold(self._clock())
            part = self._new_part(number, blob, digests.etag, checksums)
            yield from self._place(current, part, room)
            claim.require_seen(blob)
            return part, blob

        # As the system: the rows of parts are the server's, and `_room` has asked for the caller's right.
        return await self._publisher.keep(SYSTEM, blob_id, receipt, work)

    async def copy(self, right: Right, session: UploadSession, number: int, source: PartSource) -> UploadPart:
        """Make stored bytes a part, as `receive` does; all of an object's are not written again.

        Raises: as `receive`; NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidRange of the source;
        Corrupted.
        """
        found, blob = await self._executor.read(right.context, lambda: _source(source))
        part = source.byte_range
        if part is not None and part.last >= blob.size_bytes:
            raise InvalidRange(
                f"The copy source has {blob.size_bytes} bytes: the range does not lie inside them",
                size_bytes=blob.size_bytes,
            )
        if part is not None and part.length < blob.size_bytes:
            return await self._copy_range(right, session, number, blob, part)
        return await self._share(right, session, number, found, blob)

    async def _copy_range(
        self, right: Right, session: UploadSession, number: int, blob: Blob, part: ByteRange
    ) -> UploadPart:
        reader = await self._backend.open(blob.key, part, piece_sums=blob.piece_sums)
        try:
            return await self.receive(
                right, session, number, reader.chunks(), size_bytes=part.length, digests=Digests("MD5")
            )
        finally:
            await reader.aclose()

    async def _share(
        self, right: Right, session: UploadSession, number: int, source: Object, blob: Blob
    ) -> UploadPart:
        room = await self._room(right, session, number, blob.size_bytes)
        etag, checksums = _known_digests(session, source) or await self._count(session, blob)
        part = self._new_part(number, blob, etag, checksums)

        def work() -> Work[UploadPart]:
            current = yield from _locked(session.id)
            yield from _require_unchanged(source)
            yield from self._place(current, part, room)
            return part

        return await self._executor.write(SYSTEM, work)  # as the system: see `receive`

    async def _count(self, session: UploadSession, blob: Blob) -> tuple[str, Mapping[str, str]]:
        kind = checksum_kind_of(session)
        digests = Digests("MD5", kind.algorithm) if kind else Digests("MD5")
        reader = await self._backend.open(blob.key)
        try:
            async for chunk in reader.chunks():
                digests.update(chunk)
        finally:
            await reader.aclose()
        return digests.etag, digests.checksums

    def _new_part(self, number: int, blob: Blob, etag: str, checksums: Mapping[str, str]) -> UploadPart:
        return UploadPart(number=number, blob=blob, etag=etag, checksums=checksums, created_at=self._clock())

    # Rows

    async def page(self, upload_id: str, *, after_number: int = 0, limit: int = _PAGE) -> list[UploadPart]:
        """Return up to `limit` parts in order of number."""

        def work() -> Work[list[UploadPart]]:
            rows = (yield sql.upload.list_parts(upload_id, after_number, limit)).rows
            return [to_upload_part(row) for row in rows]

        return await self._executor.read(SYSTEM, work)

    async def every(self, upload_id: str) -> AsyncIterator[UploadPart]:
        """Yield every part in order of number; they are read in pages, each as it is then."""
        page = await self.page(upload_id)
        while page:
            for part in page:
                yield part
            page = await self.page(upload_id, after_number=page[-1].number)

    def held(self, session: UploadSession, part: UploadPart) -> Held:
        """Return the blob of `part` for an object to point at, as long as the part does."""

        def still() -> Work[None]:
            yield from _locked(session.id)
            rows = (yield sql.multipart.find_part(session.id, part.number)).rows
            if not rows or rows[0]["blob_id"] != part.blob.id:
                raise InvalidPart(resource=str(part.number))

        return Held(part.blob, still)

    async def _room(self, right: Right, session: UploadSession, number: int, size_bytes: int | None) -> _Room:
        if size_bytes is not None and size_bytes > MAX_PART_BYTES:
            raise EntityTooLarge(
                f"A part may have {MAX_PART_BYTES} bytes at most", hint="Send the content in more parts."
            )
        others = await self._executor.read(SYSTEM, lambda: _size_of_others(session.id, number))
        total = None if size_bytes is None else others + size_bytes
        limit = await self._publisher.admit_bytes(right.context, upload_of(session, total))
        return _Room(part_bytes=min(limit - others, MAX_PART_BYTES), total_bytes=limit)

    def _place(self, session: UploadSession, part: UploadPart, room: _Room) -> Work[None]:
        """Let the row of the part point at its blob, and count it; several at once count one by one."""
        replaced = yield from _size_of(session.id, part.number)
        total = session.offset_bytes - replaced + part.blob.size_bytes
        check_size(total, room.total_bytes)
        yield sql.multipart.count_bytes(session.id, total, self._sessions.expiry(session))
        yield sql.upload.put_part(session.id, part)


def _missing_digests(session: UploadSession, given: Digests) -> Digests:
    """Return what counts the upload's checksum where `given` does not. Raises: InvalidInput."""
    kind = checksum_kind_of(session)
    if kind is None or kind.algorithm in given.checksums:
        return Digests()
    if given.checksums:
        raise InvalidInput(
            f"Checksum Type mismatch occurred, expected checksum Type: {kind.algorithm.lower()},"
            f" actual checksum Type: {', '.join(given.checksums).lower()}"
        )
    return Digests(kind.algorithm)


def _known_digests(session: UploadSession, source: Object) -> tuple[str, Mapping[str, str]] | None:
    """Return the MD5 of an object and what the upload needs besides, if they were kept; None if not."""
    if not _MD5.fullmatch(source.etag):
        return None
    kind = checksum_kind_of(session)
    if kind is None:
        return source.etag, {}
    kept: Mapping[str, str] = source.metadata.get("checksums", {})
    return (source.etag, {kind.algorithm: kept[kind.algorithm]}) if kind.algorithm in kept else None


def _source(source: PartSource) -> Work[tuple[Object, Blob]]:
    yield from bucket_by(sql.find_bucket(source.bucket_id))
    check_object_name(source.name)
    resource = f"{source.bucket_id}/{source.name}"
    rows = (yield sql.find_visible_object(source.bucket_id, source.name)).rows
    if not rows:
        raise NoSuchKey(resource=resource)
    found = to_object(rows[0])
    if is_current(found, source.conditions):
        raise PreconditionFailed(resource=resource)
    blobs = (yield sql.find_blob_of(source.bucket_id, source.name)).rows
    if not blobs:
        raise Corrupted(resource=resource)
    return found, to_blob(blobs[0])


def _require_unchanged(source: Object) -> Work[None]:
    """Hold on to the object while its bytes are given to a part: else they could be on their way out."""
    rows = (yield sql.lock_object(source.bucket_id, source.name)).rows
    if not rows or to_object(rows[0]).version != source.version:
        raise Unavailable("The copy source was changed while it was copied")


def _locked(upload_id: str) -> Work[UploadSession]:
    """Return the upload as it stays until the transaction ends. Raises: NoSuchUpload when it has ended."""
    rows = (yield sql.multipart.lock_upload(upload_id)).rows
    if not rows:
        raise NoSuchUpload(resource=upload_id)
    return to_upload(rows[0])


def _size_of(upload_id: str, number: int) -> Work[int]:
    """Return how long the part is that has the number, 0 when there is none."""
    rows = (yield sql.multipart.find_part(upload_id, number)).rows
    return int(rows[0]["size_bytes"]) if rows else 0


def _size_of_others(upload_id: str, number: int) -> Work[int]:
    """Return how long the other parts are together, at one moment. Raises: NoSuchUpload."""
    rows = (yield sql.multipart.size_of_others(upload_id, number)).rows
    if not rows:
        raise NoSuchUpload(resource=upload_id)
    return int(rows[0]["size_bytes"])
