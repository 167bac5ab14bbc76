"""An executor that decides as the real one does, changes nothing, and notes what the policies were asked."""

from dataclasses import replace
from typing import TypeVar

from aerostore.domain import RlsContext
from aerostore.executor import Executor, Result, Statement, Work, WorkFactory
from aerostore.executor.asked import questions_of, rows_met
from aerostore.executor.judge import Asked

T = TypeVar("T")


class DryRun:
    """Wraps an `Executor`: whatever is to be written is tried and undone. Starting and closing is not its.

    asked: the questions so far, in order, with the rows as they were in the transaction that decided.
    """

    name = "dry run"

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.asked: list[Asked] = []

    async def start(self) -> None:
        """Do nothing: the wrapped executor is running."""

    async def close(self) -> None:
        """Do nothing: others use the wrapped executor."""

    async def read(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` as the wrapped executor does."""
        return await self._executor.read(context, self._noting(work))

    async def write(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` and undo it."""
        return await self._executor.probe(context, self._noting(work))

    async def probe(self, context: RlsContext, work: WorkFactory[T]) -> T:
        """Run `work` and undo it."""
        return await self._executor.probe(context, self._noting(work))

    def _noting(self, work: WorkFactory[T]) -> WorkFactory[T]:
        before = len(self.asked)

        def noting() -> Work[T]:
            del self.asked[before:]  # the unit may run again from its start
            return self._run(work())

        return noting

    def _run(self, unit: Work[T]) -> Work[T]:
        try:
            step = next(unit)
            while True:
                step = unit.send((yield from self._take(step)))
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _take(self, step: Statement) -> Work[Result]:
        first = yield from self._ask(step)
        others = []
        for each in step.then:
            others.append((yield from self._ask(each)))
        return replace(first, then=tuple(others))

    def _ask(self, statement: Statement) -> Work[Result]:
        law = statement.law
        if law is not None:
            met = rows_met(statement, law)
            rows = (yield met).rows if met else ()
            self.asked += questions_of(statement, law, rows)
        return (yield replace(statement, then=(), ends_unit=False))
