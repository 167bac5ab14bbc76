"""Blobs whose last bytes are there: written, synced and named, with all others that wait at the time."""

import asyncio
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from aerostore.backend.local_new_file import NewFile
from aerostore.backend.local_piece import Piece
from aerostore.backend.local_thread import Threads, result_of, translated
from aerostore.backend.receipt import BlobReceipt

# Others would wait for the bytes of a longer one.
SMALL_BYTES = 64 * 1024
MOST_AT_ONCE = 64


class _Blob:
    """A blob on its last steps. failure: what ended them, for this blob alone."""

    receipt: BlobReceipt
    directory: int

    def __init__(
        self, new: NewFile, last_piece: Piece, blob_id: str, answer: asyncio.Future[BlobReceipt]
    ) -> None:
        self.new = new
        self.answer = answer
        self.failure: BaseException | None = None
        self._last_piece = last_piece
        self._blob_id = blob_id

    @property
    def is_small(self) -> bool:
        return self.new.is_empty and self._last_piece.length <= SMALL_BYTES

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step, unless an earlier one failed."""
        if self.failure is not None:
            return
        try:
            translated(step)
        except BaseException as exc:
            self.failure = exc

    def fill(self) -> None:
        """Write what is left of the bytes."""
        self.receipt = self.new.fill(self._last_piece, self._blob_id)

    def link(self, opened: ExitStack) -> None:
        """Give the file its key; `opened` keeps the directory, which is to be synced."""
        self.directory = opened.enter_context(self.new.linked(self.receipt.key))

    def tell(self) -> None:
        """Answer, on the thread of the event loop that asked."""
        if self.failure is None:
            self.answer.set_result(self.receipt)
        else:
            self.answer.set_exception(self.failure)


class GroupPublisher:
    """Publishes blobs on `threads`; the small ones in groups, as a rule one group after the other.

    The first sync of a group makes a journaling file system write its journal, and the others find their
    part in it. So many small uploads cost little more than one, and need two hops in all. patience_s: how
    long one waits for the group before it; behind a disk that stands still another group begins.
    """

    def __init__(self, threads: Threads, *, patience_s: float = 0.1) -> None:
        self._threads = threads
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: list[_Blob] = []
        self._rounds = 0

    async def publish(self, new: NewFile, last_piece: Piece, blob_id: str) -> BlobReceipt:
        """Append the last piece and make everything durable under its key; it fails alone.

        Raises: InsufficientStorage; Unavailable, also when the key is taken.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[BlobReceipt] = loop.create_future()
        blob = _Blob(new, last_piece, blob_id, answer)
        if not blob.is_small:
            self._threads.start(partial(_publish, [blob]))
        elif self._join(blob):
            loop.call_later(self._patience_s, self._relieve, blob)
        return await result_of(answer)

    def _join(self, blob: _Blob) -> bool:
        """Let `blob` wait for a group; tell whether it is the first to wait for one that is on its way."""
        with self._lock:
            self._waiting.append(blob)
            if self._rounds:
                return len(self._waiting) == 1
            self._begin_round()
            return False

    def _relieve(self, blob: _Blob) -> None:
        with self._lock:
            if blob in self._waiting:
                self._begin_round()

    def _begin_round(self) -> None:
        self._rounds += 1
        self._threads.start(self._publish_waiting)

    def _publish_waiting(self) -> None:
        while group := self._next_group():
            _publish(group)

    def _next_group(self) -> list[_Blob]:
        with self._lock:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            if not group:
                self._rounds -= 1
        return group


def _publish(group: Sequence[_Blob]) -> None:
    """Publish `group` and answer each, whatever happens: nobody may wait for ever."""
    try:
        _take_steps(group)
    except BaseException as exc:
        for blob in group:
            blob.failure = blob.failure or exc
    _tell(group)


def _take_steps(group: Sequence[_Blob]) -> None:
    """Take each step for all of `group`: the bytes are durable before any name is made.

    A key must never lead to bytes that a power cut can take. After a failed fsync the kernel may call lost
    pages clean, so a second try would prove nothing.
    Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
    """
    for blob in group:
        blob.attempt(blob.fill)
    if len(group) > 1:  # the disk then has all bytes at once, and not those of one after another
        for blob in group:
            blob.attempt(blob.new.start_writing_back)
    for blob in group:
        blob.attempt(blob.new.sync)
    with ExitStack() as opened:
        for blob in group:
            blob.attempt(partial(blob.link, opened))
        _sync_directories(group)
    for blob in group:
        blob.attempt(blob.new.close)


def _sync_directories(group: Sequence[_Blob]) -> None:
    """Make the names durable, once in each directory; where that fails no new name in it is to be trusted."""
    together = defaultdict[str, list[_Blob]](list)
    for blob in group:
        if blob.failure is None:
            together[os.path.dirname(blob.receipt.key)].append(blob)
    for first, *others in together.values():
        first.attempt(partial(os.fsync, first.directory))
        for blob in others:
            blob.failure = first.failure


def _tell(group: Sequence[_Blob]) -> None:
    """Tell all who wait, those of one event loop in one turn of it."""
    by_loop = defaultdict[asyncio.AbstractEventLoop, list[_Blob]](list)
    for blob in group:
        by_loop[blob.answer.get_loop()].append(blob)
    for loop, blobs in by_loop.items():
        with suppress(RuntimeError):  # it is closed, and nobody waits
            loop.call_soon_threadsafe(_tell_each, blobs)


def _tell_each(blobs: Sequence[_Blob]) -> None:
    for blob in blobs:
        blob.tell()
