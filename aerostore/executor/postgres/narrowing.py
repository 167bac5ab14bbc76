"""Bounds on names for lists, out of the database's own policies.

PostgreSQL tries a policy on every row that a list could return; only an index condition makes it read fewer.
The policies are read beforehand (`reading`), so each list compares the fingerprint of those in force with
that of those read: where they differ it runs with its own bounds. Row security decides either way; bounds
that follow from the policies only leave out what it would hide.
"""

import re
import time
from dataclasses import replace
from functools import lru_cache

from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied
from aerostore.executor import NameBounds, Statement
from aerostore.executor.narrow import NameRange, range_of
from aerostore.executor.postgres.reading import FINGERPRINT, Reading
from aerostore.permissions.predicate import NEVER

READ_AGAIN_AFTER_S = 5.0
# Longer than a name can be, of the greatest character.
_BEYOND_ALL_NAMES = "repeat(chr(1114111), 300)"


class Narrowing:
    """Narrows lists by the newest `Reading`; before the first one they run as they are."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._due_at = float("-inf")

    def is_due(self) -> bool:
        """Tell, once in a while, that policies should be read again."""
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + READ_AGAIN_AFTER_S
        return True

    def narrowed(self, statement: Statement, context: RlsContext) -> Statement:
        """Return `statement` with the bounds on names that the policies imply for `context`."""
        law = statement.law
        policies = self.reading.policies.get(context.role)
        if law is None or law.names is None or policies is None or context.can_bypass_rls:
            return statement
        try:
            condition = policies.where(law.table, "select", context, law.known)
        except AccessDenied:
            return statement  # PostgreSQL will say so itself
        found = NameRange("", "") if condition == NEVER else range_of(condition.prefixes, law.names)
        return _bounded(statement, law.names, found, self.reading.fingerprint) if found else statement


def _bounded(statement: Statement, names: NameBounds, found: NameRange, fingerprint: str) -> Statement:
    own = statement.parameters
    values = {"policy_fingerprint": fingerprint, "policy_lower": max(own[names.lower], found.lower)}
    if found.upper is not None:
        values["policy_upper"] = min(own[names.upper], found.upper) if names.upper else found.upper
    text = statement.postgres or statement.sql
    sql = _with_bounds(text, names, has_upper=found.upper is not None)
    return replace(statement, sql=sql, postgres="", parameters={**own, **values})


@lru_cache(maxsize=256)
def _with_bounds(sql: str, names: NameBounds, *, has_upper: bool) -> str:
    sql = _replaced(sql, names.lower, _unless_changed("policy_lower", f":{names.lower}"))
    if not has_upper:
        return sql
    if names.upper:
        return _replaced(sql, names.upper, _unless_changed("policy_upper", f":{names.upper}"))
    column = f"storage_objects.{'folded_name' if names.folded else 'name'}"
    bound = f"{column} < {_unless_changed('policy_upper', _BEYOND_ALL_NAMES)}"
    return sql.replace("{policy}", f"({{policy}} AND {bound})")


def _unless_changed(narrow: str, own: str) -> str:
    """Return SQL for a bound. It holds no column: it is worked out once and serves as an index key."""
    return f"CASE WHEN {FINGERPRINT} = :policy_fingerprint THEN :{narrow} ELSE {own} END"


def _replaced(sql: str, parameter: str, expression: str) -> str:
    return re.sub(rf":{parameter}\b", lambda _: f"({expression})", sql)
