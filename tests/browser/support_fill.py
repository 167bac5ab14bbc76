"""Folders of more objects than a test has time to upload: rows that share the bytes of one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from tests.contract.client import put_object

_COPIES = """
    WITH RECURSIVE numbers (number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :last
    )
    INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, blob_id, metadata, user_metadata)
    SELECT lower(hex(randomblob(16))), bucket_id, printf(:pattern, number), owner_id,
        lower(hex(randomblob(16))), blob_id, metadata, user_metadata
    FROM storage_objects, numbers
    WHERE bucket_id = :bucket AND name = printf(:pattern, 0) AND archived_at IS NULL
"""


def fill(data_dir: Path, service: httpx.Client, bucket: str, pattern: str, count: int) -> None:
    """Make objects beside the server, which runs on; the first one is uploaded.

    pattern: of their names as of `printf`, with a place for the number, which begins at 0.
    """
    put_object(service, bucket, pattern % 0).raise_for_status()
    given = {"bucket": bucket, "pattern": pattern, "last": count - 1}
    with closing(sqlite3.connect(data_dir / "aerostore.db", timeout=30)) as database, database:
        database.execute(_COPIES, given)
