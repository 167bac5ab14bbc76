"""The file of a draft: locked by one holder, grown, and linked under the key of a blob. Every call blocks."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from pathlib import Path

from aerostore.backend.checked_read import STEP_BYTES, check_range, read_checked, run_steps
from aerostore.backend.fingerprint import Fingerprint
from aerostore.backend.key import find_sha256
from aerostore.backend.local_draft_memory import DraftMemory
from aerostore.backend.local_piece import Piece
from aerostore.backend.local_reader import read_exactly
from aerostore.backend.local_tree import LocalTree, start_writing_back
from aerostore.backend.receipt import BlobReceipt
from aerostore.errors import Corrupted, Unavailable

# So much is read or copied without a look at who else wants the thread.
STRETCH_BYTES = 16 * 1024 * 1024
_PAGE_BYTES = 4096
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
_CANNOT_SHARE = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class DraftFile:
    """The draft `key` in the hands of one holder; one thread at a time.

    size_bytes: how long it is. The fingerprint covers the first bytes; `catch_up` reads those it lacks.
    """

    def __init__(self, tree: LocalTree, key: str, memory: DraftMemory) -> None:
        self.size_bytes = 0
        self._tree = tree
        self._key = key
        self._memory = memory
        self._descriptor: int | None = None
        self._fingerprint = Fingerprint()
        self._synced_bytes = 0
        self._has_durable_name = False
        self._is_dated = False
        self._can_share = hasattr(os, "copy_file_range")  # macOS has none

    def take(self) -> bool:
        """Open and lock the file, made when there is none; tell whether it was free."""
        with self._tree.place(self._key) as (directory, name):
            self._descriptor = os.open(name, _FLAGS, 0o600, dir_fd=directory)
            # Without its name it is a draft that was discarded while we were on our way to the lock.
            if not (_lock(self._descriptor) and self._is_named(directory, name)):
                self.release()
                return False
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unavailable("Something that is no file lies where a draft belongs")
        self.size_bytes = self._synced_bytes = found.st_size
        if (known := self._memory.recall(self._key, found)) is not None:
            self._fingerprint, self._has_durable_name = known.fingerprint, known.has_durable_name
            self._is_dated = True
        return True

    def release(self) -> None:
        """Let go of the draft; may be called more than once."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if self._fingerprint.size_bytes and (self._is_dated or _date(descriptor)):
                found = os.fstat(descriptor)
                self._memory.keep(self._key, found, self._fingerprint, self._has_durable_name)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        """Remove the draft. A power cut may bring it back; then it is for reclaim."""
        with self._tree.place(self._key) as (directory, name):
            if self._is_named(directory, name):
                os.unlink(name, dir_fd=directory)
        self.size_bytes = 0
        self._fingerprint = Fingerprint()
        self.release()

    def cut(self, offset: int) -> None:
        """Drop what lies behind the first `offset` bytes. Raises: Corrupted when it was published."""
        descriptor = self._changeable()
        if self._fingerprint.size_bytes > offset:
            self._fingerprint = Fingerprint()
        self._synced_bytes = min(self._synced_bytes, offset)
        os.ftruncate(descriptor, offset)
        self.size_bytes = offset

    def consume(self, piece: Piece) -> None:
        """Append a piece that more will follow, and let the disk start on it while they come."""
        start = self.size_bytes
        self._append(piece.content())
        start_writing_back(self._held(), start, piece.length)

    def settle(self, last_piece: Piece) -> None:
        """Append the last piece of a body, and make all that is there durable."""
        self._append(last_piece.content())
        self._sync()
        self._sync_name()
        self._synced_bytes = self.size_bytes

    def add(self, key: str, piece_sums: bytes) -> Generator[None, None, None]:
        """Append all bytes of the blob `key` or none, `STRETCH_BYTES` from one yield to the next.

        The file system shares what it can. The fingerprint is fed with bytes that were checked.
        """
        if find_sha256(key) is None:
            raise Corrupted
        start = self.size_bytes
        source, length = self._tree.open_file(key)
        try:
            steps = read_checked(key, length, check_range(None, length), piece_sums)
            for content in run_steps(steps, partial(read_exactly, source)):
                self._append(memoryview(content), source, self.size_bytes - start)
                if (self.size_bytes - start) % STRETCH_BYTES == 0:
                    start_writing_back(self._held(), self.size_bytes - STRETCH_BYTES, STRETCH_BYTES)
                    yield
        except BaseException:
            self.cut(start)
            raise
        finally:
            os.close(source)

    def catch_up(self) -> bool:
        """Read a stretch of what the fingerprint lacks; tell whether it lacks more."""
        start = self._fingerprint.size_bytes
        end = min(start + STRETCH_BYTES, self.size_bytes)
        for offset in range(start, end, STEP_BYTES):
            content = read_exactly(self._held(), offset, min(STEP_BYTES, end - offset))
            self._fingerprint.update(memoryview(content))
        return end < self.size_bytes

    def publish(self, blob_id: str) -> BlobReceipt:
        """Give the file, of which the fingerprint covers all, the key of a blob; it keeps its own name.

        Raises: FileExistsError when the key is taken.
        """
        descriptor = self._held()
        if os.fstat(descriptor).st_size != self.size_bytes:
            raise Corrupted
        receipt = self._fingerprint.receipt(blob_id)
        self._is_dated = _date(descriptor)  # to reclaim the blob is as young as its key
        self._sync()
        self._tree.link(descriptor, self._path(), receipt.key)
        return receipt

    def _append(self, content: memoryview, source: int | None = None, source_offset: int = 0) -> None:
        """Write `content`, which `source` has at `source_offset` for the file system to share."""
        if not content:
            return
        descriptor = self._changeable()
        self._tree.require_room(len(content))
        is_covered = self._fingerprint.size_bytes == self.size_bytes
        left = content
        if source is not None:
            left = left[self._share(source, source_offset, len(content)) :]
        while left:
            written = os.pwrite(descriptor, left, self.size_bytes)
            self.size_bytes += written
            left = left[written:]
        if is_covered:
            self._fingerprint.update(content)

    def _share(self, source: int, offset: int, length: int) -> int:
        """Let the file system add bytes of `source`, shared or copied; return how many it did."""
        done = 0
        try:
            while self._can_share and done < length:
                copied = os.copy_file_range(
                    source, self._held(), length - done, offset + done, self.size_bytes
                )
                self._can_share = copied > 0
                self.size_bytes += copied
                done += copied
        except OSError as exc:
            if exc.errno not in _CANNOT_SHARE:
                raise
            self._can_share = False
        return done

    def _sync(self) -> None:
        """Make the bytes durable.

        After a failed fsync the kernel may call lost pages clean. So what came since the last good one is
        dropped, and the page that it shared with earlier bytes is written anew.
        Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
        """
        try:
            os.fsync(self._held())
        except OSError:
            with suppress(OSError, Corrupted):
                self.cut(self._synced_bytes)
                self._write_last_page_anew()
            raise

    def _write_last_page_anew(self) -> None:
        start = self.size_bytes - self.size_bytes % _PAGE_BYTES
        content = read_exactly(self._held(), start, self.size_bytes - start)
        os.pwrite(self._held(), content, start)

    def _sync_name(self) -> None:
        """Make the name durable, also when it was found: who made it may not have come to this line."""
        if self._has_durable_name:
            return
        with self._tree.place(self._key) as (directory, _name):
            try:
                os.fsync(directory)
            except OSError:
                # A second fsync would prove nothing about this name. Whoever was told of bytes under it was
                # told so after a good one; else nobody was, and it is made anew.
                if not self._synced_bytes:
                    self.discard()
                raise
        self._has_durable_name = True

    def _path(self) -> Path | None:
        return None if self._tree.has_unnamed_files else self._tree.root / self._key

    def _changeable(self) -> int:
        """Return the descriptor. Raises: Corrupted when the file is a blob by now, or lost its name."""
        descriptor = self._held()
        links = os.fstat(descriptor).st_nlink
        if links != 1:
            raise Corrupted(
                "The bytes were published and cannot change" if links else "The draft was discarded"
            )
        self._is_dated = False
        return descriptor

    def _held(self) -> int:
        if self._descriptor is None:
            raise Corrupted("The draft was discarded")
        return self._descriptor

    def _is_named(self, directory: int, name: str) -> bool:
        with suppress(FileNotFoundError):
            named = os.stat(name, dir_fd=directory, follow_symlinks=False)
            return os.path.samestat(named, os.fstat(self._held()))
        return False


def _lock(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _date(descriptor: int) -> bool:
    """Date the last change to the nanosecond; tell whether the file system keeps such a date."""
    now = time.time_ns()
    with suppress(OSError):
        os.utime(descriptor, ns=(now, now))
    return os.fstat(descriptor).st_mtime_ns == now
