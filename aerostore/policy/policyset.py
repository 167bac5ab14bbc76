"""A loaded policy set: what it decides for a request, as a constant or as a condition for SQLite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aerostore.policy.answer import EVERY_ROW, Answers, Condition, to_condition
from aerostore.policy.catalog import Table
from aerostore.policy.combine import Policy
from aerostore.policy.expression import Constant
from aerostore.policy.fold.evaluate import Columns
from aerostore.policy.problem import EvaluationError, Problem
from aerostore.policy.ruling import Rulings
from aerostore.policy.value import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one policy says about a row. applies: to the role; if not, nothing else is told.

    value: None is NULL. error: what it raised. pending: what SQLite still has to decide instead of both.
    """

    policy: Policy
    applies: bool
    value: bool | None = None
    error: EvaluationError | None = None
    pending: Condition | None = None


class PolicySet:
    """Policies in force together, decided as PostgreSQL decides them. Safe to use from many threads.

    warnings: what loads but is likely to go wrong. tables: all that policies may read, by qualified name.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        tables: Mapping[str, Table],
        roles: frozenset[str],
        warnings: Sequence[Problem] = (),
    ) -> None:
        self.policies = tuple(policies)
        self.tables = tables
        self.warnings = tuple(warnings)
        self._rulings = Rulings(self.policies, tables, roles)
        self._answers = Answers()

    def where(
        self, table: str, command: str, environment: Environment, known: Columns, *, name: str = "p"
    ) -> Condition:
        """Return which existing rows of `table` the caller sees (select) or may touch (update, delete).

        known: values of columns that all rows in question share. name: what the keys of the condition
        begin with; conditions of two names can be joined.
        Raises: EvaluationError where PostgreSQL raises whatever the row: 42501 for a table that the caller
        may not read, 22P02 for a subject that is no uuid.
        """
        if self._is_exempt(table, environment):
            return EVERY_ROW
        ruling = self._rulings.using(table, command, environment.role)
        return self._answers.condition(ruling, table, environment, known, name)

    def check(
        self, table: str, command: str, environment: Environment, row: Columns, *, name: str = "p"
    ) -> Condition:
        """Return whether the caller may leave `row` in `table` by insert or update.

        row: what is known of it. Whole: the condition names no column of `table`. Empty: it asks the
        columns, of the row once it is there. Otherwise as `where`.
        """
        if self._is_exempt(table, environment):
            return EVERY_ROW
        ruling = self._rulings.check(table, command, environment.role)
        return self._answers.condition(ruling, table, environment, row, name)

    def verdicts(
        self, table: str, command: str, environment: Environment, row: Columns, *, check: bool
    ) -> tuple[Verdict, ...]:
        """Return what each policy for `command` on `table` says about `row`, in the order of their names.

        check: judge it as a new row. A permissive policy without such an expression grants nothing, a
        restrictive one demands nothing.
        """
        return tuple(
            self._verdict(policy, environment, row, check=check)
            for policy in sorted(self.policies, key=lambda policy: policy.name.encode())
            if policy.table == table and policy.covers(command)
        )

    def _is_exempt(self, table: str, environment: Environment) -> bool:
        return environment.can_bypass_rls or not self.tables[table].row_security

    def _verdict(self, policy: Policy, environment: Environment, row: Columns, *, check: bool) -> Verdict:
        if not policy.applies_to(environment.role):
            return Verdict(policy=policy, applies=False)
        ruling = self._rulings.alone(policy, environment.role, check=check)
        if ruling is None:
            return Verdict(policy=policy, applies=True, value=not policy.permissive)
        try:
            folded = ruling.fold(environment, row)
            if type(folded) is Constant:
                return Verdict(policy=policy, applies=True, value=folded.value)
            pending = to_condition(folded, policy.table, environment, "p")
        except EvaluationError as exc:
            return Verdict(policy=policy, applies=True, error=exc)
        return Verdict(policy=policy, applies=True, pending=pending)
