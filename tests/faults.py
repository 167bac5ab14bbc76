"""A blob backend that fails on plan, for tests of what happens around a failure."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from aerostore.backend import BlobBackend, BlobReader, BlobReceipt, StoredBlob
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

    plan: operation -> its faults in order; None lets a call pass, as does a plan that has run out.
    calls: every operation asked for, in order.
    """

    def __init__(self, inner: BlobBackend, plan: Plan | None = None) -> None:
        self.name = inner.name
        self.durable = inner.durable
        self.calls: list[str] = []
        self._inner = inner
        self._planned = {operation: iter(faults) for operation, faults in (plan or {}).items()}

    async def write(
        self, chunks: AsyncIterable[bytes], *, blob_id: str, size_bytes: int | None = None
    ) -> BlobReceipt:
        return await self._meet(
            "write", lambda: self._inner.write(chunks, blob_id=blob_id, size_bytes=size_bytes)
        )

    async def write_if_absent(self, key: str, content: bytes) -> bool:
        return await self._meet("write_if_absent", lambda: self._inner.write_if_absent(key, content))

    async def open(
        self, key: str, byte_range: ByteRange | None = None, *, piece_sums: bytes = b""
    ) -> BlobReader:
        return await self._meet("open", lambda: self._inner.open(key, byte_range, piece_sums=piece_sums))

    async def size(self, key: str) -> int:
        return await self._meet("size", lambda: self._inner.size(key))

    async def exists(self, key: str) -> bool:
        return await self._meet("exists", lambda: self._inner.exists(key))

    async def delete(self, key: str) -> None:
        await self._meet("delete", lambda: self._inner.delete(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredBlob]:
        fault = self._next_fault("list")
        _raise_before(fault)
        async for stored in self._inner.list(prefix):
            yield stored
        _raise_afterwards(fault)

    async def sweep(self, older_than: datetime) -> int:
        return await self._meet("sweep", lambda: self._inner.sweep(older_than))

    async def close(self) -> None:
        await self._meet("close", self._inner.close)

    async def _meet(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        fault = self._next_fault(operation)
        _raise_before(fault)
        answer = await call()
        _raise_afterwards(fault)
        return answer

    def _next_fault(self, operation: str) -> Fault:
        self.calls.append(operation)
        return next(self._planned.get(operation, iter(())), None)


def _raise_before(fault: Fault) -> None:
    if isinstance(fault, BaseException):
        raise fault


def _raise_afterwards(fault: Fault) -> None:
    if isinstance(fault, Afterwards):
        raise fault.error
