"""Checks of limits: what one process may open, and how much one upload may bring."""

import os
import resource

from rich.filesize import decimal

from aerostore.doctor.disk import free_space
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.settings import Settings

_LEAST_OPEN_FILES, _FEW_OPEN_FILES = 128, 1024
_WORKERS_PER_CPU = 4


def check_open_files(settings: Settings) -> Finding:
    """Look how many files and connections each worker may hold open."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ok("no limit")
    found = f"{soft:,} for each worker"
    advice = "Raise it: ulimit -n 8192, or LimitNOFILE=8192 in the systemd unit."
    if soft < _LEAST_OPEN_FILES:
        return fail(found, advice)
    if soft < _FEW_OPEN_FILES:
        return warn(found, advice)
    cpus = os.cpu_count() or 1
    if settings.workers > _WORKERS_PER_CPU * cpus:
        return warn(f"{found}; {settings.workers} workers on {cpus} CPUs", "One for each CPU is as fast.")
    return ok(found)


def check_upload_size(settings: Settings) -> Finding:
    """Compare the size limit of one upload with the room there is, and with what a process may write."""
    limit = settings.file_size_limit
    longest, _hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if longest != resource.RLIM_INFINITY and limit > longest:
        return fail(
            f"uploads may have {decimal(limit)}, but this process may only write files of {decimal(longest)}",
            "Raise the limit (ulimit -f unlimited) or lower AEROSTORE_FILE_SIZE_LIMIT.",
        )
    free_bytes, _share = free_space(settings)
    if limit > free_bytes:
        return warn(
            f"one upload may have {decimal(limit)}, more than the {decimal(free_bytes)} that are free",
            "Lower AEROSTORE_FILE_SIZE_LIMIT, so that a single caller cannot fill the disk.",
        )
    return ok(f"at most {decimal(limit)} for one upload")
