"""How long the rigs run, and where the servers that are killed keep their rows."""

from collections.abc import Iterator

import pytest

from tests.conformance.postgres import PostgresCluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of a test, as servers are told; empty for SQLite in their data directory."""
    if request.param == "sqlite":
        yield ""
        return
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def crash_size(request: pytest.FixtureRequest) -> int:
    """How many times its short form a rig runs."""
    return int(request.config.getoption("--crash-size"))


@pytest.fixture
def crash_seed(request: pytest.FixtureRequest) -> int:
    """Where the random choices of a rig begin; the same seed makes the same ones."""
    return int(request.config.getoption("--crash-seed"))
