"""What is left of an impossible history for a person to look at."""

import pytest

from .checker import Record, is_linearizable
from .model import DONE, shows
from .sample import IMPOSSIBLE, LIST, create, get, record, unknown, upsert
from .shrinking import shrink
from .story import tell_impossible


@pytest.mark.parametrize("history", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_is_left_is_impossible_as_well(history: list[Record]) -> None:
    assert not is_linearizable(shrink(history))


# Names may have been taken before what is left begins.
BEFORE = [unknown(-2, upsert(value, name)) for name in "ab" for value in "12"]


@pytest.mark.parametrize("history", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_each_answer_that_is_left_is_needed(history: list[Record]) -> None:
    left = shrink(history)
    needed = [each for each in left if each.is_known]
    assert needed
    for each in needed:
        forgotten = unknown(each.asked_at, each.operation)
        rest = [forgotten if other is each else other for other in left]
        assert is_linearizable([*BEFORE, *rest])


def test_a_history_is_told_without_what_does_not_matter() -> None:
    history = [
        record((0, 1), create("9", "c"), DONE),
        record((2, 3), upsert("1"), DONE),
        record((4, 5), get("c"), shows("9")),
        record((6, 7), upsert("2"), DONE, client="writer-"),
        record((8, 9), get(), shows("1"), client="reader-"),
        record((10, 11), get(), shows("2")),
    ]
    heading, *lines = tell_impossible(history).splitlines()
    assert heading == "whatever was there before, no order explains the answers with stars:"
    assert [line.split() for line in lines] == [
        ["*", "0.000", "-", "1.000", "writer-6", "upsert", "a", "=", "2", "done"],
        ["*", "2.000", "-", "3.000", "reader-8", "get", "a", "shows", "1"],
    ]


def test_writes_that_may_have_come_between_are_told_without_a_star() -> None:
    history = [
        record((0, 1), create("1"), DONE),
        unknown(2, upsert("2")),
        record((4, 5), LIST, shows("b")),
    ]
    _heading, *lines = tell_impossible(history).splitlines()
    assert [line[0] for line in lines] == ["*", " ", "*"]
    assert lines[1].split()[:3] == ["2.000", "-", "(never)"]
    assert lines[1].endswith("nobody knows")
