"""A server before and after abuse: what it holds while nobody asks, and that it comes back to that."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.contract.client import get_object, put_object
from tests.crash.server import Server, wait_until

MIB = 1024 * 1024
BUCKET = "calm"
_CONTENT = b"what everybody else does" * 5000


@dataclass(frozen=True, slots=True)
class Calm:
    """What a server holds: descriptors, threads, files below `blobs/`, names of objects and their events."""

    descriptors: int
    threads: int
    files: list[Path]
    names: list[str]

    @classmethod
    def of(cls, server: Server) -> "Calm":
        return cls(
            descriptors=server.open_descriptors(),
            threads=count_threads(server),
            files=stored_bodies(server),
            names=[name for (name,) in server.place.rows("SELECT name FROM storage_objects ORDER BY name")],
        )


def warm_up(server: Server) -> None:
    """Use a new server from many sides at once, so that it has the threads and connections that it keeps."""

    def be_a_client(_number: int) -> None:
        with server.connect() as caller:
            for _ in range(10):
                use(caller)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(be_a_client, range(16)))


def stored_bodies(server: Server) -> list[Path]:
    """List the files below `blobs/`, but for the server's own notes."""
    return [path for path in server.stored_files() if server.blobs_dir / "meta" not in path.parents]


def count_threads(server: Server) -> int:
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in server.workers())


def cpu_seconds(server: Server) -> float:
    """Return the processor time that the workers have used so far."""
    ticks = 0
    for pid in server.workers():
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


@contextmanager
def recovering(server: Server, service: httpx.Client, *, growth_limit: int) -> Iterator[Calm]:
    """Let the block abuse the server; then memory must have been bounded and all else be as before.

    growth_limit: bytes that the workers may have had resident at once beyond what they had at the start.
    Nothing of what the block sent may be stored: what is to be refused is sent here, and nothing else.
    """
    use(service)
    before = Calm.of(server)
    resident = server.reset_peak_memory()
    yield before
    growth = server.peak_memory() - resident
    assert growth < growth_limit, f"{growth / MIB:.0f} MiB more"
    check_calm(server, service, before)


def check_calm(server: Server, service: httpx.Client, before: Calm) -> None:
    """The server answers, and lets go of everything that it did not hold `before`."""
    use(service)
    wait_until(lambda: server.open_files() == [], "the files of bodies are closed")
    wait_until(lambda: server.open_descriptors() <= before.descriptors, "the descriptors are back")
    wait_until(lambda: count_threads(server) <= max(before.threads, 64), "no request has a thread of its own")
    assert stored_bodies(server) == before.files
    assert Calm.of(server).names == before.names


def use(service: httpx.Client) -> None:
    """Upload, list and download as somebody who knows nothing of the abuse; the same content is no new file.

    Lists have connections to the database of their own, which are opened by the first of them and stay.
    """
    stored = put_object(service, BUCKET, "normal", _CONTENT, {"x-upsert": "true"})
    assert stored.status_code == 200, stored.text
    assert service.post(f"/object/list-v2/{BUCKET}", json={}).status_code == 200
    assert get_object(service, BUCKET, "normal").content == _CONTENT
