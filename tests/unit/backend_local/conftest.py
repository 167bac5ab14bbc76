"""A local backend with unnamed temporary files, and one with named files, as where O_TMPFILE is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from tests.blobs import run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(params=["unnamed", "named"])
def backend(request: pytest.FixtureRequest, root: Path) -> Iterator[LocalBackend]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "named":
            patch.delattr("os.O_TMPFILE")
        made = LocalBackend(root)
    yield made
    run(made.close())
