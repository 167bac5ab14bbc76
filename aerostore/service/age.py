"""Whether the database is older than the bytes, as after restoring a backup: marks beside the bytes tell.

The database cannot testify to its own age. Why marks and holds are as they are: decision 0008.
"""

import re
import uuid
from collections.abc import AsyncIterator

from aerostore.backend import BlobBackend
from aerostore.executor import statements as sql
from aerostore.service.bookkeeping import Bookkeeping

SEQ_PREFIX = "meta/seq/"
HOLD_PREFIX = "meta/hold/"
_SEQ_KEY = re.compile(rf"{SEQ_PREFIX}(\d{{20}})\.[0-9a-f-]{{36}}", re.ASCII)
_LOOKS_OLDER = (
    "the database looks older than the stored bytes, as after restoring a backup;"
    " run 'aerostore reclaim --apply --accept-restored' when it is the right one"
)


class DatabaseAge:
    """The number of the newest event, left beside the bytes, and the hold that a smaller one brings about."""

    def __init__(self, books: Bookkeeping, backend: BlobBackend) -> None:
        self._books = books
        self._backend = backend

    async def check(self, *, note: bool) -> str:
        """Return why the database looks older than the bytes, empty when it does not.

        note: leave a hold, which stays when the numbers of a restored database have grown past the mark.
        """
        is_held = bool(await self._holds())
        newest_marked = max([seq async for seq, _key in self._marks()], default=0)
        seq = await self._newest_seq()
        if seq >= newest_marked and not is_held:
            return ""
        if note and not is_held:
            await self._backend.write_if_absent(f"{HOLD_PREFIX}{uuid.uuid4()}", str(seq).encode())
        return _LOOKS_OLDER

    async def mark(self) -> None:
        """Leave the newest number beside the bytes, so that an older database can be told from this one."""
        seq = await self._newest_seq()
        marks = [(marked, key) async for marked, key in self._marks()]
        if seq > max([marked for marked, _key in marks], default=0):
            await self._backend.write_if_absent(f"{SEQ_PREFIX}{seq:020d}.{uuid.uuid4()}", b"")
            for _marked, key in marks:
                await self._backend.delete(key)

    async def accept(self) -> None:
        """Trust the database as it is. Orphans that an older one had seen must be seen anew."""
        if await self.check(note=False):
            await self._books.write(sql.quarantine.forget_orphans())
        marks = [key async for _seq, key in self._marks()]
        for key in [*await self._holds(), *marks]:
            await self._backend.delete(key)

    async def _holds(self) -> list[str]:
        return [stored.key async for stored in self._backend.list(HOLD_PREFIX)]

    async def _marks(self) -> AsyncIterator[tuple[int, str]]:
        async for stored in self._backend.list(SEQ_PREFIX):
            match = _SEQ_KEY.fullmatch(stored.key)
            if match:
                yield int(match[1]), stored.key

    async def _newest_seq(self) -> int:
        return int((await self._books.read(sql.newest_seq()))[0]["seq"])
