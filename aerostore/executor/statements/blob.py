"""SQL about blobs."""

from collections.abc import Sequence
from datetime import datetime

from aerostore.domain import Blob
from aerostore.executor import Statement
from aerostore.executor.statements.column import (
    BLOB_COLUMNS,
    ONE_OBJECT,
    insert_into,
    numbered,
    placeholders,
    to_row,
)
from aerostore.executor.tables import StorageBlob


def find_blob_of(bucket_id: str, name: str) -> Statement:
    """Rows: storage_blobs, the one that the current object of that name points at."""
    return Statement(
        sql=(
            f"SELECT {BLOB_COLUMNS} FROM storage_blobs WHERE id ="
            f" (SELECT blob_id FROM storage_objects WHERE {ONE_OBJECT})"
        ),
        parameters={"bucket_id": bucket_id, "name": name},
    )


def find_blob_by_content(sha256: str, size_bytes: int) -> Statement:
    """Rows: storage_blobs, a COMMITTED one that holds these bytes, zero or one; first of all a damaged one.

    Until the transaction ends nobody else finds none: of equal bytes that come at once, the second finds
    the first. Postgres has a function for that: what a statement sees is fixed before it waits for a lock.
    """
    return Statement(
        sql=(
            f"SELECT {BLOB_COLUMNS} FROM storage_blobs WHERE sha256 = :sha256 AND size_bytes = :size_bytes"
            " AND status = 'COMMITTED' ORDER BY EXISTS (SELECT 1 FROM storage_quarantine AS damaged"
            " WHERE damaged.backend_key = storage_blobs.backend_key"
            " AND damaged.kind IN ('missing', 'damaged')) DESC, id LIMIT 1"
        ),
        postgres=f"SELECT {BLOB_COLUMNS} FROM find_blob_by_content(:sha256, :size_bytes)",
        parameters={"sha256": sha256, "size_bytes": size_bytes},
    )


def insert_blob(blob: Blob, created_at: datetime) -> Statement:
    """Changes one row: a COMMITTED blob that nothing points at yet."""
    row = to_row(blob)
    row |= {"backend_key": row.pop("key"), "created_at": created_at}
    return Statement(sql=insert_into(StorageBlob, row), parameters=row)


def list_blobs(after_key: str, limit: int) -> Statement:
    """Rows: storage_blobs in key order after `after_key`, COMMITTED ones only."""
    return Statement(
        sql=(
            f"SELECT {BLOB_COLUMNS} FROM storage_blobs"
            " WHERE backend_key > :after_key AND status = 'COMMITTED' ORDER BY backend_key LIMIT :limit"
        ),
        parameters={"after_key": after_key, "limit": limit},
    )


def list_deleting_blobs(before: datetime, limit: int) -> Statement:
    """Rows: storage_blobs that have been DELETING since before `before`, oldest first.

    None that anything points at, whatever its ref_count says: a wrong count must not cost bytes.
    """
    return Statement(
        sql=(
            f"SELECT {BLOB_COLUMNS} FROM storage_blobs AS blob"
            " WHERE status = 'DELETING' AND deleting_since < :before AND ref_count = 0"
            " AND NOT EXISTS (SELECT 1 FROM storage_objects WHERE blob_id = blob.id)"
            " AND NOT EXISTS (SELECT 1 FROM storage_upload_parts WHERE blob_id = blob.id)"
            " ORDER BY deleting_since LIMIT :limit"
        ),
        parameters={"before": before, "limit": limit},
    )


def replace_bytes(damaged: Blob, fresh: Blob) -> Statement:
    """Changes one row: the damaged blob has the bytes of `fresh` now, key and sums; none if it was mended."""
    return Statement(
        sql=(
            "UPDATE storage_blobs SET backend_key = :key, piece_sums = :piece_sums"
            " WHERE id = :id AND backend_key = :damaged_key AND status = 'COMMITTED'"
        ),
        parameters={
            "key": fresh.key,
            "piece_sums": fresh.piece_sums,
            "id": damaged.id,
            "damaged_key": damaged.key,
        },
    )


def count_deleting_blobs() -> Statement:
    """Rows: one (blobs, size_bytes)."""
    return Statement(
        sql=(
            "SELECT count(*) AS blobs, coalesce(sum(size_bytes), 0) AS size_bytes"
            " FROM storage_blobs WHERE status = 'DELETING'"
        )
    )


def delete_blob(blob_id: str) -> Statement:
    """Changes one row, or none when something points at the blob again."""
    return Statement(
        sql="DELETE FROM storage_blobs WHERE id = :id AND status = 'DELETING' AND ref_count = 0",
        parameters={"id": blob_id},
    )


def find_known_keys(keys: Sequence[str]) -> Statement:
    """Rows: (backend_key) of those among `keys` that have a blob row in any state."""
    return Statement(
        sql=f"SELECT backend_key FROM storage_blobs WHERE backend_key IN ({placeholders(keys)})",
        parameters=numbered(keys),
    )
