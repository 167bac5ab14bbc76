"""Every adapter of the port `BlobBackend`, and the wrappers around one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


def _metered(inner: BlobBackend) -> BlobBackend:
    return MeteredBackend(inner, lambda *_facts: None)


BACKENDS: dict[str, Callable[[Path], BlobBackend]] = {
    "memory": lambda _root: MemoryBackend(),
    "local": LocalBackend,
    "local-named": local_without_unnamed_files,
    "metered": lambda _root: _metered(MemoryBackend()),
    "faultless": lambda _root: FaultyBackend(MemoryBackend()),
}


def until_closed(name: str, root: Path) -> Iterator[BlobBackend]:
    """Yield the backend of this name over `root`, and close it when the test is over."""
    backend = BACKENDS[name](root)
    yield backend
    run(backend.close())


@dataclass(frozen=True, slots=True)
class Victim:
    """A backend, and what puts other bytes under one of its keys."""

    backend: BlobBackend
    damage: Callable[[str, bytes], None]


WRAPPERS: dict[str, Callable[[BlobBackend], BlobBackend]] = {
    "memory": lambda inner: inner,
    "metered": _metered,
    "faultless": FaultyBackend,
}


def victim(name: str, root: Path) -> Iterator[Victim]:
    """Yield the backend of this name with the means to damage what it stores."""
    memory = MemoryBackend()
    if name.startswith("local"):
        made = Victim(BACKENDS[name](root), lambda key, content: overwrite(root / key, content))
    else:
        made = Victim(WRAPPERS[name](memory), memory.damage)
    yield made
    run(made.backend.close())


def overwrite(path: Path, content: bytes) -> None:
    """Change a file where it lies: who has it open sees the change."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
