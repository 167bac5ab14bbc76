"""Where disks are mounted, and what is left of them looked at."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.power.mount import Mount, mounted, require_fuse

_IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory in memory where there is such a thing: what was cut off needs no real disk."""
    parent = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="aerostore-power-", dir=parent))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def mount(scratch: Path) -> Iterator[Mount]:
    """An empty disk of one's own."""
    require_fuse()
    with mounted(scratch / "disk") as mount:
        yield mount
