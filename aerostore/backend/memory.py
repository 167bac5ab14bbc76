"""Bytes in this process's memory, for tests: the port's contract without its durability."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

from aerostore.backend import BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.backend.checked_read import check_range, read_checked, run_steps
from aerostore.backend.fingerprint import Fingerprint
from aerostore.backend.key import check_blob_id, check_meta_key, draft_key
from aerostore.backend.memory_draft import Entries, Entry, MemoryDraft, reading
from aerostore.backend.waiting import until_taken
from aerostore.domain import ByteRange, Clock, utc_now
from aerostore.errors import Corrupted, IncompleteBody, Unavailable


class MemoryBackend:
    """Blobs in a dictionary. clock: what `list` gives as the time of a write."""

    name = "memory"
    durable = False

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._stored = Entries(clock)
        self._held: set[str] = set()

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks` as the port says."""
        check_blob_id(blob_id)
        content = await _collect(chunks, size_bytes)
        fingerprint = Fingerprint()
        fingerprint.update(memoryview(content))
        receipt = fingerprint.receipt(blob_id)
        if not self._stored.add(receipt.key, content):
            raise Unavailable("The key exists")
        return receipt

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` unless `key` exists; nothing else runs between the look and the store."""
        check_meta_key(key)
        return self._stored.add(key, content)

    @asynccontextmanager
    async def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AsyncIterator[BlobDraft]:
        """Take the draft of this id, as the port says; the processes kept out are this one's tasks."""
        key = draft_key(draft_id)
        await until_taken(lambda: self._take(key), timeout_s)
        try:
            yield MemoryDraft(self._stored, key)
        finally:
            self._held.discard(key)

    async def _take(self, key: str) -> bool:
        is_free = key not in self._held
        self._held.add(key)
        return is_free

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        """Open the bytes under `key`, or the part that `byte_range` names."""
        content = self._stored.bytes_of(key)
        part = check_range(byte_range, len(content))
        steps = read_checked(key, len(content), part, piece_sums)
        return _MemoryReader(len(content), part.length, run_steps(steps, reading(content)))

    async def size(self, key: str) -> int:
        """Return the length of the bytes under `key`. Raises: Corrupted when there are none."""
        if key not in self._stored:
            raise Corrupted
        return len(self._stored[key].content)

    async def exists(self, key: str) -> bool:
        """Tell whether there are bytes under `key`."""
        return key in self._stored

    async def delete(self, key: str) -> None:
        """Forget the bytes under `key`; idempotent."""
        self._stored.pop(key, None)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        """Yield the keys that start with `prefix`, as they were when the list began."""
        for key, entry in tuple(self._stored.items()):
            if key.startswith(prefix):
                yield StoredBlob(key=key, size_bytes=len(entry.content), modified_at=entry.modified_at)

    async def sweep(self, older_than: datetime) -> int:
        """Return 0: an interrupted write leaves nothing in memory."""
        return 0

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def damage(self, key: str, content: bytes) -> None:
        """Put `content` where the bytes of `key` are, as a failing disk does."""
        self._stored[key] = Entry(content, self._stored[key].modified_at)


class _MemoryReader:
    """A part of the stored bytes; its steps hold them, which is all it takes to outlive a delete."""

    def __init__(self, size_bytes: int, length: int, steps: Iterator[bytes]) -> None:
        self.size_bytes = size_bytes
        self.length = length
        self._steps = steps
        self._first = next(steps, b"")

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
        for content in self._steps:
            yield content

    async def aclose(self) -> None:
        self._steps = iter(())


async def _collect(chunks: AsyncIterable[bytes], size_bytes: int | None) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if size_bytes is not None and len(content) > size_bytes:
            raise IncompleteBody
    if size_bytes not in {None, len(content)}:
        raise IncompleteBody
    return bytes(content)
