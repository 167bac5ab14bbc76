"""SQL about following events: what came after a number, and refusals that were noted lately."""

from datetime import datetime

from aerostore.executor import Statement
from aerostore.executor.statements.column import EVENT_COLUMNS

_FEW = 20
_NOTED = "id, request_id, created_at, operation, bucket_id, name, role, user_id, code, question"


def list_events(after: int, upto: int, limit: int) -> Statement:
    """Rows: storage_events with `after` < seq <= `upto`, in order of seq."""
    return Statement(
        sql=(
            f"SELECT {EVENT_COLUMNS} FROM storage_events WHERE seq > :after AND seq <= :upto"
            " ORDER BY seq LIMIT :limit"
        ),
        parameters={"after": after, "upto": upto, "limit": limit},
        reads_many=upto - after > _FEW,
    )


def oldest_seq() -> Statement:
    """Rows: one (seq) of the oldest event that is kept, 0 when there is none."""
    return Statement(sql="SELECT coalesce(min(seq), 0) AS seq FROM storage_events")


def list_new_denials(since: datetime, limit: int) -> Statement:
    """Rows: storage_denials since a time, newest first, without what explains them."""
    return Statement(
        sql=(
            f"SELECT {_NOTED} FROM storage_denials WHERE created_at >= :since"
            " ORDER BY created_at DESC, id LIMIT :limit"
        ),
        parameters={"since": since, "limit": limit},
    )
