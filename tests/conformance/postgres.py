"""A throw-away PostgreSQL cluster for tests: temporary directory, free port on 127.0.0.1, gone afterwards.

The fixture `cluster` is one for the whole session: a conftest.py imports it by name.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.port import free_port
from tests.requirement import skip_without

_IN_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 2 * 1024**3
_LEFT_FOR_LATER = 2
OWNER = "storage_owner"
"""The plain role that owns every database of `create_database`."""
API_ROLES = """
    CREATE ROLE anon NOLOGIN NOINHERIT; CREATE ROLE authenticated NOLOGIN NOINHERIT;
    CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresCluster:
    """A running cluster. Its superuser is `postgres`; all roles made here share one password."""

    binaries: Path
    directory: Path
    port: int
    password: str
    _kept: list[psycopg.Connection] = field(default_factory=list, compare=False, repr=False)
    _left: list[str] = field(default_factory=list, compare=False, repr=False)

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        server = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.directory}"
            " -c fsync=off -c max_wal_size=128MB -c max_connections=200"
        )
        self._control("start", "-w", "-t", "60", "-l", "log", "-o", server)

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        while self._kept:
            self._kept.pop().close()
        self._control("stop", "-m", "immediate")

    def restart(self) -> None:
        """Stop the server at once and start it again: every connection breaks."""
        self.stop()
        self.start()

    def _control(self, *arguments: str) -> None:
        _run(
            self.binaries / "pg_ctl",
            "-D",
            "data",
            *arguments,
            cwd=self.directory,
            account=unprivileged_account(),
        )

    def conninfo(self, database: str, *, user: str = OWNER) -> str:
        """Return how to connect to `database` as `user`."""
        return make_conninfo(
            host="127.0.0.1", port=self.port, dbname=database, user=user, password=self.password
        )

    def url(self, database: str, *, user: str = OWNER) -> str:
        """Return `conninfo` as a URL."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, *, template: str = "template1") -> str:
        """Create a copy of `template`, at first an empty database, that belongs to OWNER; return its name."""
        name = f"test_{secrets.token_hex(4)}"
        self.run("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY", name, OWNER, template)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self.run("DROP DATABASE {} WITH (FORCE)", name)

    def drop_database_soon(self, name: str) -> None:
        """Drop a database once others were left like this.

        For those who have just left it the server would wait a tenth of a second. It has no roles of its own.
        """
        self._left.append(name)
        if len(self._left) > _LEFT_FOR_LATER:
            self.drop_database(self._left.pop(0))

    def create_api_roles(self) -> None:
        """Create the roles that tokens name, and let OWNER take them on: what an administrator does."""
        self.run(API_ROLES)
        self.run("GRANT anon, authenticated, service_role TO {}", OWNER)

    def run(self, text: LiteralString, *names: str, database: str = "postgres") -> None:
        """Run `text` as the superuser, with `names` quoted in place of its braces."""
        statement = sql.SQL(text).format(*map(sql.Identifier, names))
        if database == "postgres":
            self._superuser().execute(statement)
            return
        with psycopg.connect(self.conninfo(database, user="postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _superuser(self) -> psycopg.Connection:
        """Return a connection that is kept: to make one takes as long as to drop a database."""
        if not self._kept:
            self._kept.append(psycopg.connect(self.conninfo("postgres", user="postgres"), autocommit=True))
        return self._kept[0]

    def create_role(self, name: str) -> None:
        """Create a plain role that may log in."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), self.password)
        self._superuser().execute(statement)


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    """A cluster with the roles of the API, started by the first test that asks for it."""
    with running_cluster(require_binaries()) as running:
        running.create_api_roles()
        yield running


def require_binaries() -> Path:
    """Return the directory of the newest PostgreSQL binaries; skip the test where there are none.

    Fails instead when AEROSTORE_TEST_REQUIRE names postgres.
    """
    if found := find_binaries():
        return found
    skip_without("postgres", "no PostgreSQL binaries in /usr/lib/postgresql/*/bin or PATH")


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
    with tempfile.TemporaryDirectory(prefix="aerostore-pg-", dir=_quick_parent()) as name:
        cluster = PostgresCluster(
            binaries=binaries, directory=Path(name), port=free_port(), password=secrets.token_hex(16)
        )
        _create_cluster(cluster)
        cluster.start()
        try:
            cluster.create_role(OWNER)
            yield cluster
        finally:
            cluster.stop()


def _quick_parent() -> Path | None:
    """Return memory that serves as a disk, if it has room: a database takes a tenth of the time there."""
    has_room = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ENOUGH_BYTES
    return _IN_MEMORY if has_room else None


def _major_version(initdb: Path) -> int:
    version = initdb.parent.parent.name
    return int(version) if version.isdecimal() else 0


def unprivileged_account() -> pwd.struct_passwd:
    """Return whom servers run as, which refuse to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _create_cluster(cluster: PostgresCluster) -> None:
    account = unprivileged_account()
    secret = cluster.directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(cluster.password)
    for path in (cluster.directory, secret):
        os.chown(path, account.pw_uid, account.pw_gid)
    options = (
        *("-D", "data", "-U", "postgres", "--auth=scram-sha-256", "--pwfile=password", "--no-sync"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"),
    )
    _run(cluster.binaries / "initdb", *options, cwd=cluster.directory, account=account)


def identity_of(account: pwd.struct_passwd) -> dict[str, Any]:
    """Return how subprocess runs a program as `account`: only root has to change who it is."""
    if os.geteuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(program: Path, *arguments: str, cwd: Path, account: pwd.struct_passwd) -> None:
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env={"LC_ALL": "C", "PATH": str(program.parent)},
        **identity_of(account),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = cwd / "log"
        details = log.read_text() if log.exists() else ""
        raise RuntimeError(f"{program.name} failed: {done.stdout}{done.stderr}{details}")
