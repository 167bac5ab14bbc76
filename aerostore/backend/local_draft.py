"""A draft in the local tree, as the port has it: all that blocks runs on the threads of the backend."""

import asyncio
from collections.abc import AsyncIterable
from contextlib import suppress
from functools import partial

from aerostore.backend.allowance import Allowance
from aerostore.backend.key import check_blob_id
from aerostore.backend.local_draft_file import DraftFile
from aerostore.backend.local_piece import Body, write_pieces
from aerostore.backend.local_thread import Threads, result_of
from aerostore.backend.local_tree import LocalTree
from aerostore.backend.receipt import BlobReceipt
from aerostore.errors import Corrupted, StorageError

_IS_OVER = object()


class LocalDraft:
    """`file`, which its holder has taken and lets go of afterwards."""

    def __init__(self, file: DraftFile, tree: LocalTree, threads: Threads, pieces: Allowance) -> None:
        self._file = file
        self._tree = tree
        self._threads = threads
        self._pieces = pieces

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return self._file.size_bytes

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        """Write `chunks` as the port says; a body of up to one piece takes one hop to a thread."""
        if offset > self._file.size_bytes:
            raise Corrupted
        if offset < self._file.size_bytes:
            await self._threads.run(partial(self._file.cut, offset))
        last_piece = await write_pieces(self._threads, Body(chunks, self._pieces), self._file.consume)
        await self._threads.run(partial(self._file.settle, last_piece))
        return self._file.size_bytes

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        """Add the bytes under `key` as the port says; a small blob takes one hop."""
        steps = self._file.add(key, piece_sums)
        try:
            while await self._threads.run(partial(next, steps, _IS_OVER)) is not _IS_OVER:
                pass
        except BaseException:
            with suppress(StorageError):  # the first error is the one that matters
                await self._threads.run(steps.close)
            raise

    async def publish(self, blob_id: str) -> BlobReceipt:
        """Make the bytes a blob as the port says; those of which no hash is known are read for it."""
        check_blob_id(blob_id)
        while await self._threads.run(self._file.catch_up):
            pass
        publishing = self._threads.start(partial(self._file.publish, blob_id))
        try:
            return await result_of(publishing)
        except asyncio.CancelledError:
            if publishing.exception() is None:
                with suppress(StorageError):  # what cannot be removed now is an orphan for reclaim
                    await self._threads.run(partial(self._tree.delete, publishing.result().key))
            raise

    async def discard(self) -> None:
        """Remove the draft; a blob that was made of it stays."""
        await self._threads.run(self._file.discard)
