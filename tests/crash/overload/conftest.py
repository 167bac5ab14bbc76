"""One server for all abuse, and somebody with the service role who has a bucket there."""

from collections.abc import Iterator

import httpx
import pytest

from tests.crash.server import DEADLINE_S, Server, running

from .calm import BUCKET, warm_up


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("overload") / "data", body_timeout=5) as server:
        yield server


@pytest.fixture(scope="session")
def token(server: Server) -> str:
    return server.target.token("service_role")


@pytest.fixture(scope="session")
def service(server: Server, token: str) -> Iterator[httpx.Client]:
    with server.target.connect(token) as caller:
        caller.timeout = httpx.Timeout(DEADLINE_S)
        assert caller.post("/bucket", json={"name": BUCKET}).status_code == 200
        warm_up(server)
        yield caller
