"""Makes a PostgreSQL database have the policies that files define.

PostgreSQL judges the statements. Policies made here carry a comment that marks them; others are never
touched unless they are adopted.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
from psycopg import AsyncConnection, sql

from aerostore.errors import LockTimeout, StorageError, Unavailable
from aerostore.executor.policy_catalogue import Connection, find_missing, list_policies
from aerostore.policy import PolicyLoadError, Problem, Source
from aerostore.policy.change import Action, Change, Changes, compare, mark_of
from aerostore.policy.script import Definition, Passage, read_script

LOCK_TIMEOUT_S = 5
# Any number will do, as long as every process that synchronises takes the same.
_ADVISORY_LOCK = 0x6165726F
# As policies are read when they are loaded without PostgreSQL: one text means the same in both places.
_LOADING = "SET LOCAL search_path = public, extensions"


async def sync_policies(
    conninfo: str, sources: Sequence[Source], *, adopt: bool = False, keep: bool = True
) -> Changes:
    """Make the database have the policies of `sources`, all or none; return what was done.

    Without keep it is undone at the end. adopt: take over policies of the same name that others made.
    Raises: PolicyLoadError with everything that PostgreSQL or a conflict refuses; LockTimeout when others
    hold a table for long; Unavailable when the database cannot be reached or does not let us.
    """
    async with connected(conninfo) as connection:
        changes = await apply_policies(connection, sources, adopt=adopt)
        await (connection.commit() if keep else connection.rollback())
        return changes


@asynccontextmanager
async def connected(conninfo: str) -> AsyncIterator[Connection]:
    """Open a connection for the time of the block. Raises: what `sync_policies` does."""
    try:
        async with await AsyncConnection.connect(
            conninfo, client_encoding="utf8", prepare_threshold=None
        ) as connection:
            yield connection
    except psycopg.errors.LockNotAvailable as exc:
        raise LockTimeout(
            f"Others held a table for {LOCK_TIMEOUT_S} s, so no policy was changed",
            hint="Try again when no long transaction is running.",
        ) from exc
    except psycopg.Error as exc:
        raise _unavailable(exc) from exc


async def plan_policies(connection: Connection, sources: Sequence[Source], *, adopt: bool = False) -> Changes:
    """Return what `apply_policies` would do, from the catalogue alone: no table is locked.

    Raises: PolicyLoadError when `sources` hold a statement that does not belong in policy files.
    """
    script = read_script(sources)
    if script.problems:
        raise PolicyLoadError(script.problems)
    tables = {definition.table for definition in script.definitions}
    changes = compare(script.definitions, await list_policies(connection, sorted(tables)), adopt=adopt)
    return replace(changes, missing=await find_missing(connection, script.declarations))


async def apply_policies(
    connection: Connection, sources: Sequence[Source], *, adopt: bool = False
) -> Changes:
    """Change what has to change, and nothing else, in the open transaction; the caller commits.

    One process at a time. CREATE POLICY locks its table against everybody, for as long as the transaction.
    Raises: PolicyLoadError; the transaction must be rolled back then.
    """
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
    changes = await plan_policies(connection, sources, adopt=adopt)
    if changes.conflicts:
        raise PolicyLoadError(changes.conflicts)
    problems = [await _apply(connection, change) for change in changes.changes]
    if refused := [problem for problem in problems if problem]:
        raise PolicyLoadError(refused)
    await _mark(connection, changes.changes)
    return changes


async def _apply(connection: Connection, change: Change) -> Problem | None:
    """Make one change; return what PostgreSQL has against it."""
    if change.action in {Action.REPLACE, Action.DROP}:
        drop = sql.SQL("DROP POLICY {} ON {}")
        await connection.execute(drop.format(sql.Identifier(change.name), sql.Identifier(*change.table)))
    if change.definition is None or change.action is Action.ADOPT:
        return None
    return await _create(connection, change.definition)


async def _create(connection: Connection, definition: Definition) -> Problem | None:
    await connection.execute(_LOADING)
    for passage in definition.passages:
        try:
            async with connection.transaction():
                await connection.execute(passage.text.encode())
        except psycopg.OperationalError:
            raise
        except psycopg.Error as exc:
            return _problem(passage, exc)
    return None


def _problem(passage: Passage, exc: psycopg.Error) -> Problem:
    position = int(exc.diag.statement_position or 1) - 1
    return Problem(
        source=passage.source,
        at=passage.at + position,
        code=exc.sqlstate or "",
        message=exc.diag.message_primary or str(exc),
        hint=exc.diag.message_hint or "",
    )


async def _mark(connection: Connection, changes: Sequence[Change]) -> None:
    """Mark what was made, now that the database can print it."""
    made = {(change.table, change.name): change.definition for change in changes if change.definition}
    for policy in await list_policies(connection, sorted({table for table, _ in made})):
        definition = made.get((policy.table, policy.name))
        if definition:
            comment = sql.SQL("COMMENT ON POLICY {} ON {} IS {}").format(
                sql.Identifier(policy.name),
                sql.Identifier(*policy.table),
                sql.Literal(str(mark_of(definition, policy.text))),
            )
            await connection.execute(comment)


def _unavailable(exc: psycopg.Error) -> StorageError:
    told = exc.diag.message_primary or str(exc).strip().partition("\n")[0] or type(exc).__name__
    return Unavailable(
        f"PostgreSQL did not let us synchronise the policies: {told}",
        hint="Check AEROSTORE_DATABASE_URL; its role must own storage.objects and storage.buckets.",
    )
