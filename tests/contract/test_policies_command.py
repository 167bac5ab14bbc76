"""`aerostore policies` as a user meets it: what it prints, its exit codes, and what it does to PostgreSQL."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.conformance.postgres import OWNER, PostgresCluster
from tests.conformance.postgres import cluster as cluster

from .test_command_line import CANNOT_RUN, NO, REPOSITORY, aerostore, has_refused

READ = """-- Everybody reads.
create policy reads on storage.objects for select using (bucket_id = 'open');
"""
UPLOAD = "create policy uploads on storage.objects for insert to authenticated with check (true);\n"
CASES = """bucket: open
name: a
cases:
- {allow: download}
- {deny: download, bucket: shut, why: another bucket}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one policy and its cases."""
    (tmp_path / "reads.sql").write_text(READ)
    (tmp_path / "reads.test.yaml").write_text(CASES)
    return tmp_path


# check


def test_check_passes_what_loads_and_counts_it(folder: Path) -> None:
    done = aerostore("policies", "check", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 policy, 0 tables, 0 functions in 1 file: 0 problems, 0 warnings\n"


def test_check_reads_the_folder_in_force_by_default(folder: Path) -> None:
    (folder / "more.sql").write_text(UPLOAD)
    assert aerostore("policies", "check", policies_dir=folder).stdout.startswith("2 policies")
    assert aerostore("policies", "check").stdout.startswith("1 policy")


def test_check_tells_every_problem_with_its_place(folder: Path) -> None:
    wrong = folder / "wrong.sql"
    wrong.write_text("create policy a on storage.objects\n  using (owner_id = auth.uid());\ndrop table x;\n")
    done = aerostore("policies", "check", str(folder))
    assert done.returncode == NO
    first, second, total = done.stdout.splitlines()
    assert first.startswith(f"{wrong}:2:19 42883 operator does not exist: text = uuid (hint: ")
    assert second.startswith(f"{wrong}:3:1 0A000 ")
    assert total == "2 policies, 0 tables, 0 functions in 2 files: 2 problems, 0 warnings"


def test_check_warns_without_failing(folder: Path) -> None:
    (folder / "cast.sql").write_text(
        "create policy c on storage.objects using ((storage.foldername(name))[1]::uuid = auth.uid());"
    )
    done = aerostore("policies", "check", str(folder / "cast.sql"))
    assert (done.returncode, done.stdout.splitlines()[-1].split(": ")[1]) == (0, "0 problems, 1 warning")
    assert " warning: " in done.stdout.splitlines()[0]


def test_check_prints_json_for_programs(folder: Path) -> None:
    (folder / "wrong.sql").write_text("create policy a on storage.objects using (nowhere);")
    found = json.loads(aerostore("policies", "check", "--json", str(folder)).stdout)
    assert {key: found[key] for key in ("policies", "tables", "functions", "files", "warnings")} == {
        "policies": 2,
        "tables": 0,
        "functions": 0,
        "files": 2,
        "warnings": [],
    }
    (problem,) = found["problems"]
    assert (problem["path"], problem["line"], problem["column"], problem["code"]) == (
        str(folder / "wrong.sql"),
        1,
        43,
        "42703",
    )


def test_check_of_a_folder_without_policies_cannot_run(tmp_path: Path) -> None:
    assert has_refused(aerostore("policies", "check", str(tmp_path)), "*.sql", str(tmp_path))
    assert aerostore("policies", "check", str(tmp_path / "missing")).returncode == CANNOT_RUN


# test


def test_cases_that_come_out_as_expected_pass(folder: Path) -> None:
    done = aerostore("policies", "test", str(folder))
    assert (done.returncode, done.stdout) == (0, "2 cases in 1 file: all as expected\n")


def test_case_that_comes_out_differently_is_told_with_what_each_policy_said(folder: Path) -> None:
    (folder / "reads.sql").write_text(READ.replace("'open'", "'shut'") + UPLOAD)
    done = aerostore("policies", "test", str(folder / "reads.test.yaml"))
    assert done.returncode == NO
    assert done.stdout.splitlines() == [
        f"{folder}/reads.test.yaml:4: allow download: it is denied",
        '    select using: "reads" is false',
        f"{folder}/reads.test.yaml:5: deny download: it is allowed (another bucket)",
        '    select using: "reads" permits',
        "2 cases in 1 file: 2 came out differently",
    ]


def test_case_tells_whom_a_policy_is_for_and_why_it_fails(folder: Path) -> None:
    (folder / "reads.sql").write_text(
        "create policy a on storage.objects for select to authenticated using (true);"
        "create policy b on storage.objects for select using (name::uuid is not null);"
    )
    (folder / "reads.test.yaml").write_text("cases:\n- {allow: list, as: anon, bucket: b, name: n}\n")
    done = aerostore("policies", "test", str(folder))
    assert done.stdout.splitlines()[1:4] == [
        '    select using: error 22P02 invalid input syntax for type uuid: "n"',
        '    select using: "a" is only for authenticated',
        '    select using: "b" fails: 22P02 invalid input syntax for type uuid: "n"',
    ]


def test_cases_that_make_no_sense_cannot_run(folder: Path) -> None:
    (folder / "reads.test.yaml").write_text("cases:\n- {allow: fly, bucket: b, name: n}\n")
    done = aerostore("policies", "test", str(folder))
    assert has_refused(done, f"{folder}/reads.test.yaml:2: 'fly' is no operation")


def test_cases_of_policies_that_do_not_load_fail(folder: Path) -> None:
    (folder / "reads.sql").write_text("create policy a on storage.objects using (nowhere);")
    done = aerostore("policies", "test", str(folder))
    assert (done.returncode, done.stdout.split()[1]) == (NO, "42703")


# SQLite


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_database_in_sqlite_cannot_differ_from_the_files(folder: Path, command: str) -> None:
    done = aerostore("policies", command, policies_dir=folder)
    assert (done.returncode, "reads the policy files when it starts" in done.stdout) == (0, True)


def test_database_in_sqlite_has_nothing_to_export() -> None:
    assert has_refused(aerostore("policies", "export"), "SQLite")


# PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder of policies and a database for them."""

    folder: Path
    conninfo: str
    url: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return aerostore("policies", *arguments, policies_dir=self.folder, database_url=self.url)

    def policies(self) -> set[str]:
        with psycopg.connect(self.conninfo) as connection:
            return {str(name) for (name,) in connection.execute("SELECT polname FROM pg_policy")}

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture
def project(cluster: PostgresCluster, folder: Path) -> Iterator[Project]:
    name = cluster.create_database()
    found = Project(
        folder=folder,
        conninfo=cluster.conninfo(name),
        url=f"postgresql://{OWNER}:{quote(cluster.password)}@127.0.0.1:{cluster.port}/{name}",
    )
    with psycopg.connect(found.conninfo) as connection:
        for path in sorted((REPOSITORY / "migrations/postgres").glob("*.sql")):
            connection.execute("SET LOCAL search_path = aerostore, storage")
            connection.execute(path.read_bytes())
    yield found
    cluster.drop_database(name)


