"""What background jobs ask of a large database, one statement at a time, and a whole look of reclaim.

The blobs have rows and no bytes, so reclaim is given a backend that knows the keys and sizes of the rows:
the time is that of the rows alone. `benchmarks.scale_files` measures what the directories cost.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from aerostore.app import build
from aerostore.backend import StoredBlob
from aerostore.backend.memory import MemoryBackend
from aerostore.domain import utc_now
from aerostore.executor import Executor, Statement
from aerostore.executor import statements as sql
from aerostore.service.bookkeeping import Bookkeeping
from aerostore.service.reclaim import Reclaim, ReclaimPolicy
from aerostore.settings import Settings
from aerostore.telemetry import Telemetry
from benchmarks.scale_fill import BUCKET, SIZE_BYTES
from benchmarks.scale_place import Place
from benchmarks.scale_server import Figure

_POLICY = ReclaimPolicy(grace_s=3600, max_deletes=1000, event_retention_s=7 * 86400)
_MIDDLE = "sha256/80/"
_SOME_KEYS = (
    f"SELECT backend_key FROM storage_blobs WHERE backend_key > '{_MIDDLE}' ORDER BY backend_key LIMIT 500"
)


class BytesOfRows(MemoryBackend):
    """A backend that has the bytes of all rows, so it says: keys and sizes, and nothing to read."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        long_ago = utc_now() - timedelta(days=2)
        if prefix.startswith("sha256/"):
            for key in self._place.blob_keys(prefix):
                yield StoredBlob(key=key, size_bytes=SIZE_BYTES, modified_at=long_ago)

    async def size(self, key: str) -> int:
        return SIZE_BYTES


def run_jobs(place: Place, settings: Settings, *, with_reclaim: bool) -> list[Figure]:
    """Measure the statements of the jobs, and one look of reclaim at everything unless told not to."""
    return asyncio.run(_run_jobs(place, settings, with_reclaim=with_reclaim))


async def _run_jobs(place: Place, settings: Settings, *, with_reclaim: bool) -> list[Figure]:
    executor = build(settings).executor
    await executor.start()
    try:
        figures = [await _timed(executor, label, each) for label, each in _statements(place).items()]
        figures += [await _timed_trim(executor)]
        return figures + (await _look(place, executor) if with_reclaim else [])
    finally:
        await executor.close()


def _statements(place: Place) -> dict[str, Statement]:
    now = utc_now()
    keys = [str(key) for (key,) in place.rows(_SOME_KEYS)]
    return {
        "reclaim: 500 known keys": sql.find_known_keys(keys),
        "reclaim: next 500 blobs": sql.list_blobs(_MIDDLE, 500),
        "reclaim: blobs to remove": sql.list_deleting_blobs(now, 500),
        "reclaim: blobs on their way out": sql.count_deleting_blobs(),
        "reclaim: newest event": sql.newest_seq(),
        "reclaim: dead events": sql.count_dead_events(),
        "reclaim: expired uploads": sql.count_expired_uploads(now),
        "outbox: due events": sql.list_due_events(now, 64),
        "scrub: next 100 blobs": sql.list_blobs(_MIDDLE, 100),
        "scrub: losses among 100": sql.quarantine.find_losses(keys[:100]),
        "scrub: count of all bytes": sql.scrub.count_stored(),
        "bucket: is it empty (it is)": sql.count_bucket_content("empty", 1),
        "bucket: has it 200,000 objects": sql.count_bucket_content(BUCKET, 200_001),
    }


async def _timed(executor: Executor, label: str, statement: Statement) -> Figure:
    """Measure the faster of two runs: the first one may wait for the disk."""
    books, took_s = Bookkeeping(executor), list[float]()
    for _ in range(2):
        began = time.perf_counter()
        await books.read(statement)
        took_s.append(time.perf_counter() - began)
    return Figure(label, min(took_s) * 1000, "ms")


async def _timed_trim(executor: Executor) -> Figure:
    """Measure how long it takes to remove 500 settled events, of many."""
    began = time.perf_counter()
    await Bookkeeping(executor).write(sql.trim_events(utc_now(), 500))
    return Figure("reclaim: trim 500 events", (time.perf_counter() - began) * 1000, "ms")


async def _look(place: Place, executor: Executor) -> list[Figure]:
    reclaim = Reclaim(executor, BytesOfRows(place), _POLICY, clock=utc_now, telemetry=Telemetry())
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    began, cpu_s, before = time.perf_counter(), time.process_time(), _resident_mib("VmRSS")
    report = await reclaim.run(apply=False)
    assert report.orphans == report.missing_count == 0, report
    return [
        Figure("reclaim: one look at all rows", time.perf_counter() - began, "s"),
        Figure("reclaim: one look, CPU without Postgres", time.process_time() - cpu_s, "s"),
        Figure("reclaim: memory it adds", _resident_mib("VmHWM") - before, "MiB"),
    ]


def _resident_mib(field: str) -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024
