"""A throw-away PostgreSQL cluster for tests: temporary directory, free port on 127.0.0.1, gone afterwards."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

OWNER = "storage_owner"
"""The plain role that owns every database of `create_database`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresCluster:
    """A running cluster. Its superuser is `postgres`; all roles made here share one password."""

    port: int
    password: str

    def conninfo(self, database: str, *, user: str = OWNER) -> str:
        """Return how to connect to `database` as `user`."""
        return make_conninfo(
            host="127.0.0.1", port=self.port, dbname=database, user=user, password=self.password
        )

    def create_database(self) -> str:
        """Create an empty database that belongs to the plain role OWNER; return its name."""
        name = f"test_{secrets.token_hex(4)}"
        with psycopg.connect(self.conninfo("postgres", user="postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
        return name

    def create_role(self, name: str) -> None:
        """Create a plain role that may log in."""
        with psycopg.connect(self.conninfo("postgres", user="postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), self.password)
            )


def require_binaries() -> Path:
    """Return the directory of the newest PostgreSQL binaries; skip the test where there are none.

    Fails instead when AEROSTORE_TEST_REQUIRE names postgres.
    """
    if found := find_binaries():
        return found
    required = os.environ.get("AEROSTORE_TEST_REQUIRE", "")  # noqa: TID251 -- steers the test run only
    if "postgres" in required.split(","):
        pytest.fail("AEROSTORE_TEST_REQUIRE names postgres, but there are no PostgreSQL binaries")
    pytest.skip("no PostgreSQL binaries in /usr/lib/postgresql/*/bin or PATH")


def find_binaries() -> Path | None:
    """Find the directory that holds initdb and pg_ctl, the highest version first; None without them."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_major_version)
    if packaged:
        return packaged[-1].parent
    in_path = shutil.which("initdb")
    return Path(in_path).resolve().parent if in_path else None


@contextmanager
def running_cluster(binaries: Path) -> Iterator[PostgresCluster]:
    """Run a new cluster, never as root, until the block ends.

    Its default collation is a linguistic one (ICU), as on most servers: bytewise order has to come from
    our own columns.
    """
    cluster = PostgresCluster(port=_free_port(), password=secrets.token_hex(16))
    with tempfile.TemporaryDirectory(prefix="aerostore-pg-") as name:
        directory = Path(name)
        account = _unprivileged_account()
        _create_cluster(binaries, directory, account, cluster.password)
        _start(binaries, directory, account, cluster.port)
        try:
            cluster.create_role(OWNER)
            yield cluster
        finally:
            _run(binaries / "pg_ctl", "stop", "-D", "data", "-m", "immediate", cwd=directory, account=account)


def _major_version(initdb: Path) -> int:
    version = initdb.parent.parent.name
    return int(version) if version.isdecimal() else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged_account() -> pwd.struct_passwd:
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _create_cluster(binaries: Path, directory: Path, account: pwd.struct_passwd, password: str) -> None:
    secret = directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    for path in (directory, secret):
        os.chown(path, account.pw_uid, account.pw_gid)
    options = (
        *("-D", "data", "-U", "postgres", "--auth=scram-sha-256", "--pwfile=password", "--no-sync"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"),
    )
    _run(binaries / "initdb", *options, cwd=directory, account=account)


def _start(binaries: Path, directory: Path, account: pwd.struct_passwd, port: int) -> None:
    server = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
        " -c fsync=off -c max_connections=50"
    )
    options = ("start", "-w", "-t", "60", "-D", "data", "-l", "log", "-o", server)
    _run(binaries / "pg_ctl", *options, cwd=directory, account=account)


def _run(program: Path, *arguments: str, cwd: Path, account: pwd.struct_passwd) -> None:
    identity = (account.pw_uid, account.pw_gid) if os.geteuid() == 0 else (None, None)
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={"LC_ALL": "C", "PATH": str(program.parent)},
        user=identity[0],
        group=identity[1],
        extra_groups=[] if identity[0] else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = cwd / "log"
        details = log.read_text() if log.exists() else ""
        raise RuntimeError(f"{program.name} {arguments[0]} failed: {done.stdout}{done.stderr}{details}")
