"""Failpoints: named places where a server can be told to die. What is here gives the orders, from outside.

An order is a line in a file that the server's environment names; `injection`, in the server, obeys it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "CRASH_ORDERS"
"""The environment variable that names the file of orders."""
RECORD = "record"
"""The order to go on, and to note every failpoint that is passed."""

BEFORE, HALFWAY, AFTER = "before", "halfway", "after"
MOMENTS = {
    "write": (BEFORE, HALFWAY, AFTER),
    "fsync": (BEFORE, AFTER),
    "link": (BEFORE, AFTER),
    "unlink": (BEFORE, AFTER),
    "mkdir": (BEFORE, AFTER),
    "fsync_directory": (BEFORE, AFTER),
    "commit": (BEFORE, AFTER),
    "reply": (BEFORE, AFTER),
}
"""Each failpoint, in the order of an upload, and the moments at which it can kill."""


@dataclass(frozen=True, slots=True)
class Order:
    """Die at this moment of the `count`-th passing of a failpoint, in whichever process gets there first."""

    point: str
    moment: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.point}:{self.moment}:{self.count}"


@dataclass(frozen=True, slots=True)
class Orders:
    """The file of orders at `path`, and beside it what servers noted."""

    path: Path

    @property
    def notes(self) -> Path:
        """Where servers note what they passed, one failpoint a line."""
        return notes_beside(self.path)

    def give(self, order: Order | str | None) -> None:
        """Replace the order; a server that runs obeys from its next failpoint on. None takes it back."""
        self.notes.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        if order is not None:
            draft = self.path.with_suffix(".draft")
            draft.write_text(str(order), "ascii")
            os.replace(draft, self.path)

    def passed(self) -> list[str]:
        """List what was noted since the order: failpoints passed, or the order that was obeyed."""
        return self.notes.read_text("ascii").split() if self.notes.exists() else []


def notes_beside(orders: Path) -> Path:
    """Return where servers note what they did about `orders`."""
    return orders.with_suffix(".notes")


def orders_for(passed: list[str]) -> list[Order]:
    """List every order that a server would meet that passes these failpoints in turn."""
    return [
        Order(point, moment, passed[: place + 1].count(point))
        for place, point in enumerate(passed)
        for moment in MOMENTS[point]
    ]
