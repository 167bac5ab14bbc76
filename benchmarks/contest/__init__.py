"""The product under load, beside others that do the same work: `python -m benchmarks.contest`.

A *contender* is a server, a *work* is one kind of load, a *trial* is a work made ready for a contender, and
each *round* gives one *sample* of every trial, all contenders in turn.
"""

__all__ = ["CannotRun", "LeftOut"]


class CannotRun(Exception):
    """A benchmark cannot be run as asked; the message says what is missing and what to do."""


class LeftOut(CannotRun):
    """A work is not for this contender, or not for this disk: nothing is wrong, and there is no figure."""
