"""More requests at once than the server can hold: the others are refused in so many words."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.client import WireError, error_of, get_object, object_path, put_object
from tests.contract.raw_socket import request_bytes
from tests.crash.server import Server, wait_until

from .calm import BUCKET, MIB, Calm, check_calm, recovering, stored_bodies, use
from .flock import Flock, flock

PLACES = 512
BUSY = WireError(503, "503", "Overloaded", "The server has too many requests under way", "Overloaded")
CLIENTS = 60
UPLOADS = 120


def test_with_every_place_taken_the_next_one_is_refused_and_the_server_can_be_watched(
    server: Server, service: httpx.Client, token: str
) -> None:
    length = [("Content-Length", "60000")]
    with (
        recovering(server, service, growth_limit=32 * MIB + PLACES * MIB // 2),
        flock(server.target) as waiting,
    ):
        path = object_path(BUCKET, "waiting")
        upload = request_bytes(server.target, "POST", path, headers=length, token=token)
        for _ in range(PLACES):
            add_one_more(waiting, upload)
        wait_until(lambda: is_busy(service, waiting, upload), "all places are taken")
        for method, path in (("PUT", "refused"), ("GET", "normal"), ("DELETE", "normal")):
            keep_waiting(waiting)
            refused = service.request(method, object_path(BUCKET, path))
            assert (error_of(refused), refused.headers["retry-after"]) == (BUSY, "5")
        for path in ("/status", "/health", "/metrics"):
            assert service.get(path).status_code == 200
        waiting.disperse()
        wait_until(lambda: get_object(service, BUCKET, "normal").status_code == 200, "there are places again")


def add_one_more(waiting: Flock, upload: bytes) -> None:
    """Begin another upload, and now and then send a byte of each, so that none counts as stalled."""
    waiting.join(upload)
    if len(waiting.members) % 50 == 0:
        keep_waiting(waiting)


def keep_waiting(waiting: Flock) -> None:
    for member in waiting.members:
        waiting.send(member, b"x")


def is_busy(service: httpx.Client, waiting: Flock, upload: bytes) -> bool:
    """Tell whether nobody gets a place; else take that of an upload which was given up on the way here."""
    keep_waiting(waiting)
    if get_object(service, BUCKET, "normal").status_code == 503:
        return True
    waiting.join(upload)
    return False


@pytest.mark.timeout(0)
def test_hundreds_of_uploads_and_downloads_at_once_are_done_or_refused(
    server: Server, service: httpx.Client, token: str, crash_size: int, crash_seed: int
) -> None:
    use(service)
    before, resident = Calm.of(server), server.reset_peak_memory()
    contents = {
        f"crowd/{number}": random.Random(f"{crash_seed} {number}").randbytes(MIB)
        for number in range(UPLOADS * crash_size)
    }

    def go_and_come_back(name: str) -> int:
        with server.target.connect(token) as caller:
            stored = put_object(caller, BUCKET, name, contents[name])
            if stored.status_code == 200:
                assert get_object(caller, BUCKET, name).content == contents[name]
            else:
                assert (stored.status_code, stored.headers["retry-after"]) == (503, "5")
            return stored.status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes = Counter(pool.map(go_and_come_back, contents))
    assert outcomes[200] >= CLIENTS, outcomes
    assert server.peak_memory() - resident < CLIENTS * 8 * MIB
    names = [
        name for (name,) in server.place.rows("SELECT name FROM storage_objects WHERE name LIKE 'crowd/%'")
    ]
    assert len(names) == outcomes[200]
    service.request("DELETE", f"/object/{BUCKET}", json={"prefixes": names})
    check_calm(server, service, Calm(before.descriptors, before.threads, stored_bodies(server), before.names))
