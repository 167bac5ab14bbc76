"""How many requests and connections one process serves at once: their number bounds what they hold."""

from collections.abc import Iterator
from contextlib import contextmanager

from aerostore.errors import Overloaded

# What each request may hold, and so what this many may hold: docs/explanation/overload.md.
MAX_REQUESTS = 512
MAX_CONNECTIONS = 4096
# Of the server itself: database, log, threads' wake-ups, listening sockets, and some to spare.
_OWN_DESCRIPTORS = 128
_LEAST_CONNECTIONS = 16
# Whoever looks after the server must see it when it has most to do; these hold nothing worth counting.
_ALWAYS_SERVED = frozenset({"/status", "/health", "/version", "/metrics"})


class Admission:
    """Counts the requests under way. most: how many there may be; one more is refused at once.

    Waiting in a queue would hold what a request holds, and its client gives up meanwhile.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way = 0

    @contextmanager
    def admit(self, path: str) -> Iterator[None]:
        """Count a request for the time of the block. path: below /storage/v1. Raises: Overloaded."""
        if self._under_way >= self._most and path not in _ALWAYS_SERVED:
            raise Overloaded
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def connections_within(open_files: int, max_requests: int = MAX_REQUESTS) -> int:
    """Return how many connections a process with `open_files` descriptors may accept.

    A request may need a second descriptor, for the file that it reads or writes. A server that accepts until
    none is left spins, and can neither open files nor answer.
    """
    left = open_files - _OWN_DESCRIPTORS
    return max(_LEAST_CONNECTIONS, min(MAX_CONNECTIONS, max(left - max_requests, left // 2)))
