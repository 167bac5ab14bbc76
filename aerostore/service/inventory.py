"""What is stored beside what rows say, both in the order of keys: each file and each row is looked at once.

A difference is a reason to look again, not a proof: while files are listed and rows are read, uploads end.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aerostore.backend import BlobBackend, StoredBlob
from aerostore.domain import BlobStatus
from aerostore.executor import Row
from aerostore.executor import statements as sql
from aerostore.service.bookkeeping import Bookkeeping

BLOB_PREFIX = "sha256/"
_BATCH = 500
_SHARDS = [f"{BLOB_PREFIX}{number:02x}/" for number in range(256)]
# In one of 256 parts: with no more, all parts are one.
_FEW = 100
_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one part of the keys. scanned: how many are stored.

    unknown: stored, and no row seemed to know it. unseen: length by key, as COMMITTED rows have it, of what
    was not listed with this length.
    """

    scanned: int
    unknown: Sequence[StoredBlob]
    unseen: dict[str, int]


async def compare(books: Bookkeeping, backend: BlobBackend) -> AsyncIterator[Difference]:
    """Yield the differences of one part of the keys after the other; one part is in memory at a time."""
    rows = _RowsInOrder(books)
    async for stored, following in _parts(backend):
        scanned, unseen = len(stored), dict[str, int]()
        async for taken in rows.take_before(following):
            for row in taken:
                seen = stored.pop(row["backend_key"], None)
                is_as_it_says = seen is not None and seen.size_bytes == row["size_bytes"]
                if row["status"] == BlobStatus.COMMITTED and not is_as_it_says:
                    unseen[row["backend_key"]] = row["size_bytes"]
        yield Difference(scanned=scanned, unknown=list(stored.values()), unseen=unseen)


async def _parts(backend: BlobBackend) -> AsyncIterator[tuple[dict[str, StoredBlob], str]]:
    """Yield what is stored, by key, each time with the key before which the keys of this part come."""
    # Hashes are spread evenly: the first part tells how much there is in all.
    if len(await _stored(backend, _SHARDS[0])) <= _FEW:
        yield await _stored(backend, BLOB_PREFIX), _AFTER_ALL
        return
    for shard, following in zip(_SHARDS, [*_SHARDS[1:], _AFTER_ALL], strict=True):
        yield await _stored(backend, shard), following


async def _stored(backend: BlobBackend, prefix: str) -> dict[str, StoredBlob]:
    return {each.key: each async for each in backend.list(prefix)}


class _RowsInOrder:
    """Every row of a blob once, read in batches that do not end where the parts end."""

    def __init__(self, books: Bookkeeping) -> None:
        self._books = books
        self._waiting: Sequence[Row] = ()
        self._after = ""

    async def take_before(self, key: str) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows that were not taken yet and have smaller keys than `key`."""
        while self._waiting or await self._read_more():
            cut = bisect_left(self._waiting, key, key=lambda row: str(row["backend_key"]))
            taken, self._waiting = self._waiting[:cut], self._waiting[cut:]
            yield taken
            if self._waiting:
                return

    async def _read_more(self) -> bool:
        self._waiting = await self._books.read(sql.quarantine.list_rows(self._after, _BATCH))
        if self._waiting:
            self._after = self._waiting[-1]["backend_key"]
        return bool(self._waiting)
