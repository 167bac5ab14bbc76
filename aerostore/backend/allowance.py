"""How much each of many may hold in memory, so that all together hold little."""

from collections.abc import Iterator
from contextlib import contextmanager


class Allowance:
    """A sum of `total` bytes shared by all who hold some at the time: the more they are, the less each has.

    Nobody waits for anybody: a share never falls below `least`, and is never more than `most`.
    """

    def __init__(self, total: int, *, least: int, most: int) -> None:
        self._total = total
        self._least = least
        self._most = most
        self._holders = 0

    @property
    def share(self) -> int:
        """How many bytes one holder may hold now."""
        return max(self._least, min(self._most, self._total // max(self._holders, 1)))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count a holder for the time of the block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
