"""What one request adds to a resumable upload, and its body: up to the end, a cut, or a newer request."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aerostore.errors import EntityTooLarge, StorageError
from aerostore.service.digest import Digests
from aerostore.service.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one request adds to an upload: `body`, from `offset` on.

    announced_bytes: how long the body says it is. size_bytes: the length of the whole, told now. With
    digests all of the body counts or nothing.
    """

    body: AsyncIterator[bytes]
    offset: int = 0
    announced_bytes: int | None = None
    size_bytes: int | None = None
    digests: Digests | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of one request may come before it is made durable: so many bytes, or for so long."""

    size_bytes: int
    seconds: float


class PortionBody:
    """The body of one request; it ends early when it is cut off or another request comes.

    repeated_bytes: so many of its first ones are stored already; its digests are those of all of them.
    """

    def __init__(self, portion: Portion, turn: Turn, *, repeated_bytes: int = 0) -> None:
        self.has_ended = False
        self.is_whole = False
        self.failure: StorageError | None = None
        self._chunks = portion.body
        self._digests = portion.digests
        self._turn = turn
        self._repeated_bytes = repeated_bytes

    async def until_checkpoint(self, room_bytes: int, pace: Pace) -> AsyncIterator[bytes]:
        """Yield what arrives, up to a checkpoint. Raises: EntityTooLarge for more than `room_bytes`."""
        taken = 0
        now = asyncio.get_running_loop().time
        ends = now() + pace.seconds
        while not taken or self._digests is not None or (taken < pace.size_bytes and now() < ends):
            chunk = await self._next()
            if chunk is None:
                return
            if self._digests is not None:
                self._digests.update(chunk)
            fresh = self._without_repeated(chunk)
            taken += len(fresh)
            if taken > room_bytes:
                raise beyond_size()
            yield fresh

    def _without_repeated(self, chunk: bytes) -> bytes:
        repeated = min(self._repeated_bytes, len(chunk))
        self._repeated_bytes -= repeated
        return chunk[repeated:]

    def counts(self) -> bool:
        """Tell whether what came counts: with digests all of it or nothing. Raises: ChecksumMismatch."""
        if self._digests is None:
            return True
        if self.is_whole:
            self._digests.check()
        return self.is_whole

    async def _next(self) -> bytes | None:
        try:
            chunk = await self._turn.next_or_wanted(self._chunks)
        except StorageError as exc:  # what came before it is good
            self.failure = exc
            chunk = None
        if chunk is None:
            self.has_ended = True
            self.is_whole = self.failure is None and not self._turn.is_wanted
        return chunk


class NoBytes(AsyncIterator[bytes]):
    """The body of an upload of no bytes."""

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


def beyond_size(upload_id: str | None = None) -> EntityTooLarge:
    """Return the refusal of bytes behind the end of an upload."""
    return EntityTooLarge(
        "upload's size exceeded",
        resource=upload_id,
        hint="Send no more than Upload-Length says, and than the bucket allows.",
    )
