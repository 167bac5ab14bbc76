"""SQL of the background jobs: expired uploads, leases, dates of a wrong clock, a sign of life."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from aerostore.executor import Statement
from aerostore.executor.statements.column import numbered, placeholders


def delete_uploads(bucket_id: str) -> Statement:
    """Changes every unfinished upload into the bucket; their parts go with them."""
    return Statement(sql="DELETE FROM storage_uploads WHERE bucket_id = :id", parameters={"id": bucket_id})


def delete_expired_uploads(now: datetime, limit: int) -> Statement:
    """Changes up to `limit` uploads that ended their life before `now`; their parts go with them."""
    return Statement(
        sql=(
            "DELETE FROM storage_uploads WHERE expires_at < :now AND id IN"
            " (SELECT id FROM storage_uploads WHERE expires_at < :now ORDER BY expires_at LIMIT :limit)"
        ),
        parameters={"now": now, "limit": limit},
    )


def find_unfinished_uploads(ids: Sequence[str]) -> Statement:
    """Rows: (id) of those among `ids` that are neither complete nor forgotten."""
    return Statement(
        sql=f"SELECT id FROM storage_uploads WHERE state = 'WRITING' AND id IN ({placeholders(ids)})",
        parameters=numbered(ids),
    )


def find_uploads_under_way(ids: Sequence[str], now: datetime) -> Statement:
    """Rows: (id) of those among `ids` that somebody may still go on with."""
    return Statement(
        sql=(
            "SELECT id FROM storage_uploads WHERE state = 'WRITING' AND expires_at >= :now"
            f" AND id IN ({placeholders(ids)})"
        ),
        parameters={**numbered(ids), "now": now},
    )


def count_expired_uploads(now: datetime) -> Statement:
    """Rows: one (uploads)."""
    return Statement(
        sql="SELECT count(*) AS uploads FROM storage_uploads WHERE expires_at < :now", parameters={"now": now}
    )


def take_lease(name: str, holder: str, now: datetime, duration: timedelta) -> Statement:
    """Changes one row when the lease was free, expired or already the holder's, else none.

    On Postgres its own clock counts, from now on: machines that share it may not agree on the time. A lease
    that ends later than any that could be taken now was taken by a wrong clock, and is free.
    """
    return Statement(
        sql=_take_lease(now=":now", end=":end", too_late=":too_late"),
        postgres=_take_lease(
            now="clock_timestamp()",
            end="clock_timestamp() + :duration",
            too_late="clock_timestamp() + :duration * 2",
        ),
        parameters={
            "name": name,
            "holder": holder,
            "now": now,
            "end": now + duration,
            "too_late": now + 2 * duration,
            "duration": duration,
        },
    )


def _take_lease(*, now: str, end: str, too_late: str) -> str:
    return (
        f"INSERT INTO storage_leases (name, holder, expires_at) VALUES (:name, :holder, {end})"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at"
        f" WHERE storage_leases.holder = excluded.holder OR storage_leases.expires_at < {now}"
        f" OR storage_leases.expires_at > {too_late}"
    )


def release_lease(name: str, holder: str) -> Statement:
    """Changes one row, or none when the lease was somebody else's."""
    return Statement(
        sql="DELETE FROM storage_leases WHERE name = :name AND holder = :holder",
        parameters={"name": name, "holder": holder},
    )


def begin_grace_anew(now: datetime) -> Statement:
    """Changes the blobs whose release has a date in the future, as a wrong clock gives it: it is `now`."""
    return Statement(
        sql=(
            "UPDATE storage_blobs SET deleting_since = :now"
            " WHERE status = 'DELETING' AND deleting_since > :now"
        ),
        parameters={"now": now},
    )


def ping() -> Statement:
    """Rows: one."""
    return Statement(sql="SELECT 1 AS one")
