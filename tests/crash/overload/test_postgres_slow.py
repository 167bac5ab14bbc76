"""PostgreSQL that keeps everybody waiting: each request is answered in the end, with when to come again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.contract.client import error_of, get_object, put_object
from tests.crash.invariants import Place, check_invariants
from tests.crash.server import Server, running_at

from .calm import BUCKET, use

pytestmark = pytest.mark.postgres

REQUESTS = 16
PATIENCE_S = 90.0
LATER = {(429, "SlowDown"), (503, "LockTimeout"), (503, "Unavailable")}


def ask(server: Server, number: int) -> httpx.Response:
    with server.connect() as caller:
        caller.timeout = PATIENCE_S
        if number % 2:
            return put_object(caller, BUCKET, f"waiting/{number}", b"x" * number * 10_000)
        return get_object(caller, BUCKET, "normal")


def test_with_all_connections_kept_waiting_every_request_is_refused_in_the_end(
    cluster: PostgresCluster, tmp_path: Path, crash_size: int
) -> None:
    if crash_size < 2:
        pytest.skip("waits for half a minute: run it with --crash-size 2")
    name = cluster.create_database()
    place = Place(tmp_path / "data", cluster.url(name))
    with (
        running_at(place, database_pool_size=2) as server,
        server.connect() as service,
    ):
        assert service.post("/bucket", json={"name": BUCKET}).status_code == 200
        use(service)
        with psycopg.connect(place.database_url, options="-c search_path=aerostore,storage") as holder:
            holder.execute("LOCK TABLE storage_objects IN ACCESS EXCLUSIVE MODE")
            assert service.get("/status").status_code == 200
            with ThreadPoolExecutor(REQUESTS) as pool:
                answers = list(pool.map(lambda number: ask(server, number), range(REQUESTS)))
            holder.rollback()
        assert {(answer.status_code, error_of(answer).code) for answer in answers} <= LATER
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        use(service)
        listed = service.post(f"/object/list-v2/{BUCKET}", json={}).json()["objects"]
        assert [entry["name"] for entry in listed] == ["normal"]
        check_invariants(place)
    cluster.drop_database(name)
