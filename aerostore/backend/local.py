"""Bytes as files below one directory: `sha256/ab/<hash>.<blob id>`, `meta/`, and `tmp/` for writes under way.

`_Tree`, `_Draft` and `_FileReader.load` block and run on this backend's own threads, one hop for many
calls; `LocalBackend` never blocks the event loop.
"""

import asyncio
import errno
import hashlib
import os
import re
import stat
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from aerostore.backend import BlobReader, BlobReceipt, LocalFile, StoredBlob
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, IncompleteBody, InsufficientStorage, StorageError, Unavailable

T = TypeVar("T")

PIECE_BYTES = 1024 * 1024
READ_BYTES = 512 * 1024
SMALL_READ_BYTES = 256 * 1024
LIST_BATCH = 1000

_BLOB_ID = re.compile(r"[0-9a-f-]{36}")
_META_KEY = re.compile(r"meta(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){1,4}")
_KEY = re.compile(rf"sha256/([0-9a-f]{{2}})/\1[0-9a-f]{{62}}\.{_BLOB_ID.pattern}|{_META_KEY.pattern}")

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_ABSENT = (FileNotFoundError, NotADirectoryError)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class LocalBackend:
    """Blobs in the directory `root`, which is made when it is missing; nobody else may write below it.

    threads: how many blocking calls run at once.
    Raises: Unavailable when `root` cannot be used.
    """

    name = "local"
    durable = True

    def __init__(self, root: Path, *, threads: int = 8) -> None:
        self._tree = _translated(partial(_Tree, root))
        self._threads = _Threads(threads)

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks`, as the port says; a body of up to `PIECE_BYTES` takes one hop to a thread.

        Raises: also ValueError for a `blob_id` that is not 36 hex digits and dashes.
        """
        if not _BLOB_ID.fullmatch(blob_id):
            raise ValueError(f"not a blob id: {blob_id!r}")
        draft = _Draft(self._tree)
        try:
            last_piece = await self._spool(_Body(chunks, size_bytes), draft)
            return await self._threads.run(partial(draft.publish_blob, last_piece, blob_id))
        except BaseException:
            await self._discard(draft)
            raise

    async def _spool(self, body: "_Body", draft: "_Draft") -> bytearray:
        """Write every piece but the last, which is returned; one piece fills while another is written."""
        async with aclosing(body.full_pieces()) as pieces:
            async for piece in pieces:
                await draft.idle()
                draft.hop = self._threads.start(partial(draft.consume, piece))
        await draft.idle()
        return body.rest

    async def _discard(self, draft: "_Draft") -> None:
        try:
            if draft.hop is not None:
                await _ended(draft.hop)
        finally:
            # What cannot be removed now is an orphan for reclaim; the first error is the one that matters.
            with suppress(StorageError):
                await self._threads.run(draft.discard)

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` as the port says: the link under `key` is what only one caller can make."""
        if not _META_KEY.fullmatch(key):
            raise ValueError(f"not a key below meta/: {key!r}")
        return await self._threads.run(partial(_Draft(self._tree).publish_if_absent, key, content))

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


class _Body:
    """Incoming chunks as pieces of `PIECE_BYTES`. The last one, full or not, stays in `rest`."""

    def __init__(self, chunks: AsyncIterable[bytes], size_bytes: int | None) -> None:
        self._chunks = chunks
        self._expected = size_bytes
        self._received = 0
        self.rest = bytearray()

    async def full_pieces(self) -> AsyncGenerator[bytearray, None]:
        """Yield each full piece once it is known not to be the last."""
        async for chunk in self._chunks:
            self._received += len(chunk)
            if self._expected is not None and self._received > self._expected:
                raise IncompleteBody
            view = memoryview(chunk)
            while view:
                if len(self.rest) == PIECE_BYTES:
                    full, self.rest = self.rest, bytearray()
                    yield full
                    del full  # else three pieces are in memory while the next one fills
                room = PIECE_BYTES - len(self.rest)
                self.rest += view[:room]
                view = view[room:]
        if self._expected not in {None, self._received}:
            raise IncompleteBody


class _Draft:
    """Bytes on their way in: hashed while they go to a file that has no key yet. One thread at a time."""

    def __init__(self, tree: "_Tree") -> None:
        self.hop: asyncio.Future[None] | None = None
        self._tree = tree
        self._sha256 = hashlib.sha256()
        self._size_bytes = 0
        self._descriptor: int | None = None
        self._temporary: Path | None = None
        self._published_as: str | None = None

    async def idle(self) -> None:
        """Wait for the piece that is being written. Raises: what writing it raised."""
        if self.hop is not None:
            await _result(self.hop)

    def consume(self, piece: bytearray) -> None:
        self._append(piece)
        piece.clear()  # the pool's thread may hold on to it while the next pieces fill

    def _append(self, piece: bytes | bytearray) -> None:
        descriptor = self._opened()
        self._sha256.update(piece)
        self._size_bytes += len(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def publish_blob(self, last_piece: bytearray, blob_id: str) -> BlobReceipt:
        self._append(last_piece)
        sha256 = self._sha256.hexdigest()
        key = f"sha256/{sha256[:2]}/{sha256}.{blob_id}"
        self._publish(key)
        return BlobReceipt(key=key, size_bytes=self._size_bytes, sha256=sha256)

    def publish_if_absent(self, key: str, content: bytes) -> bool:
        try:
            self._append(content)
            self._publish(key)
        except FileExistsError:
            self.discard()
            return False
        except BaseException:
            self.discard()
            raise
        return True

    def discard(self) -> None:
        """Leave nothing behind, not even a key whose durability is in doubt."""
        try:
            self._close()
        finally:
            if self._published_as is not None:
                self._tree.delete(self._published_as)

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor, self._temporary = self._tree.create_temporary()
        return self._descriptor

    def _publish(self, key: str) -> None:
        """Make the bytes durable, then the name: a key must never lead to bytes that a power cut can take.

        After a failed fsync the kernel may call lost pages clean, so a second try would prove nothing.
        Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
        """
        descriptor = self._opened()
        os.fsync(descriptor)
        with self._tree.place(key, make=True) as (directory, name):
            os.link(self._temporary or f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory)
            self._published_as = key
            os.fsync(directory)
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        os.close(descriptor)
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


class _FileReader:
    """A part of a file: held in memory when small, else read in pieces with one piece of read-ahead."""

    def __init__(self, tree: "_Tree", threads: _Threads) -> None:
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


class _Tree:
    """The directories and files below `root`: every call blocks, and none follows a symbolic link.

    A text that does not have the shape of a key is treated as the key of a file that does not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._durable: set[tuple[str, ...]] = set()
        self._make_root()
        with self._directory(("tmp",), make=True) as directory:
            self._has_unnamed_files = _can_link_unnamed_files(directory)

    def create_temporary(self) -> tuple[int, Path | None]:
        """Open a new file in `tmp/` for writing; return its descriptor, and its path when it has one."""
        with self._directory(("tmp",)) as directory:
            if self._has_unnamed_files:
                return os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=directory), None
            name = uuid.uuid4().hex
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
            return os.open(name, flags, 0o600, dir_fd=directory), self.root / "tmp" / name

    def open_file(self, key: str) -> tuple[int, int]:
        """Open the bytes of `key`; return descriptor and length. Raises: Corrupted when there are none."""
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                return os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory), found.st_size
        raise Corrupted

    def find_size(self, key: str) -> int | None:
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def delete(self, key: str) -> None:
        with suppress(*_ABSENT), self.place(key) as (directory, name):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
            os.fsync(directory)  # also when it was gone: an earlier delete may have died before this line

    def walk(self, prefix: str) -> Generator[StoredBlob, None, None]:
        for top in ("sha256", "meta"):
            yield from self._walk_directory((top,), prefix)

    def sweep(self, older_than: datetime) -> int:
        removed = 0
        with self._directory(("tmp",)) as directory, os.scandir(directory) as entries:
            for entry in entries:
                if (found := _find_file(entry)) and found.st_mtime < older_than.timestamp():
                    os.unlink(entry.name, dir_fd=directory)
                    removed += 1
        return removed

    @contextmanager
    def place(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the descriptor of the directory where `key` belongs, and the file's name in it.

        make: make missing directories. Raises: FileNotFoundError when no file can have this key.
        """
        if not _KEY.fullmatch(key):
            raise FileNotFoundError(errno.ENOENT, "not a key", key)
        *names, name = key.split("/")
        with self._directory(tuple(names), make=make) as directory:
            yield directory, name

    @contextmanager
    def _directory(self, names: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """Go down step by step: O_NOFOLLOW looks at the last step only. The root itself may be a link."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for depth, name in enumerate(names, start=1):
                if make:
                    self._make_directory(descriptor, names[:depth])
                parent, descriptor = descriptor, os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _make_directory(self, parent: int, path: tuple[str, ...]) -> None:
        if path in self._durable:
            return
        with suppress(FileExistsError):
            os.mkdir(path[-1], 0o700, dir_fd=parent)
        os.fsync(parent)  # also when it was there: whoever made it may not have come to this line yet
        self._durable.add(path)

    def _make_root(self) -> None:
        missing = [path for path in (self.root, *self.root.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(0o700, exist_ok=True)
            parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)

    def _walk_directory(self, names: tuple[str, ...], prefix: str) -> Generator[StoredBlob, None, None]:
        with suppress(*_ABSENT), self._directory(names) as directory, os.scandir(directory) as entries:
            for entry in entries:
                path = "/".join((*names, entry.name))
                if entry.is_dir(follow_symlinks=False) and f"{path}/".startswith(prefix[: len(path) + 1]):
                    yield from self._walk_directory((*names, entry.name), prefix)
                elif path.startswith(prefix) and _KEY.fullmatch(path) and (found := _find_file(entry)):
                    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield StoredBlob(key=path, size_bytes=found.st_size, modified_at=modified_at)


def _find_file(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return what is known of a plain file; None for anything else, and when it is gone by now."""
    with suppress(FileNotFoundError):
        found = entry.stat(follow_symlinks=False)
        return found if stat.S_ISREG(found.st_mode) else None
    return None


def _can_link_unnamed_files(directory: int) -> bool:
    """Try it: macOS and some file systems have no O_TMPFILE, some containers no /proc."""
    name = uuid.uuid4().hex
    with suppress(OSError, AttributeError):
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600, dir_fd=directory)
        try:
            os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=directory)
        finally:
            os.close(descriptor)
        os.unlink(name, dir_fd=directory)
        return True
    return False
