"""The command line over a PostgreSQL database: what it makes, what it takes over, what it refuses."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.conformance.test_postgres_installation import SUPABASE
from tests.crash.server import running
from tests.port import free_port

from .test_command_line import CANNOT_RUN, NO, aerostore, has_refused

pytestmark = pytest.mark.postgres

POLICY = "create policy reads on storage.objects for select using (bucket_id = 'open');\n"
OTHER = "create policy others on storage.objects for select using (false);\n"


@pytest.fixture
def url(cluster: PostgresCluster) -> Iterator[str]:
    """An empty database."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def foreign_url(url: str) -> str:
    """A database with a storage schema that something else made."""
    run_sql(url, SUPABASE)
    return url


@pytest.fixture
def settings(tmp_path: Path, url: str) -> dict[str, object]:
    """A server's settings, with one policy in its folder."""
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "reads.sql").write_text(POLICY)
    return {
        "data_dir": tmp_path / "data",
        "database_url": url,
        "policies_dir": policies,
    }


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def policies_of(url: str) -> list[tuple[str, bool]]:
    """Return the policies by name, and whether they are marked as ours."""
    return run_sql(
        url,
        "SELECT polname::text, coalesce(obj_description(oid, 'pg_policy') LIKE 'aerostore:%', false)"
        " FROM pg_policy ORDER BY polname",
    )


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    return {each["check"]: (each["verdict"], each["message"]) for each in json.loads(done.stdout)}


# migrate


def test_migrate_makes_tables_and_policies_once(settings: dict[str, object], url: str) -> None:
    due = aerostore("migrate", "--check", **settings)
    assert (due.returncode, due.stdout.splitlines()[0]) == (NO, "due  0001_create_storage")
    assert run_sql(url, "SELECT to_regnamespace('storage')") == [(None,)]
    ran = aerostore("migrate", **settings)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "ran  0001_create_storage")
    assert 'ran  create policy "reads" on storage.objects' in ran.stdout
    for again in (aerostore("migrate", **settings), aerostore("migrate", "--check", **settings)):
        assert (again.returncode, again.stdout) == (0, "up to date\n")
    assert policies_of(url) == [("reads", True)]


def test_migrate_follows_the_files_and_leaves_the_policies_of_others(
    settings: dict[str, object], tmp_path: Path, url: str
) -> None:
    aerostore("migrate", **settings)
    run_sql(url, OTHER)
    (tmp_path / "policies" / "reads.sql").unlink()
    (tmp_path / "policies" / "more.sql").write_text(POLICY.replace("reads", "more"))
    ran = aerostore("migrate", **settings)
    assert [line.partition(":")[0] for line in ran.stdout.splitlines()] == [
        'ran  drop policy "reads" on storage.objects',
        'ran  create policy "more" on storage.objects',
    ]
    assert policies_of(url) == [("more", True), ("others", False)]


def test_a_policy_that_postgres_refuses_is_told_with_its_place_and_stops_the_start(
    settings: dict[str, object], tmp_path: Path, url: str
) -> None:
    wrong = tmp_path / "policies" / "wrong.sql"
    wrong.write_text("create policy w on storage.objects\n  for select using (nowhere = 1);\n")
    for command in ("migrate", "serve"):
        done = aerostore(command, port=free_port(), **settings)
        assert done.returncode == CANNOT_RUN
        assert f'{wrong}:1:1 42703 column "nowhere" does not exist' in done.stderr
        assert "Traceback" not in done.stderr
    assert policies_of(url) == []


def test_a_policy_of_others_by_the_same_name_stops_the_start(settings: dict[str, object], url: str) -> None:
    aerostore("migrate", **settings)
    run_sql(url, "COMMENT ON POLICY reads ON storage.objects IS NULL")
    run_sql(url, "ALTER POLICY reads ON storage.objects USING (true)")
    done = aerostore("migrate", **settings)
    assert done.returncode == CANNOT_RUN
    assert "42710" in done.stderr
    assert policies_of(url) == [("reads", False)]


# Adopting


def test_a_foreign_storage_schema_is_refused_until_it_is_adopted(
    settings: dict[str, object], foreign_url: str
) -> None:
    for arguments in (["migrate"], ["migrate", "--check"], ["serve", "--port", "18000"]):
        assert has_refused(aerostore(*arguments, **settings), "not aerostore's", "migrate --adopt")
    planned = aerostore("migrate", "--check", "--adopt", **settings)
    assert planned.returncode == NO
    assert "ALTER TABLE storage.objects ADD COLUMN blob_id text" in planned.stdout
    assert run_sql(foreign_url, "SELECT to_regnamespace('aerostore')") == [(None,)]
    assert aerostore("migrate", "--adopt", **settings).returncode == 0
    assert aerostore("migrate", "--check", **settings).stdout == "up to date\n"


