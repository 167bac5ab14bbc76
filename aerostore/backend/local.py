"""Bytes as files below one directory: `sha256/ab/<hash>.<blob id>`, `meta/`, `draft/`, `tmp/` for new ones.

`LocalTree`, `NewFile` and `DraftFile` block and run on this backend's own threads, one hop for many calls;
`LocalBackend`, `LocalDraft` and `FileReader` never block the event loop.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from aerostore.backend import BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.backend.allowance import Allowance
from aerostore.backend.checked_read import STEP_BYTES
from aerostore.backend.key import check_blob_id, check_meta_key, draft_key
from aerostore.backend.local_cached import CachedFiles
from aerostore.backend.local_draft import LocalDraft
from aerostore.backend.local_draft_file import DraftFile
from aerostore.backend.local_draft_memory import DraftMemory
from aerostore.backend.local_group import GroupPublisher
from aerostore.backend.local_new_file import NewFile
from aerostore.backend.local_piece import Body, piece_allowance, write_pieces
from aerostore.backend.local_reader import FileReader, Shelf
from aerostore.backend.local_thread import Threads, translated
from aerostore.backend.local_tree import LocalTree
from aerostore.backend.waiting import until_taken
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, StorageError

LIST_BATCH = 1000
# The server holds about six chunks for a client that reads slowly, or not at all.
_CHUNK_BYTES = 2 * 1024 * 1024
_LEAST_CHUNK_BYTES = 32 * 1024


class LocalBackend:
    """Blobs in the directory `root`, which is made when it is missing; nobody else may write below it.

    threads: how many blocking calls run at once.
    Raises: Unavailable when `root` cannot be used.
    """

    name = "local"
    durable = True

    def __init__(self, root: Path, *, threads: int = 8) -> None:
        self._tree = translated(partial(LocalTree, root))
        self._threads = Threads(threads)
        self._group = GroupPublisher(self._threads)
        self._memory = DraftMemory()
        self._pieces = piece_allowance()
        chunks = Allowance(_CHUNK_BYTES, least=_LEAST_CHUNK_BYTES, most=STEP_BYTES)
        self._shelf = Shelf(translated(partial(CachedFiles, root)), self._threads, chunks)

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks`, as the port says; small ones share hops and syncs."""
        check_blob_id(blob_id)
        new = NewFile(self._tree)
        try:
            last_piece = await write_pieces(
                self._threads, Body(chunks, self._pieces, size_bytes), new.consume
            )
            return await self._group.publish(new, last_piece, blob_id)
        except BaseException:
            # What cannot be removed now is an orphan for reclaim; the first error is the one that matters.
            with suppress(StorageError):
                await self._threads.run(new.discard)
            raise

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` as the port says: the link under `key` is what only one caller can make."""
        check_meta_key(key)
        return await self._threads.run(partial(NewFile(self._tree).publish_if_absent, key, content))

    @asynccontextmanager
    async def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AsyncIterator[BlobDraft]:
        """Take the draft of this id, as the port says; whoever waits for it blocks no thread."""
        file = DraftFile(self._tree, draft_key(draft_id), self._memory)
        try:
            await until_taken(lambda: self._threads.run(file.take), timeout_s)
            yield LocalDraft(file, self._tree, self._threads, self._pieces)
        finally:
            await self._threads.run(file.release)

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        """Open `key` as the port says; without a hop to a thread when it is in memory."""
        reader = FileReader(self._shelf)
        try:
            await reader.open(partial(self._tree.open_file, key), key, byte_range, piece_sums)
        except BaseException:
            await reader.aclose()
            raise
        return reader

    async def size(self, key: str) -> int:
        """Return the length of the bytes under `key`. Raises: Corrupted when there are none."""
        size_bytes = await self._threads.run(partial(self._tree.find_size, key))
        if size_bytes is None:
            raise Corrupted
        return size_bytes

    async def exists(self, key: str) -> bool:
        """Tell whether there are bytes under `key`; a symbolic link does not count."""
        return await self._threads.run(partial(self._tree.find_size, key)) is not None

    async def delete(self, key: str) -> None:
        """Remove the bytes under `key`; idempotent, and durable when this returns."""
        await self._threads.run(partial(self._tree.delete, key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        """Yield the keys that start with `prefix`, `LIST_BATCH` to a hop; files of strangers are not keys."""
        walk = self._tree.walk(prefix)
        try:
            while batch := await self._threads.run(lambda: tuple(islice(walk, LIST_BATCH))):
                for stored in batch:
                    yield stored
        finally:
            walk.close()

    async def sweep(self, older_than: datetime) -> int:
        """Remove temporary files last written before `older_than`; return how many."""
        return await self._threads.run(partial(self._tree.sweep, older_than))

    async def close(self) -> None:
        """Let the threads finish and go. Open readers then read on the event loop's default threads."""
        await self._threads.close()
        self._tree.close()
        self._shelf.cached.close()
