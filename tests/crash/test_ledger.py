"""The ledger by itself: which states a client takes for possible, and which it refuses."""

from dataclasses import replace

import pytest

from .failpoint import Order, orders_for
from .ledger import BATCH, Client, History

NAMES = [f"it/{number:04}" for number in range(BATCH + 1)]


def held(*names: str) -> History:
    history = History()
    for name in names:
        history = history.put(name, b"content")
    return history


def client_with(history: History) -> Client:
    client = Client("bucket", "it", seed=1)
    client.acknowledged = history
    return client


def test_a_state_that_is_neither_before_nor_after_is_refused_and_named() -> None:
    client = client_with(held("it/1"))
    with pytest.raises(AssertionError, match="it/1: shows None"):
        client.go_on_from(History())


def test_a_state_with_an_event_too_many_is_refused() -> None:
    client = client_with(held("it/1"))
    with pytest.raises(AssertionError, match="events end with"):
        client.go_on_from(replace(client.acknowledged, events=client.acknowledged.events * 2))


def test_deleting_many_leaves_any_number_of_whole_batches_done() -> None:
    client = client_with(held(*NAMES))
    outcomes = client.delete_many(NAMES).outcomes
    assert [len(outcome.digests) for outcome in outcomes] == [1, 0]


def test_deletes_in_a_row_have_no_order_and_all_else_has() -> None:
    history = held("it/1", "it/2")
    assert history.delete(["it/1"]).delete(["it/2"]) == history.delete(["it/2"]).delete(["it/1"])
    assert held("it/1", "it/2") != held("it/2", "it/1")


def test_a_move_onto_an_object_must_be_refused() -> None:
    client = client_with(held("it/1", "it/2"))
    step = client.move("it/1", "it/2")
    assert (step.status, step.outcomes) == (400, (client.acknowledged,))


def test_every_passing_gives_an_order_for_each_of_its_moments() -> None:
    assert orders_for(["commit", "link", "commit"]) == [
        Order("commit", "before", 1),
        Order("commit", "after", 1),
        Order("link", "before", 1),
        Order("link", "after", 1),
        Order("commit", "before", 2),
        Order("commit", "after", 2),
    ]
