"""Deduplication: the bytes of an upload, or equal ones that are stored already and were found to be good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aerostore.backend import BlobBackend
from aerostore.domain import Blob
from aerostore.errors import StorageError
from aerostore.executor import Result, Statement, Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_blob


class UnseenBytes(Exception):
    """The content is stored already in `blob`, and nobody has looked yet whether its bytes are good."""

    def __init__(self, blob: Blob) -> None:
        super().__init__(blob.key)
        self.blob = blob


@dataclass(frozen=True, slots=True)
class Taken:
    """The blob to point at. before: what must run before a row can do so."""

    blob: Blob
    before: tuple[Statement, ...] = ()


class Claim:
    """The fresh bytes of one upload, and what was seen of equal ones.

    Nothing is answered for, or pointed at, on the word of a row: equal bytes are read first, and that outside
    any transaction, since it takes as long as they are large. One transaction finds them and is undone; the
    next one relies on what was seen.
    """

    def __init__(self, backend: BlobBackend, fresh: Blob) -> None:
        self.fresh = fresh
        self._backend = backend
        self._is_good: dict[str, bool] = {}

    def question(self) -> tuple[Statement, ...]:
        """Return what `take` must know the answer of."""
        return (sql.find_blob_by_content(self.fresh.sha256, self.fresh.size_bytes),)

    def take(self, answer: Sequence[Result], now: datetime) -> Work[Taken]:
        """Choose the blob to point at: one that holds the same bytes already, else the fresh one.

        Damaged bytes, as seen here or noted by a scan, are replaced by the fresh ones for every object that
        has them; what lies under their key is an orphan then.
        """
        fresh, [found] = self.fresh, answer
        if not found.rows:
            return Taken(fresh, (sql.insert_blob(fresh, now),))
        kept = to_blob(found.rows[0])
        is_noted = (yield sql.quarantine.release(kept.key)).changed > 0
        if not is_noted and self._is_good.get(kept.key, True):
            return Taken(kept)
        yield sql.replace_bytes(kept, fresh)
        return Taken(replace(kept, key=fresh.key, piece_sums=fresh.piece_sums))

    def hold(self, now: datetime) -> Work[Blob]:
        """Ask, take, and return the blob, which has its row then."""
        [question] = self.question()
        taken = yield from self.take([(yield question)], now)
        if taken.before:
            yield together(*taken.before)
        return taken.blob

    def has_seen(self, taken: Blob) -> bool:
        """Tell whether the bytes were written or looked at here."""
        return taken.key == self.fresh.key or taken.key in self._is_good

    def require_seen(self, taken: Blob) -> None:
        """Undo the transaction when it relies on bytes that nobody has looked at.

        Call it when the object is written: who is refused by a policy or a taken name learns nothing from how
        long a look takes. Before its event: numbers of events that are undone are lost.
        Raises: UnseenBytes, to begin again after `look_at`.
        """
        if not self.has_seen(taken):
            raise UnseenBytes(taken)

    async def look_at(self, blob: Blob) -> None:
        """Read all of `blob` and remember whether its bytes are those that were written."""
        self._is_good[blob.key] = await self._is_whole(blob)

    async def _is_whole(self, blob: Blob) -> bool:
        try:
            reader = await self._backend.open(blob.key)
            try:
                async for _chunk in reader.chunks():
                    pass
            finally:
                await reader.aclose()
        except StorageError:  # a disk that cannot read them keeps them no better than one that changed them
            return False
        return reader.size_bytes == blob.size_bytes


class Held:
    """Bytes that a row points at, for another row to point at them too: in place of a `Claim`.

    still: in the same transaction, fails unless the row still does; else what it pointed at may be on its way
    out. Neither are they written nor looked at again.
    """

    def __init__(self, blob: Blob, still: Callable[[], Work[None]]) -> None:
        self.fresh = blob
        self._still = still

    def question(self) -> tuple[Statement, ...]:
        """Ask nothing."""
        return ()

    def take(self, _answer: Sequence[Result], _now: datetime) -> Work[Taken]:
        """Return the blob. Raises: what `still` raises."""
        yield from self._still()
        return Taken(self.fresh)

    def has_seen(self, _taken: Blob) -> bool:
        """Say yes: nothing is answered for that was not before."""
        return True

    def require_seen(self, taken: Blob) -> None:
        """Accept it."""
