"""The policies that files give to a PostgreSQL database of ours, brought up to date when a server starts."""

import logging
from collections.abc import Sequence

from aerostore.executor.migrations import is_adopted
from aerostore.executor.policy_catalogue import Connection, list_policies
from aerostore.executor.policy_sync import apply_policies, connected, plan_policies
from aerostore.policy import PolicyLoadError, Source
from aerostore.policy.change import Change

logger = logging.getLogger("aerostore.policies")


class OwnPolicies:
    """The policies of `sources` for the database at `conninfo`. Those that others made there stay untouched.

    A database that was adopted is left alone until somebody has applied policies to it by hand.
    """

    def __init__(self, conninfo: str, sources: Sequence[Source]) -> None:
        self._conninfo = conninfo
        self._sources = sources

    async def bring_up_to_date(self) -> tuple[Change, ...]:
        """Change what differs from the files and return it; take no lock when nothing does.

        Safe when several processes start at once.
        Raises: PolicyLoadError for what PostgreSQL or a conflict refuses; LockTimeout; Unavailable.
        """
        async with connected(self._conninfo) as connection:
            if not await _has_own(connection):
                return ()
            changes = await plan_policies(connection, self._sources)
            if changes.conflicts:
                raise PolicyLoadError(changes.conflicts)
            if changes.changes:
                changes = await apply_policies(connection, self._sources)
        for change in changes.changes:
            logger.info("policy changed", extra={"facts": {"change": str(change)}})
        for missing in changes.missing:
            logger.warning("policies want what is missing", extra={"facts": {"name": ".".join(missing.name)}})
        return changes.changes


async def _has_own(connection: Connection) -> bool:
    if not await is_adopted(connection):
        return True
    return any(policy.mark for policy in await list_policies(connection))
