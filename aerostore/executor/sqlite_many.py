"""Policies on SQLite about several rows of one statement: one question for all of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aerostore.errors import AccessDenied
from aerostore.executor import Law, Result
from aerostore.permissions import ROW_VIOLATION
from aerostore.permissions.predicate import ALWAYS, Predicate

Fetch = Callable[[str, Mapping[str, Any], Predicate], Result]


class ManyRows:
    """The proposed rows of `law`, and those in its table that `law.changed` finds."""

    def __init__(self, fetch: Fetch, law: Law) -> None:
        self._fetch = fetch
        self._law = law

    def require_proposed(self, predicate: Predicate) -> None:
        """Judge the rows that are not in the table yet. Raises: AccessDenied when one does not fit."""
        if predicate is ALWAYS:
            return
        members = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in self._law.rows[0])
        rows = f"(SELECT {members} FROM json_each(:proposed)) AS {self._law.table}"
        self._require_none(f"SELECT 1 FROM {rows} WHERE", {"proposed": self._law.rows}, predicate)

    def require_stored(
        self, parameters: Mapping[str, Any], predicate: Predicate, among: Sequence[str] | None = None
    ) -> None:
        """Judge rows of the table, of those with the ids `among`. Raises: AccessDenied."""
        if predicate is ALWAYS or among == []:
            return
        found, values = f"SELECT 1 FROM {self._law.table} WHERE {self._law.changed} AND", dict(parameters)
        if among is not None:
            found += " id IN (SELECT value FROM json_each(:among)) AND"
            values["among"] = list(among)
        self._require_none(found, values, predicate)

    def stored_ids(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return the ids of the rows of the table."""
        found = f"SELECT id FROM {self._law.table} WHERE {self._law.changed}"
        return [row["id"] for row in self._fetch(found, parameters, ALWAYS).rows]

    def _require_none(self, found: str, parameters: Mapping[str, Any], predicate: Predicate) -> None:
        """Find rows that `predicate` does not admit; NULL is a no."""
        sql = f"{found} NOT coalesce(({predicate.sql}), FALSE) LIMIT 1"
        if self._fetch(sql, parameters, predicate).rows:
            raise AccessDenied(ROW_VIOLATION)
