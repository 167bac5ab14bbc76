"""A witness of reclaim: judges each deletion by what it saw itself."""

import os
from datetime import datetime, timedelta

from aerostore.domain import to_iso
from tests.service.stage import GRACE_S, Stage


class Watch:
    """What a witness who knows nothing of reclaim saw: when bytes came, were let go, were listed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.written_at: dict[str, datetime] = {}
        self.released_at: dict[str, datetime] = {}
        self.listed_at: dict[str, list[datetime]] = {}
        self.deleted: list[str] = []

    async def before_list(self, prefix: str) -> None:
        if not prefix.startswith("sha256"):
            return
        async for stored in self._stage.backend.list(prefix):
            self.listed_at.setdefault(stored.key, []).append(self._stage.clock())

    async def before_delete(self, key: str) -> None:
        """Judge a deletion that reclaim is about to make. Raises: AssertionError."""
        if key.startswith("draft/"):
            await self._judge_draft(key)
        if not key.startswith("sha256"):
            return
        rows = await self._stage._rows(
            f"SELECT id, status FROM storage_blobs WHERE backend_key = '{key}'", False
        )
        if rows:
            self._judge_released(key, rows[0]["status"])
            pointing = f"SELECT name FROM storage_objects WHERE blob_id = '{rows[0]['id']}'"
            assert await self._stage._rows(pointing, False) == []
        else:
            self._judge_orphan(key)
        self.deleted.append(key)

    def _judge_released(self, key: str, status: str) -> None:
        assert status == "DELETING", f"{key} is in use"
        assert self._is_older_than_grace(self.released_at[key]), f"{key} was let go a moment ago"

    def _judge_orphan(self, key: str) -> None:
        sightings = self.listed_at.get(key, [])
        assert len(sightings) >= 2, f"{key} was seen once"
        # One that a run doomed and did not come to remove may go at once, even by a clock put back meanwhile.
        span = max([*sightings, self._stage.clock()]) - min(sightings)
        assert span >= timedelta(seconds=GRACE_S), f"{key} was seen just now"

    async def _judge_draft(self, key: str) -> None:
        query = f"SELECT state FROM storage_uploads WHERE id = '{key.removeprefix('draft/')}'"
        states = [row["state"] for row in await self._stage._rows(query, False)]
        assert states in ([], ["COMPLETED"]), f"{key} is under way"

    def _is_older_than_grace(self, moment: datetime) -> bool:
        return self._stage.clock() - moment >= timedelta(seconds=GRACE_S)

    def the_clock_was_turned(self) -> None:
        """Begin every grace period anew whose beginning lies in the future now."""
        now = self._stage.clock()
        self.released_at = {key: min(at, now) for key, at in self.released_at.items()}

    async def forget_what_is_needed_again(self) -> None:
        """Forget when blobs were let go that an older database knows as needed."""
        query = "SELECT backend_key FROM storage_blobs WHERE status = 'DELETING'"
        released = {row["backend_key"] for row in await self._stage._rows(query, False)}
        self.released_at = {key: at for key, at in self.released_at.items() if key in released}

    async def note_dates(self) -> None:
        """Date what is new by the clock of the stage: triggers and files have it from the machine's."""
        now = self._stage.clock()
        async for stored in self._stage.backend.list("sha256/"):
            if stored.key not in self.written_at:
                self.written_at[stored.key] = now
                path = self._stage.folder / "blobs" / stored.key
                if path.exists():
                    os.utime(path, (now.timestamp(), now.timestamp()))
        query = "SELECT id, backend_key FROM storage_blobs WHERE status = 'DELETING'"
        for row in await self._stage._rows(query, False):
            if row["backend_key"] not in self.released_at:
                self.released_at[row["backend_key"]] = now
                dated = f"UPDATE storage_blobs SET deleting_since = '{to_iso(now)}' WHERE id = '{row['id']}'"
                await self._stage._rows(dated, True)
