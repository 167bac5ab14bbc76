"""Resumable uploads: bytes come in several requests, each durable when answered; the last makes the object.

Policies are asked when an upload begins, whenever bytes come, and in the transaction that makes the object.
"""

import uuid
from contextlib import suppress
from dataclasses import replace

from aerostore.domain import JsonObject, Object, RlsContext, UploadLink, UploadSession, UploadState
from aerostore.errors import (
    InvalidInput,
    KeyAlreadyExists,
    NoSuchUpload,
    OffsetMismatch,
    RequestTimeout,
    SignatureDoesNotMatch,
    StorageError,
    UploadCompleted,
    UploadExpired,
)
from aerostore.permissions import (
    TUS_CREATE,
    TUS_CREATE_SIGNED,
    TUS_DELETE,
    TUS_DELETE_SIGNED,
    TUS_GET,
    TUS_GET_SIGNED,
    TUS_PART,
    TUS_PART_SIGNED,
    Operation,
)
from aerostore.service.portion import NoBytes, Pace, Portion, PortionBody, beyond_size
from aerostore.service.publish import Publisher, Upload
from aerostore.service.turn import Turn, Turns
from aerostore.service.upload import (
    Right,
    UploadSessions,
    completion_of,
    right_by_link,
    right_of,
    upload_of,
)

# A crash costs no more of one request than this; nor is an upload forgotten while its bytes trickle in.
PACE = Pace(size_bytes=64 * 1024 * 1024, seconds=60.0)


