"""A blob backend that fails on plan, for tests of what happens around a failure."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from aerostore.backend import BlobBackend, BlobDraft, BlobReader, BlobReceipt, StoredBlob
from aerostore.domain import ByteRange

T = TypeVar("T")


class CrashNow(BaseException):
    """The process dies here: no `except Exception` may act on it."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Raise `error` after the inner call succeeded: the work is done, only its answer is lost."""

    error: BaseException


Fault = BaseException | Afterwards | None
Plan = Mapping[str, Sequence[Fault]]


class FaultyBackend:
    """`inner`, except that the n-th call of an operation meets the n-th fault planned for it.

    plan: operation, of the backend or of a draft -> its faults in order; None lets a call pass, as does a
    plan that has run out.
    calls: every operation asked for, in order.
    """

    def __init__(self, inner: BlobBackend, plan: Plan | None = None) -> None:
        self.name = inner.name
        self.durable = inner.durable
        self.calls: list[str] = []
        self._inner = inner
        self.plan_anew(plan or {})

    def plan_anew(self, plan: Plan) -> None:
        """Put `plan` in place of what is left of the old one."""
        self._planned = {operation: iter(faults) for operation, faults in plan.items()}

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        return await self.meet(
            "write", lambda: self._inner.write(chunks, blob_id=blob_id, size_bytes=size_bytes)
        )

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        return await self.meet("write_if_absent", lambda: self._inner.write_if_absent(key, content))

    @asynccontextmanager
    async def draft(self, draft_id: str, *, timeout_s: float = 0.0) -> AsyncIterator[BlobDraft]:
        fault = self._next_fault("draft")
        _raise_before(fault)
        async with self._inner.draft(draft_id, timeout_s=timeout_s) as draft:
            _raise_afterwards(fault)
            yield FaultyDraft(draft, self)

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        return await self.meet("open", lambda: self._inner.open(key, byte_range, piece_sums=piece_sums))

    async def size(self, key: str) -> int:
        return await self.meet("size", lambda: self._inner.size(key))

    async def exists(self, key: str) -> bool:
        return await self.meet("exists", lambda: self._inner.exists(key))

    async def delete(self, key: str) -> None:
        await self.meet("delete", lambda: self._inner.delete(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        fault = self._next_fault("list")
        _raise_before(fault)
        async for stored in self._inner.list(prefix):
            yield stored
        _raise_afterwards(fault)

    async def sweep(self, older_than: datetime) -> int:
        return await self.meet("sweep", lambda: self._inner.sweep(older_than))

    async def close(self) -> None:
        await self.meet("close", self._inner.close)

    async def meet(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        fault = self._next_fault(operation)
        _raise_before(fault)
        answer = await call()
        _raise_afterwards(fault)
        return answer

    def _next_fault(self, operation: str) -> Fault:
        self.calls.append(operation)
        return next(self._planned.get(operation, iter(())), None)


class FaultyDraft:
    """`inner`, whose calls meet the faults planned for `backend`."""

    def __init__(self, inner: BlobDraft, backend: FaultyBackend) -> None:
        self._inner = inner
        self._backend = backend

    @property
    def size_bytes(self) -> int:
        return self._inner.size_bytes

    async def append(self, chunks: AsyncIterable[bytes], *, offset: int) -> int:
        return await self._backend.meet("append", lambda: self._inner.append(chunks, offset=offset))

    async def append_blob(self, key: str, *, piece_sums: bytes = b"") -> None:
        await self._backend.meet("append_blob", lambda: self._inner.append_blob(key, piece_sums=piece_sums))

    async def publish(self, blob_id: str) -> BlobReceipt:
        return await self._backend.meet("publish", lambda: self._inner.publish(blob_id))

    async def discard(self) -> None:
        await self._backend.meet("discard", self._inner.discard)


def _raise_before(fault: Fault) -> None:
    if isinstance(fault, BaseException):
        raise fault


def _raise_afterwards(fault: Fault) -> None:
    if isinstance(fault, Afterwards):
        raise fault.error
