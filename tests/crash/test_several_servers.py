"""Two servers, each of two processes, on one database and one data directory: as good as one."""

import http.server
import itertools
import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from tests.contract.client import get_object, object_path

from .invariants import Place, check_invariants, find_orphans
from .ledger import Client
from .promise import BUCKET, create_bucket, read_all
from .server import Server, running_at, wait_until

CLIENTS = 4
REQUESTS = 40
NAMES = ("x", "y", "z")
IN_ONE_ROW = ["ObjectCreated:Post", "ObjectCreated:Copy"]


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes events and keeps them."""

    received: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def receiver() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as listening:
        Receiver.received.clear()
        threading.Thread(target=listening.serve_forever).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/"
        listening.shutdown()


@contextmanager
def two_servers(place: Place, **settings: object) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        servers = [stack.enter_context(running_at(place, workers=2, **settings)) for _ in range(2)]
        create_bucket(servers[0])
        yield servers


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    return Place(tmp_path / "data", database_url)


def connect(stack: ExitStack, servers: list[Server]) -> list[httpx.Client]:
    tokens = [server.target.token("service_role") for server in servers]
    return [
        stack.enter_context(server.target.connect(token))
        for server, token in zip(servers, tokens, strict=True)
    ]


def test_each_server_goes_on_where_the_other_one_was(place: Place) -> None:
    def work(client: Client, servers: list[Server]) -> None:
        with ExitStack() as stack:
            callers = itertools.cycle(connect(stack, servers))
            for _ in range(REQUESTS):
                client.make_request(next(callers))  # its ledger knows what the server must answer

    clients = [Client(BUCKET, f"client-{number}", seed=2) for number in range(CLIENTS)]
    with two_servers(place) as servers, ExitStack() as stack:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda client: work(client, servers), clients))
        for caller in connect(stack, servers):
            for client in clients:
                assert read_all(caller, f"{client.label}/") == client.acknowledged.digests
    check_invariants(place)
    assert find_orphans(place) == []


def meddle(servers: list[Server], seed: int) -> None:
    """Ask at random about names that all others ask about as well."""
    choices = random.Random(seed)
    with ExitStack() as stack:
        callers = connect(stack, servers)
        for number in range(REQUESTS):
            answer = ask_at_random(choices.choice(callers), choices, f"{seed}-{number}-".encode() * 100)
            assert answer.status_code in (200, 400), answer.text


def ask_at_random(caller: httpx.Client, choices: random.Random, content: bytes) -> httpx.Response:
    one, other = choices.sample(NAMES, 2)
    path, relocation = (
        object_path(BUCKET, one),
        {"bucketId": BUCKET, "sourceKey": one, "destinationKey": other},
    )
    match choices.randrange(6):
        case 0:
            return caller.post(path, content=content)
        case 1:
            return caller.put(path, content=content)
        case 2:
            return caller.post("/object/copy", json=relocation, headers={"x-upsert": "true"})
        case 3:
            return caller.post("/object/move", json=relocation)
        case 4:
            return caller.delete(path)
        case _:
            return caller.request("DELETE", f"/object/{BUCKET}", json={"prefixes": [one, other]})


def test_names_that_both_servers_write_have_one_history_and_every_event_is_delivered_in_order(
    place: Place,
) -> None:
    with receiver() as url, two_servers(place, webhook_url=url, webhook_allow_private=True) as servers:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda seed: meddle(servers, seed), range(CLIENTS)))
        wait_until(lambda: not undelivered(place), "every event is delivered")
        check_histories(place)
        check_readable(place, servers)
        check_deliveries(place)
    check_invariants(place)
    assert find_orphans(place) == []


def undelivered(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("SELECT seq FROM storage_events WHERE delivered_at IS NULL")


def check_histories(place: Place) -> None:
    """The events of each object tell one life, and what is left is what they end with."""
    lives: dict[str, list[tuple[str, str, str]]] = {}
    query = "SELECT object_id, type, name, payload ->> 'version' FROM storage_events ORDER BY seq"
    for object_id, kind, name, version in place.rows(query):
        lives.setdefault(str(object_id), []).append((kind, name, version))
    for life in lives.values():
        kinds = [kind for kind, _name, _version in life]
        assert kinds[0] in IN_ONE_ROW
        assert "ObjectCreated:Post" not in kinds[1:]
        assert "ObjectRemoved:Delete" not in kinds[:-1]
    ends = {
        id: (life[-1][1], life[-1][2]) for id, life in lives.items() if life[-1][0] != "ObjectRemoved:Delete"
    }
    left = place.rows("SELECT id, name, version FROM storage_objects")
    assert {str(id): (name, version) for id, name, version in left} == ends


def check_readable(place: Place, servers: list[Server]) -> None:
    with ExitStack() as stack:
        for caller in connect(stack, servers):
            for (name,) in place.rows("SELECT name FROM storage_objects"):
                assert get_object(caller, BUCKET, name).status_code == 200


def check_deliveries(place: Place) -> None:
    """Every event came, and those of one object in the order of their numbers."""
    sent = place.rows("SELECT object_id, id FROM storage_events ORDER BY seq")
    came = list(dict.fromkeys(event["id"] for event in Receiver.received))
    assert set(came) == {id for _object, id in sent}
    for object_id in {object_id for object_id, _id in sent}:
        expected = [id for of_object, id in sent if of_object == object_id]
        assert [id for id in came if id in expected] == expected


def test_of_many_reclaims_at_once_none_takes_what_is_in_use(place: Place) -> None:
    with two_servers(place, reclaim_interval=1, reclaim_grace=1) as servers:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda seed: meddle(servers, seed), range(CLIENTS)))
        wait_until(lambda: not released(place), "what was let go of is removed")
        check_readable(place, servers)
    check_invariants(place)


def released(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("SELECT id FROM storage_blobs WHERE status = 'DELETING'")
