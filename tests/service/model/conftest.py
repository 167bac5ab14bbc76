"""Explains the assertions of the machine, which are not in a test file, and gives it time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 300
IN_MEMORY = Path("/dev/shm")

RULES = ("bucket", "write", "read", "list", "link", "operation")
pytest.register_assert_rewrite(
    "tests.service.model.machine",
    "tests.service.model.known",
    *(f"tests.service.model.{noun}_rule" for noun in RULES),
)


@pytest.fixture
def make_folder() -> Iterator[Callable[[], Path]]:
    """A factory of folders, in memory where there is such a place: nothing here waits for a disk."""
    directory = IN_MEMORY if IN_MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="aerostore-model-", dir=directory) as name:
        yield lambda: Path(mkdtemp(dir=name))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the long form take as many times longer as it is longer."""
    timeout_s = TIMEOUT_S * int(config.getoption("--crash-size"))
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(timeout_s))
