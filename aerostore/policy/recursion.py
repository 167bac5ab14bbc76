"""Policies whose tables have policies that come back to the first: PostgreSQL refuses to expand them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aerostore.policy.catalog import Table
from aerostore.policy.combine import Policy
from aerostore.policy.problem import Problem
from aerostore.policy.tree import queries


def recursions(
    policies: Sequence[Policy], tables: Mapping[str, Table], roles: Iterable[str]
) -> Iterator[Problem]:
    """List the policies that PostgreSQL cannot expand for some role.

    Source: PostgreSQL, fireRIRrules in src/backend/rewrite/rewriteHandler.c.
    """
    graph = _Graph(policies, tables)
    known_roles = sorted(roles)
    for policy in policies:
        cycles = (graph.find_cycle(policy, role) for role in known_roles if policy.applies_to(role))
        if relation := next(filter(None, cycles), None):
            yield Problem(
                source=policy.source,
                at=policy.statement.at,
                code="42P17",
                message=f'infinite recursion detected in policy for relation "{relation.rpartition(".")[2]}"',
                hint="read one of the tables in a SECURITY DEFINER function",
            )


class _Graph:
    """Which policy reads which tables under their row security."""

    def __init__(self, policies: Sequence[Policy], tables: Mapping[str, Table]) -> None:
        secured = [policy for policy in policies if tables[policy.table].row_security]
        self._reads = {
            (policy.table, policy.name): frozenset(_read_tables(policy, tables)) for policy in secured
        }
        self._policies = secured

    def find_cycle(self, policy: Policy, role: str) -> str | None:
        """Find the table that comes twice when `policy` is expanded for `role`."""
        return self._follow(policy, role, (policy.table,))

    def _follow(self, policy: Policy, role: str, path: tuple[str, ...]) -> str | None:
        for table in sorted(self._reads.get((policy.table, policy.name), ())):
            if table in path:
                return table
            for other in self._selecting(table, role):
                if found := self._follow(other, role, (*path, table)):
                    return found
        return None

    def _selecting(self, table: str, role: str) -> Iterator[Policy]:
        for policy in self._policies:
            if policy.table == table and policy.covers("select") and policy.applies_to(role):
                yield policy


def _read_tables(policy: Policy, tables: Mapping[str, Table]) -> Iterator[str]:
    for expression in (policy.using, policy.check):
        for query in () if expression is None else queries(expression):
            for joined in query.joins:
                if not joined.source.as_owner and tables[joined.source.table].row_security:
                    yield joined.source.table
