"""SQL about rounds of comparing stored bytes with their hashes."""

from aerostore.domain import ScrubRound
from aerostore.executor import Statement
from aerostore.executor.statements.column import SCRUB_COLUMNS, assignments, insert_into, to_row
from aerostore.executor.tables import StorageScrub


def list_rounds(limit: int) -> Statement:
    """Rows: storage_scrubs, newest first."""
    return Statement(
        sql=f"SELECT {SCRUB_COLUMNS} FROM storage_scrubs ORDER BY started_at DESC, id LIMIT :limit",
        parameters={"limit": limit},
    )


def find_unfinished() -> Statement:
    """Rows: storage_scrubs, the round that is under way or was interrupted, zero or one."""
    return Statement(
        sql=(
            f"SELECT {SCRUB_COLUMNS} FROM storage_scrubs WHERE finished_at IS NULL"
            " ORDER BY started_at DESC, id LIMIT 1"
        )
    )


def insert_round(new: ScrubRound) -> Statement:
    """Changes one row."""
    row = to_row(new)
    return Statement(sql=insert_into(StorageScrub, row), parameters=row)


def update_round(known: ScrubRound) -> Statement:
    """Changes one row, or none when the round was given up."""
    row = to_row(known)
    names = [name for name in row if name not in {"id", "started_at"}]
    return Statement(
        sql=f"UPDATE storage_scrubs SET {assignments(names)} WHERE id = :id",
        parameters={name: row[name] for name in ("id", *names)},
    )


def give_up_rounds() -> Statement:
    """Changes every round that is not finished."""
    return Statement(sql="DELETE FROM storage_scrubs WHERE finished_at IS NULL")


def trim_rounds(keep: int) -> Statement:
    """Changes all but the newest `keep` rounds."""
    return Statement(
        sql=(
            "DELETE FROM storage_scrubs WHERE id IN (SELECT id FROM storage_scrubs"
            " ORDER BY started_at DESC, id LIMIT 1000000 OFFSET :keep)"
        ),
        parameters={"keep": keep},
    )


def count_stored() -> Statement:
    """Rows: one (blobs, size_bytes) of all COMMITTED blobs."""
    return Statement(
        sql=(
            "SELECT count(*) AS blobs, coalesce(sum(size_bytes), 0) AS size_bytes"
            " FROM storage_blobs WHERE status = 'COMMITTED'"
        )
    )
