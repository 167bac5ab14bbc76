"""A server over a large database, and what its clients wait for: time, and processor time of all it takes."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt

from aerostore.service.listing import Cursor
from benchmarks.scale_fill import BUCKET, SIZE_BYTES
from benchmarks.scale_place import Place

USER = "33333333-3333-4333-8333-333333333333"
SECRET = "a-secret-for-measuring-that-is-long-enough"
PAGES, SMALL = 15, 60
_ROOT = Path(__file__).parent.parent
_START_DEADLINE_S = 300.0
_OWN = f"bucket_id = '{BUCKET}' and (storage.foldername(name))[1] = (select auth.uid()::text)"
# Eight of them, as an application has; the whole bucket is for every signed-in user to read.
_POLICIES = f"""
create policy "own insert" on storage.objects for insert to authenticated with check ({_OWN});
create policy "own update" on storage.objects for update to authenticated using ({_OWN});
create policy "own delete" on storage.objects for delete to authenticated using ({_OWN});
create policy "own select" on storage.objects for select to authenticated using ({_OWN});
create policy "png only" on storage.objects for insert to authenticated
    with check (bucket_id = 'avatars' and storage.extension(name) = 'png');
create policy "team read" on storage.objects for select to authenticated using (bucket_id = 'teams'
    and (storage.foldername(name))[1] = ((select auth.jwt()) -> 'app_metadata' ->> 'team'));
create policy "owner read" on storage.objects for select to authenticated
    using (owner_id = (select auth.jwt() ->> 'sub'));
create policy "shared read" on storage.objects for select to authenticated using (bucket_id = '{BUCKET}');
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    label: str
    value: float
    unit: str


class Server:
    """A running server of one worker."""

    def __init__(self, place: Place, url: str, process: subprocess.Popen[bytes]) -> None:
        self._place = place
        self._process = process
        self.user = httpx.Client(base_url=url, headers=_signed("authenticated", USER), timeout=600)
        self.service = httpx.Client(base_url=url, headers=_signed("service_role", None), timeout=600)

    def worker(self) -> int:
        """Return the process that serves requests."""
        first = self._process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text("ascii").split()
        return int(children[0])

    def peak_mib(self) -> float:
        """Return the most memory that the worker has had."""
        status = Path(f"/proc/{self.worker()}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def cpu_s(self) -> float:
        """Return the processor time of the worker and of the database's processes so far."""
        return sum(_cpu_s(pid) for pid in (self.worker(), *self._place.processes()))

    def measure(self, label: str, ask: Callable[[int], httpx.Response], rounds: int) -> list[Figure]:
        """Ask `rounds` times, after twice that does not count; return the median time and mean CPU time."""
        for number in range(-2, 0):
            ask(number).raise_for_status()
        cpu_s, waited_s = self.cpu_s(), []
        for number in range(rounds):
            began = time.perf_counter()
            ask(number).raise_for_status()
            waited_s.append(time.perf_counter() - began)
        spent_s = self.cpu_s() - cpu_s
        return [
            Figure(label, statistics.median(waited_s) * 1000, "ms"),
            Figure(f"{label}, CPU", spent_s / rounds * 1000, "ms"),
        ]


@contextmanager
def running(place: Place, port: int) -> Iterator[tuple[Server, float]]:
    """Serve `place` for the time of the block; yield the server and how long it took to start, in seconds."""
    policies = place.data_dir.parent / "policies"
    policies.mkdir(exist_ok=True)
    (policies / "scale.sql").write_text(_POLICIES)
    began = time.perf_counter()
    with (place.data_dir.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aerostore", "serve"],
            cwd=_ROOT,
            env={**os.environ, **settings(place), "AEROSTORE_PORT": str(port)},  # noqa: TID251 - given on to a program
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}/storage/v1"
        _wait_for(url, process)
        yield Server(place, url, process), time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def settings(place: Place) -> dict[str, str]:
    """Return what a server or a command of `place` needs in its environment."""
    return {
        "AEROSTORE_DATA_DIR": str(place.data_dir),
        "AEROSTORE_DATABASE_URL": place.database_url,
        "AEROSTORE_POLICIES_DIR": str(place.data_dir.parent / "policies"),
        "AEROSTORE_JWT_SECRET": SECRET,
        "AEROSTORE_SCRUB_INTERVAL": "0",
        "AEROSTORE_RECLAIM_INTERVAL": "1000000",
        "AEROSTORE_LOG_LEVEL": "warning",
    }


def ask_all(server: Server, last_name: str) -> list[Figure]:
    """Measure what clients ask for. last_name: the page after it is the last one of 1,000."""
    cursors = {"first": None, "middle": "80000000", "last": last_name}
    figures: list[Figure] = []
    for which, name in cursors.items():
        figures += server.measure(f"page of 1,000, {which}", _page(server, name), PAGES)
    path = f"/object/list-v2/{BUCKET}"
    folders = {"limit": 1000, "with_delimiter": True}
    figures += server.measure("page of folders", lambda _n: server.user.post(path, json=folders), PAGES)
    v1 = {"prefix": "", "limit": 100}
    figures += server.measure(
        "v1, first 100", lambda _n: server.user.post(f"/object/list/{BUCKET}", json=v1), PAGES
    )
    return figures + _ask_about_one(server) + _ask_about_buckets(server)


def _page(server: Server, after: str | None) -> Callable[[int], httpx.Response]:
    body: dict[str, object] = {"limit": 1000}
    if after is not None:
        body["cursor"] = Cursor(name=after, order="asc", column="name").encode()

    def ask(_number: int) -> httpx.Response:
        return server.user.post(f"/object/list-v2/{BUCKET}", json=body)

    return ask


def _ask_about_one(server: Server) -> list[Figure]:
    run = f"{time.time_ns():x}"

    def path(number: int) -> str:
        return f"/object/{BUCKET}/{USER}/{run}-{number}"

    def content(number: int) -> bytes:
        return f"{run}-{number}-".encode().ljust(SIZE_BYTES, b".")

    return [
        *server.measure("upload 4 KiB", lambda n: server.user.post(path(n), content=content(n)), SMALL),
        *server.measure("get 4 KiB", lambda n: server.user.get(path(n)), SMALL),
        *server.measure("delete", lambda n: server.user.delete(path(n)), SMALL),
    ]


def _ask_about_buckets(server: Server) -> list[Figure]:
    name = f"b{time.time_ns():x}"

    def create(number: int) -> httpx.Response:
        return server.service.post("/bucket", json={"name": f"{name}{number + 2}"})

    def delete(number: int) -> httpx.Response:
        return server.service.delete(f"/bucket/{name}{number + 2}")

    return [
        *server.measure("create bucket", create, 3),
        *server.measure("delete empty bucket", delete, 3),
    ]


def _signed(role: str, user: str | None) -> dict[str, str]:
    claims: dict[str, object] = {"role": role, "exp": int(time.time()) + 100_000}
    if user:
        claims["sub"] = user
    return {"authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/status").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit("The server did not start: see server.log beside the data.")


def _cpu_s(pid: int) -> float:
    """Return the processor seconds of a process: the kernel counts those of each thread in nanoseconds."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text("ascii").split()[0])
        except OSError:
            continue  # the thread ended meanwhile
    return total / 1e9
