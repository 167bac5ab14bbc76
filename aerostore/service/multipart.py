"""Multipart uploads of the S3 protocol: parts in any order and at once, then one object of those named.

Policies are asked when an upload begins, for each part, and in the transaction that makes the object. Until
then nobody sees a part but who began the upload.
"""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from aerostore.backend import BlobBackend, BlobDraft
from aerostore.domain import (
    Clock,
    JsonObject,
    Object,
    RlsContext,
    UploadPart,
    UploadSession,
    UploadState,
)
from aerostore.errors import Corrupted, InvalidParameter, InvalidPart, NoSuchUpload, StorageError
from aerostore.executor import Executor
from aerostore.permissions import (
    S3_ABORT_MULTIPART,
    S3_COMPLETE_MULTIPART,
    S3_CREATE_MULTIPART,
    S3_LIST_MULTIPART,
    S3_LIST_PARTS,
    S3_PART,
    S3_PART_COPY,
)
from aerostore.service.completion import (
    ChecksumKind,
    Completed,
    CompleteRequest,
    PartFacts,
    Whole,
    check_order,
    checksum_kind_of,
    completed,
    confirmed,
    remembered,
    to_whole,
    upload_of_whole,
    with_answer,
)
from aerostore.service.digest import Digests
from aerostore.service.part import MAX_PARTS, Parts, PartSource
from aerostore.service.publish import Also, Publisher, Upload
from aerostore.service.upload import Right, UploadSessions, completion_of, right_of, upload_of
from aerostore.service.upload_listing import UploadListing, UploadQuery, list_uploads

MIN_PART_BYTES = 5 * 1024 * 1024
# How long a request that completes an upload waits for another one that does.
_WAIT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadAddress:
    """Which upload: its id, and the object that it is said to become; only together they name one."""

    bucket_id: str
    name: str
    upload_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPage:
    """Parts of an upload in order of number. is_last: no more follow."""

    session: UploadSession
    parts: Sequence[UploadPart]
    is_last: bool


