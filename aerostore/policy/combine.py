"""How the policies of a table become one condition for a role and a command, as PostgreSQL combines them.

Source: PostgreSQL, src/backend/rewrite/rowsecurity.c.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aerostore.policy.expression import FALSE, And, Expression, Or
from aerostore.policy.problem import Source
from aerostore.policy.syntax import CreatePolicy

PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy as it is in force. command: `all` or one; roles: exact names, or `public`.

    using, check: None when it has no such expression. statement: as written, with later changes.
    """

    name: str
    table: str
    command: str
    permissive: bool
    roles: frozenset[str]
    using: Expression | None
    check: Expression | None
    source: Source
    statement: CreatePolicy

    def applies_to(self, role: str) -> bool:
        """Return whether `role` is meant. Membership does not count: roles of requests inherit nothing."""
        return role in self.roles or PUBLIC in self.roles

    def covers(self, command: str) -> bool:
        """Return whether `command` is meant."""
        return self.command in ("all", command)

    @property
    def check_or_using(self) -> Expression | None:
        """What a new row has to meet: USING where there is no WITH CHECK."""
        return self.using if self.check is None else self.check


def combine_using(policies: Sequence[Policy]) -> Expression:
    """Return which existing rows `policies`, all of them applicable, let through."""
    granted = [policy.using for policy in _permissive(policies) if policy.using is not None]
    required = [policy.using for policy in _restrictive(policies) if policy.using is not None]
    return _all_of((*required, _any_of(granted)))


def combine_check(policies: Sequence[Policy]) -> Expression:
    """Return which new rows `policies`, all of them applicable, let through."""
    granted = [check for policy in _permissive(policies) if (check := policy.check_or_using) is not None]
    required = [check for policy in _restrictive(policies) if (check := policy.check_or_using) is not None]
    return _all_of((_any_of(granted), *required))


def _permissive(policies: Iterable[Policy]) -> list[Policy]:
    """List permissive policies in the order that PostgreSQL evaluates them: by name, the last first."""
    return sorted((policy for policy in policies if policy.permissive), key=_name_bytes, reverse=True)


def _restrictive(policies: Iterable[Policy]) -> list[Policy]:
    return sorted((policy for policy in policies if not policy.permissive), key=_name_bytes)


def _name_bytes(policy: Policy) -> bytes:
    return policy.name.encode()


def _any_of(operands: Sequence[Expression]) -> Expression:
    if len(operands) > 1:
        return Or(tuple(operands))
    return operands[0] if operands else FALSE


def _all_of(operands: Sequence[Expression]) -> Expression:
    return operands[0] if len(operands) == 1 else And(tuple(operands))
