"""What a receipt tells of bytes, counted while they pass: their number, SHA-256 and piece sums."""

import hashlib

from aerostore.backend.key import blob_key
from aerostore.backend.piece_sum import PieceSums
from aerostore.backend.receipt import BlobReceipt


class Fingerprint:
    """The fingerprint of the first `size_bytes` of a blob."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._sums = PieceSums()

    def update(self, content: memoryview) -> None:
        """Take the next bytes of the blob."""
        self._sha256.update(content)
        self._sums.update(content)
        self.size_bytes += len(content)

    def receipt(self, blob_id: str) -> BlobReceipt:
        """Return the receipt of these bytes, once they are stored as `blob_id`. Raises: ValueError."""
        sha256 = self._sha256.hexdigest()
        return BlobReceipt(
            key=blob_key(sha256, blob_id),
            size_bytes=self.size_bytes,
            sha256=sha256,
            piece_sums=self._sums.packed(),
        )
