"""What policies come to for a bucket before it is known who asks, and for which name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from aerostore.domain import RlsContext
from aerostore.permissions.compiled import environment_of
from aerostore.policy import EvaluationError, Policy, PolicySet
from aerostore.policy.expression import TARGET, Apply, ColumnOf, Constant, Expression
from aerostore.policy.ruling import Ruling, Rulings
from aerostore.policy.tree import rebuild

Verdict = Literal["allowed", "conditional", "denied"]
ALLOWED: Verdict = "allowed"
CONDITIONAL: Verdict = "conditional"
DENIED: Verdict = "denied"

# Of what policies read of a request, these are known without its caller.
_FOLLOWS_FROM_THE_ROLE = {"auth.role", "current_user", "current_role", "user"}
_OF_THE_CALLER = "what only the caller's request tells"


class Outlook:
    """What each policy of a set says about a bucket, to a role, whatever the caller's subject and claims."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = {(each.table, each.name): _without_caller(each) for each in policies.policies}
        roles = frozenset(role for each in policies.policies for role in each.roles)
        self._rulings = Rulings(list(self._policies.values()), policies.tables, roles)

    def verdict(
        self, table: str, name: str, role: str, known: Mapping[str, Any], *, check: bool
    ) -> Verdict | None:
        """Return what one policy says, None when it has no such expression. known: columns of the row."""
        ruling = self._rulings.alone(self._policies[table, name], role, check=check)
        return None if ruling is None else _settled(ruling, role, known)


def combine(permissive: Iterable[Verdict | None], restrictive: Iterable[Verdict | None]) -> Verdict:
    """Return what policies come to together: any permissive one, and every restrictive one."""
    granted = [each for each in permissive if each is not None] or [DENIED]
    return worst([best(granted), *(each for each in restrictive if each is not None)])


def best(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the most permissive of `verdicts`, of which there is one at least."""
    return next(each for each in (ALLOWED, CONDITIONAL, DENIED) if each in verdicts)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the least permissive of `verdicts`, of which there is one at least."""
    return next(each for each in (DENIED, CONDITIONAL, ALLOWED) if each in verdicts)


def _settled(ruling: Ruling, role: str, known: Mapping[str, Any]) -> Verdict:
    environment = environment_of(RlsContext(role=role))
    try:
        folded = ruling.fold(environment, known)
    except EvaluationError:
        return DENIED  # whatever the row: the operation fails
    if type(folded) is not Constant:
        return CONDITIONAL
    return ALLOWED if folded.value is True else DENIED


def _without_caller(policy: Policy) -> Policy:
    """Return a policy with a column that nobody knows in place of all that depends on the caller."""
    return replace(
        policy,
        using=policy.using and _hidden(policy.using),
        check=policy.check and _hidden(policy.check),
    )


def _hidden(expression: Expression) -> Expression:
    if type(expression) is Apply and expression.function.reads_environment:
        if expression.function.name in _FOLLOWS_FROM_THE_ROLE:
            return expression
        return ColumnOf(expression.type, TARGET, _OF_THE_CALLER)
    return rebuild(expression, _hidden)
