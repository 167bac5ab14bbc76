"""Every adapter of the port `BlobBackend`, and the wrappers around one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend
from aerostore.backend.local import LocalBackend
from aerostore.backend.memory import MemoryBackend
from aerostore.backend.metered import MeteredBackend
from tests.blobs import run
from tests.faults import FaultyBackend


def local_without_unnamed_files(root: Path) -> LocalBackend:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("os.O_TMPFILE")
        return LocalBackend(root)


BACKENDS: dict[str, Callable[[Path], BlobBackend]] = {
    "memory": lambda _root: MemoryBackend(),
    "local": LocalBackend,
    "local-named": local_without_unnamed_files,
    "metered": lambda _root: MeteredBackend(MemoryBackend(), lambda *_facts: None),
    "faultless": lambda _root: FaultyBackend(MemoryBackend()),
}


def until_closed(name: str, root: Path) -> Iterator[BlobBackend]:
    """Yield the backend of this name over `root`, and close it when the test is over."""
    backend = BACKENDS[name](root)
    yield backend
    run(backend.close())
