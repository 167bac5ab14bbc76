"""Little memory: many large bodies at once pass, or are refused, and the process stays the one it was."""

import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.contract.client import get_object, object_path
from tests.crash.server import Server, running

from .calm import BUCKET, MIB, use, warm_up

CLIENTS = 12
BODY_MIB = 24
# All bodies together do not fit: a server that collects them in memory fails here.
ROOM = 192 * MIB


def test_many_large_bodies_pass_through_little_memory(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data") as server,
        server.connect() as service,
    ):
        assert service.post("/bucket", json={"name": BUCKET}).status_code == 200
        warm_up(server)
        workers = server.workers()
        for pid in workers:
            limit = address_space(pid) + ROOM
            resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        with ThreadPoolExecutor(CLIENTS) as pool:
            outcomes = Counter(pool.map(lambda number: go_and_come_back(server, number), range(CLIENTS)))
        assert outcomes == {200: CLIENTS}
        assert server.workers() == workers, "a worker died"
        use(service)


def address_space(pid: int) -> int:
    """Return the bytes of virtual memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0]) * resource.getpagesize()


def go_and_come_back(server: Server, number: int) -> int:
    """Upload and download something large, a block at a time, and return how it went."""
    block = number.to_bytes(4, "big") * (MIB // 4)
    with server.connect() as caller:
        caller.timeout = 60
        path = object_path(BUCKET, f"large/{number}")
        stored = caller.post(path, content=(block for _ in range(BODY_MIB)))
        if stored.status_code == 200:
            assert get_object(caller, BUCKET, f"large/{number}").content == block * BODY_MIB
        return stored.status_code
