"""The proof of a write."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobReceipt:
    """Proof of a write: where the bytes are, how many, and their SHA-256 in hex.

    piece_sums: what `open` checks parts with later, in the form of `piece_sum`; empty for a small blob.
    """

    key: str
    size_bytes: int
    sha256: str
    piece_sums: bytes = b""
