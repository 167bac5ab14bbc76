"""From a history that is impossible, the little that a person needs to see that. Pure.

Each step only forgets something, which never makes a possible history of what was not: what is left is
impossible as well.
"""

import itertools
import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from .checker import Record, TooLong, is_linearizable
from .model import EMPTY, State

_PATIENCE = 20_000
# Stands for all values that no read in sight has shown.
_UNSEEN = "?"


def shrink(history: Sequence[Record]) -> list[Record]:
    """Return the answers that cannot all be true, and the writes that may have come between.

    The answers of those are forgotten. Where it would take long to find out, an answer is kept.
    history: one that is not linearizable.
    """
    beginning = _shortest_impossible_beginning(history)
    shrunk, states = _latest_impossible_end(beginning)
    for at in range(len(shrunk)):
        without = [*shrunk[:at], _forgotten(shrunk[at]), *shrunk[at + 1 :]]
        if _is_surely_impossible(without, states):
            shrunk = without
    return [record for record in shrunk if record.is_known or record.operation.is_write]


def _shortest_impossible_beginning(history: Sequence[Record]) -> list[Record]:
    for moment in sorted(record.answered_at for record in history):
        beginning = [
            record if record.answered_at <= moment else _forgotten(record)
            for record in history
            if record.asked_at <= moment
        ]
        if not is_linearizable(beginning):
            return beginning
    return list(history)


def _latest_impossible_end(history: Sequence[Record]) -> tuple[list[Record], Collection[State]]:
    """Return what comes after a moment before which anything may have happened, and the states then."""
    for moment in sorted((record.asked_at for record in history), reverse=True):
        end = [
            record if record.asked_at >= moment else _forgotten(record)
            for record in history
            if record.answered_at >= moment
        ]
        states = _all_states(end)
        if _is_surely_impossible(end, states):
            return end, states
    return list(history), [EMPTY]


def _all_states(history: Sequence[Record]) -> list[State]:
    """List every state, as far as the answers of `history` can tell one from another."""
    touched = {name for each in history for name in (each.operation.name, each.operation.to_name)}
    listed = {
        name
        for each in history
        if each.answer and each.operation.verb == "list"
        for name in each.answer.shown
    }
    names = sorted((touched | listed) - {""})
    seen = {
        value
        for each in history
        if each.answer and each.operation.verb == "get"
        for value in each.answer.shown
    }
    choices = [[(), *(((name, value),) for value in sorted(seen | {_UNSEEN}))] for name in names]
    return [tuple(itertools.chain(*chosen)) for chosen in itertools.product(*choices)]


def _is_surely_impossible(history: Sequence[Record], states: Collection[State]) -> bool:
    try:
        return not any(is_linearizable(history, state, patience=_PATIENCE) for state in states)
    except TooLong:
        return False


def _forgotten(record: Record) -> Record:
    return replace(record, answer=None, answered_at=math.inf)
