"""SQL of the background jobs: expired uploads, leases, quarantine, a sign of life."""

from datetime import datetime

from aerostore.executor import Statement


def delete_uploads(bucket_id: str) -> Statement:
    """Changes every unfinished upload into the bucket; their parts go with them."""
    return Statement(sql="DELETE FROM storage_uploads WHERE bucket_id = :id", parameters={"id": bucket_id})


def delete_expired_uploads(now: datetime) -> Statement:
    """Changes the uploads that ended their life before `now`; their parts go with them."""
    return Statement(sql="DELETE FROM storage_uploads WHERE expires_at < :now", parameters={"now": now})


def count_expired_uploads(now: datetime) -> Statement:
    """Rows: one (uploads)."""
    return Statement(
        sql="SELECT count(*) AS uploads FROM storage_uploads WHERE expires_at < :now", parameters={"now": now}
    )


def take_lease(name: str, holder: str, now: datetime, expires_at: datetime) -> Statement:
    """Changes one row when the lease was free, expired or already the holder's, else none.

    On Postgres its own clock counts, from now on: machines that share it may not agree on the time.
    """
    return Statement(
        sql=_take_lease(now=":now", expires_at=":expires_at"),
        postgres=_take_lease(now="clock_timestamp()", expires_at="clock_timestamp() + :duration"),
        parameters={
            "name": name,
            "holder": holder,
            "now": now,
            "expires_at": expires_at,
            "duration": expires_at - now,
        },
    )


def _take_lease(*, now: str, expires_at: str) -> str:
    return (
        f"INSERT INTO storage_leases (name, holder, expires_at) VALUES (:name, :holder, {expires_at})"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at"
        f" WHERE storage_leases.holder = excluded.holder OR storage_leases.expires_at < {now}"
    )


def release_lease(name: str, holder: str) -> Statement:
    """Changes one row, or none when the lease was somebody else's."""
    return Statement(
        sql="DELETE FROM storage_leases WHERE name = :name AND holder = :holder",
        parameters={"name": name, "holder": holder},
    )


def quarantine(key: str, kind: str, size_bytes: int, now: datetime) -> Statement:
    """Changes one row: notes that a scan saw `key` again, or for the first time."""
    return Statement(
        sql=(
            "INSERT INTO storage_quarantine"
            " (backend_key, kind, size_bytes, first_seen_at, last_seen_at, scans)"
            " VALUES (:key, :kind, :size_bytes, :now, :now, 1) ON CONFLICT (backend_key) DO UPDATE SET"
            " last_seen_at = excluded.last_seen_at, scans = storage_quarantine.scans + 1"
        ),
        parameters={"key": key, "kind": kind, "size_bytes": size_bytes, "now": now},
    )


def list_quarantined(kind: str, first_seen_before: datetime, limit: int) -> Statement:
    """Rows: (backend_key, size_bytes) that two scans saw, the first before `first_seen_before`."""
    return Statement(
        sql=(
            "SELECT backend_key, size_bytes FROM storage_quarantine WHERE kind = :kind AND scans >= 2"
            " AND first_seen_at < :first_seen_before ORDER BY first_seen_at LIMIT :limit"
        ),
        parameters={"kind": kind, "first_seen_before": first_seen_before, "limit": limit},
    )


def release_quarantine(key: str) -> Statement:
    """Changes one row: `key` has been dealt with."""
    return Statement(sql="DELETE FROM storage_quarantine WHERE backend_key = :key", parameters={"key": key})


def forget_quarantine(kind: str, not_seen_since: datetime) -> Statement:
    """Changes the rows of `kind` that the last scan did not see again: they were no orphans after all."""
    return Statement(
        sql="DELETE FROM storage_quarantine WHERE kind = :kind AND last_seen_at < :not_seen_since",
        parameters={"kind": kind, "not_seen_since": not_seen_since},
    )


def ping() -> Statement:
    """Rows: one."""
    return Statement(sql="SELECT 1 AS one")
