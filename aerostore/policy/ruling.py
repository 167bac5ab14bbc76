"""What the policies of a table come to for one role and one command, ready for any request."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aerostore.policy.catalog import Table
from aerostore.policy.combine import PUBLIC, Policy, combine_check, combine_using
from aerostore.policy.expression import FALSE, Apply, Expression, Failure
from aerostore.policy.fold.estimate import estimated
from aerostore.policy.fold.evaluate import Columns, call
from aerostore.policy.fold.expand import expand
from aerostore.policy.fold.folding import fold, fold_alone, simplify
from aerostore.policy.fold.reading import settings_read
from aerostore.policy.problem import EvaluationError
from aerostore.policy.tree import queries, walk
from aerostore.policy.value import BOOL, Environment

_USER_ID = "auth.uid"
Combine: TypeAlias = Callable[[Sequence[Policy]], Expression]


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """A condition with what PostgreSQL raises before it looks at any row. Like itself only.

    reads: the settings that it can read, by lower-case name; None when they cannot be told. failure: raised
    for every request. user_id: the call of auth.uid() when there is one: PostgreSQL may evaluate it while it
    plans, so it must not fail even where no row would need it. estimated: other operands of which that is
    true.
    """

    expression: Expression
    reads: frozenset[str] | None
    failure: Failure | None = None
    user_id: Apply | None = None
    estimated: tuple[Expression, ...] = ()

    def fold(self, environment: Environment, columns: Columns) -> Expression:
        """Return what is left of the condition. Raises: EvaluationError where every row would."""
        if self.failure is not None:
            raise EvaluationError(self.failure.code, self.failure.message)
        if self.user_id is not None:
            call(self.user_id.function, environment, ())
        for operand in fold_alone(self.estimated, environment):
            if type(operand) is Failure:
                raise EvaluationError(operand.code, operand.message)
        return fold(self.expression, environment, columns)


class Rulings:
    """The rulings of a policy set, made when they are first asked for. Safe to use from many threads.

    roles: those that any policy or grant names; all other roles are alike.
    """

    def __init__(
        self, policies: Sequence[Policy], tables: Mapping[str, Table], roles: frozenset[str]
    ) -> None:
        self._policies = policies
        self._tables = tables
        self._roles = roles
        self._known: dict[Hashable, Ruling] = {}

    def using(self, table: str, command: str, role: str) -> Ruling:
        """Return the ruling on existing rows."""
        return self._combined(combine_using, table, command, self._distinguished(role))

    def check(self, table: str, command: str, role: str) -> Ruling:
        """Return the ruling on new rows."""
        return self._combined(combine_check, table, command, self._distinguished(role))

    def alone(self, policy: Policy, role: str, *, check: bool) -> Ruling | None:
        """Return what one policy says by itself; None when it has no such expression."""
        expression = policy.check_or_using if check else policy.using
        if expression is None:
            return None
        role = self._distinguished(role)
        key = (check, policy.table, policy.name, role)
        if key not in self._known:
            self._known[key] = self._ruling(expression, role, is_filter=not check)
        return self._known[key]

    def _combined(self, combine: Combine, table: str, command: str, role: str) -> Ruling:
        key = (combine, table, command, role)
        if key not in self._known:
            combined = combine(self._applicable(table, command, role))
            self._known[key] = self._ruling(combined, role, is_filter=combine is combine_using)
        return self._known[key]

    def _distinguished(self, role: str) -> str:
        return role if role in self._roles else PUBLIC

    def _applicable(self, table: str, command: str, role: str) -> list[Policy]:
        return [
            policy
            for policy in self._policies
            if policy.table == table and policy.covers(command) and policy.applies_to(role)
        ]

    def _ruling(self, expression: Expression, role: str, *, is_filter: bool) -> Ruling:
        expanded = expand(expression, self._tables, lambda table: self._visible(table, role))
        try:
            simplified = simplify(expanded)
        except EvaluationError as exc:
            return Ruling(FALSE, frozenset(), failure=Failure(BOOL, exc.code, exc.message))
        return Ruling(
            simplified,
            settings_read(simplified),
            self._denial(simplified, role),
            _call_of_user_id(simplified),
            estimated(simplified, is_filter=is_filter),
        )

    def _visible(self, table: str, role: str) -> Expression:
        return combine_using(self._applicable(table, "select", role))

    def _denial(self, expression: Expression, role: str) -> Failure | None:
        """Return what PostgreSQL raises when `role` may not read a table that `expression` reads."""
        for query in queries(expression):
            for joined in query.joins:
                table = self._tables[joined.source.table]
                if not joined.source.as_owner and not table.readable_by & {role, PUBLIC}:
                    relation = table.name.rpartition(".")[2]
                    return Failure(BOOL, "42501", f"permission denied for table {relation}")
        return None


def _call_of_user_id(expression: Expression) -> Apply | None:
    calls = (part for part in walk(expression) if type(part) is Apply)
    return next((part for part in calls if part.function.name == _USER_ID), None)
