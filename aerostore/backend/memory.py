"""Bytes in this process's memory, for tests: the port's contract without its durability."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from aerostore.backend import BlobReader, BlobReceipt, StoredBlob
from aerostore.backend.checked_read import Steps, StoredBytes, check_range, read_checked
from aerostore.backend.key import blob_key, check_blob_id, check_meta_key
from aerostore.backend.piece_sum import PieceSums
from aerostore.domain import ByteRange, Clock, utc_now
from aerostore.errors import Corrupted, IncompleteBody, Unavailable


class MemoryBackend:
    """Blobs in a dictionary. clock: what `list` gives as the time of a write."""

    name = "memory"
    durable = False

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._stored: dict[str, _Entry] = {}

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks` as the port says."""
        check_blob_id(blob_id)
        content = await _collect(chunks, size_bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        key = blob_key(sha256, blob_id)
        if not self._store(key, content):
            raise Unavailable("The key exists")
        sums = PieceSums()
        sums.update(memoryview(content))
        return BlobReceipt(key=key, size_bytes=len(content), sha256=sha256, piece_sums=sums.packed())

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` unless `key` exists; nothing else runs between the look and the store."""
        check_meta_key(key)
        return self._store(key, content)

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        """Open the bytes under `key`, or the part that `byte_range` names."""
        content = self._content(key)
        part = check_range(byte_range, len(content))
        stored = StoredBytes(
            key=key, size_bytes=len(content), read=lambda start, length: content[start : start + length]
        )
        return _MemoryReader(len(content), part.length, read_checked(stored, part, piece_sums))

    async def size(self, key: str) -> int:
        """Return the length of the bytes under `key`. Raises: Corrupted when there are none."""
        return len(self._content(key))

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
        self._stored[key] = _Entry(content, self._stored[key].modified_at)

    def _store(self, key: str, content: bytes) -> bool:
        if key in self._stored:
            return False
        self._stored[key] = _Entry(content, self._clock())
        return True

    def _content(self, key: str) -> bytes:
        if key not in self._stored:
            raise Corrupted
        return self._stored[key].content


@dataclass(frozen=True, slots=True)
class _Entry:
    content: bytes
    modified_at: datetime


class _MemoryReader:
    """A part of the stored bytes; its steps hold them, which is all it takes to outlive a delete."""

    def __init__(self, size_bytes: int, length: int, steps: Steps) -> None:
        self.size_bytes = size_bytes
        self.length = length
        self._steps = steps
        self._first = next((content for content in steps if content), b"")

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
        for content in self._steps:
            if content:
                yield content

    async def aclose(self) -> None:
        self._steps.close()


async def _collect(chunks: AsyncIterable[bytes], size_bytes: int | None) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if size_bytes is not None and len(content) > size_bytes:
            raise IncompleteBody
    if size_bytes not in {None, len(content)}:
        raise IncompleteBody
    return bytes(content)
