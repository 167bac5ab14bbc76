"""SQL about the audit: what was done in the admin UI, with the refusals by policies among it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aerostore.executor import Statement
from aerostore.executor.statements.column import insert_into
from aerostore.executor.tables import StorageAudit, column_names

_COLUMNS = ", ".join(column_names(StorageAudit))
_WHERE = (
    " WHERE (CAST(:type AS text) IS NULL OR type = :type)"
    " AND (created_at < :before OR (created_at = :before AND id < :before_id))"
)
_ORDER = " ORDER BY created_at DESC, id DESC LIMIT :limit"
_DONE = f"SELECT {_COLUMNS} FROM storage_audit{_WHERE}{_ORDER}"
# As many columns as above, and in their order.
_REFUSED = (
    "SELECT * FROM (SELECT id, created_at, 'denial' AS type, role, user_id, NULL AS session_id,"
    " NULL AS address, request_id, {detail} AS detail FROM storage_denials) AS refused"
    f"{_WHERE}{_ORDER}"
)
_DETAIL = ("operation", "bucket_id", "name", "code")


def _refused(make_object: str, question: str) -> str:
    members = ", ".join(f"'{'bucket' if name == 'bucket_id' else name}', {name}" for name in _DETAIL)
    return _REFUSED.format(detail=f"{make_object}({members}, 'question', {question})")


def _both(make_object: str, question: str) -> str:
    return (
        f"SELECT {_COLUMNS} FROM (SELECT * FROM ({_DONE}) AS done"
        f" UNION ALL SELECT * FROM ({_refused(make_object, question)}) AS noted) AS all_of_it{_ORDER}"
    )


def insert_audit(row: Mapping[str, Any]) -> Statement:
    """Changes one row. row: every column of storage_audit."""
    return Statement(sql=insert_into(StorageAudit, row), parameters=row)


def list_audit(type: str | None, *, before: datetime, before_id: str, limit: int) -> Statement:
    """Rows: as storage_audit has them, denials among them, newest first, after the place of `before`.

    The detail of a denial has the question that was asked. type: only these; all when None.
    """
    return Statement(
        sql=_both("json_object", "json(question)"),
        postgres=_both("jsonb_build_object", "question"),
        parameters={"type": type, "before": before, "before_id": before_id, "limit": limit},
    )


def trim_audit(before: datetime, keep: int) -> Statement:
    """Changes what is older than `before`, and all but the newest `keep` of each type and role."""
    return Statement(
        sql=(
            "DELETE FROM storage_audit WHERE created_at < :before OR id IN (SELECT id FROM (SELECT id,"
            " row_number() OVER (PARTITION BY type, role ORDER BY created_at DESC, id DESC) AS place"
            " FROM storage_audit) AS placed WHERE place > :keep)"
        ),
        parameters={"before": before, "keep": keep},
    )
