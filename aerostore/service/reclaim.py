"""Reclaim: removes bytes that nobody points at, and says what is wrong in either direction.

Report, quarantine, grace, delete. Bytes go before their row, so a crash leaves a row that says so and the
next run goes on. Nothing is deleted on the evidence of one scan, more than a cap in one run, or while the
database looks older than the bytes: a restored backup knows nothing of what was written after it. Bytes
without a row are doomed first: from then on no upload can come to point at them, however late it is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from aerostore.backend import BlobBackend, StoredBlob
from aerostore.domain import Blob, Clock, to_iso
from aerostore.errors import Corrupted, LockTimeout, Unavailable
from aerostore.executor import Executor
from aerostore.executor import statements as sql
from aerostore.executor.row import to_blob
from aerostore.service.abandoned import AbandonedUploads
from aerostore.service.age import DatabaseAge
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.inventory import compare
from aerostore.service.lease import Lease
from aerostore.telemetry import Telemetry

KEYS_REPORTED = 1000
_KEYS_LOGGED = 20
_BATCH = 500
_MARK_INTERVAL_S = 60.0
_LEASE_S = 900
# More unknown bytes than crashes can explain: the database is suspect, not the bytes.
_SUSPECT_COUNT, _SUSPECT_SHARE = 100, 0.1
# Counted, not timed: no clock can end what holds back an upload that has stood still.
_DOOMED_KEPT = 100_000
# In one run: they are held in memory. The others are noted once these have gone.
_ORPHANS_NOTED = 100_000
Watch = Callable[[int], None]
logger = logging.getLogger("aerostore.reclaim")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimPolicy:
    """How careful to be. grace_s: how long bytes wait after they look unused; max_deletes: in one run."""

    grace_s: int
    max_deletes: int
    event_retention_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReclaimReport:
    """What one run found and did. refused: why nothing was deleted, empty when it was allowed to.

    orphans: stored bytes without a row, older than the grace period; missing: rows whose bytes are gone or
    have another length; of both, at most `KEYS_REPORTED` keys. orphan_sizes, orphan_dates: of those keys, in
    bytes, and when they were written. waiting: released blobs inside their grace
    period or over the cap. drafts: bytes of uploads that nobody goes on with, older than the grace period.
    """

    applied: bool
    refused: str = ""
    scanned: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    orphan_keys: Sequence[str] = ()
    orphan_sizes: Sequence[int] = ()
    orphan_dates: Sequence[str] = ()
    orphans_removed: int = 0
    missing: Sequence[str] = ()
    missing_count: int = 0
    released_removed: int = 0
    bytes_removed: int = 0
    waiting: int = 0
    expired_uploads: int = 0
    drafts: int = 0
    draft_bytes: int = 0
    drafts_removed: int = 0
    temporary_removed: int = 0
    events_trimmed: int = 0


@dataclass(slots=True)
class _Found:
    """What a look has found so far. noted, missing: the first of them; the others are only counted."""

    scanned: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    noted: list[StoredBlob] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    missing_count: int = 0

    def add_orphans(self, orphans: Sequence[StoredBlob]) -> None:
        self.orphans += len(orphans)
        self.orphan_bytes += sum(stored.size_bytes for stored in orphans)
        self.noted += orphans[: _ORPHANS_NOTED - len(self.noted)]

    def add_missing(self, keys: Sequence[str]) -> None:
        self.missing_count += len(keys)
        self.missing += keys[: KEYS_REPORTED - len(self.missing)]

    def suspicion(self) -> str:
        """Return why it is the database that is suspect, empty when it is not."""
        if self.orphans <= max(_SUSPECT_COUNT, _SUSPECT_SHARE * self.scanned):
            return ""
        return f"{self.orphans} of {self.scanned} stored blobs have no row: check the database first"


class Reclaim:
    """The one job that deletes bytes; a lease keeps it to one process at a time."""

    def __init__(
        self,
        executor: Executor,
        backend: BlobBackend,
        policy: ReclaimPolicy,
        *,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._executor = executor
        self._backend = backend
        self._policy = policy
        self._clock = clock
        self._telemetry = telemetry
        self._books = Bookkeeping(executor)
        self._abandoned = AbandonedUploads(self._books, backend, grace_s=policy.grace_s)
        self._age = DatabaseAge(self._books, backend)
        self._lease = Lease(executor, "reclaim", clock=clock, seconds=_LEASE_S)

    async def run_for_ever(self, interval_s: float) -> None:
        """Run with deletion every `interval_s`, until cancelled; every minute, note how far events are.

        Of all processes together one runs in each interval: a look at everything takes long.
        """
        step_s, waited_s = min(interval_s, _MARK_INTERVAL_S), 0.0
        # Never released: whoever has run keeps the others from running until the interval is over.
        turn = Lease(self._executor, "reclaim turn", clock=self._clock, seconds=interval_s)
        while True:
            await asyncio.sleep(step_s)
            waited_s += step_s
            try:
                await self._age.mark()
                if waited_s >= interval_s:
                    waited_s = 0.0
                    if await turn.hold():
                        _log(await self.run(apply=True))
            except Unavailable as exc:
                logger.warning("reclaim cannot reach its parts", extra={"facts": {"reason": exc.message}})
            except Exception:  # whatever it was, the next run is needed all the same: disks fill silently
                logger.exception("reclaim stopped for this time")

    async def check_age(self) -> str:
        """Return why the database looks older than the bytes, empty when it does not; remember it."""
        return await self._age.check(note=True)

    async def run(
        self, *, apply: bool, accept_restored: bool = False, watch: Watch | None = None
    ) -> ReclaimReport:
        """Look for waste and damage; with `apply` remove what is ripe.

        accept_restored: trust a database that looks older than the bytes from now on. watch: told now and
        then how many stored blobs were looked at.
        Raises: Unavailable when rows or bytes cannot be reached.
        """
        if apply and not await self._lease.hold():
            return ReclaimReport(applied=False, refused="another process is reclaiming now")
        try:
            if apply and accept_restored:
                await self._age.accept()
            return await self._run(apply=apply, accept_restored=accept_restored, watch=watch or _ignore)
        finally:
            if apply:
                await self._lease.release()

    async def _run(self, *, apply: bool, accept_restored: bool, watch: Watch) -> ReclaimReport:
        report = ReclaimReport(applied=apply, refused=await self._age.check(note=apply))
        report = await self._look(report, accept_many=accept_restored, watch=watch)
        abandoned = await self._abandoned.count(self._clock())
        report = replace(report, **asdict(abandoned))
        self._telemetry.orphan_files.set(report.orphans)
        self._telemetry.missing_files.set(report.missing_count)
        if report.refused or not apply:
            return replace(report, applied=False, waiting=await self._count_waiting())
        return await self._remove(report, spare_drafts=accept_restored)

    # Looking

    async def _look(self, report: ReclaimReport, *, accept_many: bool, watch: Watch) -> ReclaimReport:
        """Compare stored bytes with rows, in both directions, and put what differs into quarantine."""
        now = self._clock()
        found = _Found()
        async for difference in compare(self._books, self._backend):
            await self._keep_lease(apply=report.applied)
            found.scanned += difference.scanned
            watch(found.scanned)
            found.add_orphans(await self._orphans_among(difference.unknown, now))
            missing = await self._missing_among(difference.unseen)
            if missing and report.applied:
                await self._books.write(*(sql.quarantine.note_loss(key, "missing", now) for key in missing))
            found.add_missing(missing)
        report = replace(
            report,
            scanned=found.scanned,
            orphans=found.orphans,
            orphan_bytes=found.orphan_bytes,
            orphan_keys=[stored.key for stored in found.noted[:KEYS_REPORTED]],
            orphan_sizes=[stored.size_bytes for stored in found.noted[:KEYS_REPORTED]],
            orphan_dates=[to_iso(stored.modified_at) for stored in found.noted[:KEYS_REPORTED]],
            missing=found.missing,
            missing_count=found.missing_count,
            refused=report.refused or ("" if accept_many else found.suspicion()),
        )
        if report.applied:
            await self._note(found.noted if not report.refused else None, now)
        return report

    async def _orphans_among(self, unknown: Sequence[StoredBlob], now: datetime) -> list[StoredBlob]:
        """Return those of `unknown` that are old enough, and that no row knows after the look either."""
        old = [stored for stored in unknown if self._looks_old(stored, now)]
        orphans: list[StoredBlob] = []
        for start in range(0, len(old), _BATCH):
            batch = old[start : start + _BATCH]
            rows = await self._books.read(sql.find_known_keys([stored.key for stored in batch]))
            known = {row["backend_key"] for row in rows}
            orphans += [stored for stored in batch if stored.key not in known]
        return orphans

    def _looks_old(self, stored: StoredBlob, now: datetime) -> bool:
        """Tell whether `stored` is no upload under way; a date far in the future is a wrong clock's."""
        return abs(now - stored.modified_at) > timedelta(seconds=self._policy.grace_s)

    async def _missing_among(self, unseen: Mapping[str, int]) -> list[str]:
        """Return the keys of `unseen` that are not whole, and that a row still needs after the look."""
        lost = [key for key, size_bytes in unseen.items() if not await self._is_whole(key, size_bytes)]
        missing: list[str] = []
        for start in range(0, len(lost), _BATCH):
            rows = await self._books.read(sql.quarantine.find_needed(lost[start : start + _BATCH]))
            missing += sorted(row["backend_key"] for row in rows)
        return missing

    async def _is_whole(self, key: str, size_bytes: int) -> bool:
        try:
            return await self._backend.size(key) == size_bytes
        except Corrupted:
            return False

    async def _note(self, orphans: Sequence[StoredBlob] | None, now: datetime) -> None:
        """Note `orphans` unless they are under suspicion, and forget what this look did not see again.

        What was not seen again has found its other half, or has gone.
        """
        for start in range(0, len(orphans or ()), _BATCH):
            batch = (orphans or ())[start : start + _BATCH]
            await self._books.write(
                *(sql.quarantine.note_orphan(stored.key, stored.size_bytes, now) for stored in batch)
            )
        if orphans is not None:
            await self._books.write(sql.quarantine.forget_unseen("orphan", now))
        await self._books.write(
            sql.quarantine.forget_unseen("missing", now), sql.quarantine.forget_settled_losses()
        )

    async def _count_waiting(self) -> int:
        return int((await self._books.read(sql.count_deleting_blobs()))[0]["blobs"])

    # Removing

    async def _remove(self, report: ReclaimReport, *, spare_drafts: bool) -> ReclaimReport:
        """Remove what is ripe. Drafts that an accepted database does not know have until the next run."""
        now = self._clock()
        before = now - timedelta(seconds=self._policy.grace_s)
        expired = await self._abandoned.forget_expired(now)
        await self._books.write(sql.begin_grace_anew(now))
        released = await self._remove_released(before)
        orphans = await self._remove_orphans(before, self._policy.max_deletes - len(released))
        at_most = self._policy.max_deletes - len(released) - len(orphans)
        drafts = await self._remove_drafts(now, 0 if spare_drafts else at_most)
        trimmed = await self._trim_events(now - timedelta(seconds=self._policy.event_retention_s))
        await self._age.mark()
        removed_bytes = sum([*released, *orphans, *drafts])
        self._telemetry.reclaimed_bytes.inc(removed_bytes)
        dead = (await self._books.read(sql.count_dead_events()))[0]["events"]
        self._telemetry.dead_events.set(dead)
        return replace(
            report,
            released_removed=len(released),
            orphans_removed=len(orphans),
            bytes_removed=removed_bytes,
            waiting=await self._count_waiting(),
            expired_uploads=expired,
            drafts_removed=len(drafts),
            temporary_removed=await self._backend.sweep(before),
            events_trimmed=trimmed,
        )

    async def _remove_released(self, before: datetime) -> list[int]:
        """Delete blobs that were let go before `before`, bytes, then row; return the length of each."""
        removed: list[int] = []
        while len(removed) < self._policy.max_deletes:
            limit = min(_BATCH, self._policy.max_deletes - len(removed))
            blobs = [to_blob(row) for row in await self._books.read(sql.list_deleting_blobs(before, limit))]
            for blob in blobs:
                await self._backend.delete(blob.key)
            if not await self._delete_rows(blobs):
                break
            removed += [blob.size_bytes for blob in blobs]
            await self._keep_lease(apply=True)
        return removed

    async def _delete_rows(self, blobs: Sequence[Blob]) -> bool:
        return bool(blobs) and await self._books.write(*(sql.delete_blob(blob.id) for blob in blobs)) > 0

    async def _remove_orphans(self, before: datetime, at_most: int) -> list[int]:
        """Delete bytes that two scans found without a row, the first before `before`; return the lengths."""
        if at_most <= 0:
            return []
        removed: list[int] = []
        for row in await self._books.read(sql.quarantine.list_ripe(before, at_most)):
            key = str(row["backend_key"])
            if not await self._books.write(sql.quarantine.lock_key(key), sql.quarantine.doom(key)):
                continue  # a late upload has its row: the bytes are in use
            await self._backend.delete(key)
            await self._books.write(sql.quarantine.note_removed(key))
            removed.append(int(row["size_bytes"]))
            await self._keep_lease(apply=True)
        await self._books.write(sql.quarantine.trim_removed(_DOOMED_KEPT))
        return removed

    async def _remove_drafts(self, now: datetime, at_most: int) -> list[int]:
        """Remove what abandoned uploads had written; return the length of each."""
        removed: list[int] = []
        for draft in await self._abandoned.find_drafts(now, at_most) if at_most > 0 else ():
            if await self._abandoned.remove(draft):
                removed.append(draft.size_bytes)
            await self._keep_lease(apply=True)
        return removed

    async def _trim_events(self, before: datetime) -> int:
        """Remove settled events in small transactions: uploads must not wait for all of them."""
        trimmed = 0
        while count := await self._books.write(sql.trim_events(before, _BATCH)):
            trimmed += count
        return trimmed

    async def _keep_lease(self, *, apply: bool) -> None:
        """Go on only as long as no other process reclaims. Raises: LockTimeout."""
        if apply and not await self._lease.hold():
            raise LockTimeout("another process has taken over reclaim")


def _ignore(_scanned: int) -> None:
    """Watch nothing."""


def _log(report: ReclaimReport) -> None:
    """Tell what a run found in either direction, with some of the keys."""
    facts = asdict(report) | {
        "orphan_keys": list(report.orphan_keys[:_KEYS_LOGGED]),
        "orphan_sizes": list(report.orphan_sizes[:_KEYS_LOGGED]),
        "orphan_dates": list(report.orphan_dates[:_KEYS_LOGGED]),
        "missing": list(report.missing[:_KEYS_LOGGED]),
    }
    logger.info("reclaim", extra={"facts": facts})
    if report.missing_count:
        lost = {"count": report.missing_count, "keys": facts["missing"]}
        logger.error("stored bytes are missing or cut", extra={"facts": lost})
