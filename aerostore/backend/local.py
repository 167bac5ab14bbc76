"""Bytes as files below one directory: `sha256/ab/<hash>.<blob id>`, `meta/`, and `tmp/` for writes under way.

`LocalTree`, `Draft` and `_FileReader.load` block and run on this backend's own threads, one hop for many
calls; `LocalBackend` never blocks the event loop.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from aerostore.backend import BlobReader, BlobReceipt, LocalFile, StoredBlob
from aerostore.backend.key import check_blob_id, check_meta_key
from aerostore.backend.local_draft import Body, Draft, Piece
from aerostore.backend.local_tree import LocalTree
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, InsufficientStorage, StorageError, Unavailable

T = TypeVar("T")

READ_BYTES = 512 * 1024
SMALL_READ_BYTES = 256 * 1024
LIST_BATCH = 1000

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalBackend:
    """Blobs in the directory `root`, which is made when it is missing; nobody else may write below it.

    threads: how many blocking calls run at once.
    Raises: Unavailable when `root` cannot be used.
    """

    name = "local"
    durable = True

    def __init__(self, root: Path, *, threads: int = 8) -> None:
        self._tree = _translated(partial(LocalTree, root))
        self._threads = _Threads(threads)

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks`, as the port says; a body of up to `PIECE_BYTES` takes one hop to a thread."""
        check_blob_id(blob_id)
        draft = Draft(self._tree)
        try:
            last_piece = await self._spool(Body(chunks, size_bytes), draft)
            return await self._threads.run(partial(draft.publish_blob, last_piece, blob_id))
        except BaseException:
            # What cannot be removed now is an orphan for reclaim; the first error is the one that matters.
            with suppress(StorageError):
                await self._threads.run(draft.discard)
            raise

    async def _spool(self, body: Body, draft: Draft) -> Piece:
        """Write every piece but the last, which is returned; one piece fills while another is written."""
        writing: asyncio.Future[None] | None = None
        try:
            async with aclosing(body.full_pieces()) as pieces:
                async for piece in pieces:
                    if writing is not None:
                        await _result(writing)
                    writing = self._threads.start(partial(draft.consume, piece))
            if writing is not None:
                await _result(writing)
        finally:
            if writing is not None:
                await _ended(writing)
        return body.rest

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` as the port says: the link under `key` is what only one caller can make."""
        check_meta_key(key)
        return await self._threads.run(partial(Draft(self._tree).publish_if_absent, key, content))

    async def open(self, key: str, byte_range: ByteRange | None = None) -> BlobReader:
        """Open `key` as the port says; a part of up to `SMALL_READ_BYTES` is read in the same hop."""
        reader = _FileReader(self._tree, self._threads)
        try:
            await self._threads.run(partial(reader.load, key, byte_range))
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


class _Threads:
    """A thread pool whose callers see storage errors only, and never leave a call behind unfinished."""

    def __init__(self, count: int) -> None:
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(count, "aerostore-local")

    def start(self, task: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, _translated, task)

    async def run(self, task: Callable[[], T]) -> T:
        return await _result(self.start(task))

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)


async def _ended(hop: asyncio.Future[T]) -> None:
    """Wait until `hop` ended, well or badly; a cancellation meanwhile is raised afterwards.

    A thread cannot be cancelled: to go on would close descriptors under it, or lose those it opens.
    """
    cancelled: asyncio.CancelledError | None = None
    while not hop.done():
        try:
            await asyncio.wait((hop,))
        except asyncio.CancelledError as exc:
            cancelled = exc
    hop.exception()  # marks it as seen: the caller may not want to know
    if cancelled is not None:
        raise cancelled


async def _result(hop: asyncio.Future[T]) -> T:
    await _ended(hop)
    return hop.result()


def _translated(task: Callable[[], T]) -> T:
    try:
        return task()
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise InsufficientStorage from exc
        raise Unavailable from exc


class _FileReader:
    """A part of a file: held in memory when small, else read in pieces with one piece of read-ahead."""

    def __init__(self, tree: LocalTree, threads: _Threads) -> None:
        self.size_bytes = 0
        self.length = 0
        self.local_file: LocalFile | None = None
        self._tree = tree
        self._threads = threads
        self._offset = 0
        self._content = b""
        self._descriptor: int | None = None
        self._ahead: asyncio.Future[bytes] | None = None

    def load(self, key: str, byte_range: ByteRange | None) -> None:
        self._descriptor, self.size_bytes = self._tree.open_file(key)
        part = byte_range or ByteRange(0, self.size_bytes - 1)
        if byte_range is not None and not 0 <= part.first <= part.last < self.size_bytes:
            raise Corrupted
        self._offset, self.length = part.first, part.length
        self.local_file = LocalFile(path=self._tree.root / key, offset=part.first, length=part.length)
        if self.length <= SMALL_READ_BYTES:  # one hop is all that most objects need
            self._content = self._read(part.first, part.length)
            self._close()

    async def chunks(self) -> AsyncIterator[bytes]:
        if self._content:
            yield self._content
            return
        end = self._offset + self.length
        self._read_ahead(self._offset, end)
        while self._ahead is not None:
            piece = await _result(self._ahead)
            self._offset += len(piece)
            self._read_ahead(self._offset, end)
            yield piece

    async def aclose(self) -> None:
        try:
            if self._ahead is not None:
                await _ended(self._ahead)
        finally:
            if self._descriptor is not None:
                await self._threads.run(self._close)

    def _read_ahead(self, offset: int, end: int) -> None:
        length = min(READ_BYTES, end - offset)
        self._ahead = self._threads.start(partial(self._read, offset, length)) if length else None

    def _read(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        data = b""
        while len(data) < length:
            more = os.pread(self._descriptor, length - len(data), offset + len(data))
            if not more:
                raise Corrupted
            data += more
        return data

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
