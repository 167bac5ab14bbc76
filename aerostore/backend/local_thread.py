"""Blocking calls on threads of the local backend, one hop for many calls."""

import asyncio
import errno
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from aerostore.errors import InsufficientStorage, Unavailable

T = TypeVar("T")

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Threads:
    """Up to `count` threads whose callers see storage errors only and leave no call unfinished."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: list[threading.Thread] = []
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_open = True

    def start(self, task: Callable[[], T]) -> asyncio.Future[T]:
        """Begin `task` on a thread; `ended` or `result_of` must follow."""
        loop = asyncio.get_running_loop()
        if not self._is_open:
            return loop.run_in_executor(None, translated, task)
        answer: asyncio.Future[T] = loop.create_future()
        self._calls.put(partial(_answer, loop, answer, task))
        if len(self._threads) < self._count:
            self._add_thread()
        return answer

    async def run(self, task: Callable[[], T]) -> T:
        """Return what `task` returns on a thread. Raises: as `translated`."""
        return await result_of(self.start(task))

    async def close(self) -> None:
        """Let the threads finish and go. Later calls run on the event loop's default threads."""
        self._is_open = False
        for _thread in self._threads:
            self._calls.put(None)
        while self._threads:
            await asyncio.to_thread(self._threads.pop().join)

    def _add_thread(self) -> None:
        name = f"aerostore-local_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # what it holds must not wait for the next one


def _answer(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], task: Callable[[], Any]) -> None:
    """Run `task` on this thread and tell the event loop how it ended."""
    try:
        value = translated(task)
    except BaseException as exc:
        _tell(loop, partial(answer.set_exception, exc))
        del answer  # the traceback of what it holds leads here: a circle, which would keep files open
    else:
        _tell(loop, partial(answer.set_result, value))


def _tell(loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed, and nobody waits
        loop.call_soon_threadsafe(answer)


async def ended(hop: asyncio.Future[T]) -> None:
    """Wait until `hop` ended, well or badly; a cancellation meanwhile is raised afterwards.

    A thread cannot be cancelled: to go on would close descriptors under it, or lose those it opens.
    """
    cancelled: asyncio.CancelledError | None = None
    while not hop.done():
        try:
            await asyncio.shield(hop)
        except asyncio.CancelledError as exc:
            cancelled = exc
        except Exception:
            break  # the hop's own, for whoever wants to know
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
