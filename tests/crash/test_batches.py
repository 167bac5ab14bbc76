"""Deleting many and emptying a bucket go in batches: a server that dies leaves any number of whole ones done.

The short form dies once on each executor, where `--crash-seed` says; `--crash-size` 10 and more everywhere.
"""

import itertools
import random
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from .cycle import BROKEN
from .failpoint import MOMENTS, Order, Orders
from .invariants import Place
from .ledger import BATCH, Client, Step
from .promise import BUCKET, check_promises, check_what_is_left, create_bucket
from .server import forked_at, wait_until

NAMES = [f"many/own/{number:04}" for number in range(BATCH + 2)]
DOORS: dict[str, Callable[[Client], Step]] = {
    "delete many": lambda client: client.delete_many(NAMES),
    "empty bucket": Client.empty_bucket,
}
# How many batches are done when it dies at this moment of the n-th commit.
DONE = {"before": -1, "after": 0}

pytestmark = pytest.mark.timeout(0)


def test_a_server_that_dies_between_batches_has_done_whole_ones(
    make_place: Callable[[], Place], crash_size: int, crash_seed: int
) -> None:
    place, client = make_place(), Client(BUCKET, "many", crash_seed, own_bucket="many-own")
    ways = list(itertools.product(DOORS, MOMENTS["commit"], (1, 2)))
    for door, moment, count in ways if crash_size >= 10 else [random.Random(crash_seed).choice(ways)]:
        before, histories = die_in_batches(place, client, DOORS[door], Order("commit", moment, count))
        assert client.acknowledged == [before, *histories][count + DONE[moment]], f"{door} {moment} {count}"
        check_what_is_left(place)


def die_in_batches(
    place: Place, client: Client, door: Callable[[Client], Step], order: Order
) -> tuple[object, tuple[object, ...]]:
    """Kill the server at `order`; return the history before, and those after each batch."""
    orders = Orders(place.data_dir.with_name("orders"))
    with forked_at(place, orders) as server:
        with server.connect() as caller:
            if not client.acknowledged.events:
                create_bucket(server)
                client.take(client.create_bucket(), caller)
                client.take(client.upload("many/source", b"content of all"), caller)
            fill(client, caller)
            step = door(client)
            orders.give(order)
            with suppress(*BROKEN):
                client.take(step, caller)
        wait_until(lambda: server.process.poll() is not None, f"the server dies at {order}")
    orders.give(None)
    before = client.acknowledged
    with forked_at(place, orders) as server:
        check_promises(server, [client])
    return before, step.outcomes


def fill(client: Client, caller: httpx.Client) -> None:
    """See to it that there are all of NAMES."""
    for name in NAMES:
        if name not in client.acknowledged.digests:
            client.take(client.copy("many/source", name), caller)
