"""Policies as conditions: what an executor that judges rows itself asks for, and is given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aerostore.domain import RlsContext
from aerostore.policy.catalog import Table


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition over the columns of one row, as SQL with bound parameters.

    programs: what the SQL calls as `policy(key, ...)`, by key. prefixes: when given, every object that
    the condition admits has a name that begins with one of them.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    programs: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prefixes: tuple[str, ...] | None = None


ALWAYS = Predicate("TRUE")
NEVER = Predicate("FALSE")


class PolicySet(Protocol):
    """Policies as an executor that judges rows itself asks for them. A NULL answer counts as no."""

    @property
    def declared_tables(self) -> Sequence[Table]:
        """The tables beside those of storage that policies read."""
        ...

    def where(self, table: str, command: str, context: RlsContext, known: Mapping[str, Any]) -> Predicate:
        """Return the condition under which `context` may see (select) or touch an existing row.

        known: values of columns that every row in question has. Raises: PolicyFailed.
        """
        ...

    def check(self, table: str, command: str, context: RlsContext, row: Mapping[str, Any]) -> Predicate:
        """Return the condition under which `context` may leave `row` in `table` by `command`.

        row: empty when only the table knows it; then the condition must ask the columns.
        Raises: PolicyFailed.
        """
        ...
