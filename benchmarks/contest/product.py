"""aerostore as a contender: any tree of its source, on SQLite or PostgreSQL, with any number of workers."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aerostore.settings import Settings
from benchmarks.contest import CannotRun, fill
from benchmarks.contest.contender import Contender, Fill
from benchmarks.contest.keys import Keys
from benchmarks.contest.launch import PLAIN_ENVIRONMENT, Server
from benchmarks.contest.postgres import Cluster
from benchmarks.contest.site import StorageSite
from benchmarks.server.harness import ROOT, free_port

POLICIES = Path(__file__).with_name("policies")
_LEAST_GRACE_S = 1
_ROWS_IN_BEARABLE_TIME = 1_000_000
_UPLOADS_IN_BEARABLE_TIME = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A tree of source, and the Python that has what it imports.

    label: what figures call it. fills_rows: lists are filled by its own modules as this program imports them,
    instead of by uploads; not when two trees are compared, which must get the same.
    """

    label: str = "aerostore"
    tree: Path = ROOT
    python: Path = Path(sys.executable)
    fills_rows: bool = True


@contextmanager
def running(
    build: Build, folder: Path, body: Path, *, workers: int, cluster: Cluster | None = None
) -> Iterator[Contender]:
    """Run a server for the time of the block, with its data in `folder`.

    body: a small file, for the bytes of objects in lists. cluster: where its rows are, else in SQLite.
    Raises: CannotRun when it does not start.
    """
    folder.mkdir()
    keys, port = Keys(), free_port()
    base_url = f"http://127.0.0.1:{port}/storage/v1"
    settings = Settings(
        port=port,
        workers=workers,
        data_dir=folder / "data",
        jwt_secret=keys.secret,
        policies_dir=str(POLICIES),
        database_url=cluster.new_database() if cluster else "",
    )
    server = Server(
        [str(build.python), "-m", "aerostore", "serve"],
        environment=_environment(build, settings),
        folder=build.tree,
        log=folder / "log",
        ready_url=f"{base_url}/status",
    )
    site = StorageSite(base_url, service_key=keys.service, user_token=keys.user)
    server.start()
    try:
        yield Contender(
            name=f"{build.label} {'postgres' if cluster else 'sqlite'} x{workers}",
            site=site,
            server=server,
            beside=[cluster.pid] if cluster else [],
            facts={
                "workers": workers,
                "rows": cluster.facts if cluster else "SQLite",
                "durable": "an answer follows fsync of bytes, folder and rows",
                "policies": sorted(file.name for file in POLICIES.glob("*.sql")),
            },
            make_room=partial(_reclaim, build, settings),
            fill=_fill(build, settings, site, body),
            fill_limit=_ROWS_IN_BEARABLE_TIME if build.fills_rows else _UPLOADS_IN_BEARABLE_TIME,
        )
    finally:
        server.stop()


def _environment(build: Build, settings: Settings) -> dict[str, str]:
    return {
        "PYTHONPATH": str(build.tree),
        "AEROSTORE_PORT": str(settings.port),
        "AEROSTORE_WORKERS": str(settings.workers),
        "AEROSTORE_DATA_DIR": str(settings.data_dir),
        "AEROSTORE_JWT_SECRET": settings.jwt_secret,
        "AEROSTORE_POLICIES_DIR": settings.policies_dir,
        "AEROSTORE_DATABASE_URL": settings.database_url,
    }


def _fill(build: Build, settings: Settings, site: StorageSite, body: Path) -> Fill:
    if build.fills_rows:
        return lambda bucket, names: fill.copy_rows(settings, site, bucket, names, body)
    return lambda bucket, names: fill.upload(site, bucket, names, body)


def _reclaim(build: Build, settings: Settings) -> None:
    """Remove the bytes that nobody points at, without the day that they otherwise wait. Raises: CannotRun."""
    grace = {"AEROSTORE_RECLAIM_GRACE": str(_LEAST_GRACE_S)}
    environment = {**PLAIN_ENVIRONMENT, **_environment(build, settings), **grace}
    command = [str(build.python), "-m", "aerostore", "reclaim", "--apply"]
    time.sleep(_LEAST_GRACE_S)
    done = subprocess.run(command, cwd=build.tree, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise CannotRun(f"aerostore reclaim failed: {done.stdout.decode()}{done.stderr.decode()}")
