"""What the memory backend keeps under a key, and a draft among it."""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from aerostore.backend.checked_read import check_range, read_checked, run_steps
from aerostore.backend.fingerprint import Fingerprint
from aerostore.backend.key import check_blob_id, find_sha256, is_draft_key
from aerostore.backend.receipt import BlobReceipt
from aerostore.domain import Clock
from aerostore.errors import Corrupted, Unavailable


@dataclass(slots=True)
class Entry:
    """Bytes under a key; those of a draft grow. blob_keys: what a draft was published as."""

    content: bytes | bytearray
    modified_at: datetime
    blob_keys: set[str] = field(default_factory=set)


class Entries(dict[str, Entry]):
    """What is stored, by key. clock: gives the time of a write."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def add(self, key: str, content: bytes | bytearray) -> bool:
        """Store `content` unless the key is taken; tell whether it was free."""
        if key in self:
            return False
        self[key] = Entry(content, self.clock())
        return True

    def bytes_of(self, key: str) -> bytes:
        """Return the bytes under `key` for reading. Raises: Corrupted when there are none, or in a draft."""
        if key not in self or is_draft_key(key):
            raise Corrupted
        return bytes(self[key].content)


class MemoryDraft:
    """The draft `key` of `entries`, which its holder alone has."""

    def __init__(self, entries: Entries, key: str) -> None:
        self._entries = entries
        self._key = key
        self._content = bytearray()
        if not entries.add(key, self._content):
            self._content = _growing(entries[key].content)

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return len(self._content)

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        """Write `chunks` as the port says, as far as memory is durable."""
        if offset > len(self._content):
            raise Corrupted
        if offset < len(self._content):
            self._changeable()
            del self._content[offset:]
        async for chunk in chunks:
            if chunk:
                self._changeable()
                self._content += chunk
        return len(self._content)

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        """Add the bytes under `key`, once all of them are found to be good."""
        self._changeable()
        if find_sha256(key) is None:
            raise Corrupted
        content = self._entries.bytes_of(key)
        steps = read_checked(key, len(content), check_range(None, len(content)), piece_sums)
        self._content += b"".join(run_steps(steps, reading(content)))

    async def publish(self, blob_id: str) -> BlobReceipt:
        """Store the bytes, as they are now, as a blob."""
        check_blob_id(blob_id)
        fingerprint = Fingerprint()
        fingerprint.update(memoryview(bytes(self._content)))
        receipt = fingerprint.receipt(blob_id)
        entry = self._entry()
        if not self._entries.add(receipt.key, bytes(self._content)):
            raise Unavailable("The key exists")
        entry.blob_keys.add(receipt.key)
        return receipt

    async def discard(self) -> None:
        """Remove the draft."""
        if self._is_stored():
            del self._entries[self._key]
        self._content = bytearray()

    def _changeable(self) -> None:
        """Raise Corrupted while a blob has these bytes, as on a disk, where the two share them."""
        entry = self._entry()
        if any(key in self._entries for key in entry.blob_keys):
            raise Corrupted("The bytes were published and cannot change")
        entry.modified_at = self._entries.clock()

    def _entry(self) -> Entry:
        if not self._is_stored():
            raise Corrupted("The draft was discarded")
        return self._entries[self._key]

    def _is_stored(self) -> bool:
        return self._key in self._entries and self._entries[self._key].content is self._content


def reading(content: bytes) -> Callable[[int, int], bytes]:
    """Return what reads so many bytes of `content` from an offset."""
    return lambda start, length: content[start : start + length]


def _growing(content: bytes | bytearray) -> bytearray:
    if not isinstance(content, bytearray):
        raise Corrupted
    return content
