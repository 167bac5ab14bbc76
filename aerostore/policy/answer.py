"""Conditions for callers, remembered from request to request as far as they stay the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from aerostore.policy.catalog import OBJECTS
from aerostore.policy.expression import Constant, Expression, Failure
from aerostore.policy.fold.evaluate import Columns
from aerostore.policy.fold.folding import fold
from aerostore.policy.fold.hazard import may_raise
from aerostore.policy.fold.prefix import implied_prefixes
from aerostore.policy.fold.settle import settle
from aerostore.policy.problem import EvaluationError
from aerostore.policy.ruling import Ruling
from aerostore.policy.sqlite.condition import write
from aerostore.policy.value import Environment

ANSWERS_KEPT = 2048
# The columns whose values come again with other requests; an answer that depends on more is made anew.
_COMMON_COLUMNS = frozenset({"bucket_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition on the rows of a table, as SQL for SQLite that names columns like `storage_objects."name"`.

    programs: what it calls as `policy(key, ...)`; see `PolicyCalls`. prefixes: when not None, it is true
    only for objects whose name begins with one of them. constant: the answer for every row, when there is
    one. Keys of parameters and programs begin with the name the condition was asked for under.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    programs: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prefixes: tuple[str, ...] | None = None
    constant: bool | None = None


EVERY_ROW = Condition(sql="TRUE", constant=True)
NO_ROW = Condition(sql="FALSE", prefixes=(), constant=False)


@dataclass(frozen=True, slots=True)
class _Question:
    """All that an answer depends on.

    name: as `Condition` has it. settings: those that the ruling can read. environment: nothing else of it
    but the role makes a difference.
    """

    ruling: Ruling
    table: str
    name: str
    role: str
    settings: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, Any], ...]
    environment: Environment = field(compare=False)


class _Answer:
    """What is left of a ruling for a question: as an expression, and as a condition once one is asked for."""

    def __init__(self, question: _Question) -> None:
        self._question = question
        self.folded = question.ruling.fold(question.environment, dict(question.columns))

    @cached_property
    def condition(self) -> Condition:
        question = self._question
        return to_condition(self.folded, question.table, question.environment, question.name)


class Answers:
    """Conditions for callers. kept: how many answers are remembered. Safe to use from many threads."""

    def __init__(self, kept: int = ANSWERS_KEPT) -> None:
        self._remembered = lru_cache(kept)(_Answer)

    def condition(
        self, ruling: Ruling, table: str, environment: Environment, columns: Columns, name: str
    ) -> Condition:
        """Return what is left of `ruling` when `columns` of the row are known. Raises: EvaluationError."""
        if ruling.reads is None:
            return to_condition(ruling.fold(environment, columns), table, environment, name)
        common = tuple((column, columns[column]) for column in _COMMON_COLUMNS & columns.keys())
        settings = _read_of(environment, ruling.reads)
        answer = self._remembered(
            _Question(ruling, table, name, environment.role, settings, common, environment)
        )
        if len(common) == len(columns):
            return answer.condition
        return to_condition(fold(answer.folded, environment, columns), table, environment, name)


def _read_of(environment: Environment, names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    if not names:
        return ()
    return tuple(item for item in environment.settings.items() if item[0].lower() in names)


def to_condition(folded: Expression, table: str, environment: Environment, name: str) -> Condition:
    """Write what is left of a ruling for rows of `table`. Raises: EvaluationError when every row fails."""
    if type(folded) is Failure:
        raise EvaluationError(folded.code, folded.message)
    expression = settle(folded)
    if type(expression) is Constant:
        return EVERY_ROW if expression.value is True else NO_ROW
    prefixes = implied_prefixes(expression) if table == OBJECTS else None
    if not prefixes and prefixes is not None:
        if not may_raise(expression):
            return NO_ROW
        prefixes = None  # every row fails, and some may say why
    written = write(expression, environment, table, name)
    return Condition(
        sql=written.sql, parameters=written.parameters, programs=written.programs, prefixes=prefixes
    )
