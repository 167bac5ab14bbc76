"""What a PostgreSQL database has: its policies as text, and the tables, functions and rights they use."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from psycopg import AsyncConnection

from aerostore.policy.catalog import BUCKETS, OBJECTS
from aerostore.policy.change import Installed, parse_mark
from aerostore.policy.script import Declaration, Declares

Connection: TypeAlias = AsyncConnection[tuple[Any, ...]]

_STORAGE_TABLES = [OBJECTS, BUCKETS]
# With nothing on the path every name is printed with its schema, whoever asks.
_PRINTING = "SET LOCAL search_path = pg_catalog"

_INSTALLED = """
SELECT n.nspname::text, c.relname::text, p.polname::text,
    format(E'create policy %%I\\n    on %%I.%%I', p.polname, n.nspname, c.relname)
    || CASE WHEN p.polpermissive THEN '' ELSE E'\\n    as restrictive' END
    || E'\\n    for ' || CASE p.polcmd WHEN '*' THEN 'all' WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert'
        WHEN 'w' THEN 'update' ELSE 'delete' END
    || E'\\n    to ' || (
        SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(role)) END, ', '
            ORDER BY CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END COLLATE "C")
        FROM unnest(p.polroles) AS role
    )
    || coalesce(E'\\n    using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
    || coalesce(E'\\n    with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
    obj_description(p.oid, 'pg_policy')
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname || '.' || c.relname = ANY (%(tables)s)
    OR obj_description(p.oid, 'pg_policy') LIKE 'aerostore:%%'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C", p.polname COLLATE "C"
"""
_TABLE = "to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text))"
_HAS_TABLE = f"SELECT {_TABLE} IS NOT NULL"
# Of any signature: PostgreSQL itself tells when a policy calls one that is not there.
_HAS_FUNCTION = """
SELECT EXISTS (
    SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = %(schema)s AND p.proname = %(name)s
)
"""
_HAS_ROW_SECURITY = f"SELECT EXISTS (SELECT FROM pg_class WHERE oid = {_TABLE} AND relrowsecurity)"
_HAS_GRANT = f"""
SELECT bool_and(
    CASE WHEN role = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = role)
        THEN coalesce(has_table_privilege(role, {_TABLE}, 'SELECT'), false) ELSE false END
)
FROM unnest(%(roles)s::text[]) AS role
"""
_IS_THERE = {
    Declares.TABLE: _HAS_TABLE,
    Declares.FUNCTION: _HAS_FUNCTION,
    Declares.ROW_SECURITY: _HAS_ROW_SECURITY,
    Declares.GRANT: _HAS_GRANT,
}


async def list_policies(
    connection: Connection, tables: Sequence[tuple[str, str]] = ()
) -> tuple[Installed, ...]:
    """List the policies on buckets, objects and `tables`, and ours on any table, by table and name."""
    await connection.execute(_PRINTING)
    named = [*_STORAGE_TABLES, *(".".join(table) for table in tables)]
    cursor = await connection.execute(_INSTALLED, {"tables": named})
    return tuple(
        Installed(table=(schema, table), name=name, text=text, mark=parse_mark(comment))
        for schema, table, name, text, comment in await cursor.fetchall()
    )


async def find_missing(
    connection: Connection, declarations: Sequence[Declaration]
) -> tuple[Declaration, ...]:
    """Return those of `declarations` that the database lacks."""
    missing = []
    for each in declarations:
        schema, name = each.name
        given = {"schema": schema, "name": name, "roles": list(each.roles)}
        cursor = await connection.execute(_IS_THERE[each.kind].encode(), given)
        if await cursor.fetchone() != (True,):
            missing.append(each)
    return tuple(missing)
