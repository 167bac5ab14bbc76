"""What must be true of rows and bytes at any moment, checked from outside: only the database and files."""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from .ledger import Event, in_order

_REFERENCES = """
    SELECT b.backend_key, b.status, b.ref_count, (
        SELECT count(*) FROM storage_objects AS o WHERE o.blob_id = b.id
    ) + (
        SELECT count(*) FROM storage_upload_parts AS p WHERE p.blob_id = b.id
    ) AS pointing
    FROM storage_blobs AS b
"""
_EVENTS = """
    SELECT object_id, bucket_id, name, payload ->> 'version', type FROM storage_events ORDER BY seq
"""
_OPEN_TRANSACTIONS = """
    SELECT pid, xact_start FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
"""
_LEFTOVERS = {
    "blobs on their way out": "SELECT backend_key FROM storage_blobs WHERE status <> 'COMMITTED'",
    # Keys of bytes that were removed are kept as doomed: no late upload may come to point at them.
    "bytes in quarantine": "SELECT backend_key FROM storage_quarantine WHERE kind <> 'doomed'",
    "expired uploads": "SELECT id FROM storage_uploads WHERE expires_at < {now}",
}
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

    def is_installed(self) -> bool:
        """Tell whether there are tables; a server that died at its first start may have made none."""
        if self.database_url:
            return self.rows("SELECT to_regclass('storage_events') IS NOT NULL") == [(True,)]
        tables = "SELECT name FROM sqlite_master WHERE name = 'storage_events'"
        return (self.data_dir / "aerostore.db").exists() and bool(self.rows(tables))

    def change(self, statement: str) -> None:
        """Change rows behind the back of the servers."""
        if self.database_url:
            with psycopg.connect(self.database_url, options=_SEARCH_PATH) as postgres:
                postgres.execute(statement.encode())
            return
        with closing(sqlite3.connect(self.data_dir / "aerostore.db")) as sqlite, sqlite:
            sqlite.execute(statement)

    def running_transactions(self) -> set[tuple[Any, ...]]:
        """List what PostgreSQL may still commit for a process that is gone; SQLite dies with its process."""
        return set(self.rows(_OPEN_TRANSACTIONS)) if self.database_url else set()


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
    """List the files that no row knows: what requests left that were cut between bytes and commit.

    A draft is known while its upload may go on.
    """
    files = {str(path.relative_to(place.blobs_dir)) for path in place.blobs_dir.rglob("*") if path.is_file()}
    known = {key for (key,) in place.rows("SELECT backend_key FROM storage_blobs")}
    known |= {f"draft/{id}" for (id,) in place.rows("SELECT id FROM storage_uploads WHERE state = 'WRITING'")}
    return sorted(files - known)


def check_files(place: Place) -> None:
    """Every file with a key holds what the key says, also when no row knows it. Raises: AssertionError."""
    for path in (place.blobs_dir / "sha256").rglob("*"):
        if path.is_file():
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.name.startswith(f"{sha256}."), f"{path.name} does not hold what its name says"


def check_events(place: Place) -> None:
    """Each object is as its newest event says, and what was removed last is gone. No event may be trimmed.

    Raises: AssertionError.
    """
    lives = {
        str(id): (kind, bucket, name, version) for id, bucket, name, version, kind in place.rows(_EVENTS)
    }
    told = {id: life[1:] for id, life in lives.items() if life[0] != "ObjectRemoved:Delete"}
    rows = place.rows("SELECT id, bucket_id, name, version FROM storage_objects")
    assert {str(id): (bucket, name, version) for id, bucket, name, version in rows} == told


def find_leftovers(place: Place) -> dict[str, list[str]]:
    """List what reclaim has still to remove, by kind; empty when it has done all its work."""
    now = "now()" if place.database_url else "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
    found = {
        kind: [str(row[0]) for row in place.rows(query.format(now=now))] for kind, query in _LEFTOVERS.items()
    }
    found["files without a row"] = [path for path in find_orphans(place) if not path.startswith("meta/seq/")]
    return {kind: names for kind, names in found.items() if names}


def events_below(place: Place, prefix: str) -> tuple[Event, ...]:
    """List type and name of each event of the names below `prefix`, oldest first."""
    rows = place.rows("SELECT type, name FROM storage_events ORDER BY seq")
    return in_order((kind, name) for kind, name in rows if name.startswith(prefix))
