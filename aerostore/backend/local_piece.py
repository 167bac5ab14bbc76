"""A body on its way into the local tree, in pieces: one fills while another is written."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from functools import partial

from aerostore.backend.local_thread import Threads, ended, result_of
from aerostore.errors import IncompleteBody

PIECE_BYTES = 1024 * 1024


class Piece:
    """Up to `PIECE_BYTES` in a buffer that is used again: to grow a new one takes ten times the copying."""

    def __init__(self) -> None:
        self.length = 0
        self._buffer = bytearray()

    def fill(self, view: memoryview) -> memoryview:
        """Copy as much of `view` as there is room for; return the rest of it."""
        end = min(self.length + len(view), PIECE_BYTES)
        taken = end - self.length
        self._buffer[self.length : end] = view[:taken]
        self.length = end
        return view[taken:]

    def content(self) -> memoryview:
        """Return what was filled in, valid until the next `fill`."""
        return memoryview(self._buffer)[: self.length]


class Body:
    """Incoming chunks as pieces. The last one, full or not, stays in `rest`."""

    def __init__(self, chunks: AsyncIterable[bytes], size_bytes: int | None = None) -> None:
        self.rest = Piece()
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
                if self.rest.length == PIECE_BYTES:
                    yield self.rest
                    self.rest, self._other = self._other, self.rest
                    self.rest.length = 0
                view = self.rest.fill(view)
        if self._expected not in {None, self._received}:
            raise IncompleteBody


async def write_pieces(threads: Threads, body: Body, consume: Callable[[Piece], None]) -> Piece:
    """Let `consume` write every piece of `body` but the last, which is returned, on a thread."""
    writing: asyncio.Future[None] | None = None
    try:
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
