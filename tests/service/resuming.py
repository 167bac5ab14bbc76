"""Resumable uploads over the parts of a stage, with limits as small as tests like them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aerostore.backend import BlobBackend
from aerostore.domain import SYSTEM, RlsContext, UploadProtocol, UploadSession, UploadState
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import claimant_of
from aerostore.service.digest import Digests
from aerostore.service.portion import Pace, Portion
from aerostore.service.publish import Upload
from aerostore.service.resumable import ResumableUploads
from aerostore.service.turn import Turns
from aerostore.service.upload import UploadSessions
from tests.service.stage import OWNER, Stage

LIFETIME_S = 1000
CHECKPOINT_BYTES = 100
PATIENCE_S = 10.0


def uploads_over(
    stage: Stage,
    executor: Executor | None = None,
    backend: BlobBackend | None = None,
    *,
    wait_s: float = PATIENCE_S,
    pace_s: float = PATIENCE_S,
) -> ResumableUploads:
    """Return the operations with these in front of the stage's rows and bytes, as a process has them."""
    executor, backend = executor or stage.executor, backend or stage.backend
    publisher = stage.publisher_over(executor, backend)
    sessions = UploadSessions(executor, UploadProtocol.TUS, clock=stage.clock, lifetime_s=LIFETIME_S)
    turns = Turns(executor, backend, wait_s=wait_s, look_every_s=0.02)
    return ResumableUploads(sessions, turns, publisher, pace=Pace(CHECKPOINT_BYTES, pace_s))


class Scene:
    """Short words for what nearly every test of resumable uploads does."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        self.stage = stage
        self.uploads = uploads_over(stage, **options)

    def begin(
        self, name: str = "a", size_bytes: int | None = 4, by: RlsContext = OWNER, **options: Any
    ) -> str:
        return self.stage.run(self.abegin(name, size_bytes, by, **options)).id

    async def abegin(
        self,
        name: str = "a",
        size_bytes: int | None = 4,
        by: RlsContext = OWNER,
        first: Portion | None = None,
        **options: Any,
    ) -> UploadSession:
        upload = Upload(
            **{"bucket_id": "photos", "name": name, "size_bytes": size_bytes, "upload_type": "resumable"}
            | options
        )
        return await self.uploads.create(by, upload, echo={"uploadMetadata": "given"}, first=first)

    def append(
        self, upload_id: str, offset: int, content: bytes, by: RlsContext = OWNER, **options: Any
    ) -> UploadSession:
        return self.stage.run(self.aappend(upload_id, offset, content, by, **options))

    async def aappend(
        self, upload_id: str, offset: int, content: bytes, by: RlsContext = OWNER, **options: Any
    ) -> UploadSession:
        portion = Portion(body=chunks_of(content), offset=offset, **options)
        return await self.uploads.append(by, upload_id, portion)

    def get(self, upload_id: str, by: RlsContext = OWNER) -> UploadSession:
        return self.stage.run(self.uploads.get(by, upload_id))

    def offset(self, upload_id: str) -> int:
        return self.get(upload_id).offset_bytes

    def is_complete(self, upload_id: str) -> bool:
        return self.get(upload_id).state is UploadState.COMPLETED

    def delete(self, upload_id: str, by: RlsContext = OWNER) -> None:
        self.stage.run(self.uploads.delete(by, upload_id))

    async def aget(self, upload_id: str) -> UploadSession:
        return await self.uploads.get(OWNER, upload_id)

    async def adelete(self, upload_id: str) -> None:
        await self.uploads.delete(OWNER, upload_id)

    async def send_all(self, upload_id: str) -> UploadSession:
        return await self.aappend(upload_id, 0, b"0123")

    async def is_claimed(self, upload_id: str) -> bool:
        """Tell whether a request waits for another one to let go of the upload, or did."""

        def work() -> Work[bool]:
            rows = (yield sql.upload.find_upload(upload_id)).rows
            return claimant_of(rows[0]) != ""

        return await self.stage.executor.read(SYSTEM, work)

    async def change(self, text: str) -> None:
        """Change rows behind the back of the service."""

        def work() -> Work[None]:
            yield Statement(sql=text)

        await self.stage.executor.write(SYSTEM, work)

    def drafts(self) -> list[str]:
        async def listed() -> list[str]:
            return [stored.key async for stored in self.stage.backend.list("draft/")]

        return self.stage.run(listed())


async def chunks_of(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        if part:
            yield part


async def broken_off(content: bytes, failure: BaseException) -> AsyncIterator[bytes]:
    """Yield `content`, and then fail instead of ending."""
    yield content
    raise failure


async def then(content: bytes, act: Callable[[], Awaitable[object]], rest: bytes) -> AsyncIterator[bytes]:
    """Yield `content`, let something happen elsewhere, and yield the rest."""
    yield content
    await act()
    yield rest


class Hanging:
    """A body that brings `content` and then nothing more, until it is closed."""

    def __init__(self, content: bytes) -> None:
        self.is_read = asyncio.Event()
        self._content = content

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._content
        self.is_read.set()
        await asyncio.Event().wait()


def expecting(content: bytes) -> Digests:
    """Return what a client says that sends `content` with its checksum."""
    digests = Digests("SHA256")
    digests.expect("SHA256", hashlib.sha256(content).digest())
    return digests