@pytest.mark.postgres
def test_diff_shows_what_apply_does_and_changes_nothing(project: Project) -> None:
    done = project.run("diff")
    assert done.returncode == NO
    assert done.stdout.splitlines()[0] == (
        'create policy "reads" on storage.objects: the database does not have it'
    )
    assert "+create policy reads on storage.objects" in done.stdout
    assert project.policies() == set()


@pytest.mark.postgres
def test_apply_makes_the_database_agree_with_the_files(project: Project) -> None:
    done = project.run("apply", "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 change applied")
    assert project.policies() == {"reads"}
    assert project.run("diff").returncode == 0
    (project.folder / "reads.sql").write_text(UPLOAD)
    assert project.run("apply", "--yes").stdout.splitlines()[-1] == "2 changes applied"
    assert project.policies() == {"uploads"}


@pytest.mark.postgres
def test_apply_only_tries_when_told_so(project: Project) -> None:
    done = project.run("apply", "--dry-run")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 change tried and undone")
    assert project.policies() == set()


@pytest.mark.postgres
def test_apply_asks_before_it_changes_anything(project: Project) -> None:
    assert has_refused(project.run("apply"), "--yes")
    assert project.policies() == set()


@pytest.mark.postgres
def test_apply_tells_what_postgres_refuses(project: Project) -> None:
    (project.folder / "wrong.sql").write_text("create policy a on storage.objects using (nowhere);")
    done = project.run("apply", "--yes")
    assert done.returncode == NO
    assert done.stdout.startswith(f"{project.folder}/wrong.sql:1:1 42703 ")
    assert project.policies() == set()


@pytest.mark.postgres
def test_policies_of_others_are_told_and_can_be_adopted(project: Project) -> None:
    project.execute("CREATE POLICY theirs ON storage.objects USING (true)")
    project.execute("CREATE POLICY reads ON storage.objects USING (true)")
    refused = project.run("diff")
    assert refused.returncode == NO
    assert 'leave alone policy "theirs" on storage.objects' in refused.stdout
    assert "reads.sql:2:1 42710" in refused.stdout
    assert "reads.sql:2:1 42710" in project.run("apply", "--yes").stdout
    assert project.run("apply", "--yes", "--adopt").returncode == 0
    assert project.run("diff").returncode == 0


@pytest.mark.postgres
def test_export_printed_into_a_file_is_what_the_database_has(project: Project) -> None:
    project.execute("CREATE POLICY \"it's\" ON storage.buckets FOR SELECT TO anon USING (name <> 'x''y')")
    project.execute(READ)
    exported = project.run("export")
    assert exported.stdout.startswith(
        'create policy "it\'s"\n    on storage.buckets\n    for select\n    to anon\n'
    )
    (project.folder / "reads.sql").write_text(exported.stdout)
    assert project.run("diff").stdout == ""
    assert project.run("apply", "--yes").stdout == "0 changes applied\n"
    assert aerostore("policies", "check", str(project.folder)).returncode == 0


@pytest.mark.postgres
def test_declarations_that_the_database_lacks_are_shown_as_sql(project: Project) -> None:
    declaration = "create table public.members (id uuid primary key)"
    (project.folder / "members.sql").write_text(f"{declaration};\n")
    done = project.run("diff")
    assert f"missing table public.members ({project.folder}/members.sql:1)" in done.stdout
    assert f"    {declaration};" in done.stdout.splitlines()


@pytest.mark.postgres
def test_database_that_cannot_be_reached_is_told(folder: Path) -> None:
    url = "postgresql://nobody:secret-word@127.0.0.1:1/none"
    done = aerostore("policies", "diff", policies_dir=folder, database_url=url)
    assert has_refused(done, "AEROSTORE_DATABASE_URL")
    assert "secret-word" not in done.stderr + done.stdout
