"""Reclaim: removes bytes that nobody points at, and says what is wrong in either direction.

Report, quarantine, grace, delete. Bytes go before their row, so a crash leaves a row that says so and the
next run goes on. Nothing is deleted on the evidence of one scan, more than a cap in one run, or while the
database looks older than the bytes: a restored backup knows nothing of what was written after it.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aerostore.backend import BlobBackend, StoredBlob
from aerostore.domain import SYSTEM, Blob, Clock
from aerostore.errors import Corrupted, LockTimeout, Unavailable
from aerostore.executor import Executor, Result, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.tables import to_blob
from aerostore.service.lease import Lease
from aerostore.telemetry import Telemetry

BLOB_PREFIX = "sha256/"
SEQ_PREFIX = "meta/seq/"
HOLD_PREFIX = "meta/hold/"
_BATCH = 500
_MARK_INTERVAL_S = 60.0
_LEASE_S = 900
# More unknown bytes than crashes can explain: the database is suspect, not the bytes.
_SUSPECT_COUNT, _SUSPECT_SHARE = 100, 0.1
_SEQ_KEY = re.compile(rf"{SEQ_PREFIX}(\d{{20}})\.[0-9a-f-]{{36}}", re.ASCII)
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

    orphans: stored bytes without a row, older than the grace period; missing: keys of rows whose bytes are
    gone or have another length; waiting: released blobs inside their grace period or over the cap.
    """

    applied: bool
    refused: str = ""
    scanned: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    orphans_removed: int = 0
    missing: Sequence[str] = ()
    released_removed: int = 0
    bytes_removed: int = 0
    waiting: int = 0
    expired_uploads: int = 0
    temporary_removed: int = 0
    events_trimmed: int = 0


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
        self._lease = Lease(executor, "reclaim", clock=clock, seconds=_LEASE_S)

    async def run_for_ever(self, interval_s: float) -> None:
        """Run with deletion every `interval_s`, until cancelled; every minute, note how far events are."""
        step_s, waited_s = min(interval_s, _MARK_INTERVAL_S), 0.0
        while True:
            await asyncio.sleep(step_s)
            waited_s += step_s
            try:
                await self._mark()
                if waited_s >= interval_s:
                    waited_s = 0.0
                    report = await self.run(apply=True)
                    logger.info("reclaim", extra={"facts": {"report": str(report)}})
            except Unavailable as exc:
                logger.warning("reclaim cannot reach its parts", extra={"facts": {"reason": exc.message}})
            except Exception:  # whatever it was, the next run is needed all the same: disks fill silently
                logger.exception("reclaim stopped for this time")

    async def run(self, *, apply: bool, accept_restored: bool = False) -> ReclaimReport:
        """Look for waste and damage; with `apply` remove what is ripe.

        accept_restored: trust a database that looks older than the bytes from now on.
        Raises: Unavailable when rows or bytes cannot be reached.
        """
        if apply and not await self._lease.hold():
            return ReclaimReport(applied=False, refused="another process is reclaiming now")
        try:
            if apply and accept_restored:
                await self._lift_hold()
            return await self._run(apply=apply, accept_restored=accept_restored)
        finally:
            if apply:
                await self._lease.release()

    async def _run(self, *, apply: bool, accept_restored: bool) -> ReclaimReport:
        report = ReclaimReport(applied=apply, refused=await self.check_age(note=apply))
        report = await self._scan(report, accept_many=accept_restored)
        report = replace(report, missing=await self._find_missing(apply=apply))
        self._telemetry.orphan_files.set(report.orphans)
        self._telemetry.missing_files.set(len(report.missing))
        if report.refused or not apply:
            return await self._forecast(replace(report, applied=False))
        return await self._remove(report)

    # Looking

    async def check_age(self, *, note: bool = True) -> str:
        """Return why the database looks older than the bytes, empty when it does not; remember it."""
        held = [stored.key async for stored in self._backend.list(HOLD_PREFIX)]
        newest_marked = max([seq async for seq, _key in self._marks()], default=0)
        seq = int((await self._read(sql.newest_seq())).rows[0]["seq"])
        if seq >= newest_marked and not held:
            return ""
        if note and not held:
            await self._backend.write_if_absent(f"{HOLD_PREFIX}{uuid.uuid4()}", str(seq).encode())
        return (
            "the database looks older than the stored bytes, as after restoring a backup;"
            " run 'aerostore reclaim --apply --accept-restored' when it is the right one"
        )

    async def _marks(self) -> AsyncIterator[tuple[int, str]]:
        async for stored in self._backend.list(SEQ_PREFIX):
            match = _SEQ_KEY.fullmatch(stored.key)
            if match:
                yield int(match[1]), stored.key

    async def _scan(self, report: ReclaimReport, *, accept_many: bool) -> ReclaimReport:
        """Compare every stored key with the rows; quarantine the old ones that no row knows."""
        before = self._clock() - timedelta(seconds=self._policy.grace_s)
        scanned, orphans = 0, list[StoredBlob]()
        async for batch in _batches(self._backend.list(BLOB_PREFIX)):
            scanned += len(batch)
            await self._keep_lease(apply=report.applied)
            old = [stored for stored in batch if stored.modified_at < before]
            known = await self._known_keys([stored.key for stored in old])
            orphans += [stored for stored in old if stored.key not in known]
        report = replace(
            report,
            scanned=scanned,
            orphans=len(orphans),
            orphan_bytes=sum(stored.size_bytes for stored in orphans),
        )
        too_many = len(orphans) > max(_SUSPECT_COUNT, _SUSPECT_SHARE * scanned)
        if too_many and not accept_many and not report.refused:
            reason = f"{len(orphans)} of {scanned} stored blobs have no row: check the database first"
            report = replace(report, refused=reason)
        if report.applied and not report.refused:
            await self._quarantine("orphan", [(stored.key, stored.size_bytes) for stored in orphans])
        return report

    async def _known_keys(self, keys: Sequence[str]) -> set[str]:
        if not keys:
            return set()
        return {row["backend_key"] for row in (await self._read(sql.find_known_keys(keys))).rows}

    async def _find_missing(self, *, apply: bool) -> list[str]:
        """Return the keys of rows whose bytes are gone or have another length."""
        missing: list[Blob] = []
        after = ""
        while blobs := [to_blob(row) for row in (await self._read(sql.list_blobs(after, _BATCH))).rows]:
            await self._keep_lease(apply=apply)
            missing += [blob for blob in blobs if not await self._is_whole(blob)]
            after = blobs[-1].key
        if apply:
            await self._quarantine("missing", [(blob.key, blob.size_bytes) for blob in missing])
        for blob in missing:
            logger.error("stored bytes are missing or cut", extra={"facts": {"key": blob.key}})
        return [blob.key for blob in missing]

    async def _is_whole(self, blob: Blob) -> bool:
        try:
            return await self._backend.size(blob.key) == blob.size_bytes
        except Corrupted:
            return False

    async def _quarantine(self, kind: str, found: Sequence[tuple[str, int]]) -> None:
        now = self._clock()
        for start in range(0, len(found), _BATCH):
            batch = found[start : start + _BATCH]
            await self._write([sql.quarantine(key, kind, size, now) for key, size in batch])
        # What this scan did not see again has found its row, or has gone.
        await self._write([sql.forget_quarantine(kind, now)])

    async def _forecast(self, report: ReclaimReport) -> ReclaimReport:
        deleting = (await self._read(sql.count_deleting_blobs())).rows[0]
        uploads = (await self._read(sql.count_expired_uploads(self._clock()))).rows[0]
        return replace(report, waiting=deleting["blobs"], expired_uploads=uploads["uploads"])

    # Removing

    async def _remove(self, report: ReclaimReport) -> ReclaimReport:
        now = self._clock()
        before = now - timedelta(seconds=self._policy.grace_s)
        expired = await self._write([sql.delete_expired_uploads(now)])
        released = await self._remove_released(before)
        orphans = await self._remove_orphans(before, self._policy.max_deletes - len(released))
        retained_from = now - timedelta(seconds=self._policy.event_retention_s)
        trimmed = await self._trim_events(retained_from)
        await self._mark()
        removed_bytes = sum(size for _key, size in [*released, *orphans])
        self._telemetry.reclaimed_bytes.inc(removed_bytes)
        waiting = (await self._read(sql.count_deleting_blobs())).rows[0]["blobs"]
        dead = (await self._read(sql.count_dead_events())).rows[0]["events"]
        self._telemetry.dead_events.set(dead)
        return replace(
            report,
            released_removed=len(released),
            orphans_removed=len(orphans),
            bytes_removed=removed_bytes,
            waiting=waiting,
            expired_uploads=expired,
            temporary_removed=await self._backend.sweep(before),
            events_trimmed=trimmed,
        )

    async def _remove_released(self, before: datetime) -> list[tuple[str, int]]:
        """Delete blobs that were let go before `before`: bytes, then row."""
        removed: list[tuple[str, int]] = []
        while len(removed) < self._policy.max_deletes:
            limit = min(_BATCH, self._policy.max_deletes - len(removed))
            blobs = [to_blob(row) for row in (await self._read(sql.list_deleting_blobs(before, limit))).rows]
            for blob in blobs:
                await self._backend.delete(blob.key)
            if await self._write([sql.delete_blob(blob.id) for blob in blobs]) == 0:
                break
            removed += [(blob.key, blob.size_bytes) for blob in blobs]
            await self._keep_lease(apply=True)
        return removed

    async def _remove_orphans(self, before: datetime, at_most: int) -> list[tuple[str, int]]:
        """Delete bytes that two scans found without a row, the first one before `before`."""
        if at_most <= 0:
            return []
        ripe = (await self._read(sql.list_quarantined("orphan", before, at_most))).rows
        removed: list[tuple[str, int]] = []
        for row in ripe:
            key, size_bytes = str(row["backend_key"]), int(row["size_bytes"])
            if await self._known_keys([key]):
                continue
            await self._backend.delete(key)
            await self._write([sql.release_quarantine(key)])
            removed.append((key, size_bytes))
        return removed

    async def _trim_events(self, before: datetime) -> int:
        """Remove settled events in small transactions: uploads must not wait for all of them."""
        trimmed = 0
        while count := await self._write([sql.trim_events(before, _BATCH)]):
            trimmed += count
        return trimmed

    async def _keep_lease(self, *, apply: bool) -> None:
        """Go on only as long as no other process reclaims. Raises: LockTimeout."""
        if apply and not await self._lease.hold():
            raise LockTimeout("another process has taken over reclaim")

    async def _mark(self) -> None:
        """Leave the newest seq beside the bytes, so that an older database can be told from this one."""
        seq = int((await self._read(sql.newest_seq())).rows[0]["seq"])
        marks = [(marked, key) async for marked, key in self._marks()]
        if seq > max([marked for marked, _key in marks], default=0):
            await self._backend.write_if_absent(f"{SEQ_PREFIX}{seq:020d}.{uuid.uuid4()}", b"")
            for _marked, key in marks:
                await self._backend.delete(key)

    async def _lift_hold(self) -> None:
        for prefix in (HOLD_PREFIX, SEQ_PREFIX):
            for key in [stored.key async for stored in self._backend.list(prefix)]:
                await self._backend.delete(key)

    # Rows. As the system throughout: this bookkeeping belongs to no caller.

    async def _read(self, statement: Statement) -> Result:
        def work() -> Work[Result]:
            return (yield statement)

        return await self._executor.read(SYSTEM, work)

    async def _write(self, statements: Sequence[Statement]) -> int:
        def work() -> Work[int]:
            changed = 0
            for statement in statements:
                changed += (yield statement).changed
            return changed

        return await self._executor.write(SYSTEM, work)


async def _batches(stored: AsyncIterator[StoredBlob]) -> AsyncIterator[list[StoredBlob]]:
    batch: list[StoredBlob] = []
    async for each in stored:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
