"""What a PostgreSQL database is like, for those who look before they use it. It changes nothing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from aerostore.errors import Unavailable
from aerostore.executor.migrations import first_line
from aerostore.executor.postgres.role import API_ROLES, load_roles

CONNECT_TIMEOUT_S = 10
_LOOK = """
SELECT current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
        AND current_setting('synchronous_commit') <> 'off' AS is_durable,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        AS max_connections,
    rolsuper AS is_superuser,
    rolsuper OR rolcreaterole AS may_create_roles,
    has_database_privilege(current_database(), 'CREATE') AS may_create_schemas,
    ARRAY(
        SELECT name FROM unnest(%(roles)s::text[]) AS name
        WHERE to_regrole(name) IS NULL OR NOT pg_has_role(session_user, to_regrole(name), 'MEMBER')
    ) AS missing_roles,
    to_regclass('aerostore.storage_migrations') IS NOT NULL AS is_installed,
    to_regclass('storage.objects') IS NOT NULL OR to_regclass('storage.buckets') IS NOT NULL AS has_storage,
    ARRAY(
        SELECT DISTINCT host(client_addr) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'aerostore'
            AND client_addr IS DISTINCT FROM inet_client_addr()
    ) AS other_machines
FROM pg_roles WHERE rolname = session_user
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One look. missing_roles: of the API's, those that are not there or not granted to the login role.

    other_machines: addresses that other servers are connected from. rights_problem: why the server could
    not do its own work, once installed. clock_gap_s: by how much the database's clock is ahead of ours.
    """

    version: int
    encoding: str
    is_durable: bool
    max_connections: int
    is_superuser: bool
    may_create_roles: bool
    may_create_schemas: bool
    missing_roles: Sequence[str]
    is_installed: bool
    has_storage: bool
    other_machines: Sequence[str]
    has_pooler: bool
    rights_problem: str
    round_trip_s: float
    clock_gap_s: float


async def survey(conninfo: str) -> Survey:
    """Look at the database at `conninfo`. Raises: Unavailable when it cannot be reached."""
    try:
        connecting = AsyncConnection.connect(
            conninfo, row_factory=dict_row, prepare_threshold=None, connect_timeout=CONNECT_TIMEOUT_S
        )
        async with await connecting as connection:
            await connection.set_read_only(True)
            return await _survey(connection)
    except psycopg.Error as exc:
        raise Unavailable(
            f"The database cannot be looked at: {first_line(exc)}",
            hint="Check AEROSTORE_DATABASE_URL, that PostgreSQL runs there and lets the role in.",
        ) from exc


async def _survey(connection: AsyncConnection[DictRow]) -> Survey:
    seen = await _fetch(connection, _LOOK, roles=list(API_ROLES))
    started, wall = time.perf_counter(), time.time()
    there = await _fetch(
        connection, "SELECT pg_backend_pid() AS pid, extract(epoch FROM clock_timestamp())::float8 AS clock"
    )
    round_trip_s = time.perf_counter() - started
    return Survey(
        **seen,
        # A pooler tells its clients a number of its own.
        has_pooler=connection.info.backend_pid != there["pid"],
        rights_problem=await _rights_problem(connection) if seen["is_installed"] else "",
        round_trip_s=round_trip_s,
        clock_gap_s=there["clock"] - (wall + round_trip_s / 2),
    )


async def _rights_problem(connection: AsyncConnection[DictRow]) -> str:
    try:
        await load_roles(connection)
    except Unavailable as problem:
        return f"{problem.message}. {problem.hint}"
    return ""


async def _fetch(connection: AsyncConnection[DictRow], query: str, **parameters: object) -> DictRow:
    row = await (await connection.execute(query.encode(), parameters)).fetchone()
    if row is None:
        raise Unavailable("The database does not know the role that logged in")
    return row
