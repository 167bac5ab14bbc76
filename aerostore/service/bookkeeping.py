"""Rows as background jobs use them: a statement or a few at a time, and never a transaction held open."""

from collections.abc import Sequence

from aerostore.domain import SYSTEM
from aerostore.executor import Executor, Row, Statement, Work


class Bookkeeping:
    """Reads and writes as the system throughout: what jobs keep about bytes belongs to no caller."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def read(self, statement: Statement) -> Sequence[Row]:
        """Return the rows of one query."""

        def work() -> Work[Sequence[Row]]:
            return (yield statement).rows

        return await self._executor.read(SYSTEM, work)

    async def write(self, *statements: Statement) -> int:
        """Run `statements` in one transaction; return how many rows they changed."""

        def work() -> Work[int]:
            changed = 0
            for statement in statements:
                changed += (yield statement).changed
            return changed

        return await self._executor.write(SYSTEM, work)
