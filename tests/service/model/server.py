"""The whole application in this process: rows, bytes, doors, a clock to turn, and ends of every kind."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import httpx

import aerostore.app
from aerostore.app import Parts, build, create_app
from aerostore.backend.local import LocalBackend
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.sqlite import SqliteExecutor
from aerostore.service.reclaim import ReclaimReport
from aerostore.service.scrub import ScrubReport
from aerostore.settings import Settings
from tests.crash.invariants import Place as DataPlace
from tests.faults import CrashNow
from tests.service.model.caller import SECRET, Caller
from tests.service.model.fault import Faults, PlannedBackend, PlannedExecutor
from tests.service.stage import FakeClock

T = TypeVar("T")
FILE_SIZE_LIMIT = 300_000
GRACE_S = 3600
RETENTION_S = 7 * 24 * 3600
UPLOAD_EXPIRES_IN_S = 7200


class Server:
    """A server over `folder` that can be stopped, killed and started again while its rows and bytes stay."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.clock = FakeClock()
        self.clock.now = self.clock.now.replace(microsecond=0)
        self.faults = Faults()
        self.data = DataPlace(folder, database_url)
        self._settings = Settings(
            data_dir=folder,
            database_url=database_url,
            database_pool_size=2,
            jwt_secret=SECRET,
            signing_keys=("key of this model",),
            file_size_limit=FILE_SIZE_LIMIT,
            upload_url_expires_in=UPLOAD_EXPIRES_IN_S,
            reclaim_grace=GRACE_S,
            event_retention=RETENTION_S,
            scrub_interval=0,
            scrub_rate=2**40,
        )
        self._runner = asyncio.Runner()
        self._abandoned: list[AbstractAsyncContextManager[object]] = []
        self._start()

    def ask(self, caller: Caller, verb: str, path: str, **options: Any) -> httpx.Response | None:
        """Send a request; None when the process died of it, and was started again."""
        options["headers"] = caller.headers | options.get("headers", {})
        try:
            return self._runner.run(self._client.request(verb, path, **options))
        except CrashNow:
            self.crash()
            return None

    def restart(self) -> None:
        """Stop as SIGTERM does, and start."""
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._start()

    def crash(self) -> None:
        """Start anew beside a process that will never do anything again."""
        self._abandoned.append(self._lifespan)
        self._start()

    def reclaim(self) -> ReclaimReport:
        """Run `aerostore reclaim --apply`: in another process than the server."""
        return self._runner.run(self._beside(lambda parts: parts.reclaim.run(apply=True)))

    def scrub(self) -> ScrubReport:
        """Run `aerostore scrub`, likewise."""
        return self._runner.run(self._beside(lambda parts: parts.scrub.run()))

    def close(self) -> None:
        """End every process, and remove the bytes."""
        for lifespan in (self._lifespan, *self._abandoned):
            self._runner.run(lifespan.__aexit__(None, None, None))
        self._runner.close()
        shutil.rmtree(self.data.data_dir)

    def _start(self) -> None:
        with _faulty_adapters(self.faults):
            app = create_app(self._settings, clock=self.clock)
        self._lifespan = app.router.lifespan_context(app)
        self._runner.run(self._lifespan.__aenter__())
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://model/storage/v1")

    async def _beside(self, job: Callable[[Parts], Awaitable[T]]) -> T:
        with _faulty_adapters(self.faults):
            parts = build(self._settings, clock=self.clock)
        async with parts.running():
            return await job(parts)


@contextmanager
def _faulty_adapters(faults: Faults) -> Iterator[None]:
    """Let the front gate, the only one to name adapters, build those that meet `faults`."""

    def bytes_in(path: Path) -> PlannedBackend:
        return PlannedBackend(LocalBackend(path), faults)

    def rows_in_sqlite(*arguments: Any) -> PlannedExecutor:
        return PlannedExecutor(SqliteExecutor(*arguments), faults)

    def rows_in_postgres(url: str, **options: Any) -> PlannedExecutor:
        return PlannedExecutor(PostgresExecutor(url, **options), faults)

    with patch.multiple(
        aerostore.app,
        LocalBackend=bytes_in,
        SqliteExecutor=rows_in_sqlite,
        PostgresExecutor=rows_in_postgres,
    ):
        yield
