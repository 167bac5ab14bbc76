"""Which plans the server keeps for us, so that it need not read, rewrite and plan a statement each time.

A plan has the policies of one role built in. PostgreSQL makes it anew when a policy changes, but not when a
role does: granted, revoked, let past row security. So plans are kept for a role in one state, and each
transaction names the state that it counts on: the server refuses when the role is no longer in it.
"""

from collections.abc import Iterable, Mapping

import psycopg

from aerostore.executor import Statement, Work

# Raised by aerostore.require_role_state, in migrations/postgres.
_ROLE_CHANGED = "AE002"
# No plan has that name, or one has it already: a pooler gave us another connection of its own. And a plan
# whose columns have other types now.
_PLAN_MISSED = {"26000", "42P05", "0A000"}
_STATES = """
SELECT role::text AS role, aerostore.role_state(role) AS state FROM unnest(CAST(:roles AS name[])) AS role
"""


class Plans:
    """What is known of the roles that plans are kept for. are_kept: whether any are."""

    def __init__(self, *, are_kept: bool) -> None:
        self._are_kept = are_kept
        self._states: Mapping[str, str] = {}

    def learn(self, states: Mapping[str, str]) -> None:
        """Keep plans for these roles from now on, as they are."""
        self._states = states

    def state_of(self, role: str) -> str | None:
        """Return the state of `role` that plans are kept for; None when there are none."""
        return self._states.get(role) if self._are_kept else None

    def family_of(self, role: str | None) -> bytes | None:
        """Return what sets the plans of `role` apart, or of the system for None; None to keep no plan."""
        if role is None:
            return b"" if self._are_kept else None
        state = self.state_of(role)
        return None if state is None else f"{role} {state}".encode()

    def drop_after(self, failure: psycopg.Error) -> bool:
        """Keep no plans that failed like this; tell whether the unit that used one should run again.

        Units whose plans fail at the same time each hear so, not only the first.
        """
        if failure.sqlstate == _ROLE_CHANGED:
            self._states = {}
            return True
        is_missed = failure.sqlstate in _PLAN_MISSED
        self._are_kept = self._are_kept and not is_missed
        return is_missed


def read_states(roles: Iterable[str]) -> Work[dict[str, str]]:
    """Return the state of each role: another text whenever something changes who it counts as."""
    rows = (yield Statement(sql=_STATES, parameters={"roles": list(roles)})).rows
    return {row["role"]: row["state"] for row in rows}
