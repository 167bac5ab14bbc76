"""What must be true of rows and bytes at any moment, checked from outside: SQLite and files, nothing else."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .ledger import Event

_REFERENCES = """
    SELECT b.backend_key, b.status, b.ref_count, (
        SELECT count(*) FROM storage_objects AS o WHERE o.blob_id = b.id
    ) + (
        SELECT count(*) FROM storage_upload_parts AS p WHERE p.blob_id = b.id
    ) AS pointing
    FROM storage_blobs AS b
"""


@contextmanager
def rows_of(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """Open the rows for reading, beside a server or without one."""
    with closing(sqlite3.connect(f"file:{data_dir}/aerostore.db?mode=ro", uri=True)) as rows:
        yield rows


def check_invariants(data_dir: Path) -> None:
    """Raises: AssertionError when a row, a reference or a file is not as it must be."""
    with rows_of(data_dir) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert rows.execute("PRAGMA foreign_key_check").fetchall() == []
        _check_references(rows)
        _check_bytes(rows, data_dir / "blobs")


def _check_references(rows: sqlite3.Connection) -> None:
    for key, status, ref_count, pointing in rows.execute(_REFERENCES):
        assert ref_count == pointing, f"{key} counts {ref_count} references of {pointing}"
        assert status == ("COMMITTED" if pointing else "DELETING"), key


def _check_bytes(rows: sqlite3.Connection, blobs: Path) -> None:
    query = "SELECT backend_key, size_bytes, sha256 FROM storage_blobs WHERE status = 'COMMITTED'"
    for key, size_bytes, sha256 in rows.execute(query):
        content = (blobs / key).read_bytes()
        assert len(content) == size_bytes, key
        assert hashlib.sha256(content).hexdigest() == sha256, key


def find_orphans(data_dir: Path) -> list[str]:
    """List the files that no row knows: what requests left that were cut between bytes and commit."""
    blobs = data_dir / "blobs"
    files = {str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file()}
    with rows_of(data_dir) as rows:
        known = {key for (key,) in rows.execute("SELECT backend_key FROM storage_blobs")}
    return sorted(files - known)


def events_below(data_dir: Path, prefix: str) -> tuple[Event, ...]:
    """List type and name of each event of the names below `prefix`, oldest first."""
    query = "SELECT type, name FROM storage_events WHERE substr(name, 1, ?) = ? ORDER BY seq"
    with rows_of(data_dir) as rows:
        return tuple(rows.execute(query, (len(prefix), prefix)).fetchall())
