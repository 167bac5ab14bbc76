"""A file on its way into the local tree within one call: hashed while written, then linked by its key."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aerostore.backend.fingerprint import Fingerprint
from aerostore.backend.local_piece import Piece
from aerostore.backend.local_tree import LocalTree, start_writing_back
from aerostore.backend.receipt import BlobReceipt


class NewFile:
    """Bytes in a file that has no key yet. Every call blocks; one thread at a time."""

    def __init__(self, tree: LocalTree) -> None:
        self._tree = tree
        self._fingerprint = Fingerprint()
        self._descriptor: int | None = None
        self._temporary: Path | None = None
        self._published_as: str | None = None

    def consume(self, piece: Piece) -> None:
        """Append a piece that more will follow, and let the disk start on it while they come."""
        self._append(piece.content())
        start_writing_back(self._opened(), self._fingerprint.size_bytes - piece.length, piece.length)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written yet."""
        return self._fingerprint.size_bytes == 0

    def fill(self, last_piece: Piece, blob_id: str) -> BlobReceipt:
        """Append the last piece; return the receipt of what is then to be made durable."""
        self._append(last_piece.content())
        return self._fingerprint.receipt(blob_id)

    def start_writing_back(self) -> None:
        """Let the disk start on a short file."""
        start_writing_back(self._opened(), 0, self._fingerprint.size_bytes)

    def sync(self) -> None:
        """Make the bytes durable."""
        os.fsync(self._opened())

    @contextmanager
    def linked(self, key: str) -> Iterator[int]:
        """Give the file, whose bytes are durable, its key; yield the directory, which is to be synced.

        Raises: FileExistsError when the key is taken.
        """
        with self._tree.linked(self._opened(), self._temporary, key) as directory:
            self._published_as = key
            yield directory

    def publish_if_absent(self, key: str, content: bytes) -> bool:
        """Make `content` durable under `key` unless it is taken; tell whether it was free."""
        try:
            self._append(memoryview(content))
            self.sync()
            with self.linked(key) as directory:
                os.fsync(directory)
            self.close()
        except FileExistsError:
            self.discard()
            return False
        except BaseException:
            self.discard()
            raise
        return True

    def close(self) -> None:
        """Let go of the file; without a key nothing is left of it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        os.close(descriptor)
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)

    def discard(self) -> None:
        """Leave nothing behind, not even a key that nobody was told of."""
        try:
            self.close()
        finally:
            if self._published_as is not None:
                self._tree.delete(self._published_as)

    def _append(self, content: memoryview) -> None:
        self._tree.require_room(len(content))
        descriptor = self._opened()
        self._fingerprint.update(content)
        while content:
            content = content[os.write(descriptor, content) :]

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor, self._temporary = self._tree.create_temporary()
        return self._descriptor
