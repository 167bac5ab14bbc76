"""The real operations without their effect: rows that they write are undone, and no bytes are touched."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from aerostore.backend import BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.domain import ByteRange, Clock, Conditions, RlsContext
from aerostore.errors import Corrupted, StorageError, Unavailable
from aerostore.executor import Executor, WorkFactory
from aerostore.executor.dry_run import DryRun, T
from aerostore.executor.judge import Asked
from aerostore.service import FileStorage
from aerostore.service.assemble import Limits, file_storage
from aerostore.service.bucket import BucketQuery
from aerostore.service.copy import CopyRequest
from aerostore.service.download import ReadRequest
from aerostore.service.listing import FolderQuery, PrefixQuery
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Upload
from aerostore.service.question import Question
from aerostore.service.signed_url import LinkSigner
from aerostore.telemetry import Telemetry

_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How an operation would have ended. error: None when it is allowed. asked: in the order of asking."""

    error: StorageError | None
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Runs operations for the sake of their outcome. The limits are those of the real ones."""

    executor: Executor
    clock: Clock
    limits: Limits

    async def run(self, context: RlsContext, question: Question) -> Rehearsed:
        """Perform what `question` names as `context`, up to but without the commit."""
        rows = _FirstBatch(self.executor)
        try:
            await _PERFORM[question.op](self._storage(rows), context, question)
        except _EnoughSeenError:
            pass
        except StorageError as exc:
            return Rehearsed(error=exc, asked=tuple(rows.asked))
        return Rehearsed(error=None, asked=tuple(rows.asked))

    def _storage(self, rows: Executor) -> FileStorage:
        # Made for one run, with nobody to tell: no event sinks, no metrics, a key that signs nothing real.
        return file_storage(
            rows,
            _NoBytes(),
            Outbox(rows, (), clock=self.clock),
            LinkSigner([uuid.uuid4().hex], clock=self.clock),
            self.limits,
            clock=self.clock,
            telemetry=Telemetry(),
        )


class _EnoughSeenError(Exception):
    """Ends an operation that works in batches: without an effect, the first would come again and again."""


class _FirstBatch(DryRun):
    """A dry run in which a second write never happens: all but the first are batches of the same kind."""

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self._writes = 0

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        self._writes += 1
        if self._writes > 1:
            raise _EnoughSeenError
        return await super().write(context, work)


class _NoBytes:
    """A backend that believes every announced length and keeps nothing."""

    name = "none"
    durable = False

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        content = uuid.uuid4().hex + uuid.uuid4().hex  # like the SHA-256 of content that nobody has stored
        return BlobReceipt(
            key=f"sha256/{content[:2]}/{content}.{blob_id}", size_bytes=size_bytes or 0, sha256=content
        )

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        return True

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        raise Corrupted

    def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AbstractAsyncContextManager[BlobDraft]:
        raise Unavailable("a rehearsal continues no upload")

    async def size(self, key: str) -> int:
        raise Corrupted

    async def exists(self, key: str) -> bool:
        return False

    async def delete(self, key: str) -> None:
        """Have nothing to delete."""

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        for stored in tuple[StoredBlob, ...]():
            yield stored

    async def sweep(self, older_than: datetime) -> int:
        return 0

    async def close(self) -> None:
        """Have nothing to let go of."""


Perform = Callable[[FileStorage, RlsContext, Question], Awaitable[object]]


async def _put(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.files.put(context, _upload(question), b"")


def _upload(question: Question) -> Upload:
    return Upload(
        bucket_id=question.bucket_id,
        name=question.name,
        mime_type=question.mime_type,
        upsert=question.is_upsert,
        is_update=question.op == "update",
        size_bytes=question.size_bytes,
    )


async def _download(storage: FileStorage, context: RlsContext, question: Question) -> None:
    # "I have a copy, whatever it is": all is decided, and no bytes are opened.
    unconcerned = ReadRequest(conditions=Conditions(if_none_match=("*",)))
    await storage.downloads.open(context, question.bucket_id, question.name, unconcerned)


async def _info(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.downloads.info(context, question.bucket_id, question.name)


async def _list(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.listing.list_folder(context, question.bucket_id, FolderQuery(prefix=question.name))


async def _list_v2(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.listing.list_prefix(context, question.bucket_id, PrefixQuery(prefix=question.name))


async def _copy(storage: FileStorage, context: RlsContext, question: Question) -> None:
    request = CopyRequest(
        bucket_id=question.bucket_id,
        name=question.name,
        to_bucket_id=question.to_bucket_id or question.bucket_id,
        to_name=question.to_name,
        upsert=question.upsert,
    )
    await storage.files.copy(context, request)


async def _move(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.files.move(
        context,
        question.bucket_id,
        question.name,
        to_bucket_id=question.to_bucket_id or question.bucket_id,
        to_name=question.to_name,
    )


async def _delete(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.files.delete(context, question.bucket_id, question.name)


async def _sign(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.signed_urls.sign(context, question.bucket_id, question.name, expires_in_s=_HOUR_S)


async def _sign_upload(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.signed_urls.sign_upload(context, _upload(question))


async def _create_bucket(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.buckets.create(context, name=question.bucket_id)


async def _get_bucket(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.buckets.get(context, question.bucket_id)


async def _list_buckets(storage: FileStorage, context: RlsContext, _question: Question) -> None:
    await storage.buckets.list(context, BucketQuery(limit=100))


async def _update_bucket(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.buckets.update(context, question.bucket_id, {})


async def _delete_bucket(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.buckets.delete(context, question.bucket_id)


async def _empty_bucket(storage: FileStorage, context: RlsContext, question: Question) -> None:
    await storage.buckets.empty(context, question.bucket_id)


_PERFORM: Mapping[str, Perform] = {
    "upload": _put,
    "upsert": _put,
    "update": _put,
    "download": _download,
    "info": _info,
    "list": _list,
    "list_v2": _list_v2,
    "copy": _copy,
    "move": _move,
    "delete": _delete,
    "sign": _sign,
    "sign_upload": _sign_upload,
    "bucket.create": _create_bucket,
    "bucket.get": _get_bucket,
    "bucket.list": _list_buckets,
    "bucket.update": _update_bucket,
    "bucket.delete": _delete_bucket,
    "bucket.empty": _empty_bucket,
}
