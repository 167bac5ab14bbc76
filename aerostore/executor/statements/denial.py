"""SQL about denials: what was refused, kept for the operator."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aerostore.executor import Statement
from aerostore.executor.statements.column import DENIAL_COLUMNS, insert_into
from aerostore.executor.tables import StorageDenial


def insert_denial(row: Mapping[str, Any]) -> Statement:
    """Changes one row. row: every column of storage_denials."""
    return Statement(sql=insert_into(StorageDenial, row), parameters=row)


def find_denials(request_id: str) -> Statement:
    """Rows: storage_denials of one request, newest first."""
    return Statement(
        sql=(
            f"SELECT {DENIAL_COLUMNS} FROM storage_denials WHERE request_id = :request_id"
            " ORDER BY created_at DESC, id LIMIT 20"
        ),
        parameters={"request_id": request_id},
    )


def trim_denials(before: datetime, keep: int) -> Statement:
    """Changes what is older than `before`, and all but the newest `keep`."""
    return Statement(
        sql=(
            "DELETE FROM storage_denials WHERE created_at < :before OR id IN (SELECT id FROM storage_denials"
            " ORDER BY created_at DESC, id LIMIT 1000000 OFFSET :keep)"
        ),
        parameters={"before": before, "keep": keep},
    )
