"""The servers and callers of the contract tests, for those who mean harm."""

from collections.abc import Iterator

import pytest

from tests.conformance.postgres import PostgresCluster
from tests.contract.client import Target
from tests.contract.conftest import anon as anon
from tests.contract.conftest import bucket as bucket
from tests.contract.conftest import make_bucket as make_bucket
from tests.contract.conftest import nobody as nobody
from tests.contract.conftest import owner as owner
from tests.contract.conftest import public_bucket as public_bucket
from tests.contract.conftest import serve
from tests.contract.conftest import service as service
from tests.contract.conftest import stranger as stranger
from tests.crash.server import Server, running

# What becomes part of a question to the database: each engine has an answer of its own.
ON_BOTH_ENGINES = {"test_admin_adversary", "test_claim", "test_search"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks a server against the engines that could differ in it."""
    if "target" not in metafunc.fixturenames:
        return
    rows: list[object] = ["sqlite"]
    if metafunc.module.__name__.rpartition(".")[2] in ON_BOTH_ENGINES:
        rows.append(pytest.param("postgres", marks=pytest.mark.postgres))
    metafunc.parametrize("target", rows, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data directory a test may look into. Its log is what it prints."""
    with running(tmp_path_factory.mktemp("attack") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def postgres_target(cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with rows in PostgreSQL."""
    database = cluster.create_database()
    yield from serve(tmp_path_factory.mktemp("attack"), database_url=cluster.url(database))
    cluster.drop_database(database)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """That server, or one with rows in PostgreSQL."""
    if request.param == "postgres":
        found: Target = request.getfixturevalue("postgres_target")
        return found
    server: Server = request.getfixturevalue("server")
    return server.target
