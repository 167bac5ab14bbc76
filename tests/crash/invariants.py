"""What must be true of rows and bytes at any moment, checked from outside: only the database and files."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from .ledger import Event

_REFERENCES = """
    SELECT b.backend_key, b.status, b.ref_count, (
        SELECT count(*) FROM storage_objects AS o WHERE o.blob_id = b.id
    ) + (
        SELECT count(*) FROM storage_upload_parts AS p WHERE p.blob_id = b.id
    ) AS pointing
    FROM storage_blobs AS b
"""
_SEARCH_PATH = "-c search_path=aerostore,storage"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server keeps rows and bytes. database_url: empty for SQLite."""

    data_dir: Path
    database_url: str = ""

    @property
    def blobs_dir(self) -> Path:
        return self.data_dir / "blobs"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read from the rows, beside a server or without one."""
        if self.database_url:
            with psycopg.connect(self.database_url, options=_SEARCH_PATH) as postgres:
                return postgres.execute(query.encode()).fetchall()
        with closing(sqlite3.connect(f"file:{self.data_dir}/aerostore.db?mode=ro", uri=True)) as sqlite:
            return sqlite.execute(query).fetchall()


def check_invariants(place: Place) -> None:
    """Raises: AssertionError when a row, a reference or a file is not as it must be."""
    if not place.database_url:
        assert place.rows("PRAGMA integrity_check") == [("ok",)]
        assert place.rows("PRAGMA foreign_key_check") == []
    _check_references(place)
    _check_bytes(place)


def _check_references(place: Place) -> None:
    for key, status, ref_count, pointing in place.rows(_REFERENCES):
        assert ref_count == pointing, f"{key} counts {ref_count} references of {pointing}"
        assert status == ("COMMITTED" if pointing else "DELETING"), key


def _check_bytes(place: Place) -> None:
    query = "SELECT backend_key, size_bytes, sha256 FROM storage_blobs WHERE status = 'COMMITTED'"
    for key, size_bytes, sha256 in place.rows(query):
        content = (place.blobs_dir / key).read_bytes()
        assert len(content) == size_bytes, key
        assert hashlib.sha256(content).hexdigest() == sha256, key


def find_orphans(place: Place) -> list[str]:
    """List the files that no row knows: what requests left that were cut between bytes and commit."""
    files = {str(path.relative_to(place.blobs_dir)) for path in place.blobs_dir.rglob("*") if path.is_file()}
    known = {key for (key,) in place.rows("SELECT backend_key FROM storage_blobs")}
    return sorted(files - known)


def events_below(place: Place, prefix: str) -> tuple[Event, ...]:
    """List type and name of each event of the names below `prefix`, oldest first."""
    return tuple(
        (kind, name)
        for kind, name in place.rows("SELECT type, name FROM storage_events ORDER BY seq")
        if name.startswith(prefix)
    )
