"""Faults of a disk: which operation fails, on which files, when, and how."""

import errno
import fnmatch
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The `first`-th of `operations` on a path like `pattern` fails, and `times - 1` more after it.

    operations: names of FUSE operations. error: what it fails with; 0 for none. is_short: a write takes half
    of its bytes. drops: after a failed fsync the pages are called clean, as Linux does; without it nothing
    was tried. holds: it does not end before the fault is disarmed.
    """

    operations: tuple[str, ...]
    pattern: str = "*"
    first: int = 1
    times: int = 1
    error: int = errno.EIO
    is_short: bool = False
    drops: bool = True
    holds: bool = False


FOR_EVER = 1_000_000_000
NO_FAULT = Fault(operations=(), error=0)


class Faults:
    """The fault that is armed, and how often it was met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed = NO_FAULT
        self._seen = 0
        self._ended = threading.Event()

    def arm(self, fault: Fault) -> None:
        """Let `fault` be the only one, and count from now on."""
        with self._lock:
            self._armed, self._seen = fault, 0
            self._ended.set()
            self._ended = threading.Event()

    def seen(self) -> int:
        """Return how many operations were like the armed one, whether they failed or not."""
        with self._lock:
            return self._seen

    def meet(self, operation: str, path: str) -> Fault:
        """Return what happens to this operation, after holding it up."""
        fault, ended = self._next(operation, path)
        if fault.holds:
            ended.wait()
        return fault

    def _next(self, operation: str, path: str) -> tuple[Fault, threading.Event]:
        with self._lock:
            fault = self._armed
            if operation not in fault.operations or not fnmatch.fnmatchcase(path, fault.pattern):
                return NO_FAULT, self._ended
            self._seen += 1
            is_met = fault.first <= self._seen < fault.first + fault.times
            return fault if is_met else NO_FAULT, self._ended