def test_an_adopted_database_gets_no_policies_until_they_are_applied(
    settings: dict[str, object], foreign_url: str, tmp_path: Path
) -> None:
    before = policies_of(foreign_url)
    aerostore("migrate", "--adopt", **settings)
    aerostore("migrate", **settings)
    assert policies_of(foreign_url) == before
    assert aerostore("policies", "apply", "--yes", **settings).returncode == 0
    assert ("reads", True) in policies_of(foreign_url)
    (tmp_path / "policies" / "more.sql").write_text(POLICY.replace("reads", "more"))
    aerostore("migrate", **settings)
    assert ("more", True) in policies_of(foreign_url)


def test_adopting_is_for_postgres(tmp_path: Path) -> None:
    assert has_refused(
        aerostore("migrate", "--adopt", data_dir=tmp_path / "data"), "--adopt is for PostgreSQL"
    )


# serve, reclaim


def test_a_server_that_is_started_shows_where_rows_are_without_the_password(
    settings: dict[str, object], cluster: PostgresCluster, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir, **{name: it for name, it in settings.items() if name != "data_dir"}):
        pass
    [log] = tmp_path.glob("data-*.log")
    assert f"rows          postgresql://127.0.0.1:{cluster.port}/" in log.read_text()
    assert cluster.password not in log.read_text()
    assert not (data_dir / "aerostore.db").exists()


def test_many_servers_that_start_at_once_make_one_database(settings: dict[str, object], url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: aerostore("migrate", **settings), range(4)))
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    assert policies_of(url) == [("reads", True)]


@pytest.mark.parametrize(
    "command",
    [["serve"], ["migrate"], ["reclaim"], ["explain", "--op", "list", "--bucket", "photos"]],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize(
    ("broken", "word"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "Connection refused"),
        ("postgresql://storage_owner:wrong@127.0.0.1:{port}/postgres", "authentication failed"),
        ("postgresql://storage_owner:{password}@127.0.0.1:{port}/missing", "does not exist"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_in_a_line(
    cluster: PostgresCluster, settings: dict[str, object], command: list[str], broken: str, word: str
) -> None:
    settings["database_url"] = broken.format(port=cluster.port, password=cluster.password)
    done = aerostore(*command, port=free_port(), **settings)
    assert has_refused(done, word, "AEROSTORE_DATABASE_URL")
    assert len(done.stderr.splitlines()) == 1
    assert cluster.password not in done.stderr


def test_reclaim_looks_at_the_rows_of_the_database(settings: dict[str, object]) -> None:
    assert has_refused(aerostore("reclaim", **settings), "not up to date", "aerostore migrate")
    aerostore("migrate", **settings)
    report = json.loads(aerostore("reclaim", "--apply", "--json", **settings).stdout)
    assert (report["applied"], report["scanned"], report["refused"]) == (True, 0, "")


# doctor


def test_doctor_passes_an_empty_database_and_makes_nothing(settings: dict[str, object], url: str) -> None:
    found = findings(aerostore("doctor", "--json", **settings))
    assert found["database"] == ("ok", "empty: 'aerostore serve' fills it")
    assert found["rights"][0] == found["PostgreSQL"][0] == found["connections"][0] == "ok"
    assert "SQLite" not in found
    assert run_sql(url, "SELECT to_regnamespace('aerostore')") == [(None,)]


def test_doctor_mentions_policies_of_others_and_what_differs(
    settings: dict[str, object], tmp_path: Path, url: str
) -> None:
    aerostore("migrate", **settings)
    run_sql(url, OTHER)
    verdict, message = findings(aerostore("doctor", "--json", **settings))["policies"]
    assert (verdict, message) == ("ok", 'those of the files; besides them hold "others", which others made')
    (tmp_path / "policies" / "reads.sql").write_text(POLICY.replace("'open'", "'shut'"))
    verdict, message = findings(aerostore("doctor", "--json", **settings))["policies"]
    assert (verdict, message.partition(";")[0]) == ("warn", "1 differ from the files")


def test_doctor_fails_for_a_foreign_schema_and_for_a_database_that_is_away(
    settings: dict[str, object], foreign_url: str
) -> None:
    assert findings(aerostore("doctor", "--json", **settings))["database"][0] == "fail"
    settings["database_url"] = "postgresql://nobody@127.0.0.1:1/none"
    away = aerostore("doctor", "--json", **settings)
    assert away.returncode == NO
    assert findings(away)["PostgreSQL"][0] == "fail"
    assert "database" not in findings(away)


def test_doctor_sees_that_the_database_does_not_sync(settings: dict[str, object]) -> None:
    """The cluster of the tests runs without fsync, for speed."""
    assert findings(aerostore("doctor", "--json", **settings))["durable commits"][0] == "fail"


def test_doctor_mentions_rows_that_were_left_behind_in_sqlite(settings: dict[str, object]) -> None:
    aerostore("migrate", **settings)
    aerostore("migrate", data_dir=settings["data_dir"])
    verdict, message = findings(aerostore("doctor", "--json", **settings))["database"]
    assert verdict == "warn"
    assert "aerostore.db are not used" in message
