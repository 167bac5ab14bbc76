"""Turns: one request at a time writes to an upload, and the newest one gets it.

A client whose connection broke comes back while the server still waits for bytes on the old one. So whoever
asks last is served: the request that has the upload is told to stop, keeps what has arrived, and lets go.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from aerostore.backend import BlobBackend, BlobDraft
from aerostore.domain import SYSTEM
from aerostore.errors import LockTimeout, StorageError
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import claimant_of
from aerostore.service.ending import end

WAIT_S = 10.0
LOOK_EVERY_S = 1.0


class Turn:
    """The draft of an upload in the hands of one request, until somebody else asks for it."""

    def __init__(self, draft: BlobDraft, wanted: asyncio.Future[None]) -> None:
        self.draft = draft
        self._wanted = wanted

    @property
    def is_wanted(self) -> bool:
        """Whether another request waits for the upload."""
        return self._wanted.done()

    async def next_or_wanted(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        """Return the next of `chunks`; None at their end, or when another request asks for the upload."""
        if self.is_wanted:
            return None
        reading = asyncio.create_task(_next(chunks))
        try:
            either: set[asyncio.Future[Any]] = {reading, self._wanted}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            await end([reading])


class Turns:
    """Hands out the drafts of uploads, across all processes that share the rows and the bytes.

    wait_s: how long a request waits for the one before it. look_every_s: how often the one that writes looks
    whether a request in another process waits.
    """

    def __init__(
        self,
        executor: Executor,
        backend: BlobBackend,
        *,
        wait_s: float = WAIT_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._executor = executor
        self._backend = backend
        self._wait_s = wait_s
        self._look_every_s = look_every_s
        self._wanted: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def take(self, upload_id: str) -> AsyncIterator[Turn]:
        """Ask whoever has the upload to stop, and have it for the time of the block.

        Raises: LockTimeout when it was not let go of in time.
        """
        wanted = self._succeed(upload_id)
        try:
            async with AsyncExitStack() as stack:
                draft, claimant = await self._draft(stack, upload_id)
                watching = asyncio.create_task(self._watch(upload_id, claimant, wanted))
                try:
                    yield Turn(draft, wanted)
                finally:
                    await end([watching])
        finally:
            if self._wanted.get(upload_id) is wanted:
                del self._wanted[upload_id]

    def _succeed(self, upload_id: str) -> asyncio.Future[None]:
        """Tell the last request of this process that it is not the last any more."""
        if upload_id in self._wanted:
            _tell(self._wanted[upload_id])
        wanted = self._wanted[upload_id] = asyncio.get_running_loop().create_future()
        return wanted

    async def _draft(self, stack: AsyncExitStack, upload_id: str) -> tuple[BlobDraft, str]:
        """Take the draft; return it and the name of the request that has asked last for it.

        Nothing is written when nobody has it. The name is read before the draft is taken: whoever asks
        after that leaves another one.
        """
        claimant = await self._claimant(upload_id)
        try:
            return await stack.enter_async_context(self._backend.draft(upload_id)), claimant
        except LockTimeout:
            claimant = await self._claim(upload_id)
        draft = self._backend.draft(upload_id, timeout_s=self._wait_s)
        return await stack.enter_async_context(draft), claimant

    async def _claim(self, upload_id: str) -> str:
        claimant = secrets.token_hex(8)

        def work() -> Work[None]:
            yield sql.upload.claim_upload(upload_id, claimant)

        await self._executor.write(SYSTEM, work)  # as the system: the rows of uploads are the server's
        return claimant

    async def _claimant(self, upload_id: str) -> str:
        def work() -> Work[str]:
            rows = (yield sql.upload.find_upload(upload_id)).rows
            return claimant_of(rows[0]) if rows else ""

        return await self._executor.read(SYSTEM, work)  # as the system, for the same reason

    async def _watch(self, upload_id: str, claimant: str, wanted: asyncio.Future[None]) -> None:
        """Look now and then whether a request in another process has asked for the upload."""
        while not wanted.done():
            await asyncio.sleep(self._look_every_s)
            with suppress(StorageError):  # rows that cannot be read now are no news
                if await self._claimant(upload_id) not in {claimant, ""}:
                    _tell(wanted)


def _tell(wanted: asyncio.Future[None]) -> None:
    if not wanted.done():
        wanted.set_result(None)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