class ResumableUploads:
    """Begin, continue, look at and end resumable uploads; `link` is the signed URL by which that is done.

    pace: how often what comes in one request is made durable; `PACE` at most, unless it is given.
    """

    def __init__(
        self,
        sessions: UploadSessions,
        turns: Turns,
        publisher: Publisher,
        *,
        pace: Pace | None = None,
    ) -> None:
        self._sessions = sessions
        self._turns = turns
        self._publisher = publisher
        # Well within the time that an upload is kept without news.
        self._pace = pace or replace(PACE, seconds=min(PACE.seconds, sessions.lifetime_s / 4))

    @property
    def max_size_bytes(self) -> int:
        """The server's own limit; a bucket may have a lower one."""
        return self._publisher.file_size_limit

    async def create(
        self,
        context: RlsContext,
        upload: Upload,
        *,
        echo: JsonObject,
        first: Portion | None = None,
        link: UploadLink | None = None,
    ) -> UploadSession:
        """Begin an upload; without size_bytes its length is told later. echo: what the protocol gives back.

        An upload of no bytes, or whose first portion is all of it, is an object at once. When the first
        portion is refused there is no upload: nobody was told of it.
        Raises: NoSuchBucket, InvalidMimeType, EntityTooLarge, InvalidKey, AccessDenied, KeyAlreadyExists;
        SignatureDoesNotMatch when the link is for another name; for the first portion as `append`.
        """
        right = _right(context, TUS_CREATE, TUS_CREATE_SIGNED, link)
        if link is not None:
            upload = _as_linked(upload, link)
        with self._publisher.counting(upload):
            await self._publisher.admit_bytes(right.context, upload)
            session = await self._sessions.begin(right, upload, echo)
        if upload.size_bytes == 0 and first is None:
            first = Portion(body=NoBytes())
        if first is None:
            return session
        try:
            return await self._write(right, session, first)
        except BaseException:
            await self._forget(session)
            raise

    async def get(
        self, context: RlsContext, upload_id: str, *, link: UploadLink | None = None
    ) -> UploadSession:
        """Return an upload as it stands; a request that still writes to it is stopped, so that it stands.

        The offset of one that is no object yet is less than its length, even when every byte is there: a
        client that reads the length takes the upload for done, and would not ask for the object.
        Raises: NoSuchUpload, also for all but who began it; UploadExpired; LockTimeout.
        """
        right = _right(context, TUS_GET, TUS_GET_SIGNED, link)
        session = await self._sessions.get(right, upload_id)
        if session.state is UploadState.WRITING:
            async with self._turns.take(upload_id) as turn:
                session = await self._current(right, upload_id, turn)
        return _as_told(session)

    async def append(
        self, context: RlsContext, upload_id: str, portion: Portion, *, link: UploadLink | None = None
    ) -> UploadSession:
        """Add to an upload; what arrived is durable when this returns, and when the body was cut off.

        The portion that completes the upload makes the object. The offset of what is returned tells how far
        it came: less than the end of the portion when another request asked for the upload meanwhile, or
        when the body stopped arriving.
        Raises: as `get`; OffsetMismatch, EntityTooLarge, ChecksumMismatch, IncompleteBody, what the body
        raises; as `Publisher.publish`, and then the bytes stay for another try.
        """
        right = _right(context, TUS_PART, TUS_PART_SIGNED, link)
        session = await self._admitted(right, upload_id, portion)
        return await self._write(right, session, portion)

    async def delete(self, context: RlsContext, upload_id: str, *, link: UploadLink | None = None) -> None:
        """End an upload that is no object yet. Raises: as `get`; UploadCompleted when it is one."""
        right = _right(context, TUS_DELETE, TUS_DELETE_SIGNED, link)
        session = await self._sessions.get(right, upload_id)
        if session.state is UploadState.WRITING:
            async with self._turns.take(upload_id) as turn:
                session = await self._current(right, upload_id, turn)
                if session.state is UploadState.WRITING:
                    await self._sessions.remove(session)
                    await turn.draft.discard()
                    return
        raise UploadCompleted(resource=upload_id)

    async def _admitted(self, right: Right, upload_id: str, portion: Portion) -> UploadSession:
        session = await self._sessions.get(right, upload_id)
        if session.state is UploadState.WRITING:
            try:
                await self._publisher.admit_bytes(right.context, upload_of(session, portion.size_bytes))
            except KeyAlreadyExists:
                session = await self._sessions.get(right, upload_id)
                if session.state is UploadState.WRITING:
                    raise  # else it was this upload that took the name, by another request meanwhile
        return session

    async def _forget(self, session: UploadSession) -> None:
        with suppress(StorageError):  # what is left of it expires
            await self._sessions.remove(session)
            async with self._turns.take(session.id) as turn:
                await turn.draft.discard()

    async def _current(self, right: Right, upload_id: str, turn: Turn) -> UploadSession:
        """Return an upload as it is now that nobody else can change it; one that is over needs no draft.

        Raises: UploadExpired when bytes are missing, as after a restored backup: it can only begin anew.
        """
        try:
            session = await self._sessions.get(right, upload_id)
        except NoSuchUpload:
            await turn.draft.discard()
            raise
        if session.state is not UploadState.WRITING:
            await turn.draft.discard()
        elif turn.draft.size_bytes < session.offset_bytes:
            raise UploadExpired(resource=upload_id)
        return session

    async def _write(self, right: Right, session: UploadSession, portion: Portion) -> UploadSession:
        if session.state is UploadState.WRITING:
            async with self._turns.take(session.id) as turn:
                session = await self._current(right, session.id, turn)
                if session.state is UploadState.WRITING:
                    session = await self._prepared(session, portion)
                    return _as_told(await self._append(right, session, turn, portion))
        return _repeated(session, portion)

    async def _prepared(self, session: UploadSession, portion: Portion) -> UploadSession:
        """Check what can be checked before the bytes, and note what the portion tells."""
        if portion.offset not in {session.offset_bytes, _as_told(session).offset_bytes}:
            raise OffsetMismatch(resource=session.id)
        total = _agreed_size(session, portion)
        if total is not None and portion.offset + (portion.announced_bytes or 0) > total:
            raise beyond_size(session.id)
        if session.size_bytes is None and total is not None:
            session = await self._sessions.set_size(session, total)
        return session

    async def _append(
        self, right: Right, session: UploadSession, turn: Turn, portion: Portion
    ) -> UploadSession:
        room = await self._room(right, session)
        # The byte that was asked for again is there, and may be a blob's by now: it is not written again.
        body = PortionBody(portion, turn, repeated_bytes=session.offset_bytes - portion.offset)
        while not body.has_ended:
            chunks = body.until_checkpoint(room - session.offset_bytes, self._pace)
            length = await turn.draft.append(chunks, offset=session.offset_bytes)
            if not body.counts():
                break
            # Noted before they become a blob's, which nobody may change: they must not be sent again.
            session = await self._sessions.advance(session, length)
            if body.is_whole and length == session.size_bytes:
                return await self._complete(right, session, turn)
        if body.failure is not None and not _has_stalled(body.failure, session, portion):
            raise body.failure
        return session

    async def _room(self, right: Right, session: UploadSession) -> int:
        """Return how long the upload may become."""
        if session.size_bytes is not None:
            return session.size_bytes
        return await self._publisher.admit_bytes(right.context, upload_of(session))

    async def _complete(self, right: Right, session: UploadSession, turn: Turn) -> UploadSession:
        """Make the object. All bytes are there; when it is refused they stay, for another try."""
        upload = upload_of(session)
        with self._publisher.counting(upload):
            stored = await self._publish(right, session, upload, turn)
        self._publisher.count_stored(stored)
        with suppress(StorageError):  # the object is there; reclaim removes what has no upload any more
            await turn.draft.discard()
        return replace(session, state=UploadState.COMPLETED, offset_bytes=stored.size_bytes)

    async def _publish(self, right: Right, session: UploadSession, upload: Upload, turn: Turn) -> Object:
        blob_id = str(uuid.uuid4())
        receipt = await turn.draft.publish(blob_id)
        # Whoever ends it, the object belongs to who began it: the service role may end others' uploads.
        context = replace(right.context, user_id=session.owner_id)
        return await self._publisher.publish(context, upload, blob_id, receipt, completion_of(session))


