"""SQL about what is wrong between rows and bytes. One row for each key, of one of four kinds.

orphan: bytes without a row; doomed: such bytes on their way out, or gone; missing: a row whose bytes are
gone or have another length; damaged: a row whose bytes have another hash. What is damaged stays so until
somebody has read it whole: that its length is right again proves nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from aerostore.executor import Statement
from aerostore.executor.statements.column import BLOB_COLUMNS, numbered, placeholders

_HAS_A_ROW = (
    "EXISTS (SELECT 1 FROM storage_blobs WHERE storage_blobs.backend_key = storage_quarantine.backend_key"
    " AND status = 'COMMITTED')"
)
_SEEN_AGAIN = (
    " ON CONFLICT (backend_key) DO UPDATE SET last_seen_at = excluded.last_seen_at,"
    " kind = CASE WHEN storage_quarantine.kind = 'doomed'"
    " OR (storage_quarantine.kind = 'damaged' AND excluded.kind = 'missing')"
    " THEN storage_quarantine.kind ELSE excluded.kind END,"
    # A date in the future is a wrong clock's, and another kind begins anew.
    " first_seen_at = CASE WHEN storage_quarantine.kind = excluded.kind"
    " AND storage_quarantine.first_seen_at < excluded.first_seen_at"
    " THEN storage_quarantine.first_seen_at ELSE excluded.first_seen_at END,"
    " scans = CASE WHEN storage_quarantine.kind = excluded.kind THEN storage_quarantine.scans + 1 ELSE 1 END"
)
_INSERT = "INSERT INTO storage_quarantine (backend_key, kind, size_bytes, first_seen_at, last_seen_at, scans)"


def note_orphan(key: str, size_bytes: int, now: datetime) -> Statement:
    """Changes one row: a scan saw these bytes without a row again, or for the first time."""
    return Statement(
        sql=f"{_INSERT} VALUES (:key, 'orphan', :size_bytes, :now, :now, 1){_SEEN_AGAIN}",
        parameters={"key": key, "size_bytes": size_bytes, "now": now},
    )


def note_loss(key: str, kind: str, now: datetime) -> Statement:
    """Changes one row: the bytes of a COMMITTED blob are missing or damaged; none when it has others now."""
    return Statement(
        sql=(
            f"{_INSERT} SELECT backend_key, :kind, size_bytes, :now, :now, 1 FROM storage_blobs"
            f" WHERE backend_key = :key AND status = 'COMMITTED'{_SEEN_AGAIN}"
        ),
        # A parameter in a select list has no type of its own.
        postgres=(
            f"{_INSERT} SELECT backend_key, :kind::text, size_bytes, :now::timestamptz, :now::timestamptz, 1"
            f" FROM storage_blobs WHERE backend_key = :key AND status = 'COMMITTED'{_SEEN_AGAIN}"
        ),
        parameters={"key": key, "kind": kind, "now": now},
    )


def list_rows(after_key: str, limit: int) -> Statement:
    """Rows: (backend_key, size_bytes, status) of blobs in any state, in key order after `after_key`."""
    return Statement(
        sql=(
            "SELECT backend_key, size_bytes, status FROM storage_blobs"
            " WHERE backend_key > :after_key ORDER BY backend_key LIMIT :limit"
        ),
        parameters={"after_key": after_key, "limit": limit},
    )


def forget_unseen(kind: str, seen_at: datetime) -> Statement:
    """Changes the rows of `kind` that the scan of `seen_at` did not see: they found their other half."""
    return Statement(
        sql="DELETE FROM storage_quarantine WHERE kind = :kind AND last_seen_at <> :seen_at",
        parameters={"kind": kind, "seen_at": seen_at},
    )


def forget_orphans() -> Statement:
    """Changes every orphan's row: what was seen so far counts no more."""
    return Statement(sql="DELETE FROM storage_quarantine WHERE kind = 'orphan'")


def forget_settled_losses() -> Statement:
    """Changes the rows of missing and damaged bytes that no COMMITTED blob needs any longer."""
    return Statement(
        sql=f"DELETE FROM storage_quarantine WHERE kind IN ('missing', 'damaged') AND NOT {_HAS_A_ROW}"
    )


def release(key: str) -> Statement:
    """Changes one row: the bytes of `key` were missing or damaged and are whole again."""
    return Statement(
        sql="DELETE FROM storage_quarantine WHERE backend_key = :key AND kind IN ('missing', 'damaged')",
        parameters={"key": key},
    )


