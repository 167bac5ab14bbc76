"""Linearizability: one order of all operations, each between its request and its answer, fits the model.

Pure: a search over what may have happened first, which remembers where each set of operations has led.
Source: Wing and Gong, Testing and Verifying Concurrent Objects (1993); Lowe, Testing for Linearizability
(2017).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .model import EMPTY, Answer, Operation, State, apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A request and what came of it. asked_at, answered_at: one clock, any unit.

    answer: None when nobody knows what came of it. Then it may take effect at any time later, or never.
    """

    client: str
    operation: Operation
    asked_at: float
    answered_at: float = math.inf
    answer: Answer | None = None

    @property
    def is_known(self) -> bool:
        return self.answer is not None


class TooLong(Exception):
    """The search was given up."""


def is_linearizable(history: Sequence[Record], state: State = EMPTY, *, patience: float = math.inf) -> bool:
    """Tell whether some order, begun in `state`, explains every answer of `history`.

    Raises: TooLong when that takes more than `patience` steps: each unknown outcome may double them.
    """
    return _Search(history).succeeds_from(state, patience)


class _Search:
    """Operations that have happened are bits of a set; those that were answered must all get in."""

    def __init__(self, history: Sequence[Record]) -> None:
        # What is not known to have happened, and changes nothing, explains nothing.
        relevant = [each for each in history if each.is_known or each.operation.is_write]
        self._records = sorted(relevant, key=lambda record: record.asked_at)
        self._answered = sum(1 << at for at, record in enumerate(self._records) if record.is_known)

    def succeeds_from(self, state: State, patience: float) -> bool:
        seen = {(0, state)}
        waiting = [(0, state)]
        while waiting:
            happened, state = waiting.pop()
            if happened & self._answered == self._answered:
                return True
            fresh = {after for after in self._steps(happened, state) if after not in seen}
            seen |= fresh
            if len(seen) > patience:
                raise TooLong
            waiting += fresh
        return False

    def _steps(self, happened: int, state: State) -> Iterator[tuple[int, State]]:
        for at in self._candidates(happened):
            record = self._records[at]
            answer, after = apply(state, record.operation)
            if answer == record.answer or (not record.is_known and after != state):
                yield happened | 1 << at, after

    def _candidates(self, happened: int) -> list[int]:
        """List what may happen next: whatever was asked before the first of all open answers came."""
        candidates: list[int] = []
        first_answered_at = math.inf
        for at, record in enumerate(self._records):
            if happened >> at & 1:
                continue
            if record.asked_at > first_answered_at:
                break
            candidates.append(at)
            first_answered_at = min(first_answered_at, record.answered_at)
        return candidates
