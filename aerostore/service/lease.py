"""Leases: of several processes on one database, one at a time runs a background job."""

import uuid
from contextlib import suppress
from datetime import datetime, timedelta

from aerostore.domain import SYSTEM, Clock
from aerostore.errors import Unavailable
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql


class Lease:
    """The right to run the job `name`. It ends after `seconds` unless it is held again in time."""

    def __init__(self, executor: Executor, name: str, *, clock: Clock, seconds: float) -> None:
        self._executor = executor
        self._name = name
        self._clock = clock
        self._duration = timedelta(seconds=seconds)
        self._holder = str(uuid.uuid4())
        self._held_since: datetime | None = None

    async def hold(self) -> bool:
        """Take or keep the lease; False while another process has it. Writes once in half its duration."""
        now = self._clock()
        # A clock that was put back would make this process trust a lease that it lost long ago.
        if self._held_since is not None and timedelta() <= now - self._held_since < self._duration / 2:
            return True
        taken = await self._write(sql.take_lease(self._name, self._holder, now, self._duration))
        self._held_since = now if taken else None
        return taken

    async def release(self) -> None:
        """Let another process have it; while the database is away it is left to end by itself."""
        self._held_since = None
        # Jobs call this at their end: a failure here would hide what ended them, a cancellation above all.
        with suppress(Unavailable):
            await self._write(sql.release_lease(self._name, self._holder))

    async def _write(self, statement: Statement) -> bool:
        def work() -> Work[bool]:
            return (yield statement).changed > 0

        # As the system: leases belong to the server itself.
        return await self._executor.write(SYSTEM, work)
