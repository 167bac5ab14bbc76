"""A database that somebody else keeps locked: writes say so in a bounded time, and reads go on."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx

from tests.contract.client import WireError, error_of, get_object, put_object
from tests.crash.invariants import check_invariants
from tests.crash.server import Server
from tests.crash.test_full_disk import orphaned_bodies

from .calm import BUCKET, MIB, recovering

WRITERS = 40
LOCKED = WireError(503, "503", "acquiring_lock_timeout", "acquiring lock timeout", "LockTimeout")


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Keep the write lock for the time of the block."""
    with closing(sqlite3.connect(server.data_dir / "aerostore.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def write_at_once(server: Server, label: str) -> list[httpx.Response]:
    def write(number: int) -> httpx.Response:
        with server.connect() as caller:
            caller.timeout = 30
            return put_object(caller, BUCKET, f"{label}/{number}", b"x" * (number * 3000))

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(write, range(WRITERS)))


def test_while_others_hold_the_lock_writes_are_refused_soon_and_reads_go_on(
    server: Server, service: httpx.Client
) -> None:
    with recovering(server, service, growth_limit=64 * MIB), ThreadPoolExecutor(1) as aside, locked(server):
        writing = aside.submit(write_at_once, server, "locked")
        reads = 0
        while not writing.done():
            assert get_object(service, BUCKET, "normal").status_code == 200
            reads += 1
        refused = writing.result()
        assert {error_of(answer) for answer in refused} == {LOCKED}
        assert {answer.headers["retry-after"] for answer in refused} == {"5"}
        assert reads > 1
    assert orphaned_bodies(server) == []
    check_invariants(server.place)


def test_a_lock_that_comes_and_goes_costs_time_only(server: Server, service: httpx.Client) -> None:
    stop = False

    def come_and_go() -> None:
        while not stop:
            with locked(server):
                get_object(service, BUCKET, "normal")

    with ThreadPoolExecutor(1) as aside:
        nuisance = aside.submit(come_and_go)
        answers = write_at_once(server, "now and then")
        stop = True
        nuisance.result()
    assert {answer.status_code for answer in answers} == {200}
    names = [f"now and then/{number}" for number in range(WRITERS)]
    assert len(service.request("DELETE", f"/object/{BUCKET}", json={"prefixes": names}).json()) == WRITERS
