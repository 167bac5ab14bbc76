"""Servers that may not have all they would like: started with limits of the system."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.client import Target
from tests.contract.conftest import SECRET
from tests.crash.invariants import Place
from tests.crash.server import Server, is_answering, wait_until
from tests.port import free_port

_REPOSITORY = Path(__file__).parents[3]


@contextmanager
def limited(data_dir: Path, limit: str, **settings: object) -> Iterator[Server]:
    """Serve `data_dir` under a limit. limit: as `ulimit` of the shell takes it, such as `-n 256`."""
    port = free_port()
    values = {"data_dir": data_dir, "port": port, "jwt_secret": SECRET} | settings
    with data_dir.with_name(f"{data_dir.name}-{port}.log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit {limit} && exec "$0" -m aerostore serve', sys.executable],
            cwd=_REPOSITORY,
            env={f"AEROSTORE_{name.upper()}": str(value) for name, value in values.items()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    target = Target(url=f"http://127.0.0.1:{port}/storage/v1", secret=SECRET, is_disposable=True)
    server = Server(target=target, place=Place(data_dir), process=process)
    try:
        wait_until(lambda: is_answering(target), "the server answers")
        yield server
    finally:
        server.kill()
