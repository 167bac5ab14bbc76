"""A file on its way into the local tree within one call: hashed while written, then linked by its key."""

import os
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

    def publish_blob(self, last_piece: Piece, blob_id: str) -> BlobReceipt:
        """Append the last piece and make everything durable under its key.

        Raises: FileExistsError when the key is taken.
        """
        self._append(last_piece.content())
        receipt = self._fingerprint.receipt(blob_id)
        self._publish(receipt.key)
        return receipt

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
        """Leave nothing behind, not even a key that nobody was told of."""
        try:
            self._close()
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

    def _publish(self, key: str) -> None:
        """Make the bytes durable, then the name: a key must never lead to bytes that a power cut can take.

        After a failed fsync the kernel may call lost pages clean, so a second try would prove nothing.
        Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
        """
        descriptor = self._opened()
        os.fsync(descriptor)
        self._tree.link(descriptor, self._temporary, key)
        self._published_as = key
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        os.close(descriptor)
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)
