"""Uploads that outlive one request, as rows: who may go on with one, and what they become. For TUS and S3."""

import re
import secrets
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aerostore.domain import (
    SYSTEM,
    Clock,
    JsonObject,
    Object,
    RlsContext,
    UploadLink,
    UploadProtocol,
    UploadSession,
    UploadState,
)
from aerostore.errors import NoSuchBucket, NoSuchRelation, NoSuchUpload, UploadExpired
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_upload
from aerostore.permissions import Operation, admit
from aerostore.service.publish import Also, Upload, by_right_of

# However often bytes come, an upload lives this many times the time that it is given at its beginning.
_LONGEST = 7
_UPLOAD_TYPES = {UploadProtocol.TUS: "resumable", UploadProtocol.S3: "s3"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Right:
    """By whose right an upload goes on. context: as whom it is written; holder: whom it belongs to."""

    context: RlsContext
    holder: str

    def holds(self, session: UploadSession) -> bool:
        """Tell whether the upload may go on by this right; the service role may go on with every caller's."""
        return session.holder == self.holder or (self.context.can_bypass_rls and self.holder == "")


def right_of(context: RlsContext, operation: Operation) -> Right:
    """Return the right of a caller to what it began itself."""
    context = admit(context, operation)
    holder = "" if context.can_bypass_rls else f"{context.role}:{context.user_id or ''}"
    return Right(context, holder)


def right_by_link(context: RlsContext, operation: Operation, link: UploadLink) -> Right:
    """Return the right of whoever has the link to what was begun by it."""
    return Right(by_right_of(link, admit(context, operation)), f"link:{link.link_id}")


class UploadSessions:
    """The rows of uploads of one protocol. lifetime_s: how long one is kept without news."""

    def __init__(
        self, executor: Executor, protocol: UploadProtocol, *, clock: Clock, lifetime_s: int
    ) -> None:
        self._executor = executor
        self._protocol = protocol
        self._clock = clock
        self.lifetime_s = lifetime_s
        self._lifetime = timedelta(seconds=lifetime_s)

    async def begin(self, right: Right, upload: Upload, metadata: JsonObject) -> UploadSession:
        """Make the row of an admitted upload. Raises: NoSuchBucket when its bucket went meanwhile."""
        now = self._clock()
        session = UploadSession(
            id=str(uuid.UUID(bytes=secrets.token_bytes(16))),
            protocol=self._protocol,
            bucket_id=upload.bucket_id,
            name=upload.name,
            owner_id=right.context.user_id,
            holder=right.holder,
            state=UploadState.WRITING,
            offset_bytes=0,
            size_bytes=upload.size_bytes,
            upsert=upload.upsert,
            metadata={"mimetype": upload.mime_type, "cacheControl": upload.cache_control, **metadata},
            user_metadata=upload.user_metadata,
            created_at=now,
            expires_at=now + self._lifetime,
        )

        def work() -> Work[None]:
            yield sql.upload.insert_upload(session)

        try:
            # As the system, here and below: the rows of uploads are the server's; the caller's right to the
            # object is asked for by whoever calls this, and to the upload by `get`.
            await self._executor.write(SYSTEM, work)
        except NoSuchRelation:
            raise NoSuchBucket(resource=upload.bucket_id) from None
        return session

    async def get(self, right: Right, upload_id: str) -> UploadSession:
        """Return an upload that may go on by `right`, or that did.

        Raises: NoSuchUpload when there is none, also for whoever is not its holder; UploadExpired.
        """
        session = await self._find(upload_id)
        if session is None or not right.holds(session):
            raise NoSuchUpload(resource=upload_id)
        if session.expires_at <= self._clock() and session.state is UploadState.WRITING:
            raise UploadExpired(resource=upload_id)
        return session

    async def _find(self, upload_id: str) -> UploadSession | None:
        if not _ID.fullmatch(upload_id):
            return None

        def work() -> Work[UploadSession | None]:
            rows = (yield sql.upload.find_upload(upload_id)).rows
            return to_upload(rows[0]) if rows else None

        session = await self._executor.read(SYSTEM, work)
        return session if session is not None and session.protocol is self._protocol else None

    async def advance(self, session: UploadSession, offset_bytes: int) -> UploadSession:
        """Note how many bytes are durable now, and give the upload more time; return what is noted.

        Raises: NoSuchUpload when the upload has ended meanwhile.
        """
        expires_at = self.expiry(session)

        def work() -> Work[bool]:
            statement = sql.upload.advance_upload(
                session.id, before=session.offset_bytes, after=offset_bytes, expires_at=expires_at
            )
            return (yield statement).changed > 0

        if not await self._executor.write(SYSTEM, work):
            raise NoSuchUpload(resource=session.id)
        return replace(session, offset_bytes=offset_bytes, expires_at=expires_at)

    async def set_size(self, session: UploadSession, size_bytes: int) -> UploadSession:
        """Note the length that was not known at the beginning. Raises: NoSuchUpload when it has ended."""

        def work() -> Work[bool]:
            return (yield sql.upload.set_upload_size(session.id, size_bytes)).changed > 0

        if not await self._executor.write(SYSTEM, work):
            raise NoSuchUpload(resource=session.id)
        return replace(session, size_bytes=size_bytes)

    async def remove(self, session: UploadSession) -> None:
        """Forget an upload that has not ended, and its parts. Raises: NoSuchUpload when it has."""

        def work() -> Work[bool]:
            return (yield sql.upload.delete_upload(session.id)).changed > 0

        if not await self._executor.write(SYSTEM, work):
            raise NoSuchUpload(resource=session.id)

    def expiry(self, session: UploadSession) -> datetime:
        """Return until when an upload is kept that somebody goes on with now."""
        return min(self._clock() + self._lifetime, session.created_at + _LONGEST * self._lifetime)


def upload_of(session: UploadSession, size_bytes: int | None = None) -> Upload:
    """Return what the upload will be as an object. size_bytes: its length, where the session has another."""
    return Upload(
        bucket_id=session.bucket_id,
        name=session.name,
        mime_type=session.metadata["mimetype"],
        cache_control=session.metadata["cacheControl"],
        user_metadata=session.user_metadata,
        upsert=session.upsert,
        size_bytes=session.size_bytes if size_bytes is None else size_bytes,
        upload_type=_UPLOAD_TYPES[session.protocol],
        extra=session.metadata.get("extra", {}),
    )


def completion_of(session: UploadSession) -> Also:
    """Return what ends an upload in the transaction that makes it an object: exactly one can.

    The row stays until it expires, so that a repeated last request finds out what became of it.
    """

    def also(stored: Object) -> Work[None]:
        result = {"objectId": stored.id, "version": stored.version, "eTag": stored.etag}
        metadata = {**session.metadata, "completed": result}
        # As the system: the row is the server's, also where the object is written as the caller.
        changed = (yield sql.upload.complete_upload(session.id, stored.size_bytes, metadata)).changed
        if not changed:
            raise NoSuchUpload(resource=session.id)
        yield sql.upload.delete_parts(session.id)

    return also
