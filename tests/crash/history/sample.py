"""Histories that are known to be possible or impossible, and the words to write them down."""

from .checker import Record
from .model import DONE, EXISTS, MISSING, Answer, Operation, shows

A, B = "a", "b"


def create(value: str, name: str = A) -> Operation:
    return Operation("create", name, value=value)


def upsert(value: str, name: str = A) -> Operation:
    return Operation("upsert", name, value=value)


def get(name: str = A) -> Operation:
    return Operation("get", name)


DELETE = Operation("delete", A)
COPY, MOVE, REPLACE = (Operation(verb, A, B) for verb in ("copy", "move", "replace"))
LIST = Operation("list")


def record(
    span: tuple[float, float], operation: Operation, answer: Answer | None, client: str = "x"
) -> Record:
    return Record(
        client=f"{client}{span[0]}",
        operation=operation,
        asked_at=span[0],
        answered_at=span[1],
        answer=answer,
    )


def unknown(asked_at: float, operation: Operation) -> Record:
    return Record(client=f"x{asked_at}", operation=operation, asked_at=asked_at)


POSSIBLE = {
    "nothing": [],
    "one after the other": [record((0, 1), create("1"), DONE), record((2, 3), get(), shows("1"))],
    "a read during a write sees it": [record((0, 9), upsert("1"), DONE), record((1, 2), get(), shows("1"))],
    "a read during a write misses it": [record((0, 9), upsert("1"), DONE), record((1, 2), get(), MISSING)],
    "concurrent writes in the other order": [
        record((0, 9), upsert("1"), DONE),
        record((0.5, 8), upsert("2"), DONE),
        record((10, 11), get(), shows("1")),
    ],
    "one winner of two creates": [
        record((0, 5), create("1"), EXISTS),
        record((1, 4), create("2"), DONE),
        record((6, 7), get(), shows("2")),
    ],
    "two winners with a delete between": [
        record((0, 9), create("1"), DONE),
        record((0.5, 9), create("2"), DONE),
        record((0.7, 9), DELETE, DONE),
    ],
    "an unknown write that is seen late": [
        unknown(0, upsert("1")),
        record((5, 6), get(), MISSING),
        record((7, 8), get(), shows("1")),
    ],
    "an unknown write that is never seen": [unknown(0, upsert("1")), record((5, 6), get(), MISSING)],
    "an unknown delete that happened": [
        record((0, 1), upsert("1"), DONE),
        unknown(2, DELETE),
        record((3, 4), get(), MISSING),
    ],
    "a move keeps the value": [
        record((0, 1), create("1"), DONE),
        record((2, 3), MOVE, DONE),
        record((4, 5), LIST, shows(B)),
        record((6, 7), get(B), shows("1")),
    ],
    "a copy during an overwrite takes either": [
        record((0, 1), create("1"), DONE),
        record((2, 9), upsert("2"), DONE),
        record((3, 8), COPY, DONE),
        record((10, 11), get(B), shows("1")),
    ],
    "a move that finds both": [
        record((0, 1), create("1"), DONE),
        record((2, 3), create("2", B), DONE),
        record((4, 5), MOVE, EXISTS),
        record((6, 7), REPLACE, DONE),
        record((8, 9), get(B), shows("1")),
    ],
}

IMPOSSIBLE = {
    "a stale read": [
        record((0, 1), upsert("1"), DONE),
        record((2, 3), upsert("2"), DONE),
        record((4, 5), get(), shows("1")),
    ],
    "a write that nobody sees": [record((0, 1), create("1"), DONE), record((2, 3), get(), MISSING)],
    "an upsert that is lost": [
        record((0, 1), upsert("1"), DONE),
        record((2, 9), upsert("2"), DONE),
        record((3, 8), get(), shows("2")),
        record((10, 11), get(), shows("1")),
    ],
    "an object that comes back after its delete": [
        record((0, 1), create("1"), DONE),
        record((2, 3), DELETE, DONE),
        record((4, 5), get(), shows("1")),
    ],
    "two winners of a create": [record((0, 9), create("1"), DONE), record((1, 8), create("2"), DONE)],
    "two winners of a delete": [
        record((0, 1), create("1"), DONE),
        record((2, 9), DELETE, DONE),
        record((3, 8), DELETE, DONE),
    ],
    "a loser of a create that nobody won": [record((0, 1), create("1"), EXISTS)],
    "a gap in an upsert": [
        record((0, 1), upsert("1"), DONE),
        record((2, 9), upsert("2"), DONE),
        record((3, 4), get(), MISSING),
    ],
    "reads that go back in time": [
        record((0, 9), upsert("1"), DONE),
        record((1, 2), get(), shows("1")),
        record((3, 4), get(), MISSING),
    ],
    "a value that nobody wrote": [record((0, 1), upsert("1"), DONE), record((2, 3), get(), shows("2"))],
    "an unknown write that is undone": [
        unknown(0, upsert("1")),
        record((1, 2), get(), shows("1")),
        record((3, 4), get(), MISSING),
    ],
    "an unknown write before it was asked": [record((0, 1), get(), shows("1")), unknown(2, upsert("1"))],
    "a move seen at both names": [
        record((0, 1), create("1"), DONE),
        record((2, 9), MOVE, DONE),
        record((3, 4), LIST, shows(A, B)),
    ],
    "a move seen at neither name": [
        record((0, 1), create("1"), DONE),
        record((2, 9), MOVE, DONE),
        record((3, 4), LIST, shows()),
    ],
    "a list of two moments": [
        record((0, 1), create("1"), DONE),
        record((2, 3), DELETE, DONE),
        record((4, 9), create("2", B), DONE),
        record((5, 6), LIST, shows(A, B)),
    ],
    "a copy of what was overwritten before the name was still free": [
        record((0, 1), create("1"), DONE),
        record((2, 9), COPY, DONE),
        record((3, 4), upsert("2"), DONE),
        record((5, 6), get(B), MISSING),
        record((10, 11), get(B), shows("1")),
    ],
    "a copy of nothing": [record((0, 1), COPY, DONE)],
    "a move over an object": [
        record((0, 1), create("1"), DONE),
        record((2, 3), create("2", B), DONE),
        record((4, 5), MOVE, DONE),
    ],
}
