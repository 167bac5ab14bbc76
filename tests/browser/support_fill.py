"""Folders of more objects than a test has time to upload: rows that share the bytes of one."""

import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import httpx

from tests.contract.client import put_object

_COPY = """
    INSERT INTO storage_objects (id, bucket_id, name, owner_id, version, blob_id, metadata, user_metadata)
    SELECT ?, bucket_id, ?, owner_id, ?, blob_id, metadata, user_metadata FROM storage_objects
    WHERE bucket_id = ? AND name = ? AND archived_at IS NULL
"""


def fill(data_dir: Path, service: httpx.Client, bucket: str, names: Iterable[str]) -> None:
    """Make objects of these names beside the server, which runs on; the first one is uploaded."""
    first, *others = names
    put_object(service, bucket, first).raise_for_status()
    rows = ((str(uuid.uuid4()), name, str(uuid.uuid4()), bucket, first) for name in others)
    with closing(sqlite3.connect(data_dir / "aerostore.db", timeout=30)) as database, database:
        database.executemany(_COPY, rows)
