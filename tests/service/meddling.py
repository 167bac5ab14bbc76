"""Executors whose transactions meet something at a statement of the test's choice: an intruder, or an end."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from aerostore.domain import RlsContext
from aerostore.executor import Executor, Result, Statement, Work, WorkFactory

T = TypeVar("T")
Intrusion = Callable[[Executor], Coroutine[Any, Any, object]]
PATIENCE_S = 30.0
_LOOK_AGAIN_S = 0.01


class MeddledExecutor:
    """`inner`, except that `intrude` happens right before the first statement that has `before` in its SQL.

    other: an executor that is not started, for the intruder alone. That statement runs when the intruder is
    done, or as soon as it `is_stuck` behind the transaction that it comes between. `outcome` is what it
    returned, or its error.
    """

    name = "meddled"

    def __init__(
        self,
        inner: Executor,
        other: Executor,
        intrude: Intrusion,
        *,
        before: str,
        is_stuck: Callable[[], bool],
    ) -> None:
        self._inner = inner
        self._other = other
        self._intrude = intrude
        self._before = before
        self._is_stuck = is_stuck
        self._intruder = threading.Thread(target=self._run_intruder)
        self._outcome: object = None

    @property
    def outcome(self) -> object:
        self._intruder.join(PATIENCE_S)
        assert not self._intruder.is_alive(), "the intruder is stuck"
        return self._outcome

    async def start(self) -> None:
        """Do nothing: `inner` is running."""

    async def close(self) -> None:
        """Do nothing: `inner` is closed by its owner."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.write(context, lambda: _one_by_one(work(), self._meddle))

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.probe(context, work)

    def _meddle(self, statement: Statement) -> None:
        if self._before not in (statement.postgres or statement.sql) or self._intruder.ident is not None:
            return
        self._intruder.start()
        while self._intruder.is_alive() and not self._is_stuck():
            self._intruder.join(_LOOK_AGAIN_S)

    def _run_intruder(self) -> None:
        async def intrude() -> object:
            await self._other.start()
            try:
                return await self._intrude(self._other)
            finally:
                await self._other.close()

        try:
            self._outcome = asyncio.run(intrude())
        except Exception as exc:
            self._outcome = exc


class FailingExecutor:
    """`inner`, except that the first statement that has `at` in its SQL meets `failure` in its place."""

    name = "failing"

    def __init__(self, inner: Executor, failure: Exception, *, at: str) -> None:
        self._inner = inner
        self._failures = [failure]
        self._at = at

    async def start(self) -> None:
        """Do nothing: `inner` is running."""

    async def close(self) -> None:
        """Do nothing: `inner` is closed by its owner."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.write(context, lambda: _one_by_one(work(), self._fail))

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.probe(context, work)

    def _fail(self, statement: Statement) -> None:
        if self._failures and self._at in statement.sql:
            raise self._failures.pop()


class OvertakenExecutor:
    """`inner`, except that `overtake` happens right before the first probe."""

    name = "overtaken"

    def __init__(self, inner: Executor, overtake: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._inner = inner
        self._overtaking = [overtake]

    async def start(self) -> None:
        """Do nothing: `inner` is running."""

    async def close(self) -> None:
        """Do nothing: `inner` is closed by its owner."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.read(context, work)

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        return await self._inner.write(context, work)

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        while self._overtaking:
            await self._overtaking.pop()()
        return await self._inner.probe(context, work)


def _one_by_one(unit: Work[T], meet: Callable[[Statement], None]) -> Work[T]:
    """Run `unit` with `meet` right before each statement, also of those that would go together."""
    try:
        step = next(unit)
        while True:
            step = unit.send((yield from _apart(step, meet)))
    except StopIteration as stop:
        value: T = stop.value
        return value


def _apart(step: Statement, meet: Callable[[Statement], None]) -> Work[Result]:
    results = []
    for statement in (replace(step, then=(), ends_unit=False), *step.then):
        meet(statement)
        results.append((yield statement))
    return replace(results[0], then=tuple(results[1:]))
