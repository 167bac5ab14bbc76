"""SQL that counts objects and looks ahead at what is in a folder; everything as the caller sees it."""

from collections.abc import Sequence

from aerostore.executor import Statement
from aerostore.executor.statements.column import CURRENT, OBJECT_COLUMNS_WITHOUT_USER_METADATA
from aerostore.executor.statements.name_range import selecting, within
from aerostore.executor.statements.object import find_visible_objects

# Rows may have been written by plain SQL: what is no number counts for nothing.
_SIZE = "CAST(coalesce(json_extract(metadata, '$.size'), 0) AS INTEGER)"
_SIZE_POSTGRES = (
    "CASE WHEN metadata ->> 'size' ~ '^[0-9]{1,18}$' THEN CAST(metadata ->> 'size' AS bigint) ELSE 0 END"
)
_TYPE = "json_extract(metadata, '$.mimetype')"
_TYPE_POSTGRES = "metadata ->> 'mimetype'"


def count_objects(bucket_id: str, *, lower: str, upper: str | None, at_most: int) -> Statement:
    """Rows: one (objects, size_bytes), of at most `at_most` objects with a name in [lower, upper)."""
    condition, bounds = within("name", lower, upper)

    def text(size: str) -> str:
        return (
            "SELECT count(*) AS objects, coalesce(sum(size), 0) AS size_bytes"
            f" FROM (SELECT {size} AS size FROM storage_objects WHERE bucket_id = :bucket_id AND {CURRENT}"
            f" AND {condition} AND {{policy}} LIMIT :at_most) AS counted"
        )

    return Statement(
        sql=text(_SIZE),
        postgres=text(_SIZE_POSTGRES),
        parameters={"bucket_id": bucket_id, "at_most": at_most, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def find_matches(bucket_id: str, names: Sequence[str]) -> Statement:
    """Rows: as `find_visible_objects`, with NULL in the place of what users wrote about them."""
    return find_visible_objects(bucket_id, names, columns=OBJECT_COLUMNS_WITHOUT_USER_METADATA)


def measure_objects(bucket_id: str, *, lower: str, upper: str | None) -> Statement:
    """Rows: one (objects, largest, longest): the greatest size, and the most bytes that a name has."""
    condition, bounds = within("name", lower, upper)

    def text(size: str, length: str) -> str:
        return (
            f"SELECT count(*) AS objects, coalesce(max({size}), 0) AS largest,"
            f" coalesce(max({length}), 0) AS longest FROM storage_objects"
            f" WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition} AND {{policy}}"
        )

    return Statement(
        sql=text(_SIZE, "length(CAST(name AS BLOB))"),
        postgres=text(_SIZE_POSTGRES, "octet_length(name)"),
        parameters={"bucket_id": bucket_id, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )


def list_types(bucket_id: str, *, lower: str, upper: str | None, limit: int) -> Statement:
    """Rows: (name, mime_type), one object of each of at most `limit` content types in [lower, upper)."""
    condition, bounds = within("name", lower, upper)

    def text(mime_type: str) -> str:
        return (
            f"SELECT min(name) AS name, {mime_type} AS mime_type FROM storage_objects"
            f" WHERE bucket_id = :bucket_id AND {CURRENT} AND {condition} AND {{policy}}"
            f" GROUP BY {mime_type} LIMIT :limit"
        )

    return Statement(
        sql=text(_TYPE),
        postgres=text(_TYPE_POSTGRES),
        parameters={"bucket_id": bucket_id, "limit": limit, **bounds},
        law=selecting(bucket_id, upper),
        reads_many=True,
    )
