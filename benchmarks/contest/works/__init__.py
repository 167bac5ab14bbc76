"""Every work, in the order of reports, and the choice among them."""

from collections.abc import Sequence
from fnmatch import fnmatch

from benchmarks.contest import CannotRun
from benchmarks.contest.work import Work
from benchmarks.contest.works import large, life, listing, small

ALL = (*small.WORKS, *large.WORKS, *listing.WORKS, *life.WORKS)


def choose(patterns: Sequence[str], *, full: bool) -> list[Work]:
    """Return the works whose names match one of `patterns`; without any those of the short or the full form.

    Raises: CannotRun when a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatch(work.name, pattern) for work in ALL):
            known = ", ".join(work.name for work in ALL)
            raise CannotRun(f"No work is called {pattern}. There are: {known}")
    if patterns:
        return [work for work in ALL if any(fnmatch(work.name, pattern) for pattern in patterns)]
    return [work for work in ALL if full or not work.for_full]
