"""Tasks that go on one call at a time, so that a test decides who comes between whom, and can repeat it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from aerostore.backend import BlobBackend, BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.domain import ByteRange, RlsContext
from aerostore.executor import Executor, WorkFactory
from tests.faults import CrashNow

T = TypeVar("T")
_AT_WORK: ContextVar["Actor[Any] | None"] = ContextVar("actor", default=None)


class Actor(Generic[T]):
    """A task that stops before each call on rows or bytes until it is its turn.

    Made while a loop runs. Whoever is not an actor is never stopped.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._turn = asyncio.Semaphore(0)
        self._stopped = asyncio.Event()
        self._is_dead = False
        self._task = asyncio.create_task(self._act(work))

    async def _act(self, work: Coroutine[Any, Any, T]) -> T:
        _AT_WORK.set(self)
        return await work

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    @property
    def outcome(self) -> T | BaseException:
        """What the task returned, or its error."""
        return self._task.exception() or self._task.result()

    async def step(self) -> None:
        """Let it go on to right before its next call, or to its end."""
        self._stopped.clear()
        self._turn.release()
        await self._until_stopped()

    async def begin(self) -> "Actor[T]":
        """Wait until it is right before its first call."""
        await self._until_stopped()
        return self

    async def go_on_to_the_end(self) -> T | BaseException:
        while not self.has_ended:
            await self.step()
        return self.outcome

    async def kill(self) -> None:
        """End it where it is: none of its calls reaches anything any more, as after a kill of its process."""
        self._is_dead = True
        while not self.has_ended:
            await self.step()
        self._task.exception()  # marks it as seen

    async def wait_for_turn(self) -> None:
        self._stopped.set()
        if not self._is_dead:
            await self._turn.acquire()
        if self._is_dead:
            raise CrashNow

    async def _until_stopped(self) -> None:
        stopped = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait((self._task, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()


async def _turn() -> None:
    actor = _AT_WORK.get()
    if actor is not None:
        await actor.wait_for_turn()


class SteppedExecutor:
    """Rows, as actors see them. inner: the executor of the moment."""

    name = "stepped"

    def __init__(self, inner: Callable[[], Executor]) -> None:
        self._inner = inner

    async def start(self) -> None:
        """Do nothing: the owner has started it."""

    async def close(self) -> None:
        """Do nothing: the owner closes it."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        await _turn()
        return await self._inner().read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        await _turn()
        return await self._inner().write(context, work)

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        await _turn()
        return await self._inner().probe(context, work)


class SteppedBackend:
    """Bytes, as actors see them. before_delete, before_list: told of the key or prefix before the call."""

    durable = True
    name = "stepped"

    def __init__(
        self,
        inner: BlobBackend,
        *,
        before_delete: Callable[[str], Coroutine[Any, Any, None]],
        before_list: Callable[[str], Coroutine[Any, Any, None]],
    ) -> None:
        self._inner = inner
        self._before_delete = before_delete
        self._before_list = before_list

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        await _turn()
        return await self._inner.write(chunks, blob_id=blob_id, size_bytes=size_bytes)

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        await _turn()
        return await self._inner.write_if_absent(key, content)

    @asynccontextmanager
    async def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AsyncIterator[BlobDraft]:
        await _turn()
        async with self._inner.draft(draft_id, timeout_s=timeout_s) as draft:
            yield SteppedDraft(draft, before_discard=partial(self._before_delete, f"draft/{draft_id}"))

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        await _turn()
        return await self._inner.open(key, byte_range, piece_sums=piece_sums)

    async def size(self, key: str) -> int:
        await _turn()
        return await self._inner.size(key)

    async def exists(self, key: str) -> bool:
        await _turn()
        return await self._inner.exists(key)

    async def delete(self, key: str) -> None:
        await _turn()
        await self._before_delete(key)
        await self._inner.delete(key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        await _turn()
        await self._before_list(prefix)
        async for stored in self._inner.list(prefix):
            yield stored

    async def sweep(self, older_than: datetime) -> int:
        await _turn()
        return await self._inner.sweep(older_than)

    async def close(self) -> None:
        """Do nothing: the owner closes it."""


class SteppedDraft:
    """A draft, as actors see it."""

    def __init__(self, inner: BlobDraft, *, before_discard: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._inner = inner
        self._before_discard = before_discard

    @property
    def size_bytes(self) -> int:
        return self._inner.size_bytes

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        await _turn()
        return await self._inner.append(chunks, offset=offset)

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        await _turn()
        await self._inner.append_blob(key, piece_sums=piece_sums)

    async def publish(self, blob_id: str) -> BlobReceipt:
        await _turn()
        return await self._inner.publish(blob_id)

    async def discard(self) -> None:
        await _turn()
        await self._before_discard()
        await self._inner.discard()
