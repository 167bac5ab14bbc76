"""Both engines, and how much to compare."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.postgres import PostgresCluster
from tests.law import corpus
from tests.law.postgres_side import PostgresSide, law_database
from tests.law.sqlite_side import SqliteSide

_SECONDS_FOR_SIZE_1 = 300


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give larger runs more time."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(_SECONDS_FOR_SIZE_1 * config.getoption("--law-size")))


@pytest.fixture
def law_size(pytestconfig: pytest.Config) -> int:
    """How many times the short run."""
    return int(pytestconfig.getoption("--law-size"))


@pytest.fixture
def law_seed(pytestconfig: pytest.Config) -> int:
    """Where random choices begin."""
    return int(pytestconfig.getoption("--law-seed"))


@pytest.fixture(scope="session")
def postgres(cluster: PostgresCluster) -> Iterator[PostgresSide]:
    """The judge, with the tables and functions of the corpus declared."""
    with law_database(cluster) as connection:
        side = PostgresSide(connection)
        side.apply(corpus.fixture())
        yield side


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteSide]:
    """The engine under the executor."""
    side = SqliteSide(tmp_path)
    yield side
    side.close()
