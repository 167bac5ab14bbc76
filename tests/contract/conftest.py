"""The servers under test, the people who call them, and a factory for buckets that nobody else uses.

Every suite runs against a server with rows in SQLite and one with rows in PostgreSQL, except those of `ONCE`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.port import free_port

from .client import TLS, Target, unique

SECRET = "contract-secret-that-is-long-enough-for-hs256"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0

MakeBucket = Callable[..., str]


# What they ask is answered before any row is looked at; test_model takes long, and rows are modelled in
# tests/conformance on both engines.
ONCE = {"test_cors_wire", "test_hostile_body", "test_model", "test_openapi", "test_operation_wire"}
# Programs that speak S3. What they ask for is asked of both engines by test_boto3 and the S3 suites.
ONCE |= {"test_aws_cli", "test_cut_connections", "test_minio", "test_obstore", "test_pyarrow", "test_rclone"}
ONCE |= {"test_restic", "test_s3cmd", "test_s3fs", "test_s5cmd"}
# Signatures, chunks, connections: rows hardly matter to what they ask.
ONCE |= {"test_chunked_wire", "test_signature_wire", "test_tus_cut"}
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
def target(request: pytest.FixtureRequest) -> Target:
    """The server under test. Those of other tests run on beside it: files are not run in this order."""
    server: Target = request.getfixturevalue(f"{request.param}_target")
    return server


@pytest.fixture(scope="session")
def given_target() -> Target:
    """The server that AEROSTORE_CONTRACT_URL names."""
    url, secret = _ENVIRONMENT["AEROSTORE_CONTRACT_URL"], _ENVIRONMENT["AEROSTORE_CONTRACT_SECRET"]
    return Target(url=url.rstrip("/"), secret=secret, is_disposable=False)


@pytest.fixture(scope="session")
def sqlite_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server on a free port."""
    yield from serve(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="session")
def postgres_target(cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of two workers, as PostgreSQL is for: what one has done must be seen through the other."""
    database = cluster.create_database()
    yield from serve(tmp_path_factory.mktemp("contract"), database_url=cluster.url(database), workers=2)
    cluster.drop_database(database)


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


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready(url):
            return
        time.sleep(0.05)  # the server is another process: there is no clock to pass in
    pytest.fail(f"the server did not start; its log:\n{log.read_text(errors='replace')}", pytrace=False)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/status", trust_env=False, verify=TLS).status_code == 200
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
