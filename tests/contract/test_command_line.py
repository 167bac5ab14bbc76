"""The command line as a user meets it: exit codes, messages, and a server that is started with flags."""

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from tests.crash.server import running, wait_until
from tests.port import free_port

from .client import unique
from .conftest import SECRET, stop, wait_until_ready

PROGRAM = [sys.executable, "-m", "aerostore"]
REPOSITORY = Path(__file__).parents[2]
NO, CANNOT_RUN, BYTES_MISSING = 1, 2, 3


def environment(settings: dict[str, object]) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin"} | {f"AEROSTORE_{name.upper()}": str(it) for name, it in settings.items()}


def aerostore(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run one command to its end. settings: as `AEROSTORE_*`, in lower case."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=REPOSITORY,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that was started by hand, and what it writes."""

    port: int
    url: str
    data_dir: Path
    other_data_dir: Path
    output: Path
    log: Path
    process: subprocess.Popen[bytes]


@contextmanager
def serving(directory: Path, *flags: str) -> Iterator[Served]:
    """Serve with `flags`, which win over an environment that says something else."""
    port, output, log = free_port(), directory / "out", directory / "err"
    data_dir, other = directory / "data", directory / "other"
    flags = ("--port", str(port), "--data-dir", str(data_dir), "--host", "localhost", *flags)
    settings: dict[str, object] = {"port": 1, "data_dir": other, "jwt_secret": SECRET}
    with output.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(
            [*PROGRAM, "serve", *flags], cwd=REPOSITORY, env=environment(settings), stdout=out, stderr=err
        )
    url = f"http://localhost:{port}/storage/v1"
    try:
        wait_until_ready(process, url, log)
        yield Served(
            port=port,
            url=url,
            data_dir=data_dir,
            other_data_dir=other,
            output=output,
            log=log,
            process=process,
        )
    finally:
        stop(process)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two workers that has shown its keys."""
    with serving(tmp_path_factory.mktemp("served"), "--workers", "2", "--show-keys") as found:
        yield found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `migrate` makes of a directory that does not exist; to be copied, not to be used."""
    data_dir = tmp_path_factory.mktemp("fresh") / "data"
    assert aerostore("migrate", data_dir=data_dir).returncode == 0
    return data_dir


@pytest.fixture
def data_dir(fresh: Path, tmp_path: Path) -> Path:
    """A data directory without objects that nobody else uses."""
    return Path(shutil.copytree(fresh, tmp_path / "data"))


@pytest.fixture
def newer(data_dir: Path) -> Path:
    """A data directory whose database has a migration that this version does not know."""
    run_sql(data_dir, "INSERT INTO storage_migrations (name, sha256) VALUES ('9999_from_tomorrow', 'x')")
    return data_dir


def run_sql(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / "aerostore.db", isolation_level=None)) as connection:
        connection.execute(statement)


def has_refused(done: subprocess.CompletedProcess[str], *words: str) -> bool:
    """Tell whether the command said in one line what was wrong, with all of `words` in it."""
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("aerostore: ")]
    return done.returncode == CANNOT_RUN and any(all(word in line for word in words) for line in lines)


# serve


def test_flags_win_over_the_environment(served: Served) -> None:
    assert (served.data_dir / "aerostore.db").is_file()
    assert not served.other_data_dir.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes through /proc")
def test_workers_flag_starts_that_many_processes(served: Served) -> None:
    pid = served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    assert len(children) == 2


def test_shown_urls_and_keys_work(served: Served) -> None:
    shown = dict(line.rsplit(maxsplit=1) for line in served.output.read_text().split("\n\n")[0].splitlines())
    assert shown["storage"] == served.url
    assert httpx.get(shown["health"], trust_env=False).json() == {"healthy": True}
    claims = {
        name: jwt.decode(shown[f"{name} key"], SECRET, ["HS256"])["role"] for name in ("anon", "service")
    }
    assert claims == {"anon": "anon", "service": "service_role"}


