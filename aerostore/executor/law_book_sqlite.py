"""The policies that the policy engine was loaded with: those of the files, until the server starts again."""

from collections.abc import Sequence

from aerostore.executor.law_book import WrittenPolicy
from aerostore.permissions.outlook import Outlook
from aerostore.policy.catalog import BUCKETS, OBJECTS
from aerostore.policy.combine import Policy
from aerostore.policy.policyset import PolicySet

_API_ROLES = ("anon", "authenticated", "service_role")


class SqliteLawBook:
    """A `LawBook` of policy files."""

    def __init__(self, policies: PolicySet) -> None:
        outlook = Outlook(policies)
        concerned = [each for each in policies.policies if each.table in (OBJECTS, BUCKETS)]
        self._written = tuple(
            _written(each, outlook)
            for each in sorted(concerned, key=lambda each: (each.table, each.name.encode()))
        )

    async def policies(self) -> Sequence[WrittenPolicy]:
        """Return them as they are written in the files."""
        return self._written


def _written(policy: Policy, outlook: Outlook) -> WrittenPolicy:
    statement, source = policy.statement, policy.source
    line, _column = source.line_and_column(statement.at)
    return WrittenPolicy(
        table=policy.table,
        name=policy.name,
        command=policy.command,
        permissive=policy.permissive,
        roles=tuple(sorted(policy.roles)),
        using=None if statement.using is None else statement.using_text,
        with_check=None if statement.check is None else statement.check_text,
        text=source.text[statement.start : statement.end],
        path=source.path,
        line=line,
        comment=" ".join(statement.comment.split()) or None,
        applies_to=frozenset(role for role in _API_ROLES if policy.applies_to(role)),
        outlook=outlook,
    )
