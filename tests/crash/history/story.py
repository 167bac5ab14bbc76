"""A history that cannot be, told to a person: who asked what when, and what was answered."""

import math
from collections.abc import Sequence

from .checker import Record
from .shrinking import shrink


def tell_impossible(history: Sequence[Record]) -> str:
    """Tell of a history that is not linearizable only what makes it impossible.

    Times count from its first line. What has no star may have happened or not, at any time after it was
    asked: even so the answers with stars cannot all be true.
    """
    originals = {(record.client, record.asked_at): record for record in history}
    needed = sorted(shrink(history), key=lambda record: record.asked_at)
    stars = [record for record in needed if record.is_known]
    told = [record for record in needed if record.is_known or _concerns(record, stars)]
    since = told[0].asked_at
    lines = [
        f"{'*' if record.is_known else ' '} {_line(originals[record.client, record.asked_at], since)}"
        for record in told
    ]
    return "\n".join(["whatever was there before, no order explains the answers with stars:", *lines])


def _concerns(record: Record, stars: Sequence[Record]) -> bool:
    """Tell whether a write could matter to any of `stars`: a list shows every name."""
    names = {name for star in stars for name in (star.operation.name, star.operation.to_name)}
    touched = {record.operation.name, record.operation.to_name}
    shows_all = any(star.operation.verb == "list" for star in stars)
    return record.asked_at <= max(star.answered_at for star in stars) and (
        shows_all or not names.isdisjoint(touched - {""})
    )


def _line(record: Record, since: float) -> str:
    is_open = math.isinf(record.answered_at)
    until = "   (never)" if is_open else f"{record.answered_at - since:10.3f}"
    answer = "nobody knows" if record.answer is None else str(record.answer)
    return f"{record.asked_at - since:10.3f} -{until}  {record.client:<24} {record.operation!s:<24} {answer}"