def test_shown_first_upload_works_when_it_is_pasted_more_than_once(served: Served) -> None:
    lines = served.output.read_text().splitlines()
    script = "\n".join(lines[next(n for n, line in enumerate(lines) if line.startswith("export KEY=")) :])
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-e"], input=script, env=environment({}), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert '"Key":"photos/hello.txt"' in done.stdout
        assert done.stdout.splitlines()[-1] == "hello"


def test_request_is_one_line_of_json_among_lines_of_json(served: Served) -> None:
    request_id = unique("line")
    httpx.get(f"{served.url}/status", headers={"x-request-id": request_id}, trust_env=False)
    wait_until(lambda: request_id in served.log.read_text(), "the request is logged")
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    found = [line for line in lines if line.get("request_id") == request_id]
    assert [(line["message"], line["level"], line["status"]) for line in found] == [("request", "info", 200)]
    assert {"_granian", "aerostore.request"} <= {line["logger"] for line in lines}


def test_taken_port_is_told_although_it_could_be_shared(served: Served, tmp_path: Path) -> None:
    done = aerostore("serve", port=served.port, data_dir=tmp_path / "data")
    assert has_refused(done, f"127.0.0.1:{served.port}", "Address already in use", "--port")
    assert not (tmp_path / "data").exists()


def test_keys_are_not_shown_away_from_a_terminal_and_sigterm_is_a_success(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.terminate()
        assert server.process.wait(20) == 0
        shown = server.output.read_text()
    assert server.url in shown
    assert "eyJ" not in shown


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwt_secret": "short"}, ["AEROSTORE_JWT_SECRET", "at least 16 bytes"]),
        ({"host": "192.0.2.1"}, ["192.0.2.1", "--host"]),
        ({"jwks": '{"keys": [{}]}'}, ["AEROSTORE_JWKS", "no key"]),
        ({"data_dir": __file__}, ["AEROSTORE_DATA_DIR", __file__, "not a directory"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_keeps_the_server_from_starting_is_told(
    tmp_path: Path, settings: dict[str, object], words: list[str]
) -> None:
    done = aerostore("serve", **({"data_dir": tmp_path / "data", "port": free_port()} | settings))
    assert has_refused(done, *words), done.stderr


def test_application_inside_another_program_leaves_logging_alone(tmp_path: Path) -> None:
    program = (
        "import logging, aerostore\n"
        "aerostore.create_app()\n"
        "names = [None, 'aerostore', 'aerostore.request']\n"
        "print([(logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in names])"
    )
    given = environment({"data_dir": tmp_path / "data"})
    done = subprocess.run(
        [sys.executable, "-c", program], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str([([], True)] * 3)


# token


def test_token_carries_role_user_expiry_and_claims(tmp_path: Path) -> None:
    claims = ["--claim", 'team="red"', "--claim", 'app_metadata={"level": 3}']
    done = aerostore(
        *["token", "--role", "authenticated", "--sub", "user-1", "--expires-in", "60", *claims],
        jwt_secret=SECRET,
        data_dir=tmp_path,
    )
    payload = jwt.decode(done.stdout.strip(), SECRET, ["HS256"])
    assert payload["exp"] - payload["iat"] == 60
    assert {name: payload[name] for name in ("role", "sub", "team", "app_metadata")} == {
        "role": "authenticated",
        "sub": "user-1",
        "team": "red",
        "app_metadata": {"level": 3},
    }


def test_token_is_signed_with_the_secret_that_the_server_keeps(tmp_path: Path) -> None:
    done = aerostore("token", data_dir=tmp_path)
    secret = (tmp_path / "jwt_secret").read_text()
    assert jwt.decode(done.stdout.strip(), secret, ["HS256"])["role"] == "authenticated"


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--role", "root"], "service_role"),
        (["--claim", "team=red"], "not JSON"),
        (["--claim", 'role="service_role"'], "--role"),
    ],
    ids=["role", "text", "own claim"],
)
def test_token_refuses_what_it_cannot_say(tmp_path: Path, flags: list[str], word: str) -> None:
    done = aerostore("token", *flags, jwt_secret=SECRET, data_dir=tmp_path)
    assert (done.returncode, done.stdout) == (CANNOT_RUN, "")
    assert word in done.stderr


# migrate


def test_migrate_check_tells_what_is_due_and_makes_nothing(tmp_path: Path) -> None:
    done = aerostore("migrate", "--check", data_dir=tmp_path / "data")
    assert done.returncode == NO
    assert "due  0001_create_storage" in done.stdout
    assert not (tmp_path / "data").exists()


def test_migrate_runs_what_is_due_once(tmp_path: Path) -> None:
    first = aerostore("migrate", data_dir=tmp_path / "data")
    assert (first.returncode, first.stdout.splitlines()[0]) == (0, "ran  0001_create_storage")
    again = aerostore("migrate", "--check", data_dir=tmp_path / "data")
    assert (again.returncode, again.stdout) == (0, "up to date\n")


def test_migrate_applies_a_repeatable_file_again_when_its_text_changed(data_dir: Path) -> None:
    run_sql(data_dir, "UPDATE storage_migrations SET sha256 = 'old' WHERE name = 'repeatable_ref_count'")
    check = aerostore("migrate", "--check", data_dir=data_dir)
    assert (check.returncode, check.stdout) == (NO, "due  repeatable_ref_count\n")
    assert aerostore("migrate", data_dir=data_dir).stdout == "ran  repeatable_ref_count\n"


@pytest.mark.parametrize("command", ["serve", "migrate", "reclaim"])
def test_database_of_a_newer_version_is_left_alone(newer: Path, command: str) -> None:
    done = aerostore(command, data_dir=newer, port=free_port())
    assert has_refused(done, "newer aerostore", "9999_from_tomorrow", "backup")


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "aerostore.db").write_text("this is not a database, only a text of some length" * 100)
    assert has_refused(
        aerostore("serve", data_dir=tmp_path, port=free_port()), "aerostore.db", "cannot be read"
    )


# reclaim


def leave_orphans(data_dir: Path, count: int) -> list[Path]:
    """Leave bytes that no row knows and that are older than the grace period."""
    folder = data_dir / "blobs" / "sha256" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"ab{number:062x}.{number:036x}" for number in range(count)]
    two_days_ago = time.time() - 2 * 24 * 3600
    for path in paths:
        path.write_bytes(b"orphan")
        os.utime(path, (two_days_ago, two_days_ago))
    return paths


