"""Jobs as JSON, for every door."""

from aerostore.domain import Job, JsonObject, to_iso

_COUNTS = ("done", "total", "done_bytes", "skipped", "refused", "error")


def job_json(job: Job) -> JsonObject:
    """Return a job as far as it is, without its report."""
    return {
        "id": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "is_cancelling": job.is_cancelling,
        "created_at": to_iso(job.created_at),
        "started_at": job.started_at and to_iso(job.started_at),
        "updated_at": to_iso(job.updated_at),
        "finished_at": job.finished_at and to_iso(job.finished_at),
        "actor": {"role": job.context.role, "sub": job.context.user_id},
        "request": job.request,
        **{name: getattr(job, name) for name in _COUNTS},
    }