def _as_linked(upload: Upload, link: UploadLink) -> Upload:
    if (upload.bucket_id, upload.name) != (link.bucket_id, link.name):
        raise SignatureDoesNotMatch
    return replace(upload, upsert=link.upsert)


def _as_told(session: UploadSession) -> UploadSession:
    """Return an upload as clients are told of it: one that is no object yet lacks a byte at least."""
    if session.state is UploadState.WRITING and session.offset_bytes == session.size_bytes:
        return replace(session, offset_bytes=max(session.offset_bytes - 1, 0))
    return session


def _agreed_size(session: UploadSession, portion: Portion) -> int | None:
    """Return the length of the whole as far as it is known now. Raises: InvalidInput, EntityTooLarge."""
    told = portion.size_bytes
    if told is None:
        return session.size_bytes
    if session.size_bytes not in {None, told}:
        raise InvalidInput("The length of an upload cannot change", resource=session.id)
    if told < portion.offset:
        raise beyond_size(session.id)
    return told


def _has_stalled(failure: StorageError, session: UploadSession, portion: Portion) -> bool:
    """Tell whether the body only stopped arriving after it had brought something: that is worth an answer."""
    return isinstance(failure, RequestTimeout) and session.offset_bytes > portion.offset


def _repeated(session: UploadSession, portion: Portion) -> UploadSession:
    """Answer a last request that comes again: its answer was lost, and the client asks for nothing new.

    Raises: OffsetMismatch for anything else.
    """
    if portion.offset != session.size_bytes or portion.announced_bytes:
        raise OffsetMismatch(resource=session.id)
    return session


def _right(
    context: RlsContext, operation: Operation, signed_operation: Operation, link: UploadLink | None
) -> Right:
    if link is None:
        return right_of(context, operation)
    return right_by_link(context, signed_operation, link)
