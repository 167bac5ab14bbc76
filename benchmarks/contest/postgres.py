"""A throw-away PostgreSQL cluster, as durable as PostgreSQL is by default, on 127.0.0.1."""

import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.contest import CannotRun
from benchmarks.contest.launch import PLAIN_ENVIRONMENT, find_tool
from benchmarks.server.harness import free_port

_OWNER = "storage_owner"
_ROLES = """
    CREATE ROLE anon NOLOGIN NOINHERIT; CREATE ROLE authenticated NOLOGIN NOINHERIT;
    CREATE ROLE service_role NOLOGIN NOINHERIT BYPASSRLS;
"""
_SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "wal_sync_method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A running cluster. facts: its version, and what decides whether a commit is durable."""

    folder: Path
    port: int
    password: str

    @property
    def pid(self) -> int:
        """The process whose children are the connections."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    @property
    def facts(self) -> dict[str, str]:
        """What the server says of itself."""
        with self._connect() as connection:
            return {name: str(_show(connection, name)) for name in _SETTINGS}

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"bench_{secrets.token_hex(4)}"
        with self._connect() as connection:
            create = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(_OWNER)))
        return f"postgresql://{_OWNER}:{self.password}@127.0.0.1:{self.port}/{name}"

    def create_roles(self) -> None:
        """Create the roles that tokens name, and the one that owns databases."""
        with self._connect() as connection:
            connection.execute(_ROLES)
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(create.format(sql.Identifier(_OWNER), sql.Literal(self.password)))
            grant = sql.SQL("GRANT anon, authenticated, service_role TO {}")
            connection.execute(grant.format(sql.Identifier(_OWNER)))

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
        )


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Run a new cluster in `folder` for the time of the block, never as root.

    Raises: CannotRun without PostgreSQL, or when it does not start.
    """
    cluster = Cluster(folder=folder, port=free_port(), password=secrets.token_hex(16))
    account = _unprivileged_account()
    folder.mkdir()
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(cluster.password)
    for path in (folder, secret):
        os.chown(path, account.pw_uid, account.pw_gid)
    _initialise(cluster, account)
    where = f"-p {cluster.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = _program("pg_ctl")
    _run(account, folder, control, "-D", "data", "start", "-w", "-t", "60", "-l", "log", "-o", where)
    try:
        cluster.create_roles()
        yield cluster
    finally:
        _run(account, folder, control, "-D", "data", "stop", "-m", "immediate")


def _show(connection: psycopg.Connection[tuple[Any, ...]], name: str) -> object:
    row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
    return row[0] if row else None


def _initialise(cluster: Cluster, account: pwd.struct_passwd) -> None:
    options = (
        *("-D", "data", "-U", "postgres", "--auth=scram-sha-256", "--pwfile=password"),
        *("--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"),
    )
    _run(account, cluster.folder, _program("initdb"), *options)


def _program(name: str) -> Path:
    """Return a program of the newest PostgreSQL: Debian keeps them out of PATH."""
    packaged = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(packaged, key=lambda path: int(path.parts[4].partition(".")[0]), default=None)
    return newest or Path(find_tool("initdb")).with_name(name)


def _unprivileged_account() -> pwd.struct_passwd:
    """Return whom the cluster runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {account.pw_name: account for account in pwd.getpwall()}
    return known.get("postgres") or known["nobody"]


def _run(account: pwd.struct_passwd, folder: Path, program: Path, *arguments: str) -> None:
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=PLAIN_ENVIRONMENT,
        **(identity if os.geteuid() == 0 else {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program.name == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if program.name == "initdb" else subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        log = folder / "log"
        raise CannotRun(f"{program} failed: {done.stdout or ''}{log.read_text() if log.exists() else ''}")
