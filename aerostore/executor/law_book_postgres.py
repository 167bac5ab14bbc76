"""The policies of a PostgreSQL database, whoever made them there."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from aerostore.errors import Unavailable
from aerostore.executor.judge_postgres import CONNECT_TIMEOUT_S, Origin
from aerostore.executor.law_book import WrittenPolicy
from aerostore.executor.policy_catalogue import list_policies
from aerostore.permissions.outlook import Outlook
from aerostore.policy import PolicyLoadError, Source, load
from aerostore.policy.catalog import BUCKETS, OBJECTS

_PARTS = """
SELECT n.nspname || '.' || c.relname AS table, p.polname::text AS name, p.polpermissive AS permissive,
    CASE p.polcmd WHEN '*' THEN 'all' WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert'
        WHEN 'w' THEN 'update' ELSE 'delete' END AS command,
    ARRAY(SELECT CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role)::text END
        FROM unnest(p.polroles) AS role ORDER BY 1) AS roles,
    ARRAY(SELECT api.rolname::text FROM pg_roles AS api
        WHERE api.rolname IN ('anon', 'authenticated', 'service_role')
        AND EXISTS (SELECT FROM unnest(p.polroles) AS role
            WHERE CASE WHEN role = 0 THEN true ELSE pg_has_role(api.oid, role, 'USAGE') END)) AS applies_to,
    pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS with_check
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname || '.' || c.relname = ANY (%(tables)s)
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", p.polname COLLATE "C"
"""
_Key = tuple[str, str]


class PostgresLawBook:
    """A `LawBook` of the database at `conninfo`. origins: what `read_origins` found in the policy files."""

    def __init__(self, conninfo: str, origins: Mapping[_Key, Origin]) -> None:
        self._conninfo = conninfo
        self._origins = origins

    async def policies(self) -> Sequence[WrittenPolicy]:
        """Return them as the database prints them; in one snapshot."""
        try:
            connecting = AsyncConnection.connect(
                self._conninfo, prepare_threshold=None, connect_timeout=CONNECT_TIMEOUT_S
            )
            async with await connecting as connection:
                await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                await connection.set_read_only(True)
                installed = await list_policies(connection)
                texts = {(".".join(each.table), each.name): each for each in installed}
                cursor = connection.cursor(row_factory=dict_row)
                rows = await (await cursor.execute(_PARTS, {"tables": [OBJECTS, BUCKETS]})).fetchall()
        except psycopg.Error as exc:
            raise Unavailable("The policies of the database cannot be read") from exc
        return [self._written(row, texts[row["table"], row["name"]].text) for row in rows]

    def _written(self, row: Mapping[str, Any], text: str) -> WrittenPolicy:
        origin = self._origins.get((row["table"], row["name"]), Origin(source=""))
        path, _, line = origin.source.rpartition(":")
        same = ("table", "name", "command", "permissive", "using", "with_check")
        return WrittenPolicy(
            **{name: row[name] for name in same},
            roles=tuple(row["roles"]),
            text=text,
            path=path or None,
            line=int(line) if line else None,
            comment=origin.comment or None,
            applies_to=frozenset(row["applies_to"]),
            outlook=_outlook(text),
        )


@lru_cache(maxsize=256)
def _outlook(text: str) -> Outlook | None:
    """Return what a policy comes to beforehand; None when only PostgreSQL understands it."""
    try:
        return Outlook(load([Source(path="", text=f"{text};")]))
    except PolicyLoadError:
        return None