def find_needed(keys: Sequence[str]) -> Statement:
    """Rows: (backend_key) of those among `keys` that a COMMITTED blob needs."""
    return Statement(
        sql=(
            "SELECT backend_key FROM storage_blobs WHERE status = 'COMMITTED'"
            f" AND backend_key IN ({placeholders(keys)})"
        ),
        parameters=numbered(keys),
    )


def find_losses(keys: Sequence[str]) -> Statement:
    """Rows: (backend_key) of those among `keys` whose bytes are noted as missing or damaged."""
    return Statement(
        sql=(
            "SELECT backend_key FROM storage_quarantine WHERE kind IN ('missing', 'damaged')"
            f" AND backend_key IN ({placeholders(keys)})"
        ),
        parameters=numbered(keys),
    )


def list_losses(limit: int) -> Statement:
    """Rows: (backend_key, kind) of missing and damaged bytes, in key order."""
    return Statement(
        sql=(
            "SELECT backend_key, kind FROM storage_quarantine WHERE kind IN ('missing', 'damaged')"
            " ORDER BY backend_key LIMIT :limit"
        ),
        parameters={"limit": limit},
    )


def list_lost_blobs(limit: int) -> Statement:
    """Rows: storage_blobs, COMMITTED ones whose bytes are noted as missing or damaged, in key order."""
    return Statement(
        sql=(
            f"SELECT {BLOB_COLUMNS} FROM storage_blobs WHERE status = 'COMMITTED' AND backend_key IN"
            " (SELECT backend_key FROM storage_quarantine WHERE kind IN ('missing', 'damaged'))"
            " ORDER BY backend_key LIMIT :limit"
        ),
        parameters={"limit": limit},
    )


def count_losses() -> Statement:
    """Rows: (kind, keys) for each of missing and damaged that there is."""
    return Statement(
        sql=(
            "SELECT kind, count(*) AS keys FROM storage_quarantine WHERE kind IN ('missing', 'damaged')"
            " GROUP BY kind"
        )
    )


def list_ripe(first_seen_before: datetime, limit: int) -> Statement:
    """Rows: (backend_key, size_bytes) to remove, oldest first.

    Orphans that two scans saw, the first before `first_seen_before`, and what is doomed and may have bytes.
    """
    return Statement(
        sql=(
            "SELECT backend_key, size_bytes FROM storage_quarantine"
            " WHERE (kind = 'orphan' AND scans >= 2 AND first_seen_at < :first_seen_before)"
            " OR (kind = 'doomed' AND scans > 0) ORDER BY first_seen_at, backend_key LIMIT :limit"
        ),
        parameters={"first_seen_before": first_seen_before, "limit": limit},
    )


def lock_key(key: str) -> Statement:
    """Rows: one. On Postgres nobody else dooms `key`, or points a row at it, until the transaction ends.

    SQLite has one writer.
    """
    return Statement(
        sql="SELECT 1 AS locked",
        postgres="SELECT 1 AS locked FROM pg_advisory_xact_lock(hashtextextended(:key, 1))",
        parameters={"key": key},
    )


def doom(key: str) -> Statement:
    """Changes one row: no row can come to point at `key` any more; none when one does already."""
    return Statement(
        sql=(
            "UPDATE storage_quarantine SET kind = 'doomed' WHERE backend_key = :key"
            " AND kind IN ('orphan', 'doomed')"
            " AND NOT EXISTS (SELECT 1 FROM storage_blobs WHERE backend_key = :key)"
        ),
        parameters={"key": key},
    )


def note_removed(key: str) -> Statement:
    """Changes one row: the bytes of a doomed key are gone; no row can point at it all the same."""
    return Statement(
        sql="UPDATE storage_quarantine SET scans = 0 WHERE backend_key = :key AND kind = 'doomed'",
        parameters={"key": key},
    )


def trim_removed(keep: int) -> Statement:
    """Changes all but the newest `keep` rows of doomed keys whose bytes are gone."""
    return Statement(
        sql=(
            "DELETE FROM storage_quarantine WHERE backend_key IN (SELECT backend_key FROM storage_quarantine"
            " WHERE kind = 'doomed' AND scans = 0"
            " ORDER BY last_seen_at DESC, backend_key LIMIT 1000000 OFFSET :keep)"
        ),
        parameters={"keep": keep},
    )
