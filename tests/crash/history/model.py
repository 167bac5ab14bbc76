"""What each operation answers and leaves, if operations happened one at a time: a dictionary of names.

Pure. The names of a group are letters; a value is the label of a content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

# The values by name, in the order of names; hashable, so that a search can remember where it has been.
State: TypeAlias = tuple[tuple[str, str], ...]
EMPTY: State = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A request: a verb of `apply`, the name that it is about, and what it needs besides."""

    verb: str
    name: str = ""
    to_name: str = ""
    value: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb not in {"get", "list"}

    def __str__(self) -> str:
        words = [self.verb, self.name]
        words += [f"-> {self.to_name}"] if self.to_name else []
        words += [f"= {self.value}"] if self.value else []
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a word, and what was shown with it."""

    word: str
    shown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.word} {', '.join(self.shown) or 'nothing'}" if self.word == "shows" else self.word


DONE, MISSING, EXISTS = Answer("done"), Answer("missing"), Answer("exists")


def shows(*what: str) -> Answer:
    return Answer("shows", what)


def apply(state: State, operation: Operation) -> tuple[Answer, State]:
    """Return what `operation` answers in `state`, and the state after it.

    `copy` and `move` refuse a name that is taken, `replace` is a copy that does not. A source that is missing
    matters more than a destination that exists.
    """
    values = dict(state)
    match operation.verb:
        case "get":
            return shows(values[operation.name]) if operation.name in values else MISSING, state
        case "list":
            return shows(*sorted(values)), state
        case "create" if operation.name in values:
            return EXISTS, state
        case "create" | "upsert":
            return DONE, _state({**values, operation.name: operation.value})
    if operation.name not in values:
        return MISSING, state
    if operation.verb == "delete":
        return DONE, _without(values, operation.name)
    return _relocate(state, values, operation)


def _relocate(state: State, values: Mapping[str, str], operation: Operation) -> tuple[Answer, State]:
    if operation.verb != "replace" and operation.to_name in values:
        return EXISTS, state
    moved = _state({**values, operation.to_name: values[operation.name]})
    match operation.verb:
        case "copy" | "replace":
            return DONE, moved
        case "move":
            return DONE, _without(dict(moved), operation.name)
    raise ValueError(operation.verb)


def _without(values: Mapping[str, str], name: str) -> State:
    return _state({other: value for other, value in values.items() if other != name})


def _state(values: Mapping[str, str]) -> State:
    return tuple(sorted(values.items()))
