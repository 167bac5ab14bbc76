"""SQL about jobs: what was asked for and how far it is. As the system: whose they are, the service knows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aerostore.domain import Job
from aerostore.executor import Statement
from aerostore.executor.statements.column import assignments, insert_into
from aerostore.executor.tables import StorageJob, column_names

_COLUMNS = ", ".join(column_names(StorageJob))
# Reports may be long, and lists show none.
_LISTED = _COLUMNS.replace("report", "'{}' AS report")
_UNFINISHED = "state IN ('pending', 'running')"
_PROGRESS = ("state", "after_key", "done", "total", "done_bytes", "skipped", "refused", "error", "report")
_CHANGING = (*_PROGRESS, "started_at", "updated_at", "finished_at")


def insert_job(job: Job) -> Statement:
    """Changes one row."""
    context = job.context
    row = {
        **{name: getattr(job, name) for name in ("id", "kind", "is_cancelling", "request", "created_at")},
        **{name: getattr(job, name) for name in _CHANGING},
        "role": context.role,
        "user_id": context.user_id,
        "claims": dict(context.claims),
        "origin": {name: getattr(context, name) for name in ("method", "path", "request_id", "door")},
    }
    return Statement(sql=insert_into(StorageJob, row), parameters=row)


def find_job(job_id: str) -> Statement:
    """Rows: storage_jobs, zero or one."""
    return Statement(
        sql=f"SELECT {_COLUMNS} FROM storage_jobs WHERE id = :id",
        parameters={"id": job_id},
    )


def list_jobs(
    *, before: str | None, limit: int, owner: tuple[str, str] | None, where: Mapping[str, str]
) -> Statement:
    """Rows: storage_jobs without their reports, newest first, of an id below `before`.

    owner: only those of this role and user id. where: values that columns have.
    """
    conditions = {**where, **({} if owner is None else {"role": owner[0], "user_id": owner[1]})}
    tests = [f"{name} = :{name}" for name in conditions]
    parameters: dict[str, Any] = {**conditions, "limit": limit}
    if before is not None:
        tests.append("id < :before")
        parameters["before"] = before
    return Statement(
        sql=f"SELECT {_LISTED} FROM storage_jobs WHERE {' AND '.join(tests) or 'TRUE'}"
        " ORDER BY id DESC LIMIT :limit",
        parameters=parameters,
    )


def list_unfinished(limit: int) -> Statement:
    """Rows: the oldest storage_jobs that have not ended, without their reports."""
    return Statement(
        sql=f"SELECT {_LISTED} FROM storage_jobs WHERE {_UNFINISHED} ORDER BY id LIMIT :limit",
        parameters={"limit": limit},
    )


def count_unfinished(role: str, user_id: str | None, kinds: Sequence[str] = ()) -> Statement:
    """Rows: one (own, same_kind): jobs under way of this caller, and of anybody those of `kinds`."""
    same_kind = ", ".join(f":kind{number}" for number in range(len(kinds))) or "NULL"
    return Statement(
        sql=(
            "SELECT coalesce(sum(CASE WHEN role = :role AND coalesce(user_id, '') = :user_id"
            " THEN 1 ELSE 0 END), 0) AS own,"
            f" coalesce(sum(CASE WHEN kind IN ({same_kind}) THEN 1 ELSE 0 END), 0) AS same_kind"
            f" FROM storage_jobs WHERE {_UNFINISHED}"
        ),
        parameters={
            "role": role,
            "user_id": user_id or "",
            **{f"kind{number}": kind for number, kind in enumerate(kinds)},
        },
    )


def wait_to_start() -> Statement:
    """Rows: one. Whoever counts jobs and starts one goes behind whoever does so already, until it commits."""
    return Statement(
        sql="SELECT 1 AS locked",
        postgres="SELECT 1 AS locked FROM pg_advisory_xact_lock(hashtextextended('storage_jobs', 2))",
    )


def advance_job(before: Job, after: Job) -> Statement:
    """Changes one row, or none when the job has ended, is to stop, or is further than `before`."""
    return Statement(
        sql=(
            f"UPDATE storage_jobs SET {assignments(_CHANGING)} WHERE id = :id AND {_UNFINISHED}"
            " AND NOT is_cancelling AND after_key = :before_key AND done = :before_done"
        ),
        parameters={
            "id": before.id,
            "before_key": before.after_key,
            "before_done": before.done,
            **{name: getattr(after, name) for name in _CHANGING},
        },
    )


def end_job(job_id: str, changes: Mapping[str, Any]) -> Statement:
    """Changes one row, or none when the job has ended already."""
    return Statement(
        sql=f"UPDATE storage_jobs SET {assignments(list(changes))} WHERE id = :id AND {_UNFINISHED}",
        parameters={**changes, "id": job_id},
    )


def ask_to_stop(job_id: str, now: datetime) -> Statement:
    """Changes one row: a job that waits ends with this, one that runs is told. None when it has ended."""
    return Statement(
        sql=(
            "UPDATE storage_jobs SET is_cancelling = (state = 'running'), updated_at = :now,"
            " finished_at = CASE WHEN state = 'pending' THEN :now ELSE finished_at END,"
            " state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END"
            f" WHERE id = :id AND {_UNFINISHED}"
        ),
        postgres=(
            "UPDATE storage_jobs SET is_cancelling = (state = 'running'), updated_at = :now::timestamptz,"
            " finished_at = CASE WHEN state = 'pending' THEN :now::timestamptz ELSE finished_at END,"
            " state = CASE WHEN state = 'pending' THEN 'cancelled' ELSE state END"
            f" WHERE id = :id AND {_UNFINISHED}"
        ),
        parameters={"id": job_id, "now": now},
    )


def trim_jobs(keep: int) -> Statement:
    """Changes jobs that have ended, all but the newest `keep` of each role."""
    return Statement(
        sql=(
            "DELETE FROM storage_jobs WHERE id IN (SELECT id FROM (SELECT id,"
            " row_number() OVER (PARTITION BY role ORDER BY id DESC) AS place"
            f" FROM storage_jobs WHERE NOT ({_UNFINISHED})) AS placed WHERE place > :keep)"
        ),
        parameters={"keep": keep},
    )
