"""The whole application in this process: what it is asked, what is in its rows and on its disk afterwards."""

import asyncio
import re
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from aerostore.api.auth import mint_token
from aerostore.app import create_app
from aerostore.domain import Clock, utc_now
from aerostore.settings import Settings

SECRET = "the-secret-of-the-matrix-long-enough-for-hs256"
HOUR_S = 3600
BASE_URL = "http://storage/storage/v1"
# Beyond what is collected in memory: such a body is not read before the policies were asked.
LARGE = b"x" * 70_000
_BACKEND_CALLS = re.compile(r"^storage_backend_latency_seconds_count\{.*\} (\S+)$", re.MULTILINE)
# Beside what is stored, these tables change by themselves or tell of refusals.
_LIVELY = {"storage_audit", "storage_denials", "storage_leases", "storage_samples"}


def token_of(caller: str, **claims: Any) -> str | None:
    """Return what `caller` sends as a bearer token, with further claims; None for nobody."""
    if caller == "nobody":
        return None
    if caller == "forged":
        return mint_token("another" + SECRET, role="service_role", expires_in_s=HOUR_S)
    if caller == "expired":
        return mint_token(SECRET, role="service_role", expires_in_s=-1)
    role = {"anon": "anon", "service": "service_role"}.get(caller, "authenticated")
    subject = caller if role == "authenticated" else None
    return mint_token(SECRET, role=role, subject=subject, expires_in_s=HOUR_S, **claims)


@dataclass(frozen=True)
class Scene:
    """One application, the loop that it runs on, and its data directory."""

    runner: asyncio.Runner
    app: Starlette
    folder: Path

    def ask(self, caller: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request below /storage/v1 as `caller`; options are those of `aask`."""
        return self.runner.run(self.aask(caller, method, path, **options))

    async def aask(
        self,
        caller: str,
        method: str,
        path: str,
        *,
        address: str = "203.0.113.9",
        claims: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send one request from `address` with `claims` in its token. options: those of httpx.Request."""
        token = token_of(caller, **claims or {})
        headers = httpx.Headers(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        request = httpx.Request(method, f"{BASE_URL}{path}", headers=headers, **options)
        return await self.send_as_is(request, address=address)

    async def send_as_is(self, request: httpx.Request, *, address: str = "203.0.113.9") -> httpx.Response:
        """Send a request from `address` as it is."""
        transport = httpx.ASGITransport(self.app, client=(address, 1), raise_app_exceptions=False)
        answer = await transport.handle_async_request(request)
        await answer.aread()
        return answer

    def done(self, caller: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send what must succeed."""
        answer = self.ask(caller, method, path, **options)
        assert answer.is_success, answer.text
        return answer

    def make_bucket(self, *, public: bool = False) -> str:
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.done("service", "POST", "/bucket", json={"name": name, "public": public})
        return name

    def backend_calls(self) -> float:
        """Count the calls that the backend has had, by the metrics of the application itself."""
        metrics = self.done("nobody", "GET", "/metrics", address="127.0.0.1").text
        return sum(float(count) for count in _BACKEND_CALLS.findall(metrics))

    def everything(self) -> dict[str, list[Any]]:
        """Return all rows and the path of every stored file: what a refusal may not have changed."""
        with sqlite3.connect(self.folder / "aerostore.db") as rows:
            tables = rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found = {
                name: rows.execute(f'SELECT * FROM "{name}"').fetchall()
                for (name,) in tables
                if name not in _LIVELY
            }
        rows.close()
        found["files"] = sorted(str(path) for path in (self.folder / "blobs").rglob("*") if path.is_file())
        return found


@contextmanager
def open_scene(folder: Path, *, clock: Clock = utc_now, **settings: Any) -> Iterator[Scene]:
    """Run an application over `folder` for the time of the block. settings: further ones of `Settings`."""
    # Without scrubbing: what reaches the bytes is then what was asked.
    app = create_app(Settings(data_dir=folder, jwt_secret=SECRET, scrub_interval=0, **settings), clock=clock)
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        try:
            yield Scene(runner, app, folder)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
