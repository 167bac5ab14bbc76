"""The servers under test, the people who call them, and a factory for buckets that nobody else uses.

Every suite runs against a server with rows in SQLite and one with rows in PostgreSQL, except those of `ONCE`.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.postgres import PostgresCluster

from .client import Target, unique

SECRET = "contract-secret-that-is-long-enough-for-hs256"
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0

MakeBucket = Callable[..., str]


# What they ask is answered before any row is looked at; test_model takes long, and rows are modelled in
# tests/conformance on both engines.
ONCE = {"test_cors_wire", "test_hostile_body", "test_model", "test_openapi", "test_operation_wire"}
_ENVIRONMENT = os.environ  # noqa: TID251 - picks the server under test; tests have no settings module


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks a server against those that its module is for."""
    if "target" not in metafunc.fixturenames:
        return
    rows: list[Any] = ["sqlite"]
    if metafunc.module.__name__.rpartition(".")[2] not in ONCE:
        rows.append(pytest.param("postgres", marks=pytest.mark.postgres))
    if "AEROSTORE_CONTRACT_URL" in _ENVIRONMENT:
        rows = ["given"]
    metafunc.parametrize("target", rows, indirect=True, scope="session")


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Start a server on a free port, or aim at the one that AEROSTORE_CONTRACT_URL names."""
    directory = tmp_path_factory.mktemp("contract")
    if request.param == "given":
        url, secret = _ENVIRONMENT["AEROSTORE_CONTRACT_URL"], _ENVIRONMENT["AEROSTORE_CONTRACT_SECRET"]
        yield Target(url=url.rstrip("/"), secret=secret, is_disposable=False)
    elif request.param == "postgres":
        cluster: PostgresCluster = request.getfixturevalue("cluster")
        database = cluster.create_database()
        # Two workers, as PostgreSQL is for: whatever one has done must be seen through the other at once.
        yield from serve(directory, database_url=cluster.url(database), workers=2)
        cluster.drop_database(database)
    else:
        yield from serve(directory)


def serve(directory: Path, **settings: object) -> Iterator[Target]:
    port = free_port()
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "aerostore", "serve"],
            cwd=Path(__file__).parents[2],
            env={
                "AEROSTORE_DATA_DIR": str(directory / "data"),
                "AEROSTORE_HOST": "127.0.0.1",
                "AEROSTORE_PORT": str(port),
                "AEROSTORE_JWT_SECRET": SECRET,
                "PYTHONUNBUFFERED": "1",
                **{f"AEROSTORE_{name.upper()}": str(value) for name, value in settings.items()},
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}/storage/v1"
        wait_until_ready(process, url, log)
        yield Target(url=url, secret=SECRET, is_disposable=True)
    finally:
        stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready(url):
            return
        time.sleep(0.05)  # the server is another process: there is no clock to pass in
    pytest.fail(f"the server did not start; its log:\n{log.read_text(errors='replace')}", pytrace=False)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/status", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def service(target: Target) -> Iterator[httpx.Client]:
    """A caller with the service role."""
    with target.connect(target.token("service_role")) as caller:
        yield caller


@pytest.fixture(scope="session")
def anon(target: Target) -> Iterator[httpx.Client]:
    """A caller with a valid token of the anonymous role."""
    with target.connect(target.token("anon")) as caller:
        yield caller


@pytest.fixture(scope="session")
def nobody(target: Target) -> Iterator[httpx.Client]:
    """A caller without any Authorization header."""
    with target.connect(None) as caller:
        yield caller


@pytest.fixture(scope="session")
def owner(target: Target) -> Iterator[httpx.Client]:
    """A signed-in user, who owns what the tests upload through it."""
    with target.connect(target.token("authenticated", sub=unique("owner"))) as caller:
        yield caller


@pytest.fixture(scope="session")
def stranger(target: Target) -> Iterator[httpx.Client]:
    """Another signed-in user."""
    with target.connect(target.token("authenticated", sub=unique("stranger"))) as caller:
        yield caller


@pytest.fixture
def make_bucket(target: Target, service: httpx.Client) -> Iterator[MakeBucket]:
    """Create buckets with unique names; options are those of the wire (`public`, `file_size_limit`, ...)."""
    made: list[str] = []

    def make(**options: object) -> str:
        name = unique("contract")
        response = service.post("/bucket", json={"name": name} | options)
        assert response.status_code == 200, response.text
        made.append(name)
        return name

    yield make
    if target.is_disposable:
        return
    for name in made:
        service.post(f"/bucket/{name}/empty")
        service.delete(f"/bucket/{name}")


@pytest.fixture
def bucket(make_bucket: MakeBucket) -> str:
    """A fresh private bucket without limits."""
    return make_bucket()


@pytest.fixture
def public_bucket(make_bucket: MakeBucket) -> str:
    """A fresh public bucket without limits."""
    return make_bucket(public=True)
