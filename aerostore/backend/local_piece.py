"""A body on its way into the local tree, in pieces: one fills while another is written."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from functools import partial

from aerostore.backend.allowance import Allowance
from aerostore.backend.local_thread import Threads, ended, result_of
from aerostore.errors import IncompleteBody

PIECE_BYTES = 1024 * 1024
_LEAST_PIECE_BYTES = 64 * 1024
# Of all bodies of a process: each has two pieces. With many of them pieces are shorter, and there are more.
_PIECES_BYTES = 8 * 1024 * 1024


def piece_allowance() -> Allowance:
    """Return how long the pieces may be of bodies that come in at the same time."""
    return Allowance(_PIECES_BYTES // 2, least=_LEAST_PIECE_BYTES, most=PIECE_BYTES)


class Piece:
    """Bytes in a buffer that is used again: to grow a new one takes ten times the copying."""

    def __init__(self) -> None:
        self.length = 0
        self._buffer = bytearray()

    def fill(self, view: memoryview, most: int) -> memoryview:
        """Copy as much of `view` as fits into `most` bytes in all; return the rest of it."""
        end = min(self.length + len(view), most)
        taken = end - self.length
        self._buffer[self.length : end] = view[:taken]
        self.length = end
        return view[taken:]

    def empty(self, most: int) -> None:
        """Make room for up to `most` bytes, and hold no more memory than that."""
        self.length = 0
        del self._buffer[most:]

    def content(self) -> memoryview:
        """Return what was filled in, valid until the next `fill` or `empty`."""
        return memoryview(self._buffer)[: self.length]


class Body:
    """Incoming chunks as pieces of the length that `allowance` gives. The last one stays in `rest`."""

    def __init__(
        self, chunks: AsyncIterable[bytes], allowance: Allowance, size_bytes: int | None = None
    ) -> None:
        self.rest = Piece()
        self.allowance = allowance
        self._other = Piece()
        self._chunks = chunks
        self._expected = size_bytes
        self._received = 0

    async def full_pieces(self) -> AsyncGenerator[Piece, None]:
        """Yield each full piece once it is known not to be the last.

        A piece is filled again after the next one was yielded and its receiver came back for more.
        Raises: IncompleteBody when another number of bytes than expected arrived.
        """
        async for chunk in self._chunks:
            self._received += len(chunk)
            if self._expected is not None and self._received > self._expected:
                raise IncompleteBody
            view = memoryview(chunk)
            while view:
                if self.rest.length >= self.allowance.share:
                    yield self.rest
                    self.rest, self._other = self._other, self.rest
                    self.rest.empty(self.allowance.share)
                view = self.rest.fill(view, self.allowance.share)
        if self._expected not in {None, self._received}:
            raise IncompleteBody


async def write_pieces(threads: Threads, body: Body, consume: Callable[[Piece], None]) -> Piece:
    """Let `consume` write every piece of `body` but the last, which is returned, on a thread."""
    writing: asyncio.Future[None] | None = None
    try:
        with body.allowance.held():
            async with aclosing(body.full_pieces()) as pieces:
                async for piece in pieces:
                    if writing is not None:
                        await result_of(writing)
                    writing = threads.start(partial(consume, piece))
            if writing is not None:
                await result_of(writing)
    finally:
        if writing is not None:
            await ended(writing)
    return body.rest