def test_reclaim_only_looks_by_default(data_dir: Path) -> None:
    (orphan,) = leave_orphans(data_dir, 1)
    done = aerostore("reclaim", data_dir=data_dir)
    assert done.returncode == 0
    assert "only looking" in done.stdout
    report = json.loads(aerostore("reclaim", "--json", data_dir=data_dir).stdout)
    assert (report["applied"], report["orphans"], report["orphan_bytes"]) == (False, 1, 6)
    assert orphan.exists()


def test_reclaim_applies_when_it_is_told_to(data_dir: Path) -> None:
    (orphan,) = leave_orphans(data_dir, 1)
    done = aerostore("reclaim", "--apply", "--json", data_dir=data_dir)
    assert (done.returncode, json.loads(done.stdout)["applied"]) == (0, True)
    assert orphan.exists(), "one scan is not enough evidence"


def test_reclaim_refuses_when_too_much_has_no_row(data_dir: Path) -> None:
    orphans = leave_orphans(data_dir, 101)
    done = aerostore("reclaim", "--apply", data_dir=data_dir)
    assert done.returncode == NO
    assert "aerostore: nothing was removed: 101 of 101 stored blobs have no row" in done.stderr
    assert all(path.exists() for path in orphans)


def test_reclaim_refuses_a_restored_database_until_it_is_accepted(data_dir: Path) -> None:
    mark = data_dir / "blobs" / "meta" / "seq" / f"{9:020d}.{0:036x}"
    mark.parent.mkdir(parents=True)
    mark.touch()
    refused = aerostore("reclaim", "--apply", data_dir=data_dir)
    assert refused.returncode == NO
    assert "aerostore reclaim --apply --accept-restored" in refused.stderr
    assert aerostore("reclaim", "--apply", "--accept-restored", data_dir=data_dir).returncode == 0
    assert not mark.exists()


