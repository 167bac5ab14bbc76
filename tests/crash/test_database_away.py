"""PostgreSQL goes away under load and comes back: 503 meanwhile, nothing lost, no restart needed."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conformance.postgres import PostgresCluster, require_binaries, running_cluster
from tests.contract.client import TLS, error_of, object_path, put_object

from .invariants import Place, check_invariants
from .ledger import CannotSay, Client
from .promise import BUCKET, check_promises, create_bucket
from .server import Server, running_at, wait_until

pytestmark = pytest.mark.postgres

CLIENTS = 6
CYCLES = 3


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[PostgresCluster]:
    """A cluster that may be stopped: nobody else uses it."""
    with running_cluster(require_binaries()) as running:
        running.create_api_roles()
        yield running


@pytest.fixture
def place(own_cluster: PostgresCluster, tmp_path: Path) -> Place:
    return Place(tmp_path / "data", own_cluster.url(own_cluster.create_database()))


def work_until_it_cannot_say(server: Server, client: Client) -> httpx.Response:
    with server.connect() as caller:
        while True:
            try:
                client.make_request(caller)
            except CannotSay as refusal:
                return refusal.answer


def is_healthy(server: Server) -> bool:
    return bool(httpx.get(f"{server.target.url}/health", trust_env=False, verify=TLS).json()["healthy"])


def test_a_database_that_restarts_under_load_breaks_no_promise(
    own_cluster: PostgresCluster, place: Place
) -> None:
    clients = [Client(BUCKET, f"client-{number}", seed=1) for number in range(CLIENTS)]
    moments = random.Random(1)
    with running_at(place, workers=2) as server:
        create_bucket(server)
        for _ in range(CYCLES):
            with ThreadPoolExecutor(CLIENTS) as pool:
                working = [pool.submit(work_until_it_cannot_say, server, client) for client in clients]
                enough = len(events_so_far(place)) + moments.randint(20, 80)
                wait_until(lambda: len(events_so_far(place)) >= enough, "the clients have written")  # noqa: B023 -- called at once
                own_cluster.stop()
                answers = [work.result() for work in working]
            assert {answer.headers["retry-after"] for answer in answers} == {"5"}
            own_cluster.start()
            wait_until(lambda: is_healthy(server), "the server has found its database again")
            check_promises(server, clients)
    check_invariants(place)


def events_so_far(place: Place) -> list[tuple[object, ...]]:
    return place.rows("SELECT seq FROM storage_events")


def test_while_the_database_is_away_every_answer_is_quick_and_says_so(
    own_cluster: PostgresCluster, place: Place
) -> None:
    with (
        running_at(place) as server,
        server.connect() as service,
    ):
        create_bucket(server)
        put_object(service, BUCKET, "kept", b"kept")
        own_cluster.stop()
        try:
            answers = [service.get(object_path(BUCKET, "kept")) for _ in range(2)]
            answers += [
                put_object(service, BUCKET, "new"),
                service.post(f"/object/list/{BUCKET}", json={"prefix": ""}),
            ]
            assert not is_healthy(server)
            assert service.get("/status").status_code == 200
        finally:
            own_cluster.start()
        # Whoever waits for a connection as long as that may take hears SlowDown in the end.
        assert {(answer.status_code, error_of(answer).code) for answer in answers} == {(503, "Unavailable")}
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        wait_until(lambda: is_healthy(server), "the server has found its database again")
        assert service.get(object_path(BUCKET, "kept")).content == b"kept"
        assert put_object(service, BUCKET, "new").status_code == 200
