"""Rows as uploads would leave them, made by SQL: one object of 4 KiB, its blob and its event for each number.

No bytes are written. What triggers and foreign keys would have done is computed, so that the fill can go
without them: each blob counts the objects that point at it. Keys and ids are random and come in the order
of uploads, so that indexes are as full as uploads would leave them.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import psycopg

from aerostore.executor.migrations import load_migrations, split_sqlite

BUCKET, PER_FOLDER, SIZE_BYTES = "files", 100, 4096
BATCH = 50_000
# Random keys touch every page of an index: the fewer commits, the fewer times all of them are written.
TRANSACTION = 1_000_000
_CACHE_KIB = 6 * 1024 * 1024
_SCATTER, _MODULUS = 2654435761, 2**32
_SQLITE_UUID = "-".join(f"lower(hex(randomblob({length})))" for length in (4, 2, 2, 2, 6)).replace(
    ")-l", ") || '-' || l"
)

_BATCH = """
    CREATE TEMP TABLE batch AS
    SELECT n, {uuid} AS object_id, {uuid} AS version, {uuid} AS blob_id, {uuid} AS event_id,
        {sha256} AS sha256, {folder} || '/picture-' || (n % 100) || '.jpg' AS name,
        {folder} || '-0000-4000-8000-000000000000' AS owner_id
    FROM {numbers}
"""
_BLOBS = """
    INSERT INTO storage_blobs (id, backend_key, sha256, size_bytes, ref_count, created_at, piece_sums)
    SELECT blob_id, 'sha256/' || substr(sha256, 1, 2) || '/' || sha256 || '.' || blob_id, sha256, 4096,
        {shared}, {now}, {no_bytes} FROM batch WHERE n % {shared} = 0 ORDER BY n
"""
_METADATA = """
    '{{"eTag":"\\"' || content.sha256 || '\\"","size":4096,"mimetype":"image/jpeg",'
    || '"cacheControl":"no-cache","lastModified":"2026-11-21T12:00:00.000Z","contentLength":4096,'
    || '"httpStatusCode":200}}'
"""
_OBJECTS = f"""
    INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, blob_id, metadata, user_metadata,
        created_at, updated_at, last_accessed_at)
    SELECT {{as_uuid}}, '{BUCKET}', batch.name, batch.owner_id, batch.version, content.blob_id,
        {{json_open}}{_METADATA}{{json_close}}, '{{{{}}}}', {{now}}, {{now}}, {{now}}
    FROM batch JOIN batch AS content ON content.n = batch.n - batch.n % {{shared}} ORDER BY batch.n
"""
_EVENTS = f"""
    INSERT INTO storage_events (id, type, bucket_id, name, object_id, payload, created_at, next_attempt_at,
        delivered_at)
    SELECT batch.event_id, 'ObjectCreated:Post', '{BUCKET}', batch.name, {{as_uuid}},
        {{json_open}}'{{{{"tenant":{{{{"ref":"aerostore"}}}},"name":"' || batch.name || '","version":"'
        || batch.version || '","bucketId":"{BUCKET}","metadata":' || {_METADATA}
        || ',"reqId":"0123456789abcdef","uploadType":"standard"}}}}'{{json_close}}, {{now}}, {{now}}, {{now}}
    FROM batch JOIN batch AS content ON content.n = batch.n - batch.n % {{shared}} ORDER BY batch.n
"""
_DROPPED = """
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = ANY ('{storage.objects, storage_blobs, storage_events}'::regclass[])
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    UNION ALL
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'u'
        AND conrelid = ANY ('{storage_blobs, storage_events}'::regclass[])
"""
_STEPS = (_BATCH, _BLOBS, _OBJECTS, _EVENTS)

Report = Callable[[int], None]


class Database(Protocol):
    """A connection that runs SQL."""

    def execute(self, query: Any, /) -> Any:
        """Run one statement."""


def fill_sqlite(path: Path, first: int, last: int, *, shared: int, report: Report) -> None:
    """Add the objects of the numbers from `first` up to `last` to the migrated database at `path`.

    shared: how many objects in a row have the same content. report: told how many there are now.
    """
    words = {
        "uuid": _SQLITE_UUID,
        "sha256": "lower(hex(randomblob(32)))",
        "folder": f"printf('%08x', (n / {PER_FOLDER} * {_SCATTER}) % {_MODULUS})",
        "numbers": "(WITH RECURSIVE up(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM up"
        " WHERE n + 1 < {high}) SELECT n FROM up)",
        "now": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        "no_bytes": "x''",
        "as_uuid": "batch.object_id",
        "json_open": "",
        "json_close": "",
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as database, _without_triggers(database):
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = OFF")
        _fill(database, words, first, last, shared=shared, report=report)
        database.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _without_triggers(database: sqlite3.Connection) -> Iterator[None]:
    """Drop the triggers for the time of the block, and make them again as the migrations do."""
    named = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in named:
        database.execute(f"DROP TRIGGER {name}")
    yield
    for migration in load_migrations("sqlite"):
        for statement in split_sqlite(migration.sql) if migration.repeatable else ():
            database.execute(statement)


def fill_postgres(
    url: str, first: int, last: int, *, shared: int, report: Report, indexes_last: bool = False
) -> None:
    """Add objects as `fill_sqlite` does. url: of a superuser, who can leave out triggers.

    indexes_last: make indexes anew at the end, but for primary keys. That is quicker, and they are smaller
    than uploads leave them.
    """
    words = {
        "uuid": "gen_random_uuid()::text",
        "sha256": "encode(sha256((n || random()::text)::bytea), 'hex')",
        "folder": f"lpad(to_hex((n / {PER_FOLDER} * {_SCATTER}) % {_MODULUS}), 8, '0')",
        "numbers": "generate_series({low}::bigint, {high} - 1) AS n",
        "now": "clock_timestamp()",
        "no_bytes": "''::bytea",
        "as_uuid": "batch.object_id::uuid",
        "json_open": "(",
        "json_close": ")::jsonb",
    }
    options = "-c search_path=aerostore,storage -c session_replication_role=replica"
    with psycopg.connect(url, autocommit=True, options=options) as database:
        database.execute("SET synchronous_commit = off")
        with _without_indexes(database) if indexes_last else nullcontext():
            _fill(database, words, first, last, shared=shared, report=report)
        # As autovacuum would have done by now.
        database.execute("VACUUM (ANALYZE)")


@contextmanager
def _without_indexes(database: psycopg.Connection[Any]) -> Iterator[None]:
    dropped = database.execute(_DROPPED).fetchall()
    for drop, _create in dropped:
        database.execute(drop)
    yield
    database.execute("SET maintenance_work_mem = '1GB'")
    for _drop, create in dropped:
        database.execute(create)


def _fill(
    database: Database, words: dict[str, str], first: int, last: int, *, shared: int, report: Report
) -> None:
    for low in range(first, last, TRANSACTION):
        high = min(low + TRANSACTION, last)
        database.execute("BEGIN")
        for start in range(low, high, BATCH):
            _add_batch(database, words, start, min(start + BATCH, high), shared=shared)
        database.execute("COMMIT")
        report(high)


def _add_batch(database: Database, words: dict[str, str], low: int, high: int, *, shared: int) -> None:
    bounds = words["numbers"].format(low=low, high=high)
    for step in _STEPS:
        database.execute(step.format(**{**words, "numbers": bounds, "shared": shared}))
    database.execute("DROP TABLE batch")
