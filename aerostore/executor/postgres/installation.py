"""What `start` does to a database: roles, schema, migrations. Only what is missing, in one transaction.

Nothing that exists is altered: not a role, not a function of the schema auth.
"""

from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row

from aerostore.errors import Unavailable
from aerostore.executor.migrations import first_line, migrate_postgres
from aerostore.executor.postgres.adoption import adopt_tables, plan_adoption, refuse_foreign
from aerostore.executor.postgres.role import API_ROLES, SERVICE_ROLE, Roles, load_roles

CONNECT_TIMEOUT_S = 10
_OLDEST_VERSION = 150_000
_VERSION_WITH_SET = 160_000
_LOCK = 0x6165726F
_ATTEMPTS = 3
# Roles belong to the whole cluster, out of reach of the lock: another database may be installed at once.
_CLASHES = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.errors.InternalError_)
Connection = AsyncConnection[Any]


async def install(conninfo: str, *, adopt: bool) -> Roles:
    """Bring the database at `conninfo` up to date and return the roles to work with.

    Safe when several processes start at once, and when nothing is left to do.
    Raises: Unavailable when the database cannot be reached, is too old, belongs to another storage or a
    newer aerostore, or when the login role lacks rights.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return await _install(conninfo, adopt=adopt)
        except _CLASHES as exc:
            if attempt == _ATTEMPTS:
                raise _cannot_prepare(exc) from exc
        except (psycopg.Error, ValueError) as exc:
            raise _cannot_prepare(exc) from exc
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _install(conninfo: str, *, adopt: bool) -> Roles:
    async with await _connect(conninfo) as connection:
        await connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        _require_version(connection)
        is_foreign = await _is_foreign(connection)
        if is_foreign and not adopt:
            raise refuse_foreign()
        await _create_roles(connection)
        if is_foreign:
            await adopt_tables(connection)
        await migrate_postgres(connection)
        return await load_roles(connection)


async def plan_takeover(conninfo: str, *, adopt: bool) -> list[str]:
    """Return the statements that would adopt storage tables of others, and run none; empty without any.

    Raises: Unavailable as `install` does.
    """
    try:
        async with await _connect(conninfo) as connection:
            _require_version(connection)
            if not await _is_foreign(connection):
                return []
            if not adopt:
                raise refuse_foreign()
            return await plan_adoption(connection)
    except psycopg.Error as exc:
        raise _cannot_prepare(exc) from exc


async def _connect(conninfo: str) -> Connection:
    return await AsyncConnection.connect(
        conninfo, row_factory=dict_row, prepare_threshold=None, connect_timeout=CONNECT_TIMEOUT_S
    )


def _require_version(connection: Connection) -> None:
    version = connection.info.server_version
    if version < _OLDEST_VERSION:
        raise Unavailable(
            f"PostgreSQL {version // 10_000} is too old", hint="Upgrade it to PostgreSQL 15 or newer."
        )


async def _create_roles(connection: Connection) -> None:
    statements = [*await _missing_roles(connection), *await _missing_memberships(connection)]
    try:
        for statement in statements:
            await connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as exc:
        raise Unavailable(
            "The database lacks roles that this server may not create",
            hint=f"As a superuser, run: {'; '.join(each.as_string(connection) for each in statements)};",
        ) from exc


async def _missing_roles(connection: Connection) -> list[sql.Composed]:
    query = """
        SELECT name, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_super
        FROM unnest(%s::text[]) AS name WHERE to_regrole(name) IS NULL
    """
    missing = await (await connection.execute(query, (list(API_ROLES),))).fetchall()
    return [_create_role(row["name"], may_bypass=row["is_super"]) for row in missing]


def _create_role(name: str, *, may_bypass: bool) -> sql.Composed:
    bypass = " BYPASSRLS" if name == SERVICE_ROLE and may_bypass else ""
    return sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT" + bypass).format(sql.Identifier(name))


async def _missing_memberships(connection: Connection) -> list[sql.Composed]:
    """To be a member is not enough since PostgreSQL 16: who creates a role may not yet set it."""
    privilege = "MEMBER" if connection.info.server_version < _VERSION_WITH_SET else "SET"
    query = """
        SELECT name, session_user::text AS login FROM unnest(%s::text[]) AS name
        WHERE CASE WHEN to_regrole(name) IS NULL THEN true
            ELSE NOT pg_has_role(session_user, to_regrole(name), %s) END
    """
    rows = await (await connection.execute(query, (list(API_ROLES), privilege))).fetchall()
    return [
        sql.SQL("GRANT {} TO {}").format(sql.Identifier(row["name"]), sql.Identifier(row["login"]))
        for row in rows
    ]


async def _is_foreign(connection: Connection) -> bool:
    query = """
        SELECT FROM pg_class WHERE oid IN (to_regclass('storage.objects'), to_regclass('storage.buckets'))
            AND to_regclass('aerostore.storage_migrations') IS NULL
    """
    return bool(await (await connection.execute(query)).fetchall())


def _cannot_prepare(exc: Exception) -> Unavailable:
    return Unavailable(
        f"The database cannot be prepared: {first_line(exc)}",
        hint="Check AEROSTORE_DATABASE_URL, that PostgreSQL runs there and lets the role create schemas.",
    )
