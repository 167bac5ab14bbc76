"""Which roles a transaction may take on: what the database granted to the login role, and no more."""

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from aerostore.domain import RlsContext, printable
from aerostore.errors import RoleNotAllowed, Unavailable

SERVICE_ROLE = "service_role"
CALLER_ROLES = ("anon", "authenticated")
API_ROLES = (*CALLER_ROLES, SERVICE_ROLE)
LOGIN_ROLE = "none"
"""What Postgres calls the role that logged in, when another one is to be put down."""

# Whoever row security does not hold is no caller: superusers, BYPASSRLS, and all who may act as the owner.
# set_option exists since PostgreSQL 16.
_GRANTED = """
WITH RECURSIVE granted (role) AS (
    SELECT roleid FROM pg_auth_members AS m
    WHERE member = (SELECT oid FROM pg_roles WHERE rolname = session_user)
        AND to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false'
    UNION
    SELECT roleid FROM pg_auth_members AS m JOIN granted ON m.member = granted.role
    WHERE to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false'
)
SELECT rolname::text FROM pg_roles
WHERE (oid IN (SELECT role FROM granted) OR rolname = ANY (%(always)s))
    AND NOT rolsuper AND NOT rolbypassrls AND rolname !~ '^pg_' AND rolname <> session_user
    AND NOT EXISTS (
        SELECT FROM pg_class WHERE oid IN ('storage.objects'::regclass, 'storage.buckets'::regclass)
            AND pg_has_role(pg_roles.oid, relowner, 'USAGE')
    )
"""
_OWNS_EVERYTHING = """
SELECT bool_and(pg_has_role(session_user, relowner, 'USAGE')) FROM pg_class
WHERE relkind IN ('r', 'p') AND (relnamespace = 'aerostore'::regnamespace
    OR oid IN ('storage.objects'::regclass, 'storage.buckets'::regclass))
"""
_SERVICE_BYPASSES = f"SELECT rolbypassrls FROM pg_roles WHERE rolname = '{SERVICE_ROLE}'"


@dataclass(frozen=True, slots=True)
class Roles:
    """callers: the roles of tokens that may reach SQL. system: the one that row security does not hold."""

    callers: frozenset[str]
    system: str

    def role_of(self, context: RlsContext) -> str:
        """Return the role that statements under the law of `context` run as.

        Raises: RoleNotAllowed for a role that this database does not let us take on.
        """
        if context.role not in self.callers and context.role != SERVICE_ROLE:
            raise RoleNotAllowed(
                f'The role "{printable(context.role, 64)}" is not open to callers of this database',
                hint="GRANT the role to the role that the server logs in with, then restart the server.",
            )
        return self.system if context.can_bypass_rls else context.role


async def load_roles(connection: AsyncConnection[Any]) -> Roles:
    """Read from the catalog which roles there are for callers and for the system.

    Raises: Unavailable when no role can do the server's own work.
    """
    granted = await (await connection.execute(_GRANTED, {"always": list(CALLER_ROLES)})).fetchall()
    return Roles(
        callers=frozenset(row["rolname"] for row in granted),
        system=await _system_role(connection),
    )


async def _system_role(connection: AsyncConnection[Any]) -> str:
    if await _is_true(connection, _OWNS_EVERYTHING):
        return LOGIN_ROLE
    if await _is_true(connection, _SERVICE_BYPASSES):
        return SERVICE_ROLE
    raise Unavailable(
        "The database role of this server cannot see past row security",
        hint=f"Log in as the owner of the tables, or let a superuser ALTER ROLE {SERVICE_ROLE} BYPASSRLS.",
    )


async def _is_true(connection: AsyncConnection[Any], query: str) -> bool:
    row = await (await connection.execute(query.encode())).fetchone()
    return row is not None and all(dict(row).values())
