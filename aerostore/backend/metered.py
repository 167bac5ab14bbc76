"""A backend that reports how long each call to another one took; bytes and errors pass unchanged."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from aerostore.backend import BlobBackend, BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.domain import ByteRange

T = TypeVar("T")


class MeteredBackend:
    """`inner`, watched: `observe(operation, inner.name, seconds)` after each call, failed ones included.

    The time that is spent waiting for the caller's chunks is not the backend's and is left out.
    writes_under_way: how many calls read such chunks now.
    """

    def __init__(
        self,
        inner: BlobBackend,
        observe: Callable[[str, str, float], None],
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = inner.name
        self.durable = inner.durable
        self.writes_under_way = 0
        self._inner = inner
        self._observe = observe
        self._clock = clock

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks` in `inner`."""
        waited = self.waiting_for(chunks)
        writing = self._inner.write(waited, blob_id=blob_id, size_bytes=size_bytes)
        return await self.timed("write", writing, waited)

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` in `inner` unless `key` exists."""
        return await self.timed("write_if_absent", self._inner.write_if_absent(key, content))

    @asynccontextmanager
    async def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AsyncIterator[BlobDraft]:
        """Take the draft in `inner`; what is done with it is timed, and not the wait for who has it."""
        async with self._inner.draft(draft_id, timeout_s=timeout_s) as draft:
            yield _MeteredDraft(draft, self)

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        """Open `key` in `inner`; reading from it is not timed, since that is at the client's pace."""
        return await self.timed("open", self._inner.open(key, byte_range, piece_sums=piece_sums))

    async def size(self, key: str) -> int:
        """Return the length of the bytes under `key` in `inner`."""
        return await self.timed("size", self._inner.size(key))

    async def exists(self, key: str) -> bool:
        """Tell whether `inner` has bytes under `key`."""
        return await self.timed("exists", self._inner.exists(key))

    async def delete(self, key: str) -> None:
        """Remove the bytes under `key` from `inner`."""
        await self.timed("delete", self._inner.delete(key))

    def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        """Yield the keys of `inner`, untimed: it runs as long as its reader likes."""
        return self._inner.list(prefix)

    async def sweep(self, older_than: datetime) -> int:
        """Remove what interrupted writes left in `inner`, untimed."""
        return await self._inner.sweep(older_than)

    async def close(self) -> None:
        """Close `inner`."""
        await self._inner.close()

    def waiting_for(self, chunks: AsyncIterable[bytes]) -> "_WaitedFor":
        """Return `chunks` as a call may read them that is timed."""
        return _WaitedFor(chunks, self._clock)

    async def timed(self, operation: str, call: Awaitable[T], waited: "_WaitedFor | None" = None) -> T:
        """Return what `call` gives and report its time, without that of `waited`."""
        started = self._clock()
        self.writes_under_way += waited is not None
        try:
            return await call
        finally:
            self.writes_under_way -= waited is not None
            waited_s = waited.seconds if waited is not None else 0.0
            self._observe(operation, self.name, self._clock() - started - waited_s)


class _MeteredDraft:
    def __init__(self, inner: BlobDraft, backend: MeteredBackend) -> None:
        self._inner = inner
        self._backend = backend

    @property
    def size_bytes(self) -> int:
        return self._inner.size_bytes

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        waited = self._backend.waiting_for(chunks)
        return await self._backend.timed("append", self._inner.append(waited, offset=offset), waited)

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        adding = self._inner.append_blob(key, piece_sums=piece_sums)
        await self._backend.timed("append_blob", adding)

    async def publish(self, blob_id: str) -> BlobReceipt:
        return await self._backend.timed("publish", self._inner.publish(blob_id))

    async def discard(self) -> None:
        await self._backend.timed("discard", self._inner.discard())


class _WaitedFor:
    """Chunks, and how many seconds their reader spent waiting for them."""

    def __init__(self, chunks: AsyncIterable[bytes], clock: Callable[[], float]) -> None:
        self.seconds = 0.0
        self._chunks = aiter(chunks)
        self._clock = clock

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        asked = self._clock()
        try:
            return await anext(self._chunks)
        finally:
            self.seconds += self._clock() - asked