class MultipartUploads:
    """Begin, fill, look at and end multipart uploads. min_part_bytes: of every part but the last."""

    def __init__(
        self,
        sessions: UploadSessions,
        executor: Executor,
        backend: BlobBackend,
        publisher: Publisher,
        *,
        clock: Clock,
        min_part_bytes: int = MIN_PART_BYTES,
    ) -> None:
        self._sessions = sessions
        self._executor = executor
        self._backend = backend
        self._publisher = publisher
        self._clock = clock
        self._min_part_bytes = min_part_bytes
        self._parts = Parts(sessions, executor, backend, publisher, clock=clock)

    async def begin(
        self, context: RlsContext, upload: Upload, checksum: ChecksumKind | None = None
    ) -> UploadSession:
        """Begin an upload that will be the object `upload`, which has no length yet.

        Raises: NoSuchBucket, InvalidMimeType, InvalidKey, AccessDenied.
        """
        right = right_of(context, S3_CREATE_MULTIPART)
        kept: JsonObject = {"extra": dict(upload.extra)}
        if checksum is not None:
            kept |= {"checksumAlgorithm": checksum.algorithm, "checksumType": checksum.type}
        with self._publisher.counting(upload):
            await self._publisher.admit_bytes(right.context, upload)
            return await self._sessions.begin(right, upload, kept)

    # Parts

    async def put_part(
        self,
        context: RlsContext,
        address: UploadAddress,
        number: int,
        chunks: AsyncIterable[bytes],
        *,
        size_bytes: int | None,
        digests: Digests,
    ) -> UploadPart:
        """Store `chunks` as a part, in place of one of the same number; durable when this returns, or absent.

        digests: with the MD5, which is the part's entity tag.
        Raises: NoSuchUpload, also for all but who began it; UploadExpired; EntityTooLarge when all parts
        together are too long for an object, ChecksumMismatch, IncompleteBody, AccessDenied.
        """
        right = right_of(context, S3_PART)
        session = await self._writing(right, address)
        return await self._parts.receive(
            right, session, _checked(number), chunks, size_bytes=size_bytes, digests=digests
        )

    async def copy_part(
        self, context: RlsContext, address: UploadAddress, number: int, source: PartSource
    ) -> UploadPart:
        """Make bytes that the caller may read a part.

        Raises: as `put_part`; NoSuchBucket, NoSuchKey, PreconditionFailed, InvalidRange of the source.
        """
        right = right_of(context, S3_PART_COPY)
        session = await self._writing(right, address)
        return await self._parts.copy(right, session, _checked(number), source)

    # Looking

    async def list_parts(
        self, context: RlsContext, address: UploadAddress, *, after_number: int, limit: int
    ) -> PartPage:
        """Return up to `limit` parts whose numbers are above `after_number`.

        Raises: NoSuchUpload; AccessDenied when the caller may not write the object any longer.
        """
        right = right_of(context, S3_LIST_PARTS)
        session = await self._writing(right, address)
        await self._publisher.admit_bytes(right.context, upload_of(session))
        parts = await self._parts.page(session.id, after_number=after_number, limit=limit + 1)
        return PartPage(session=session, parts=parts[:limit], is_last=limit == 0 or len(parts) <= limit)

    async def list_uploads(self, context: RlsContext, bucket_id: str, query: UploadQuery) -> UploadListing:
        """Return uploads into the bucket that go on: the caller's own, for the service role everybody's.

        Callers without a user id are told of none: what one of them began is nothing for the others.
        Raises: NoSuchBucket, also when the caller may not see it.
        """
        right = right_of(context, S3_LIST_MULTIPART)
        if context.user_id is None and not context.can_bypass_rls:
            query = replace(query, limit=0)
        holder = None if right.context.can_bypass_rls else right.holder
        return await self._executor.read(
            right.context, lambda: list_uploads(bucket_id, query, holder=holder, now=self._clock())
        )

    # Ending

    async def abort(self, context: RlsContext, address: UploadAddress) -> None:
        """End an upload without an object, and let go of its parts. Raises: NoSuchUpload."""
        right = right_of(context, S3_ABORT_MULTIPART)
        await self._sessions.remove(await self._get(right, address))

    async def complete(
        self, context: RlsContext, address: UploadAddress, request: CompleteRequest
    ) -> Completed:
        """Make an object of the named parts, and let go of the others; once, however often it is asked for.

        Raises: NoSuchUpload, MalformedXml, InvalidPartOrder, InvalidPart, PartTooSmall, ChecksumMismatch,
        InvalidInput, PreconditionFailed, EntityTooLarge, AccessDenied; then the upload is as it was before.
        """
        right = right_of(context, S3_COMPLETE_MULTIPART)
        session = await self._get(right, address)
        check_order(request.parts)
        if session.state is UploadState.COMPLETED:
            return remembered(session, request)
        try:
            return await self._complete(right, session, request)
        except StorageError:
            # Whatever it met: if another request has completed the upload meanwhile, its answer holds.
            ended = await self._sessions.get(right, session.id)
            if ended.state is UploadState.COMPLETED:
                return remembered(ended, request)
            raise

    async def _complete(self, right: Right, session: UploadSession, request: CompleteRequest) -> Completed:
        parts = await self._chosen(session, request)
        whole = to_whole(parts, request, checksum_kind_of(session), least_bytes=self._min_part_bytes)
        upload = upload_of_whole(session, whole, request)
        also = completion_of(with_answer(session, whole))
        with self._publisher.counting(upload):
            await self._publisher.admit_bytes(right.context, upload)
            if len(parts) == 1:
                stored = await self._publish_only(right, session, upload, parts[0], also)
            else:
                stored = await self._assemble(right, session, upload, whole, also)
        self._publisher.count_stored(stored)
        return completed(session, whole)

    async def _chosen(self, session: UploadSession, request: CompleteRequest) -> list[PartFacts]:
        named = {each.number: each for each in request.parts}
        chosen = [
            confirmed(part, named[part.number])
            async for part in self._parts.every(session.id)
            if part.number in named
        ]
        if missing := sorted(named.keys() - {each.number for each in chosen}):
            raise InvalidPart(f"Part {missing[0]} could not be found")
        return chosen

    async def _publish_only(
        self, right: Right, session: UploadSession, upload: Upload, facts: PartFacts, also: Also
    ) -> Object:
        """Make an object of the one part's blob, as it lies."""
        stored = await self._parts.page(session.id, after_number=facts.number - 1, limit=1)
        if not stored or stored[0].etag != facts.etag:
            raise InvalidPart
        return await self._publisher.publish_held(
            right.context, upload, self._parts.held(session, stored[0]), also
        )

    async def _assemble(
        self, right: Right, session: UploadSession, upload: Upload, whole: Whole, also: Also
    ) -> Object:
        """Put the parts behind each other, and make an object of that; one request at a time does."""
        async with self._draft(session.id) as draft:
            _require_writing(await self._sessions.get(right, session.id))
            await self._fill(draft, session, whole)
            blob_id = str(uuid.uuid4())
            receipt = await draft.publish(blob_id)
            return await self._publisher.publish(right.context, upload, blob_id, receipt, also)

    @asynccontextmanager
    async def _draft(self, upload_id: str) -> AsyncIterator[BlobDraft]:
        """Have the draft of the upload for the time of the block: empty at first, and gone afterwards."""
        async with self._backend.draft(upload_id, timeout_s=_WAIT_S) as left:
            await left.discard()  # what an interrupted request has left may be a blob already
        async with self._backend.draft(upload_id, timeout_s=_WAIT_S) as draft:
            try:
                yield draft
            finally:
                with suppress(StorageError):  # what cannot be removed now is reclaim's
                    await draft.discard()

    async def _fill(self, draft: BlobDraft, session: UploadSession, whole: Whole) -> None:
        wanted = {each.number: each.etag for each in whole.parts}
        async for part in self._parts.every(session.id):
            if wanted.get(part.number) == part.etag:
                await _add(draft, part)
                del wanted[part.number]
        if wanted:
            raise InvalidPart(f"Part {min(wanted)} was replaced by another request meanwhile")

    async def _writing(self, right: Right, address: UploadAddress) -> UploadSession:
        session = await self._get(right, address)
        _require_writing(session)
        return session

    async def _get(self, right: Right, address: UploadAddress) -> UploadSession:
        session = await self._sessions.get(right, address.upload_id)
        if (session.bucket_id, session.name) != (address.bucket_id, address.name):
            raise NoSuchUpload(resource=address.upload_id)
        return session


async def _add(draft: BlobDraft, part: UploadPart) -> None:
    try:
        await draft.append_blob(part.blob.key, piece_sums=part.blob.piece_sums)
    except Corrupted:
        raise Corrupted(
            f"The stored bytes of part {part.number} are missing or damaged",
            hint="Send the part again, then complete the upload.",
        ) from None


def _require_writing(session: UploadSession) -> None:
    """Raise NoSuchUpload when the upload is an object already."""
    if session.state is not UploadState.WRITING:
        raise NoSuchUpload(resource=session.id)


def _checked(number: int) -> int:
    if not 1 <= number <= MAX_PARTS:
        raise InvalidParameter(f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive")
    return number
