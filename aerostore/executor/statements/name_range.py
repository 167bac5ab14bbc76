"""Ranges of names, in bytewise order: what bounds them, as SQL and as the law knows it."""

from typing import Any

from aerostore.domain import MAX_NAME_BYTES
from aerostore.executor import Law, NameBounds
from aerostore.permissions import OBJECTS

# So many rows are read before another thread has begun.
FEW = 50
# What is appended to a name to get the least text after it: names hold no control characters.
NAME_AFTER = "\x01"
# Longer than a name can be, of the greatest character: what is above every rest of a name.
_GREATEST_NAME = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)


def successor(prefix: str) -> str | None:
    """Return the least text above every text that starts with `prefix`; None when there is no such text."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:  # the surrogates are not characters
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None


def end_of(prefix: str) -> str:
    """Return a text above every name that starts with `prefix` and below every other name above those."""
    return successor(prefix) or prefix + _GREATEST_NAME


def selecting(bucket_id: str, upper: str | None, *, folded: bool = False) -> Law:
    """Return the law of a list of names between the bounds of `within`. folded: these are folded ones."""
    names = NameBounds(upper=None if upper is None else "upper", folded=folded)
    return Law(table=OBJECTS, command="select", known={"bucket_id": bucket_id}, names=names)


def within(expression: str, lower: str, upper: str | None) -> tuple[str, dict[str, Any]]:
    """Return the condition that `expression` lies in [lower, upper), and its parameters."""
    if upper is None:
        return f"{expression} >= :lower", {"lower": lower}
    return f"{expression} >= :lower AND {expression} < :upper", {"lower": lower, "upper": upper}
