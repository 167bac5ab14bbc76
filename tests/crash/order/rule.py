"""What must have happened before what: a chain of steps, each over before the next one begins."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from .trace import Call


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a chain, in words, and the calls that make it up."""

    says: str
    calls: Sequence[Call]


def check_chain(*steps: Step) -> None:
    """Raises: AssertionError when a step did not happen, or was not over when the next one began."""
    for step in steps:
        assert step.calls, f"it never happened that {step.says}\n\n{_story(steps)}"
    for step, following in itertools.pairwise(steps):
        is_over = max(call.ended for call in step.calls)
        begins = min(call.began for call in following.calls)
        assert is_over < begins, (
            f"it was not yet over that {step.says} when {following.says}\n\n{_story(steps)}"
        )


def _story(steps: Sequence[Step]) -> str:
    """Show the first and the last call of each step, in the order in which they began."""
    told = [
        (call, step.says) for step in steps for call in dict.fromkeys((*step.calls[:1], *step.calls[-1:]))
    ]
    told.sort(key=lambda each: each[0].began)
    return "\n".join(f"{says:<40} {call}" for call, says in told)
