"""Factories of what the conformance tests ask the same questions of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.executor_fixture import (
    EVERY_EXECUTOR,
    EXECUTORS,
    MakeExecutor,
    Rights,
    installed_template,
    set_policies,
)
from tests.conformance.postgres import PostgresCluster


@pytest.fixture(params=EVERY_EXECUTOR)
def make_executor(request: pytest.FixtureRequest, tmp_path: Path) -> MakeExecutor:
    """Make an executor over the rows of this test; made twice, both see the same rows."""
    return EXECUTORS[request.param](request, tmp_path)


@pytest.fixture
def database(cluster: PostgresCluster) -> Iterator[str]:
    """The name of a Postgres database that is installed, lets everyone do everything and holds `photos`."""
    name = cluster.create_database(template=installed_template(cluster))
    set_policies(cluster.conninfo(name), Rights())
    cluster.run("INSERT INTO storage.buckets (id, name) VALUES ('photos', 'photos')", database=name)
    yield name
    cluster.drop_database(name)


@pytest.fixture
def postgres_url(cluster: PostgresCluster, database: str) -> str:
    """How the owner connects to `database`."""
    return cluster.conninfo(database)
