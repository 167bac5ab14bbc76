"""SQL about multipart uploads beyond what `upload` has: their bytes together, and lists of uploads.

All of it runs as the system.
"""

from datetime import datetime

from aerostore.executor import Statement
from aerostore.executor.statements.column import UPLOAD_COLUMNS


def lock_upload(upload_id: str) -> Statement:
    """Rows: storage_uploads, one that has not ended, as it stays until the transaction ends; or none.

    SQLite has one writer at a time, and nothing to lock.
    """
    sql = f"SELECT {UPLOAD_COLUMNS} FROM storage_uploads WHERE id = :id AND state = 'WRITING'"
    return Statement(sql=sql, postgres=f"{sql} FOR UPDATE", parameters={"id": upload_id})


def find_part(upload_id: str, number: int) -> Statement:
    """Rows: one (blob_id, size_bytes), or none."""
    return Statement(
        sql=(
            "SELECT blob_id, size_bytes FROM storage_upload_parts"
            " WHERE upload_id = :upload_id AND part_number = :number"
        ),
        parameters={"upload_id": upload_id, "number": number},
    )


def size_of_others(upload_id: str, number: int) -> Statement:
    """Rows: one (size_bytes), of all parts together but the one of this number; none without the upload."""
    return Statement(
        sql=(
            "SELECT offset_bytes - coalesce((SELECT size_bytes FROM storage_upload_parts"
            " WHERE upload_id = :id AND part_number = :number), 0) AS size_bytes"
            " FROM storage_uploads WHERE id = :id"
        ),
        parameters={"id": upload_id, "number": number},
    )


def count_bytes(upload_id: str, total_bytes: int, expires_at: datetime) -> Statement:
    """Changes one row: all parts together have this length now, and the upload is kept until then."""
    return Statement(
        sql="UPDATE storage_uploads SET offset_bytes = :total, expires_at = :expires_at WHERE id = :id",
        parameters={"id": upload_id, "total": total_bytes, "expires_at": expires_at},
    )


def list_uploads(
    bucket_id: str,
    *,
    holder: str | None,
    now: datetime,
    lower: str,
    upper: str | None,
    after_id: str,
    limit: int,
) -> Statement:
    """Rows: storage_uploads by S3 that go on, in the order of name, then id.

    Those whose name lies in [lower, upper), of `lower` itself those with a greater id than `after_id`.
    holder: None for everybody's.
    """
    conditions = [
        "bucket_id = :bucket_id",
        "protocol = 's3'",
        "state = 'WRITING'",
        "expires_at > :now",
        "name >= :lower",
        "(name > :lower OR id > :after_id)",
    ]
    parameters = {"bucket_id": bucket_id, "now": now, "lower": lower, "after_id": after_id, "limit": limit}
    if upper is not None:
        conditions.append("name < :upper")
        parameters["upper"] = upper
    if holder is not None:
        conditions.append("holder = :holder")
        parameters["holder"] = holder
    return Statement(
        sql=(
            f"SELECT {UPLOAD_COLUMNS} FROM storage_uploads WHERE {' AND '.join(conditions)}"
            " ORDER BY name, id LIMIT :limit"
        ),
        parameters=parameters,
    )
