"""Files on their way out, each step checked before anybody sees its bytes.

What is in memory is read on the event loop, since that takes less time than a hop to a thread; what is not,
and what costs more than a few microseconds to check, on a thread.
"""

import os
from collections.abc import AsyncIterator, Callable
from functools import partial

from aerostore.backend.allowance import Allowance
from aerostore.backend.checked_read import STEP_BYTES, Steps, check_range, read_checked, resume
from aerostore.backend.local_cached import CachedFiles
from aerostore.backend.local_thread import Threads
from aerostore.backend.piece_sum import SMALL_BYTES
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted

# The kernel fetches so much at once when the disk has to be waited for.
_AHEAD_BYTES = 4 * 1024 * 1024


class Shelf:
    """What readers of one directory share. chunks: how long those may be that are given out."""

    def __init__(self, cached: CachedFiles, threads: Threads, chunks: Allowance) -> None:
        self.cached = cached
        self.threads = threads
        self.chunks = chunks


class FileReader:
    """A part of a file; the file is closed as soon as the part is read."""

    def __init__(self, shelf: Shelf) -> None:
        self.size_bytes = 0
        self.length = 0
        self._shelf = shelf
        self._descriptor: int | None = None
        self._steps: Steps
        self._left = 0
        self._content = b""
        self._is_quickly_checked = False

    async def open(
        self, open_file: Callable[[], tuple[int, int]], key: str, byte_range: ByteRange | None, sums: bytes
    ) -> None:
        """Read until the first bytes of the part are known to be good.

        open_file: gives descriptor and length, on a thread. Raises: Corrupted, as the port says.
        """
        opened = self._shelf.cached.open_file(key)
        if opened is None:
            await self._shelf.threads.run(lambda: self._hold(open_file()))
        else:
            self._hold(opened)
        part = check_range(byte_range, self.size_bytes)
        self.length = self._left = part.length
        self._is_quickly_checked = bool(sums) or self.size_bytes <= SMALL_BYTES
        self._steps = read_checked(key, self.size_bytes, part, sums)
        self._content = await self._next()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part in steps, as the port says; in shorter chunks when there are many readers."""
        if not self._left:
            if self._content:
                yield self._content
            return
        with self._shelf.chunks.held():
            while self._content:
                start, content = 0, self._content
                while start < len(content):
                    end = start + self._shelf.chunks.share
                    yield content[start:end]
                    start = end
                self._content = await self._next()

    async def aclose(self) -> None:
        """Close the file: on a thread when it is long, since the last to close a deleted one removes it."""
        if self._descriptor is None:
            return
        if self.size_bytes <= STEP_BYTES:
            self._close()
        else:
            await self._shelf.threads.run(self._close)

    def _hold(self, opened: tuple[int, int]) -> None:
        self._descriptor, self.size_bytes = opened

    async def _next(self) -> bytes:
        """Return the next bytes that may go out; none when all are."""
        content = await self._step()
        while self._left and not content:
            content = await self._step()
        self._left -= len(content)
        if not self._left:
            await self.aclose()
        return content

    async def _step(self) -> bytes:
        asked = resume(self._steps)
        while isinstance(asked, ByteRange):
            found = self._shelf.cached.read(self._held(), asked) if self._is_quickly_checked else None
            if found is None:
                asked = await self._shelf.threads.run(partial(self._step_on_disk, asked))
            else:
                asked = resume(self._steps, found)
        return asked

    def _step_on_disk(self, asked: ByteRange) -> ByteRange | bytes:
        if hasattr(os, "posix_fadvise"):  # macOS has none
            os.posix_fadvise(self._held(), asked.first, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)
        return resume(self._steps, read_exactly(self._held(), asked.first, asked.length))

    def _held(self) -> int:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def read_exactly(descriptor: int, offset: int, length: int) -> bytes:
    """Return `length` bytes of a file from `offset`. Raises: Corrupted when it ends before."""
    data = b""
    while len(data) < length:
        more = os.pread(descriptor, length - len(data), offset + len(data))
        if not more:
            raise Corrupted
        data += more
    return data
