"""SQL about buckets."""

from collections.abc import Mapping
from typing import Any

from aerostore.domain import Bucket
from aerostore.executor import Law, Statement
from aerostore.executor.statements.column import (
    BUCKET_COLUMNS,
    assignments,
    direction,
    insert_into,
    sort_column,
    to_row,
)
from aerostore.executor.tables import StorageBucket
from aerostore.permissions import BUCKETS

_BUCKET = f"SELECT {BUCKET_COLUMNS} FROM storage_buckets WHERE id = :id"
_PUBLIC_BUCKET = f"{_BUCKET} AND public"
_VISIBLE_BUCKET = f"{_BUCKET} AND {{policy}}"


def find_bucket(bucket_id: str) -> Statement:
    """Rows: storage_buckets, zero or one. As the system: object routes ask nothing of bucket policies."""
    return Statement(sql=_BUCKET, parameters={"id": bucket_id})


def find_public_bucket(bucket_id: str) -> Statement:
    """Rows: storage_buckets, zero or one that is public. As the system."""
    return Statement(sql=_PUBLIC_BUCKET, parameters={"id": bucket_id})


def find_visible_bucket(bucket_id: str) -> Statement:
    """Rows: storage_buckets, zero or one that the caller may select."""
    return Statement(
        sql=_VISIBLE_BUCKET,
        parameters={"id": bucket_id},
        law=Law(table=BUCKETS, command="select", known={"id": bucket_id}),
    )


def list_buckets(
    *, search: str | None, column: str | None, order: str, limit: int | None, offset: int
) -> Statement:
    """Rows: storage_buckets that the caller may select; `search` is a substring, letters of any case."""
    conditions = "{policy}"
    parameters: dict[str, Any] = {}
    if search:
        conditions += " AND lower(name) LIKE :pattern ESCAPE '\\'"
        parameters["pattern"] = f"%{_escape_like(search.lower())}%"
    sql = f"SELECT {BUCKET_COLUMNS} FROM storage_buckets WHERE {conditions}"
    sql += f" ORDER BY {sort_column(column or 'id')} {direction(order)}, id"
    if limit is not None or offset:
        sql += " LIMIT :limit OFFSET :offset"
        parameters |= {"limit": 2**62 if limit is None else limit, "offset": offset}
    return Statement(sql=sql, parameters=parameters, law=Law(table=BUCKETS, command="select"))


def list_buckets_by_id(*, lower: str, upper: str | None, limit: int) -> Statement:
    """Rows: storage_buckets with an id in [lower, upper) that the caller may select, in bytewise order."""
    conditions = "id >= :lower" if upper is None else "id >= :lower AND id < :upper"
    bounds = {"lower": lower} if upper is None else {"lower": lower, "upper": upper}
    return Statement(
        sql=f"SELECT {BUCKET_COLUMNS} FROM storage_buckets WHERE {conditions} AND {{policy}}"
        " ORDER BY id LIMIT :limit",
        parameters={**bounds, "limit": limit},
        law=Law(table=BUCKETS, command="select"),
    )


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def insert_bucket(bucket: Bucket) -> Statement:
    """Changes one row. Fails with BucketAlreadyExists when id or name is taken."""
    row = to_row(bucket)
    return Statement(
        sql=insert_into(StorageBucket, row),
        parameters=row,
        law=Law(table=BUCKETS, command="insert", row=row),
    )


def update_bucket(bucket_id: str, changes: Mapping[str, Any]) -> Statement:
    """Changes one row, or none when the caller may not."""
    return Statement(
        sql=f"UPDATE storage_buckets SET {assignments(list(changes))} WHERE id = :id AND {{policy}}",
        parameters={**changes, "id": bucket_id},
        law=Law(table=BUCKETS, command="update", changed="id = :id"),
    )


def delete_bucket(bucket_id: str) -> Statement:
    """Changes one row, or none when the caller may not."""
    return Statement(
        sql="DELETE FROM storage_buckets WHERE id = :id AND {policy}",
        parameters={"id": bucket_id},
        law=Law(table=BUCKETS, command="delete", known={"id": bucket_id}),
    )


def count_bucket_content(bucket_id: str, at_most: int) -> Statement:
    """Rows: one (objects, uploads); counts objects up to `at_most`."""
    return Statement(
        sql=(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM storage_objects WHERE bucket_id = :id"
            " LIMIT :at_most) AS o) AS objects,"
            " (SELECT count(*) FROM storage_uploads WHERE bucket_id = :id) AS uploads"
        ),
        parameters={"id": bucket_id, "at_most": at_most},
    )
