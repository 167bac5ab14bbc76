"""How a unit of work runs on a connection to SQLite, in whatever transaction that is in."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from aerostore.domain import RlsContext
from aerostore.executor import Result, Statement, WorkFactory
from aerostore.executor.sqlite_file import to_storage_error
from aerostore.executor.sqlite_law import Session, SqliteLaw

T = TypeVar("T")
Look = Callable[[Statement], None]


def run_unit(
    law: SqliteLaw,
    session: Session,
    context: RlsContext,
    work: WorkFactory[T],
    look: Look = lambda _step: None,
) -> T:
    """Run a unit as `context` and return what it returns.

    look: called with each step before it runs; what it raises ends the unit.
    Raises: what the unit, the law or `look` raises; for a failure of SQLite what that means.
    """
    unit = work()
    try:
        step = next(unit)
        while True:
            look(step)
            step = unit.send(_take(law, session, context, step))
    except StopIteration as stop:
        value: T = stop.value
        return value
    except sqlite3.Error as exc:
        raise to_storage_error(exc) from exc


def _take(law: SqliteLaw, session: Session, context: RlsContext, step: Statement) -> Result:
    first = law.execute(session, context, step)
    if not step.then:
        return first
    others = tuple([law.execute(session, context, each) for each in step.then])
    return Result(first.rows, first.changed, others)