def test_reclaim_beside_a_running_server_keeps_what_is_in_use_and_finds_what_is_missing(
    tmp_path: Path,
) -> None:
    with (
        running(tmp_path / "data") as server,
        server.connect() as caller,
    ):
        caller.post("/bucket", json={"name": "kept"}).raise_for_status()
        caller.post("/object/kept/a.txt", content=b"kept bytes").raise_for_status()
        (stored,) = [path for path in server.stored_files() if "sha256" in path.parts]

        whole = aerostore("reclaim", "--apply", "--json", data_dir=server.data_dir)
        assert (whole.returncode, json.loads(whole.stdout)["missing"]) == (0, [])
        assert caller.get("/object/kept/a.txt").content == b"kept bytes"

        stored.unlink()
        damaged = aerostore("reclaim", data_dir=server.data_dir)
        assert damaged.returncode == BYTES_MISSING
        assert stored.name in damaged.stderr


def test_reclaim_does_not_make_a_data_directory(tmp_path: Path) -> None:
    done = aerostore("reclaim", data_dir=tmp_path / "typo")
    assert has_refused(done, str(tmp_path / "typo"), "AEROSTORE_DATA_DIR")
    assert not (tmp_path / "typo").exists()


# doctor


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in json.loads(done.stdout)}


def examined(**settings: object) -> dict[str, str]:
    """Return the verdict of each check; the exit code must agree with them."""
    done = aerostore("doctor", "--json", **({"port": free_port()} | settings))
    verdicts = {name: str(finding["verdict"]) for name, finding in findings(done).items()}
    assert done.returncode == (NO if "fail" in verdicts.values() else 0)
    return verdicts


def test_doctor_passes_a_fresh_machine_and_makes_nothing(tmp_path: Path) -> None:
    done = aerostore("doctor", data_dir=tmp_path / "data", port=free_port())
    assert done.returncode == 0
    assert "will be made" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_passes_what_migrate_made_and_leaves_no_probe_behind(data_dir: Path) -> None:
    before = sorted(data_dir.rglob("*"))
    verdicts = examined(data_dir=data_dir)
    checks = (
        "data directory",
        "permissions",
        "SQLite",
        "database",
        "JWT secret",
        "signing keys",
        "key files",
    )
    assert {verdicts[check] for check in checks} == {"ok"}
    assert sorted(data_dir.rglob("*")) == before


def test_doctor_prints_a_table_with_what_to_do(tmp_path: Path) -> None:
    done = aerostore("doctor", data_dir=tmp_path, jwt_secret="short", port=free_port())
    assert done.returncode == NO
    (row,) = [line for line in done.stdout.splitlines() if "JWT secret" in line]
    assert "fail" in row
    assert "openssl rand" in done.stdout


def test_doctor_recognises_a_running_server(served: Served) -> None:
    done = aerostore("doctor", "--json", data_dir=served.data_dir, port=served.port, jwt_secret=SECRET)
    port = findings(done)["port"]
    assert (port["verdict"], "and is healthy" in port["message"]) == ("ok", True)


def test_doctor_recognises_another_program_on_the_port(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            assert examined(data_dir=tmp_path, port=other.server_port)["port"] == "fail"
        finally:
            other.shutdown()
            thread.join()


# All


def test_version_is_that_of_the_running_server(served: Served) -> None:
    answered = httpx.get(f"{served.url}/version", trust_env=False).text
    assert aerostore("--version").stdout.strip() == answered
