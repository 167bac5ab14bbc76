"""Where bytes live: the port `BlobBackend`. Adapters: `local` (a directory), `memory` (tests).

A backend knows keys and bytes, nothing of buckets, names or users. Blobs lie under
`sha256/<first two digits>/<sha256>.<blob id>`; such a key is never reused, so a late delete can never hit
newer bytes. The service's own records lie under `meta/`. Bytes that come in several requests grow in a draft
under `draft/` and become a blob at the end without being written again. `key` has the three shapes; a text
of none of them is the key of nothing. Every adapter passes `tests/conformance/test_backend*.py`.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aerostore.backend.draft import BlobDraft
from aerostore.backend.receipt import BlobReceipt
from aerostore.domain import ByteRange

__all__ = ["BlobBackend", "BlobDraft", "BlobReader", "BlobReceipt", "StoredBlob"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """One key as `list` sees it."""

    key: str
    size_bytes: int
    modified_at: datetime


class BlobReader(Protocol):
    """Open bytes. They stay readable until `aclose`, even when the key is deleted meanwhile.

    size_bytes: length of the whole blob; length: of the part that was asked for. It gives bytes and never a
    file to send: what a server sends by itself, nobody has checked.
    """

    @property
    def size_bytes(self) -> int: ...  # noqa: D102 -- described above

    @property
    def length(self) -> int: ...  # noqa: D102 -- described above

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part in chunks of at most 1 MiB, in order; may be called once.

        Every byte is held back until its piece is found to have the right sum; without sums the last chunk
        of a whole blob, until its SHA-256 is found to be that of the key.
        Raises: Corrupted when the bytes end early or are not those that were written.
        """
        ...

    async def aclose(self) -> None:
        """Release the bytes; may be called more than once."""
        ...


class BlobBackend(Protocol):
    """Immutable bytes under keys that follow from their content and the blob id.

    name: label for metrics and `doctor`. durable: whether a returned write survives a power cut.
    """

    name: str
    durable: bool

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        """Store `chunks` under a fresh key; complete and durable when this returns, or absent.

        chunks: read once, any piece length, never kept. blob_id: 36 lower-case hex digits and dashes, part
        of the key; the caller never gives one twice. size_bytes: the announced length, None when unknown.
        An exception from `chunks` is passed on and nothing is stored.
        Raises: IncompleteBody when another number of bytes than size_bytes arrived; InsufficientStorage
        when there is no room; Unavailable when storage refuses; ValueError for a malformed blob_id.
        Source: POSIX link and rename are atomic within a file system; S3 PutObject is atomic per key.
        """
        ...

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        """Store `content` under `key` unless the key exists; of concurrent callers exactly one wins.

        Returns whether this call stored it. Durable when it returns True. For the service's own small
        records; key: `meta/` and one to four segments of 1 to 100 letters, digits, `_`, `-` and, except in
        front, `.`; unlike a blob's it may be written again after a delete.
        Raises: as `write`; ValueError for a key of another shape.
        """
        ...

    def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AbstractAsyncContextManager[BlobDraft]:
        """Take the draft of this id, made empty when there is none; nobody else has it during the block.

        draft_id: 36 lower-case hex digits and dashes. Drafts are listed and deleted as the keys
        `draft/<draft_id>`. Other processes of this machine are kept out too, and a process that dies lets go.
        Raises: LockTimeout when somebody else had it for all of `timeout_s`; ValueError.
        """
        ...

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        """Open the bytes under `key`, or the part of them that `byte_range` names; check its beginning.

        piece_sums: those of the blob's receipt. Without them a whole blob, or any part of one that is no
        longer than `piece_sum.SMALL_BYTES`, is checked by its SHA-256, and of other parts only the length.
        Small records are not checked.
        Raises: Corrupted when there are no bytes under `key`, the range does not lie inside them, or the
        first chunk of `chunks` would be wrong.
        """
        ...

    async def size(self, key: str) -> int:
        """Return the length of the bytes under `key`. Raises: Corrupted when there are none."""
        ...

    async def exists(self, key: str) -> bool:
        """Tell whether there are bytes under `key`."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the bytes under `key`; no error when there are none. Readers that are open go on."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        """Yield every stored key that starts with `prefix`, in no particular order.

        A key written or deleted while the list runs may or may not be in it. Temporary files are not keys.
        """
        ...

    async def sweep(self, older_than: datetime) -> int:
        """Remove what interrupted writes left behind before `older_than`; return how many pieces."""
        ...

    async def close(self) -> None:
        """Let go of threads, sockets and descriptors; open readers end by themselves."""
        ...
