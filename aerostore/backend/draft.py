"""Bytes that come in several requests: the port `BlobDraft`, which `BlobBackend.draft` gives out."""

from collections.abc import AsyncIterable
from typing import Protocol

from aerostore.backend.receipt import BlobReceipt


class BlobDraft(Protocol):
    """Bytes on their way, in the hands of one request; what was appended is durable when `append` returns."""

    @property
    def size_bytes(self) -> int:
        """How many bytes there are, those included that no caller was told to be durable."""
        ...

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        """Write `chunks` behind the first `offset` bytes, and drop what lay there; return the new length.

        Durable when this returns. When `chunks` raises, that is passed on; what lies behind `offset` then is
        dropped by the next call. An `offset` that is the length, without chunks, changes nothing.
        Raises: Corrupted when there are fewer than `offset` bytes, or when the draft was published and would
        change; InsufficientStorage, Unavailable as `BlobBackend.write`.
        """
        ...

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        """Add the bytes under `key`; shared with that blob where the file system can, else copied.

        They are compared with what was written: damage must not be sealed under a new hash. Durable after
        `publish` only. Raises: Corrupted; InsufficientStorage, Unavailable.
        """
        ...

    async def publish(self, blob_id: str) -> BlobReceipt:
        """Make the bytes, as they are now, a blob; durable when this returns, and not written again.

        The draft stays until `discard`, so that a caller whose rows were refused may try again with a fresh
        blob_id. Raises: as `BlobBackend.write`.
        """
        ...

    async def discard(self) -> None:
        """Remove the draft; a blob that was made of it stays. Nothing else can be done with it afterwards."""
        ...
