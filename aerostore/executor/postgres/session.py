"""One transaction on one connection: it opens with its first statement; each statement has its own role."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import psycopg

from aerostore.executor import Result, Statement, WorkFactory
from aerostore.executor.postgres.error import (
    is_connection_lost,
    is_worth_another_run,
    to_storage_error,
    unknown_outcome,
    unstorable_text,
)
from aerostore.executor.postgres.line import Failure, Line, Query
from aerostore.executor.postgres.parameter import numbered
from aerostore.executor.postgres.plan import Plans

T = TypeVar("T")

_UNDO_TIMEOUT_S = 5.0
_COMMIT = b"COMMIT"
_REQUIRE_STATE = b"SELECT aerostore.require_role_state($1, $2)"
_SET_ROLE = b"SELECT pg_catalog.set_config('role', $1, true)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A kind of transaction. begin, end: the SQL. settings: the same for each, local to it."""

    begin: bytes
    end: bytes
    settings: Mapping[str, str]

    def opening(self, names: tuple[str, ...]) -> bytes:
        """Return SQL for the settings of a transaction: its own, and `names` and the role by values."""
        return _opening(tuple(self.settings.items()), names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a transaction is told.

    settings: of the request, local to the transaction. caller, system: the roles of statements with a law
    and of those without. narrowed: gives lists the bounds that policies imply.
    """

    mode: Mode
    settings: Mapping[str, str]
    caller: str
    system: str
    narrowed: Callable[[Statement], Statement]

    def role_for(self, statement: Statement) -> str:
        """Return the role that `statement` runs as."""
        return self.system if statement.law is None else self.caller


class Session:
    """A transaction in `scope`. What `is_open` afterwards must be undone before others use the connection."""

    def __init__(self, line: Line, scope: Scope, plans: Plans) -> None:
        self._line = line
        self._scope = scope
        self._plans = plans
        self._role: str | None = None
        self._has_ended = False

    async def run(self, work: WorkFactory[T]) -> T:
        """Run `work` to its end, and leave the transaction open unless a step of it ends the unit.

        Raises: what `work` raises; psycopg.Error when the unit may run again; StorageError when it may not,
        also when nobody can tell whether it was committed.
        """
        unit = work()
        try:
            step = next(unit)
            while True:
                step = unit.send(await self._execute(step))
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def commit(self) -> None:
        """Make the transaction durable, in one round trip, unless it has ended. Raises: as `run`."""
        if self._role is not None and not self._has_ended:
            await self._exchange([self._ending()])

    async def undo(self) -> None:
        """Roll back what is not committed; close the connection when that fails."""
        try:
            async with asyncio.timeout(_UNDO_TIMEOUT_S):
                await self._line.settle()
        except (psycopg.Error, Failure, TimeoutError):
            await self._line.connection.close()

    @property
    def is_open(self) -> bool:
        """Whether there is something to undo."""
        return not self._line.is_idle

    async def _execute(self, step: Statement) -> Result:
        """Run the statements of `step` in one round trip, with what must go before and after them."""
        if self._has_ended:
            raise AssertionError("a unit goes on after the step that ends it")
        queries = [query for statement in (step, *step.then) for query in self._queries_of(statement)]
        if step.ends_unit:
            queries.append(self._ending())
        first, *others = await self._exchange(queries)
        return Result(first.rows, first.changed, tuple(others)) if others else first

    def _queries_of(self, statement: Statement) -> Iterator[Query]:
        """Yield `statement`, and before it what opens the transaction or changes its role."""
        before, self._role = self._role, self._scope.role_for(statement)
        if before is None:
            yield from self._opening(self._role)
        elif self._role != before:
            yield self._own(_SET_ROLE, self._role)
        narrowed = self._scope.narrowed(statement)
        text, values = numbered(narrowed.postgres or narrowed.sql, narrowed.parameters)
        judged = statement.law is not None
        family = self._plans.family_of(self._role if self._is_caller else None)
        yield Query(text, values, judged=judged, family=family)

    def _opening(self, role: str) -> Iterator[Query]:
        settings, caller = self._scope.settings, self._scope.caller
        yield self._own(self._scope.mode.begin)
        yield self._own(self._scope.mode.opening(tuple(settings)), *settings.values(), role)
        state = self._plans.state_of(caller) if caller != self._scope.system else None
        if state is not None:  # by a role that may use the schema: whoever logs in need not
            yield self._own(_REQUIRE_STATE, caller, state)

    def _ending(self) -> Query:
        self._has_ended = True
        return self._own(self._scope.mode.end)

    def _own(self, text: bytes, *values: str) -> Query:
        """Return a query about the transaction itself."""
        # What fails in it is the caller's matter in the caller's role: the right to take it on, late checks.
        family = self._plans.family_of(None)
        return Query(text, values, is_asked=False, judged=self._is_caller, family=family)

    @property
    def _is_caller(self) -> bool:
        return self._role != self._scope.system

    async def _exchange(self, queries: Sequence[Query]) -> list[Result]:
        try:
            return await self._line.exchange(queries)
        except UnicodeEncodeError as exc:
            raise unstorable_text() from exc
        except Failure as failure:
            raise self._translated(failure, queries) from failure.error
        except psycopg.Error as exc:  # a value that psycopg cannot write: nothing was sent
            raise to_storage_error(exc, judged=False) from exc

    def _translated(self, failure: Failure, queries: Sequence[Query]) -> Exception:
        error = failure.error
        if is_connection_lost(error):
            return unknown_outcome() if self._may_be_committed(failure, queries) else error
        failed = queries[failure.position]
        lacks_plan = failed.family is not None and self._plans.drop_after(error)
        if lacks_plan or is_worth_another_run(error):
            return error
        return to_storage_error(error, judged=failed.judged)

    def _may_be_committed(self, failure: Failure, queries: Sequence[Query]) -> bool:
        """Tell whether a lost connection leaves that open: not if the server ended it before the commit."""
        commits = queries[-1].text == _COMMIT
        return commits and not (failure.is_certain and failure.position < len(queries) - 1)


@lru_cache
def _opening(fixed: tuple[tuple[str, str], ...], names: tuple[str, ...]) -> bytes:
    values = [f"'{value}'" for _, value in fixed] + [f"${number + 1}" for number in range(len(names))]
    settings = zip((*dict(fixed), *names), values, strict=True)
    calls = [f"pg_catalog.set_config('{name}', {value}, true)" for name, value in settings]
    calls.append(f"pg_catalog.set_config('role', ${len(names) + 1}, true)")
    # One number, not a column for each; they are called in this order.
    return f"SELECT pg_catalog.num_nulls({', '.join(calls)})".encode()
