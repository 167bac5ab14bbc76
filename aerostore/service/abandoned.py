"""What uploads in several requests leave behind: rows that expired, drafts that nobody goes on with."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aerostore.backend import BlobBackend, StoredBlob
from aerostore.errors import LockTimeout
from aerostore.executor import Statement
from aerostore.executor import statements as sql
from aerostore.service.bookkeeping import Bookkeeping

DRAFT_PREFIX = "draft/"
FindLiving = Callable[[Sequence[str]], Statement]
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """How much there is of it. draft_bytes: of all `drafts` together."""

    expired_uploads: int
    drafts: int
    draft_bytes: int


class AbandonedUploads:
    """Finds and removes them. grace_s: how long a draft is left alone after it was last written."""

    def __init__(self, books: Bookkeeping, backend: BlobBackend, *, grace_s: int) -> None:
        self._books = books
        self._backend = backend
        self._grace = timedelta(seconds=grace_s)

    async def count(self, now: datetime) -> Abandoned:
        """Return what there is at `now`; the drafts of uploads that have expired are among it."""
        uploads = (await self._books.read(sql.count_expired_uploads(now)))[0]["uploads"]
        drafts, draft_bytes = 0, 0
        async for draft in self._drafts(now, lambda ids: sql.find_uploads_under_way(ids, now)):
            drafts, draft_bytes = drafts + 1, draft_bytes + draft.size_bytes
        return Abandoned(expired_uploads=uploads, drafts=drafts, draft_bytes=draft_bytes)

    async def forget_expired(self, now: datetime) -> int:
        """Delete the rows of uploads that are over, in small transactions; return how many.

        Their parts let go of their bytes, and a request that is about to complete one is refused.
        """
        forgotten = 0
        while count := await self._books.write(sql.delete_expired_uploads(now, _BATCH)):
            forgotten += count
        return forgotten

    async def find_drafts(self, now: datetime, at_most: int) -> list[StoredBlob]:
        """Return drafts to remove, once the expired uploads are forgotten: nobody can go on with them."""
        found: list[StoredBlob] = []
        # Those that have a row are spared whatever its date says: the clock may have been put back since.
        async for draft in self._drafts(now, sql.find_unfinished_uploads):
            if len(found) < at_most:
                found.append(draft)
        return found

    async def remove(self, draft: StoredBlob) -> bool:
        """Remove a draft unless a request holds it, which then sees to it itself; tell whether it is gone."""
        try:
            async with self._backend.draft(draft.key.removeprefix(DRAFT_PREFIX)) as held:
                await held.discard()
        except LockTimeout:
            return False
        return True

    async def _drafts(self, now: datetime, find_living: FindLiving) -> AsyncIterator[StoredBlob]:
        """Yield the drafts of no living upload that were last written longer ago than the grace period.

        The row of an upload comes before its draft and an upload that is over never begins again. A date far
        in the future is a wrong clock's.
        """
        async for batch in batches(self._backend.list(DRAFT_PREFIX)):
            old = [draft for draft in batch if abs(now - draft.modified_at) > self._grace]
            living = await self._living(old, find_living)
            for draft in old:
                if draft.key not in living:
                    yield draft

    async def _living(self, drafts: list[StoredBlob], find_living: FindLiving) -> set[str]:
        if not drafts:
            return set()
        ids = [draft.key.removeprefix(DRAFT_PREFIX) for draft in drafts]
        return {f"{DRAFT_PREFIX}{row['id']}" for row in await self._books.read(find_living(ids))}


async def batches(stored: AsyncIterator[StoredBlob]) -> AsyncIterator[list[StoredBlob]]:
    """Yield what is stored in lists of a length that one question to the database can name."""
    batch: list[StoredBlob] = []
    async for each in stored:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
