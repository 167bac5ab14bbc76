"""A whole storage without doors for the tests of the service: rows, bytes, a clock that a test can turn."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from aerostore.backend import BlobBackend
from aerostore.backend.local import LocalBackend
from aerostore.backend.memory import MemoryBackend
from aerostore.domain import SYSTEM, Event, Object, RlsContext, utc_now
from aerostore.events import EventSink
from aerostore.executor import Executor, Row, Statement, Work
from aerostore.service import FileStorage
from aerostore.service.assemble import Limits, file_storage
from aerostore.service.download import Download, ReadRequest
from aerostore.service.file import Files
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Publisher, Upload
from aerostore.service.reclaim import Reclaim, ReclaimPolicy
from aerostore.service.signed_url import LinkSigner
from aerostore.telemetry import Telemetry
from tests.faults import FaultyBackend, Plan
from tests.service.rows import Rows

T = TypeVar("T")
SERVICE = RlsContext(role="service_role", can_bypass_rls=True, request_id="request")
OWNER = RlsContext(role="authenticated", user_id="owner", request_id="request")
STRANGER = RlsContext(role="authenticated", user_id="stranger")
ANON = RlsContext(role="anon")

FILE_SIZE_LIMIT = 1_000_000
EMPTY_AT_MOST = 1_200
GRACE_S = 3600
MAX_DELETES = 20
RETENTION_S = 7 * 24 * 3600
UPLOAD_EXPIRES_IN_S = 7200
LIMITS = Limits(
    file_size_limit=FILE_SIZE_LIMIT,
    empty_at_most=EMPTY_AT_MOST,
    upload_url_expires_in_s=UPLOAD_EXPIRES_IN_S,
)


class FakeClock:
    """A clock that only a test moves. It starts now: triggers and files are dated by the real one."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class ListSink:
    """A receiver of events that keeps them, and that refuses what `refuse` names: object name -> error."""

    name = "list"

    def __init__(self) -> None:
        self.received: list[Event] = []
        self.refuse: dict[str, Exception] = {}

    async def deliver(self, event: Event) -> None:
        if event.name in self.refuse:
            raise self.refuse[event.name]
        self.received.append(event)

    async def close(self) -> None:
        """Have nothing to let go of."""


def make_backend(kind: str, folder: Path, clock: FakeClock) -> BlobBackend:
    return LocalBackend(folder / "blobs") if kind == "local" else MemoryBackend(clock=clock)


@dataclass
class Stage:
    """The parts of one storage, and the loop that they run on."""

    own_rows: Rows
    folder: Path
    bytes_kind: str
    runner: asyncio.Runner
    plan: Plan | None = None
    sinks: Sequence[EventSink] = ()
    keys: Sequence[str] = ("key of this test",)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry()
        self.backend = FaultyBackend(make_backend(self.bytes_kind, self.folder, self.clock), self.plan)
        self._connect()

    def _connect(self) -> None:
        self.executor: Executor = self.own_rows.executor()
        self.outbox = Outbox(self.executor, self.sinks, clock=self.clock)
        self.storage = self.storage_over(self.executor)
        self.reclaim = self.another_reclaim()

    def storage_over(self, executor: Executor) -> FileStorage:
        """Return the storage as it is with `executor` in front of the rows."""
        return file_storage(
            executor,
            self.backend,
            self.outbox,
            self.signer(self.keys),
            LIMITS,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    def files_over(self, executor: Executor, backend: BlobBackend) -> Files:
        """Return the operations on files with these in front of rows and bytes."""
        return file_storage(
            executor,
            backend,
            self.outbox,
            self.signer(self.keys),
            LIMITS,
            clock=self.clock,
            telemetry=self.telemetry,
        ).files

    def publisher_over(self, executor: Executor, backend: BlobBackend) -> Publisher:
        """Return what makes objects of bytes, with these in front of rows and bytes."""
        return Publisher(
            executor,
            backend,
            self.outbox,
            clock=self.clock,
            telemetry=self.telemetry,
            file_size_limit=FILE_SIZE_LIMIT,
        )

    def signer(self, keys: Sequence[str]) -> LinkSigner:
        return LinkSigner(keys, clock=self.clock)

    def another_reclaim(self, **changes: int) -> Reclaim:
        values = {"grace_s": GRACE_S, "max_deletes": MAX_DELETES, "event_retention_s": RETENTION_S}
        policy = ReclaimPolicy(**values | changes)
        return Reclaim(self.executor, self.backend, policy, clock=self.clock, telemetry=self.telemetry)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def open(self) -> None:
        self.run(self.executor.start())

    def close(self) -> None:
        self.run(self.executor.close())
        self.run(self.backend.close())

    def back_up(self) -> Callable[[], None]:
        """Copy the database; return what puts the copy back, as an operator does. Bytes stay as they are."""
        self.run(self.executor.close())
        put_back = self.own_rows.back_up()
        self._reopen()

        def restore() -> None:
            self.run(self.executor.close())
            put_back()
            self._reopen()

        return restore

    def _reopen(self) -> None:
        self._connect()
        self.open()

    def expire_leases(self) -> None:
        """Let the time of every lease be over, by whatever clock."""
        self.rows("UPDATE storage_leases SET expires_at = '2020-01-01T00:00:00.000Z'")

    # Short words for what nearly every test does

    def make_bucket(self, bucket_id: str = "photos", **options: Any) -> None:
        self.run(self.storage.buckets.create(SERVICE, name=bucket_id, **options))

    def put(self, name: str, content: bytes = b"content", by: RlsContext = OWNER, **options: Any) -> Object:
        return self.run(self.aput(name, content, by, **options))

    async def aput(
        self, name: str, content: bytes = b"content", by: RlsContext = OWNER, **options: Any
    ) -> Object:
        upload = Upload(**{"bucket_id": "photos", "name": name} | options)
        return await self.storage.files.put(by, upload, content)

    def get(self, name: str, by: RlsContext = OWNER, bucket_id: str = "photos") -> bytes:
        return self.run(self.aget(name, by, bucket_id))

    async def aget(self, name: str, by: RlsContext = OWNER, bucket_id: str = "photos") -> bytes:
        return await content_of(await self.storage.downloads.open(by, bucket_id, name, ReadRequest()))

    def delete(self, name: str, by: RlsContext = OWNER) -> None:
        self.run(self.storage.files.delete(by, "photos", name))

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Return what a plain SQL query gives, or make a plain SQL change."""
        changes = not text.startswith("SELECT")
        return self.run(self._rows(text, changes))

    async def _rows(self, text: str, changes: bool) -> list[dict[str, Any]]:
        def work() -> Work[Sequence[Row]]:
            return (yield Statement(sql=text)).rows

        ask = self.executor.write if changes else self.executor.read
        return [dict(row) for row in await ask(SYSTEM, work)]

    def names(self) -> list[str]:
        return [row["name"] for row in self.rows("SELECT name FROM storage_objects ORDER BY name")]

    def keys_of_bytes(self) -> set[str]:
        async def listed() -> set[str]:
            return {stored.key async for stored in self.backend.list("sha256/")}

        return self.run(listed())

    def everything(self) -> tuple[object, ...]:
        """Return all rows and keys: what a refused operation may not have changed."""
        tables = ("storage_buckets", "storage_objects", "storage_blobs", "storage_uploads", "storage_events")
        return (*(self.rows(f"SELECT * FROM {table}") for table in tables), self.keys_of_bytes())


async def content_of(download: Download) -> bytes:
    assert download.reader is not None
    try:
        return b"".join([chunk async for chunk in download.reader.chunks()])
    finally:
        await download.reader.aclose()
