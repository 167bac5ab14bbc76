"""Files on their way out: read step by step on threads, each step checked before anybody sees its bytes."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from functools import partial

from aerostore.backend.checked_read import Steps, StoredBytes, check_range, read_checked
from aerostore.backend.local_thread import Threads, ended, result_of
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted


class FileReader:
    """A part of a file, with one step of read-ahead; the file is closed as soon as the part is read."""

    def __init__(self, threads: Threads) -> None:
        self.size_bytes = 0
        self.length = 0
        self._threads = threads
        self._descriptor: int | None = None
        self._steps: Steps
        self._left = 0
        self._content = b""
        self._ahead: asyncio.Future[bytes] | None = None

    async def open(
        self, open_file: Callable[[], tuple[int, int]], key: str, byte_range: ByteRange | None, sums: bytes
    ) -> None:
        """Read until the first bytes of the part are known to be good: one hop, unless its pieces are long.

        open_file: gives descriptor and length. Raises: Corrupted, as the port says.
        """
        await self._threads.run(partial(self._begin, open_file, key, byte_range, sums))
        while self._left and not self._content:
            self._content = await self._threads.run(self._step)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the part in steps, as the port says."""
        content = self._content
        while True:
            self._ahead = self._threads.start(self._step) if self._left else None
            if content:
                yield content
            if self._ahead is None:
                return
            content = await result_of(self._ahead)

    async def aclose(self) -> None:
        """Wait for the step under way and close the file."""
        try:
            if self._ahead is not None:
                await ended(self._ahead)
        finally:
            if self._descriptor is not None:
                await self._threads.run(self._close)

    def _begin(
        self, open_file: Callable[[], tuple[int, int]], key: str, byte_range: ByteRange | None, sums: bytes
    ) -> None:
        self._descriptor, self.size_bytes = open_file()
        part = check_range(byte_range, self.size_bytes)
        self.length = self._left = part.length
        stored = StoredBytes(key=key, size_bytes=self.size_bytes, read=self._read)
        self._steps = read_checked(stored, part, sums)
        self._content = self._step()

    def _step(self) -> bytes:
        content = next(self._steps, b"")
        self._left -= len(content)
        if not self._left:
            self._close()
        return content

    def _read(self, offset: int, length: int) -> bytes:
        if self._descriptor is None:
            raise ValueError("the reader is closed")
        return read_exactly(self._descriptor, offset, length)

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
