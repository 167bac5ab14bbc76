"""The rule itself: which orders of calls break a chain."""

import pytest

from .rule import Step, check_chain
from .trace import NEVER, Call


def call(began: int, ended: int) -> Call:
    return Call(pid=1, name="fsync", text="3</d>", began=began, ended=ended, result=0)


def chain(*spans: tuple[int, int]) -> list[Step]:
    return [Step(f"step {number} happens", [call(*span)]) for number, span in enumerate(spans)]


def test_steps_one_after_the_other_keep_the_chain() -> None:
    check_chain(*chain((0, 1), (2, 2), (3, 5)))


@pytest.mark.parametrize(
    "spans",
    [((0, 3), (2, 4)), ((2, 2), (0, 0)), ((0, NEVER), (2, 2))],
    ids=["overlapping", "swapped", "never over"],
)
def test_a_step_that_is_not_over_when_the_next_one_begins_breaks_it(
    spans: tuple[tuple[int, int], ...],
) -> None:
    with pytest.raises(AssertionError, match="not yet over that step 0 happens when step 1 happens"):
        check_chain(*chain(*spans))


def test_one_late_call_of_many_breaks_it() -> None:
    written = Step("bytes are written", [call(0, 0), call(5, 5)])
    with pytest.raises(AssertionError, match="bytes are written when the file is synced"):
        check_chain(written, Step("the file is synced", [call(3, 3)]))


def test_a_step_that_never_happened_breaks_it() -> None:
    with pytest.raises(AssertionError, match="never happened that the log is synced"):
        check_chain(Step("the log is written", [call(0, 0)]), Step("the log is synced", []))
