"""A PostgreSQL cluster on the disk that is measured, with settings for a large database."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.conformance.postgres import API_ROLES, OWNER, find_binaries, identity_of, unprivileged_account

DATABASE = "scale"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "wal_compression": "on",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
}


class Cluster:
    """A cluster below `directory`, made at the first start and kept afterwards."""

    def __init__(self, directory: Path, port: int) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise SystemExit("No PostgreSQL binaries in /usr/lib/postgresql/*/bin or PATH.")
        self._binaries = binaries
        self._directory = directory.absolute()
        self._port = port
        self._password = _kept_password(self._directory)

    @contextmanager
    def running(self) -> Iterator["Cluster"]:
        """Run it for the time of the block."""
        is_new = not (self._directory / "data").exists()
        if is_new:
            self._run(
                "initdb", "-U", "postgres", "--auth=scram-sha-256", "--pwfile=password", "--locale=C.UTF-8"
            )
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        place = f"-p {self._port} -c unix_socket_directories={self._directory}"
        self._run("pg_ctl", "start", "-w", "-t", "120", "-l", "log", "-o", f"{place} {options}")
        try:
            if is_new:
                self._create_database()
            yield self
        finally:
            self._run("pg_ctl", "stop", "-w", "-t", "300", "-m", "fast")

    def url(self, user: str = OWNER) -> str:
        """Return where the database is, for its owner or for the superuser `postgres`."""
        return f"postgresql://{user}:{self._password}@127.0.0.1:{self._port}/{DATABASE}"

    def processes(self) -> list[int]:
        """List the processes of the server: those that serve connections are among them."""
        first = int((self._directory / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text("ascii").split()
        return [first, *map(int, children)]

    def _create_database(self) -> None:
        url = f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/postgres"
        with psycopg.connect(url, autocommit=True) as superuser:
            superuser.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(OWNER), self._password)
            )
            superuser.execute(API_ROLES)
            for text in (
                "GRANT anon, authenticated, service_role TO {owner}",
                "CREATE DATABASE {database} OWNER {owner}",
            ):
                names = {"owner": sql.Identifier(OWNER), "database": sql.Identifier(DATABASE)}
                superuser.execute(sql.SQL(text).format(**names))

    def _run(self, program: str, *arguments: str) -> None:
        account = unprivileged_account()
        if os.geteuid() == 0:
            for path in (self._directory, self._directory / "password"):
                os.chown(path, account.pw_uid, account.pw_gid)
        subprocess.run(
            [self._binaries / program, "-D", "data", *arguments],
            cwd=self._directory,
            **identity_of(account),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def _kept_password(directory: Path) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()
