"""Blocking calls on threads of the local backend, one hop for many calls."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aerostore.errors import InsufficientStorage, Unavailable

T = TypeVar("T")

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Threads:
    """A pool of `count` threads whose callers see storage errors only and leave no call unfinished."""

    def __init__(self, count: int) -> None:
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(count, "aerostore-local")

    def start(self, task: Callable[[], T]) -> asyncio.Future[T]:
        """Begin `task` on a thread; `ended` or `result_of` must follow."""
        return asyncio.get_running_loop().run_in_executor(self._pool, translated, task)

    async def run(self, task: Callable[[], T]) -> T:
        """Return what `task` returns on a thread. Raises: as `translated`."""
        return await result_of(self.start(task))

    async def close(self) -> None:
        """Let the threads finish and go. Later calls run on the event loop's default threads."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown)


async def ended(hop: asyncio.Future[T]) -> None:
    """Wait until `hop` ended, well or badly; a cancellation meanwhile is raised afterwards.

    A thread cannot be cancelled: to go on would close descriptors under it, or lose those it opens.
    """
    cancelled: asyncio.CancelledError | None = None
    while not hop.done():
        try:
            await asyncio.wait((hop,))
        except asyncio.CancelledError as exc:
            cancelled = exc
    hop.exception()  # marks it as seen: the caller may not want to know
    if cancelled is not None:
        raise cancelled


async def result_of(hop: asyncio.Future[T]) -> T:
    """Return what `hop` gave, once it has ended whatever happens to the caller."""
    await ended(hop)
    return hop.result()


def translated(task: Callable[[], T]) -> T:
    """Return what `task` returns. Raises: InsufficientStorage and Unavailable for what the system refuses."""
    try:
        return task()
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise InsufficientStorage from exc
        raise Unavailable from exc
