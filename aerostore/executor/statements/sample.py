"""SQL about samples: what each step of a plot has counted, and how much is stored now."""

from collections.abc import Mapping, Sequence
from typing import Any

from aerostore.executor import Statement
from aerostore.executor.statements.column import CURRENT

_COLUMNS = ("step_s", "begins_s", "series", "value")
_INSERT = f"INSERT INTO storage_samples ({', '.join(_COLUMNS)})"
_MEMBERS = ", ".join([f"json_extract(value, '$.{name}')" for name in _COLUMNS])
_ADD = " ON CONFLICT (step_s, begins_s, series) DO UPDATE SET value = storage_samples.value + excluded.value"
_SIZES = (
    "SELECT bucket_id, coalesce(size_bytes, 0) AS size_bytes FROM storage_objects"
    " LEFT JOIN storage_blobs ON storage_blobs.id = storage_objects.blob_id"
    f" WHERE {CURRENT} ORDER BY bucket_id, name LIMIT :limit"
)


def add_samples(rows: Sequence[Mapping[str, Any]]) -> Statement:
    """Changes a row for each of `rows` (step_s, begins_s, series, value): values are added to what is there.

    In one order for everybody: two processes that add at once must not wait for each other.
    """
    return Statement(
        sql=f"{_INSERT} SELECT {_MEMBERS} FROM json_each(:samples, '$.rows') WHERE true{_ADD}",
        postgres=(
            f"{_INSERT} SELECT {', '.join(_COLUMNS)} FROM jsonb_to_recordset(:samples::jsonb -> 'rows')"
            " AS (step_s bigint, begins_s bigint, series text, value double precision)"
            f" ORDER BY step_s, begins_s, series{_ADD}"
        ),
        parameters={"samples": {"rows": list(rows)}},
    )


def list_samples(step_s: int, *, since_s: int) -> Statement:
    """Rows: (begins_s, series, value) of the steps of one length that begin at `since_s` or later."""
    return Statement(
        sql=(
            "SELECT begins_s, series, value FROM storage_samples"
            " WHERE step_s = :step_s AND begins_s >= :since_s"
        ),
        parameters={"step_s": step_s, "since_s": since_s},
        reads_many=True,
    )


def trim_samples(step_s: int, *, before_s: int) -> Statement:
    """Changes the steps of one length that begin before `before_s`."""
    return Statement(
        sql="DELETE FROM storage_samples WHERE step_s = :step_s AND begins_s < :before_s",
        parameters={"step_s": step_s, "before_s": before_s},
    )


def sum_buckets(limit: int) -> Statement:
    """Rows: (bucket_id, objects, size_bytes) of the first `limit` current objects, by bucket and name."""
    return Statement(
        sql=(
            "SELECT bucket_id, count(*) AS objects, sum(size_bytes) AS size_bytes"
            f" FROM ({_SIZES}) AS sized GROUP BY bucket_id ORDER BY bucket_id"
        ),
        parameters={"limit": limit},
        reads_many=True,
    )
