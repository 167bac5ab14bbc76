"""Values of parts of policies, for explaining: a part is bound, secured and folded like a whole policy."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aerostore.policy import syntax
from aerostore.policy.bind.binder import Binder
from aerostore.policy.catalog import BUILT_IN_ROLES, Catalog
from aerostore.policy.combine import Policy
from aerostore.policy.describe.sql import to_text
from aerostore.policy.expression import Apply, Constant, Expression, Failure, Function, IsTest
from aerostore.policy.policyset import PolicySet
from aerostore.policy.problem import EvaluationError
from aerostore.policy.ruling import Ruling, Rulings
from aerostore.policy.sqlite.condition import Written, write
from aerostore.policy.value import BOOL, Environment, Type

Columns = Mapping[str, Any]
Run = Callable[[Written], None]
"""Runs `SELECT sql` once in SQLite, with its parameters and programs."""


class PartValues:
    """Evaluates parts of the policies of a set. catalog: what the set was loaded with."""

    def __init__(self, policies: PolicySet, catalog: Catalog) -> None:
        named = {role for policy in policies.policies for role in policy.roles}
        granted = {role for table in policies.tables.values() for role in table.readable_by}
        roles = BUILT_IN_ROLES | named | granted
        self._rulings = Rulings(policies.policies, policies.tables, roles)
        self._binder = Binder(catalog)

    def value(
        self, part: syntax.Expression, policy: Policy, environment: Environment, row: Columns, run: Run
    ) -> tuple[Type, Any]:
        """Return type and value of `part` of `policy` for `row`, of which every column is given.

        Raises: EvaluationError where PostgreSQL would; Refusal when the part means nothing by itself.
        """
        ruling = self._ruling(part, policy, environment.role)
        folded = ruling.fold(environment, row)
        if isinstance(folded, Failure):
            raise EvaluationError(folded.code, folded.message)
        if isinstance(folded, Constant):
            return folded.type, folded.value
        return folded.type, _run(folded, policy.table, environment, run)

    def _ruling(self, part: syntax.Expression, policy: Policy, role: str) -> Ruling:
        bound = self._bind(part, policy.table)
        # Rulings are remembered by name: no policy's own name holds a NUL.
        alone = replace(policy, name=f"{policy.name}\0{to_text(part)}", using=bound)
        ruling = self._rulings.alone(alone, role, check=False)
        assert ruling is not None, "it has an expression"
        return ruling

    def _bind(self, part: syntax.Expression, table: str) -> Expression:
        """Bind an expression of any type, by way of a condition about it."""
        condition = self._binder.bind_condition(syntax.IsTest(part.at, part, "null"), table)
        assert isinstance(condition, IsTest), "that is what IS NULL is bound to"
        return condition.operand


def _run(folded: Expression, table: str, environment: Environment, run: Run) -> Any:
    """Return the value of an expression that reads tables: SQLite hands it over while it runs."""
    taken: list[Any] = []

    def take(value: Any) -> bool:
        taken.append(value)
        return True

    taking = Function(
        name="taking",
        parameters=(folded.type,),
        returns=BOOL,
        run=take,
        strict=False,
        may_raise=True,  # so that all of it is one program, run whatever else there is
    )
    run(write(Apply(BOOL, taking, (folded,)), environment, table, "p"))
    return taken[-1]
