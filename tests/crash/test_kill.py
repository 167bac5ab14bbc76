"""kill -9 at random moments: what was acknowledged is there, the rest is absent or complete.

`--crash-seed` repeats the choices of one run, `--crash-size` kills more often.
"""

import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.contract.client import etag_of, get_object

from .invariants import Place, check_invariants, events_below, find_orphans
from .ledger import Client, History, digest_of
from .server import DEADLINE_S, Server, running_at

CYCLES = 10
CLIENTS = 6
BUCKET = "crash"


class Crowd:
    """Clients that work at once; the last of `requests_to_live` answers kills the server, there and then."""

    def __init__(self, server: Server, *, requests_to_live: int) -> None:
        self._server = server
        self._left = requests_to_live
        self._lock = threading.Lock()

    def work_until_the_server_dies(self, client: Client) -> None:
        target = self._server.target
        with target.connect(target.token("service_role")) as caller:
            while True:
                try:
                    client.make_request(caller)
                except (httpx.NetworkError, httpx.RemoteProtocolError):
                    return
                self._count()

    def _count(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._server.strike()


def kill_under_load(server: Server, clients: list[Client], requests_to_live: int) -> None:
    """Let all clients work at once until the server is killed in the middle of what it does."""
    crowd = Crowd(server, requests_to_live=requests_to_live)
    with ThreadPoolExecutor(len(clients)) as pool:
        working = [pool.submit(crowd.work_until_the_server_dies, client) for client in clients]
        for work in working:
            work.result()
    assert server.process.wait(DEADLINE_S) == -signal.SIGKILL


def check_promises(server: Server, clients: list[Client]) -> None:
    """Compare what the server shows with every ledger; each client goes on from there."""
    with server.target.connect(server.target.token("service_role")) as caller:
        for client in clients:
            events = events_below(server.place, f"{client.label}/")
            client.go_on_from(History(read_all(caller, f"{client.label}/"), events))


def read_all(caller: httpx.Client, prefix: str) -> dict[str, str]:
    """Download everything that the list shows; return the digests by name."""
    page = caller.post(f"/object/list-v2/{BUCKET}", json={"prefix": prefix}).json()
    assert not page["hasNext"]
    return {entry["name"]: read_digest(caller, entry["name"]) for entry in page["objects"]}


def read_digest(caller: httpx.Client, name: str) -> str:
    answer = get_object(caller, BUCKET, name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == etag_of(answer.content)
    return digest_of(answer.content)


@pytest.mark.timeout(0)
def test_kill_9_breaks_no_promise(
    tmp_path: Path, database_url: str, crash_size: int, crash_seed: int
) -> None:
    place = Place(tmp_path / "data", database_url)
    moments = random.Random(crash_seed)
    clients = [Client(BUCKET, f"client-{number}", crash_seed) for number in range(CLIENTS)]
    for cycle in range(CYCLES * crash_size):
        with running_at(place) as server:
            if cycle == 0:
                create_bucket(server)
            check_promises(server, clients)
            kill_under_load(server, clients, requests_to_live=moments.randint(1, 60))
        check_invariants(place)
    with running_at(place) as server:
        check_promises(server, clients)
    check_invariants(place)
    assert len(find_orphans(place)) <= CYCLES * crash_size * CLIENTS, "requests that ended left files behind"


def create_bucket(server: Server) -> None:
    with server.target.connect(server.target.token("service_role")) as caller:
        assert caller.post("/bucket", json={"name": BUCKET}).status_code == 200
