"""Scrub: compares every stored byte with its SHA-256, slowly, and tells what is damaged or missing.

Disks lose bits without a word; who reads each file now and then learns of it while a good copy can still be
had. One file at a time, under a rate; a round that is interrupted goes on where it was. The backend's reader
does the comparison, the same that guards downloads.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from aerostore.backend import BlobBackend
from aerostore.domain import Blob, Clock, ScrubRound
from aerostore.errors import Corrupted, LockTimeout, Unavailable
from aerostore.executor import Executor
from aerostore.executor import statements as sql
from aerostore.executor.row import to_blob, to_scrub_round
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.lease import Lease
from aerostore.telemetry import Telemetry

MISSING, DAMAGED = "missing", "damaged"
KEYS_REPORTED = 1000
ROUNDS_KEPT = 12
_BATCH = 100
_SAVE_EVERY_S, _SAVE_EVERY = 5.0, 1000
_LOOK_EVERY_S = 60.0
_LEASE_S = 60
_LONGEST_SLEEP_S = 10.0
# What a file costs the disk besides its bytes, so that a million empty ones are not read at once.
_COST_OF_OPENING = 4096
_LOGGED = 100
logger = logging.getLogger("aerostore.scrub")

Watch = Callable[[ScrubRound], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubReport:
    """What is known of the stored bytes. refused: why nothing was read now, empty when it was.

    rounds: newest first. damaged, missing: keys that need repair, whoever found them, at most
    `KEYS_REPORTED` of both together.
    """

    refused: str = ""
    rounds: Sequence[ScrubRound] = ()
    damaged: Sequence[str] = ()
    damaged_count: int = 0
    missing: Sequence[str] = ()
    missing_count: int = 0


class Scrub:
    """The job that reads everything; a lease keeps it to one process at a time.

    bytes_per_s: how much it reads on average. sleep, monotonic: how it keeps to that.
    """

    def __init__(
        self,
        executor: Executor,
        backend: BlobBackend,
        *,
        bytes_per_s: int,
        clock: Clock,
        telemetry: Telemetry,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._telemetry = telemetry
        self._sleep = sleep
        self._monotonic = monotonic
        self._pace = _Pace(bytes_per_s, monotonic)
        self._books = Bookkeeping(executor)
        self._lease = Lease(executor, "scrub", clock=clock, seconds=_LEASE_S)
        self._logged = 0

    async def run_for_ever(self, interval_s: float) -> None:
        """Begin a round every `interval_s`, until cancelled; first go on with one that was interrupted."""
        while True:
            try:
                await self._count_losses()
                await self._run_when_due(interval_s)
            except Unavailable as exc:
                logger.warning("scrub cannot reach its parts", extra={"facts": {"reason": exc.message}})
            except Exception:  # whatever it was, damage must be looked for all the same
                logger.exception("scrub stopped for this time")
            await self._sleep(min(interval_s, _LOOK_EVERY_S))

    async def run(self, *, restart: bool = False, watch: Watch | None = None) -> ScrubReport:
        """Read what the round that is under way has not read yet, or all in a new one; report.

        restart: give up a round that is under way. watch: told after each blob how far the round is.
        Cancelled, it keeps what was done. Raises: Unavailable when rows or bytes cannot be reached.
        """
        if not await self._lease.hold():
            return replace(await self.look(), refused="another process is scrubbing now")
        try:
            if restart:
                await self._books.write(sql.scrub.give_up_rounds())
            await self._run_round(watch or _ignore)
        finally:
            await self._lease.release()
        return await self.look()

    async def look(self) -> ScrubReport:
        """Return what is known, and read no stored bytes. Raises: Unavailable."""
        counts = await self._count_losses()
        losses = await self._books.read(sql.quarantine.list_losses(KEYS_REPORTED))
        rounds = await self._books.read(sql.scrub.list_rounds(ROUNDS_KEPT))
        return ScrubReport(
            rounds=[to_scrub_round(row) for row in rounds],
            damaged=[row["backend_key"] for row in losses if row["kind"] == DAMAGED],
            damaged_count=counts.get(DAMAGED, 0),
            missing=[row["backend_key"] for row in losses if row["kind"] == MISSING],
            missing_count=counts.get(MISSING, 0),
        )

    async def count_stored(self) -> int:
        """Return how many bytes a whole round reads. Raises: Unavailable."""
        return int((await self._books.read(sql.scrub.count_stored()))[0]["size_bytes"])

    # Rounds

    async def _run_when_due(self, interval_s: float) -> None:
        if not await self._is_due(interval_s) or not await self._lease.hold():
            return
        try:
            # Asked again: another process may have ended a round before this one had the lease.
            if await self._is_due(interval_s):
                await self._run_round(_ignore)
        finally:
            await self._lease.release()

    async def _run_round(self, watch: Watch) -> None:
        self._logged = 0
        await self._look_again()
        await self._finish(await self._read_all(await self._open_round(), watch))

    async def _is_due(self, interval_s: float) -> bool:
        rounds = [to_scrub_round(row) for row in await self._books.read(sql.scrub.list_rounds(1))]
        if not rounds or await self._books.read(sql.scrub.find_unfinished()):
            return True
        # A date in the future is a wrong clock's.
        return not timedelta() <= self._clock() - rounds[0].started_at < timedelta(seconds=interval_s)

    async def _look_again(self) -> None:
        """Read what was lost before all else: who put a file right wants to know it now."""
        for row in await self._books.read(sql.quarantine.list_lost_blobs(KEYS_REPORTED)):
            blob = to_blob(row)
            if not await self._find_loss(blob):
                await self._books.write(sql.quarantine.release(blob.key))

    async def _open_round(self) -> ScrubRound:
        interrupted = await self._books.read(sql.scrub.find_unfinished())
        if interrupted:
            return to_scrub_round(interrupted[0])
        now = self._clock()
        new = ScrubRound(id=str(uuid.uuid4()), started_at=now, updated_at=now)
        await self._books.write(sql.scrub.insert_round(new))
        return new

    async def _read_all(self, reached: ScrubRound, watch: Watch) -> ScrubRound:
        """Check all blobs after the round's cursor, which is saved now and then and when it is cancelled."""
        saved, saved_at = reached, self._monotonic()
        try:
            while rows := await self._books.read(sql.list_blobs(reached.after_key, _BATCH)):
                blobs = [to_blob(row) for row in rows]
                lost = await self._known_losses(blobs)
                for blob in blobs:
                    reached = await self._check(blob, reached, was_lost=blob.key in lost)
                    watch(reached)
                    is_time = self._monotonic() - saved_at >= _SAVE_EVERY_S
                    if is_time or reached.checked - saved.checked >= _SAVE_EVERY:
                        await self._save(reached)
                        saved, saved_at = reached, self._monotonic()
        except asyncio.CancelledError:
            with suppress(Unavailable):  # whoever cancels it must not wait; some files are read again
                await self._save(reached)
            raise
        return reached

    async def _save(self, reached: ScrubRound) -> None:
        await self._keep_lease()
        await self._books.write(sql.scrub.update_round(replace(reached, updated_at=self._clock())))
        await self._count_losses()

    async def _finish(self, reached: ScrubRound) -> None:
        await self._keep_lease()
        now = self._clock()
        done = replace(reached, updated_at=now, finished_at=now)
        await self._books.write(
            sql.scrub.update_round(done),
            sql.scrub.trim_rounds(ROUNDS_KEPT),
            sql.quarantine.forget_settled_losses(),
        )
        found = {"checked": done.checked, "damaged": done.damaged, "missing": done.missing}
        logger.info("scrub", extra={"facts": found})

    # Blobs

    async def _check(self, blob: Blob, reached: ScrubRound, *, was_lost: bool) -> ScrubRound:
        """Read one blob, note what it is like, and return the round with it."""
        loss = await self._find_loss(blob)
        if loss and not await self._note(blob, loss):
            loss = ""
        if was_lost and not loss:
            await self._books.write(sql.quarantine.release(blob.key))
        return replace(
            reached,
            after_key=blob.key,
            checked=reached.checked + 1,
            checked_bytes=reached.checked_bytes + blob.size_bytes,
            damaged=reached.damaged + (loss == DAMAGED),
            missing=reached.missing + (loss == MISSING),
        )

    async def _find_loss(self, blob: Blob) -> str:
        """Return what is wrong with the bytes of `blob`, empty when nothing is."""
        if not await self._has_its_length(blob):
            return MISSING
        await self._spend(_COST_OF_OPENING)
        try:
            async with aclosing(_read(self._backend, blob.key)) as lengths:
                async for length in lengths:
                    await self._spend(length)
        except _Unreadable:
            # While the backend as a whole is away, this fails as well, and the round waits for it.
            return DAMAGED if await self._has_its_length(blob) else MISSING
        return ""

    async def _has_its_length(self, blob: Blob) -> bool:
        try:
            return await self._backend.size(blob.key) == blob.size_bytes
        except Corrupted:
            return False

    async def _note(self, blob: Blob, loss: str) -> bool:
        """Put a loss into quarantine; False when the blob went or got other bytes while it was read."""
        if not await self._books.write(sql.quarantine.note_loss(blob.key, loss, self._clock())):
            return False
        self._logged += 1
        if self._logged <= _LOGGED:
            logger.error(f"stored bytes are {loss}", extra={"facts": {"key": blob.key}})
        return True

    async def _known_losses(self, blobs: Sequence[Blob]) -> set[str]:
        known = await self._books.read(sql.quarantine.find_losses([blob.key for blob in blobs]))
        return {row["backend_key"] for row in known}

    async def _count_losses(self) -> dict[str, int]:
        rows = await self._books.read(sql.quarantine.count_losses())
        counts = {row["kind"]: int(row["keys"]) for row in rows}
        self._telemetry.damaged_files.set(counts.get(DAMAGED, 0))
        return counts

    # Pace

    async def _spend(self, size_bytes: int) -> None:
        """Wait as long as reading `size_bytes` may take, and keep the lease."""
        delay_s = self._pace.delay_s(size_bytes)
        while delay_s > 0:
            step_s = min(delay_s, _LONGEST_SLEEP_S)
            await self._sleep(step_s)
            await self._keep_lease()
            delay_s -= step_s
        await self._keep_lease()

    async def _keep_lease(self) -> None:
        """Go on only as long as no other process scrubs. Raises: LockTimeout."""
        if not await self._lease.hold():
            raise LockTimeout("another process has taken over scrub")


class _Unreadable(Exception):
    """Bytes are not those that were stored, or a place on the disk cannot be read."""


async def _read(backend: BlobBackend, key: str) -> AsyncGenerator[int, None]:
    """Read all bytes of `key` and drop them; yield the length of each chunk. Raises: _Unreadable."""
    try:
        reader = await backend.open(key)
        try:
            async for chunk in reader.chunks():
                yield len(chunk)
        finally:
            await reader.aclose()
    except (Corrupted, Unavailable) as exc:
        raise _Unreadable from exc


class _Pace:
    """How long to wait so that no more than `bytes_per_s` are read on average; idle time is not saved up."""

    def __init__(self, bytes_per_s: int, monotonic: Callable[[], float]) -> None:
        self._bytes_per_s = bytes_per_s
        self._monotonic = monotonic
        self._free_at = monotonic()

    def delay_s(self, size_bytes: int) -> float:
        now = self._monotonic()
        self._free_at = max(self._free_at, now) + size_bytes / self._bytes_per_s
        return self._free_at - now


def _ignore(_reached: ScrubRound) -> None:
    """Watch nothing."""
