"""Faults that a test plans while the server runs, and the port to rows that meets them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aerostore.backend import BlobBackend
from aerostore.domain import RlsContext
from aerostore.errors import InsufficientStorage, LockTimeout, StorageError, Unavailable
from aerostore.executor import Executor, WorkFactory
from tests.faults import Afterwards, CrashNow, Fault, FaultyBackend

T = TypeVar("T")
_UNKNOWN_END: tuple[Fault, ...] = (
    Unavailable(),
    Afterwards(Unavailable()),
    CrashNow(),
    Afterwards(CrashNow()),
)
# Operation of a port -> what can come between; after the effect only what may follow one.
FAULTS: dict[str, tuple[Fault, ...]] = {
    "bytes.write": (InsufficientStorage(), *_UNKNOWN_END),
    "bytes.open": (Unavailable(), CrashNow()),
    "bytes.size": (Unavailable(),),
    "bytes.delete": _UNKNOWN_END,
    "rows.read": (Unavailable(), CrashNow()),
    "rows.probe": (Unavailable(), LockTimeout()),
    "rows.write": (InsufficientStorage(), LockTimeout(), *_UNKNOWN_END),
}


@dataclass(slots=True)
class Plan:
    """One fault to come: the `nth` call of `operation` from now meets it, once. `met`: whether it has."""

    operation: str
    fault: Fault
    nth: int = 1
    met: bool = False

    @property
    def code(self) -> str:
        """What the fault is called in an answer; empty for one that ends the process."""
        error = self.fault.error if isinstance(self.fault, Afterwards) else self.fault
        return error.code if isinstance(error, StorageError) else ""


class Faults:
    """At most one fault to come. Nothing fails while `paused`."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.paused = True

    def next(self, operation: str) -> Fault:
        plan = self.plan
        if self.paused or plan is None or plan.met or plan.operation != operation:
            return None
        plan.nth -= 1
        plan.met = plan.nth == 0
        return plan.fault if plan.met else None


class PlannedBackend(FaultyBackend):
    """`inner`, with the faults that come while it is used."""

    def __init__(self, inner: BlobBackend, faults: Faults) -> None:
        super().__init__(inner)
        self._faults = faults

    def _next_fault(self, operation: str) -> Fault:
        return self._faults.next(f"bytes.{operation}")


class PlannedExecutor:
    """`inner`, with the faults that come while it is used; `write` meets them around its commit."""

    def __init__(self, inner: Executor, faults: Faults) -> None:
        self.name = inner.name
        self._inner = inner
        self._faults = faults

    async def start(self) -> None:
        await self._inner.start()

    async def close(self) -> None:
        await self._inner.close()

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._meet("rows.read", lambda: self._inner.read(context, work))

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._meet("rows.write", lambda: self._inner.write(context, work))

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._meet("rows.probe", lambda: self._inner.probe(context, work))

    async def _meet(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        fault = self._faults.next(operation)
        if isinstance(fault, BaseException):
            raise fault
        answer = await call()
        if isinstance(fault, Afterwards):
            raise fault.error
        return answer
