"""Warnings about policies that load, and will fail one day."""

from collections.abc import Iterator
from itertools import chain

from aerostore.policy.expression import TARGET, Apply, Case, ColumnOf, Expression
from aerostore.policy.function import CastRule, find_cast
from aerostore.policy.problem import Problem, Source
from aerostore.policy.syntax import CreatePolicy
from aerostore.policy.tree import children, walk
from aerostore.policy.value import TEXT, UUID, Type

_WARNING = "01000"
_WRITTEN_BY_SERVER = "metadata"


def warnings_of(expression: Expression, statement: CreatePolicy, source: Source) -> list[Problem]:
    """Return what is dubious about a condition of the policy that `statement` creates.

    A cast of a name or of a part of it raises for a name that is no such value: one badly named object
    breaks every list. Within CASE somebody has thought of that.
    """
    return [_warning(cast, statement, source) for cast in _unguarded(expression)]


def _warning(cast: Apply, statement: CreatePolicy, source: Source) -> Problem:
    names = " and ".join(dict.fromkeys(column.name for column in _columns(cast)))
    subject = names if isinstance(cast.arguments[0], ColumnOf) else f"a part of {names}"
    return Problem(
        source=source,
        at=statement.at,
        code=_WARNING,
        message=f'policy "{statement.name}" casts {subject} to {cast.type}, and fails for any other text',
        hint=_hint(cast.type),
    )


def _hint(type_: Type) -> str:
    comparison = "compare as text, such as auth.uid()::text = ..." if type_ == UUID else "compare as text"
    return f"{comparison}, or guard the cast: CASE WHEN ... THEN ... ELSE false END"


def _unguarded(expression: Expression) -> Iterator[Apply]:
    if isinstance(expression, Case):
        return
    if isinstance(expression, Apply) and _fails_for_some_row(expression):
        yield expression
    yield from chain.from_iterable(map(_unguarded, children(expression)))


def _fails_for_some_row(call: Apply) -> bool:
    function = call.function
    if not function.may_raise or find_cast(TEXT, call.type) != CastRule(function, "explicit"):
        return False
    return any(column.name != _WRITTEN_BY_SERVER for column in _columns(call))


def _columns(expression: Expression) -> Iterator[ColumnOf]:
    """List the columns of the judged row that a value is made from."""
    return (part for part in walk(expression) if isinstance(part, ColumnOf) and part.source == TARGET)
