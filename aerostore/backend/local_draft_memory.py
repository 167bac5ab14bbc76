"""What a process knows of drafts between two requests, so that it need not read them again for their hash."""

import os
from dataclasses import dataclass
from threading import Lock

from aerostore.backend.fingerprint import Fingerprint

# One holds up to 150 kB of sums; a draft that is not among them is read once more when it is published.
AT_MOST = 256


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a draft that was left in `state`."""

    state: tuple[int, int, int]
    fingerprint: Fingerprint
    has_durable_name: bool


class DraftMemory:
    """The fingerprints of the `at_most` drafts that were let go of last.

    Another process may have a draft in between. Who changes one leaves it with another date of its last
    change, exact to the nanosecond; what was known of the bytes before then counts no more.
    """

    def __init__(self, at_most: int = AT_MOST) -> None:
        self._at_most = at_most
        self._known: dict[str, Known] = {}
        self._lock = Lock()

    def recall(self, key: str, found: os.stat_result) -> Known | None:
        """Return what is known of a draft if it is as it was left, and forget it: it will change."""
        with self._lock:
            known = self._known.pop(key, None)
        return known if known is not None and known.state == _state(found) else None

    def keep(self, key: str, found: os.stat_result, fingerprint: Fingerprint, has_durable_name: bool) -> None:
        """Note what is known of a draft that is let go of."""
        with self._lock:
            self._known[key] = Known(_state(found), fingerprint, has_durable_name)
            if len(self._known) > self._at_most:
                del self._known[next(iter(self._known))]


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns
