"""Bytes on their way into the local tree: a body in pieces, and the draft that hashes and stores them."""

import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

from aerostore.backend import BlobReceipt
from aerostore.backend.key import blob_key
from aerostore.backend.local_tree import LocalTree
from aerostore.backend.piece_sum import PieceSums
from aerostore.errors import IncompleteBody

PIECE_BYTES = 1024 * 1024


class Piece:
    """Up to `PIECE_BYTES` in a buffer that is used again: to grow a new one takes ten times the copying."""

    def __init__(self) -> None:
        self.length = 0
        self._buffer = bytearray()

    def fill(self, view: memoryview) -> memoryview:
        """Copy as much of `view` as there is room for; return the rest of it."""
        end = min(self.length + len(view), PIECE_BYTES)
        taken = end - self.length
        self._buffer[self.length : end] = view[:taken]
        self.length = end
        return view[taken:]

    def content(self) -> memoryview:
        """Return what was filled in, valid until the next `fill`."""
        return memoryview(self._buffer)[: self.length]


class Body:
    """Incoming chunks as pieces. The last one, full or not, stays in `rest`."""

    def __init__(self, chunks: AsyncIterable[bytes], size_bytes: int | None) -> None:
        self.rest = Piece()
        self._other = Piece()
        self._chunks = chunks
        self._expected = size_bytes
        self._received = 0

    async def full_pieces(self) -> AsyncGenerator[Piece, None]:
        """Yield each full piece once it is known not to be the last.

        A piece is filled again after the next one was yielded and its receiver came back for more.
        Raises: IncompleteBody when another number of bytes than expected arrived.
        """
        async for chunk in self._chunks:
            self._received += len(chunk)
            if self._expected is not None and self._received > self._expected:
                raise IncompleteBody
            view = memoryview(chunk)
            while view:
                if self.rest.length == PIECE_BYTES:
                    yield self.rest
                    self.rest, self._other = self._other, self.rest
                    self.rest.length = 0
                view = self.rest.fill(view)
        if self._expected not in {None, self._received}:
            raise IncompleteBody


class Draft:
    """Bytes in a file that has no key yet. Every call blocks; one thread at a time."""

    def __init__(self, tree: LocalTree) -> None:
        self._tree = tree
        self._sha256 = hashlib.sha256()
        self._sums = PieceSums()
        self._size_bytes = 0
        self._descriptor: int | None = None
        self._temporary: Path | None = None
        self._published_as: str | None = None

    def consume(self, piece: Piece) -> None:
        """Append a piece that more will follow, and let the disk start on it while they come."""
        self._append(piece.content())
        if hasattr(os, "posix_fadvise"):  # macOS has none
            # On Linux this starts writing back, waits for nothing and drops only pages that are clean.
            offset = self._size_bytes - piece.length
            os.posix_fadvise(self._opened(), offset, piece.length, os.POSIX_FADV_DONTNEED)

    def publish_blob(self, last_piece: Piece, blob_id: str) -> BlobReceipt:
        """Append the last piece and make everything durable under its key.

        Raises: FileExistsError when the key is taken.
        """
        self._append(last_piece.content())
        sha256 = self._sha256.hexdigest()
        key = blob_key(sha256, blob_id)
        self._publish(key)
        return BlobReceipt(
            key=key, size_bytes=self._size_bytes, sha256=sha256, piece_sums=self._sums.packed()
        )

    def publish_if_absent(self, key: str, content: bytes) -> bool:
        """Make `content` durable under `key` unless it is taken; tell whether it was free."""
        try:
            self._append(memoryview(content))
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

    def _append(self, content: memoryview) -> None:
        self._tree.require_room(len(content))
        descriptor = self._opened()
        self._sha256.update(content)
        self._sums.update(content)
        self._size_bytes += len(content)
        while content:
            content = content[os.write(descriptor, content) :]

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
            # dst_dir_fd also makes Python ask linkat to follow the link that /proc shows.
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
