"""The law, and that nothing outlives a transaction, through a real PgBouncer that pools transactions."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from aerostore.domain import RlsContext
from aerostore.executor import Executor
from aerostore.executor.postgres import PostgresExecutor
from tests.conformance import test_executor_law as law
from tests.conformance.executor_fixture import (
    ANON,
    CALLER,
    MakeExecutor,
    Rights,
    installed_template,
    rows,
    set_policies,
)
from tests.conformance.postgres import OWNER, PostgresCluster, identity_of, unprivileged_account
from tests.conformance.postgres_fixture import as_caller, play
from tests.port import free_port
from tests.requirement import skip_without

pytestmark = pytest.mark.postgres

test_each_statement_needs_its_policies = law.test_each_statement_needs_the_policies_that_postgres_asks
test_the_service_role_bypasses_every_policy = law.test_the_service_role_bypasses_every_policy
test_an_owner_policy_judges_both_rows = law.test_an_owner_policy_judges_the_old_and_the_new_row
test_a_condition_that_is_null_counts_as_no = law.test_a_condition_that_is_null_counts_as_no
test_a_refused_upsert_leaves_the_row_as_it_was = law.test_a_refused_upsert_leaves_the_row_as_it_was
test_bucket_statements_meet_the_law_too = law.test_bucket_statements_meet_the_law_too

SERVER_CONNECTIONS = 2
"""Fewer than an executor has: clients take turns on them, also in the middle of what would be a session."""


@pytest.fixture(scope="module")
def pooler_port(cluster: PostgresCluster) -> Iterator[int]:
    """The port of a PgBouncer in front of the cluster."""
    program = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/bin")
    if program is None:
        skip_without("postgres", "no pgbouncer in PATH")
    with (
        tempfile.TemporaryDirectory(prefix="aerostore-pooler-") as name,
        pooler(Path(program), Path(name), cluster) as port,
    ):
        yield port


@contextmanager
def pooler(program: Path, directory: Path, cluster: PostgresCluster) -> Iterator[int]:
    port = free_port()
    (directory / "users").write_text(f'"{OWNER}" "{cluster.password}"\n')
    (directory / "ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = scram-sha-256\nauth_file = users\n"
        f"pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\n"
    )
    account = unprivileged_account()
    for path in (directory, *directory.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "ini"], cwd=directory, stdout=log, stderr=log, **identity_of(account)
        )
    try:
        wait_until_reachable(
            make_conninfo(cluster.conninfo("postgres"), port=port), process, directory / "log"
        )
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_reachable(conninfo: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            time.sleep(0.05)  # another process: there is no clock to pass in
        else:
            return
    pytest.fail(f"pgbouncer does not answer: {log.read_text(errors='replace')}")


@pytest.fixture
def pooled_url(postgres_url: str, pooler_port: int) -> str:
    return make_conninfo(postgres_url, port=pooler_port)


@pytest.fixture
def make_executor(cluster: PostgresCluster, pooler_port: int) -> Iterator[MakeExecutor]:
    """Make executors that reach the database through the pooler."""
    database = cluster.create_database(template=installed_template(cluster))
    url = cluster.conninfo(database)

    def make(rights: Rights) -> Executor:
        set_policies(url, rights)
        return PostgresExecutor(make_conninfo(url, port=pooler_port))

    yield make
    cluster.drop_database(database)


def test_callers_that_take_turns_on_a_connection_never_meet(pooled_url: str) -> None:
    who = as_caller(
        "SELECT current_user::text AS \"user\", current_setting('request.jwt.claim.sub') AS sub,"
        " current_setting('storage.operation') AS operation"
    )

    async def ask(executor: PostgresExecutor, number: int, context: RlsContext) -> None:
        context = context.performing(f"{number}")
        [row] = await rows(executor, who, by=context)
        assert tuple(row.values()) == (context.role, context.user_id or "", f"{number}")

    async def scenario(executor: PostgresExecutor) -> None:
        callers = [CALLER, ANON, *(RlsContext(role="authenticated", user_id=f"{n}") for n in range(4))]
        asking = [ask(executor, number, callers[number % len(callers)]) for number in range(300)]
        await asyncio.gather(*asking)

    play(pooled_url, scenario)


def test_an_empty_database_is_installed_through_the_pooler(
    cluster: PostgresCluster, pooler_port: int
) -> None:
    name = cluster.create_database()
    url = make_conninfo(cluster.conninfo(name), port=pooler_port)
    assert play(url, lambda executor: rows(executor, as_caller("SELECT 1 AS one")))
    cluster.drop_database(name)
