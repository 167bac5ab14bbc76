"""Tables of attacks: a line for each request and the thing that it is aimed at, a column for each caller."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.attack.route_table import Entry, entries


@dataclass(frozen=True)
class Row:
    """What one request on one thing gives each caller."""

    entry: Entry
    on: str
    answers: dict[str, str]

    def __str__(self) -> str:
        return f"{self.entry} on {self.on}"


def read_table(table: str, callers: Sequence[str], *, door: str = "rest") -> list[Row]:
    """Read the lines below the head: method, path, thing, and an answer for each of `callers`."""
    known = {str(entry): entry for entry in entries(door)}
    rows = []
    for line in table.strip().splitlines()[1:]:
        method, path, on, *answers = line.split()
        entry = known.get(f"{method} {path}", Entry(path, method, ""))
        rows.append(Row(entry, on, dict(zip(callers, answers, strict=True))))
    return rows
