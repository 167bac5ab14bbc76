"""System calls of the local backend, watched or failing."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aerostore.backend.local_thread import Threads

DESCRIPTORS = Path("/proc/self/fd")


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


def is_directory(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def failing(error: int, when: Callable[[Any], bool] = lambda _first: True) -> Callable[..., None]:
    """Make a stand-in for a system call that fails with `error` for the first arguments `when` picks."""

    def fail(first: Any, *_rest: Any, **_options: Any) -> None:
        if when(first):
            raise OSError(error, os.strerror(error))

    return fail


def trace_system_calls(patch: pytest.MonkeyPatch) -> list[str]:
    """Record fsync and link from here on, each with what it was about."""
    calls: list[str] = []
    fsync, link = os.fsync, os.link

    def traced_fsync(descriptor: int) -> None:
        if is_directory(descriptor):
            calls.append(f"fsync {Path(os.readlink(DESCRIPTORS / str(descriptor))).name}/")
        else:
            calls.append(f"fsync file of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def traced_link(*arguments: Any, **options: Any) -> None:
        calls.append("link")
        link(*arguments, **options)

    patch.setattr("os.fsync", traced_fsync)
    patch.setattr("os.link", traced_link)
    return calls


def count_hops(patch: pytest.MonkeyPatch) -> list[None]:
    hops: list[None] = []
    start = Threads.start

    def counted(threads: Threads, task: Callable[[], Any]) -> Any:
        hops.append(None)
        return start(threads, task)

    patch.setattr(Threads, "start", counted)
    return hops
