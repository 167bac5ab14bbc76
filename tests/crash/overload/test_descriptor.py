"""Few descriptors: connections wait for one, the server neither spins nor dies, and recovers."""

import time
from pathlib import Path

import httpx

from tests.contract.client import object_path
from tests.contract.raw_socket import request_bytes
from tests.crash.server import Server, wait_until

from .calm import BUCKET, MIB, cpu_seconds, recovering, use, warm_up
from .flock import flock
from .limited import limited

DESCRIPTORS = 256
CROWD = 400


def test_connections_beyond_the_limit_wait_and_cost_nothing(tmp_path: Path) -> None:
    with (
        limited(tmp_path / "data", f"-n {DESCRIPTORS}", body_timeout=5) as server,
        server.connect() as service,
    ):
        assert service.post("/bucket", json={"name": BUCKET}).status_code == 200
        warm_up(server)
        crowd_out(server, service)


def crowd_out(server: Server, service: httpx.Client) -> None:
    """Take every connection that the server has; each that it accepted can use files meanwhile."""
    token = server.target.token("service_role")
    large = object_path(BUCKET, "large")
    assert service.post(large, content=b"x" * 16 * MIB).status_code == 200
    request = request_bytes(server.target, "GET", large, token=token)
    with (
        recovering(server, service, growth_limit=CROWD * MIB),
        flock(server.target, small_window=True) as crowd,
    ):
        for _ in range(20):
            crowd.join(request)
        for _ in range(CROWD):
            crowd.knock()
        use(service)
        assert server.open_descriptors() < DESCRIPTORS
        used, began = cpu_seconds(server), time.monotonic()
        time.sleep(1)  # of this second a server that asks for a descriptor again and again needs all
        assert cpu_seconds(server) - used < (time.monotonic() - began) / 2
        wait_until(lambda: len(server.open_files()) == 20, "the first ones are served")
        crowd.disperse(reset=True)
