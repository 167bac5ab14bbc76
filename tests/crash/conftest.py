"""How long the rigs run, and where the servers that are killed keep their rows."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conformance.postgres import PostgresCluster

from .invariants import Place


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """A factory of places for rows and bytes that nobody has used; the one before is removed."""
    with ExitStack() as last:
        numbers = itertools.count()

        def make() -> Place:
            last.close()
            directory = tmp_path / f"place-{next(numbers)}"
            directory.mkdir()
            last.callback(shutil.rmtree, directory)
            if request.param == "sqlite":
                return Place(directory / "data")
            cluster: PostgresCluster = request.getfixturevalue("cluster")
            name = cluster.create_database()
            last.callback(cluster.drop_database, name)
            return Place(directory / "data", cluster.url(name))

        yield make
        last.pop_all()  # what a failure left is for the eyes of whoever looks into it
