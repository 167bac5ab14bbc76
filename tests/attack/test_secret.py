"""Secrets that can be told apart from everything else: after much work and many failures they are nowhere."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.attack.route_table import entries
from tests.conformance.postgres import PostgresCluster
from tests.contract.conftest import SECRET, serve
from tests.crash.server import Server, running, wait_until

SECRETS = {
    "jwt_secret": SECRET,
    "signing_keys": "marked-signing-key-0123456789-0123456789",
    "webhook_secret": "marked-webhook-secret-0123456789-0123456789",
}
WEBHOOK_KEY = "marked-webhook-key"
TOKEN_MARK = "marked-claim-of-a-token"


@dataclass
class Watch:
    """A server with marked secrets, and everything that it has answered."""

    server: Server
    answered: list[str]

    def note(self, answer: httpx.Response) -> httpx.Response:
        self.answered.append(f"{answer.status_code} {answer.headers} {answer.text}")
        return answer

    def log(self) -> str:
        folder = self.server.data_dir
        return "".join(path.read_text("utf-8") for path in folder.parent.glob(f"{folder.name}-*.log"))

    def tokens(self) -> list[str]:
        make = self.server.target.token
        return [
            make("service_role", mark=TOKEN_MARK),
            make("authenticated", sub="somebody", mark=TOKEN_MARK),
            make("authenticated", exp=1, mark=TOKEN_MARK),
            make("unknown", mark=TOKEN_MARK),
            make("service_role", mark=TOKEN_MARK) + "x",
        ]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    settings = {
        **{name: value for name, value in SECRETS.items() if name != "jwt_secret"},
        "webhook_url": f"http://127.0.0.1:9/{WEBHOOK_KEY}?key={WEBHOOK_KEY}",
        "log_level": "debug",
        "event_log": "true",
    }
    with running(tmp_path_factory.mktemp("secret") / "data", **settings) as server:
        watched = Watch(server, [])
        drive(watched)
        yield watched


def drive(watch: Watch) -> None:
    """Use every route well and badly, with good tokens and bad ones, by header and in the query."""
    tokens = watch.tokens()
    with watch.server.target.connect(tokens[0]) as service:
        watch.note(service.post("/bucket", json={"name": "b"}))
        watch.note(service.post("/object/b/a", content=b"x" * 200_000))
        link = watch.note(service.post("/object/sign/b/a", json={"expiresIn": 60})).json()["signedURL"]
        upload = watch.note(service.post("/object/upload/sign/b/new")).json()["url"]
    with watch.server.target.connect(None) as caller:
        for url in (link, upload, f"{link}x", f"{link}&expires=1"):
            watch.note(caller.get(url))
            watch.note(caller.put(url, content=b"y"))
        for number, entry in enumerate(entries() * 2):
            token = tokens[number % len(tokens)]
            for headers, query in (
                ({"authorization": f"Bearer {token}"}, ""),
                ({"apikey": token}, ""),
                ({}, f"?token={token}&apikey={token}"),
            ):
                path = f"{entry.at('b', 'a')}{query}"
                body = b"" if entry.method == "GET" else b'{"a":'
                watch.note(caller.request(entry.method, path, headers=headers, content=body))


@pytest.mark.parametrize("name", SECRETS)
def test_no_answer_and_no_line_of_the_log_holds_a_secret(watch: Watch, name: str) -> None:
    assert len(watch.answered) > 100
    assert not [answer for answer in watch.answered if SECRETS[name] in answer]
    assert SECRETS[name] not in watch.log()


def test_the_address_of_the_webhook_is_told_to_nobody(watch: Watch) -> None:
    """A delivery was tried: that is what the rows are for."""
    failed = "SELECT last_error FROM storage_events WHERE last_error IS NOT NULL"
    with closing(sqlite3.connect(watch.server.data_dir / "aerostore.db")) as rows:
        wait_until(lambda: bool(rows.execute(failed).fetchall()), "a delivery has failed")
        (error,) = rows.execute(failed).fetchone()
    assert WEBHOOK_KEY not in error
    assert WEBHOOK_KEY not in watch.log()
    assert not [answer for answer in watch.answered if WEBHOOK_KEY in answer]


def test_no_token_is_in_the_log(watch: Watch) -> None:
    log = watch.log()
    assert log.count('"message":"request"') > 100
    for token in watch.tokens():
        for part in token.split("."):
            assert part not in log
    assert TOKEN_MARK not in log
    assert "token=" not in log


def test_no_signed_url_is_in_the_log(watch: Watch) -> None:
    signed = [answer for answer in watch.answered if '"signedURL"' in answer]
    token = signed[0].partition("?token=")[2].partition('"')[0]
    assert len(token) > 100
    assert token not in watch.log()
    assert token.rpartition(".")[2] not in watch.log()


def test_no_process_shows_a_secret_to_others(watch: Watch) -> None:
    """Anybody on the machine can read a command line; an environment only its user."""
    for pid in (watch.server.process.pid, *watch.server.workers()):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
        for secret in (*SECRETS.values(), WEBHOOK_KEY):
            assert secret.encode() not in shown
        assert Path(f"/proc/{pid}/environ").stat().st_mode & 0o077 == 0


def test_no_secret_is_written_into_the_data_directory(watch: Watch) -> None:
    """What is given is not kept; what is kept is for the server's user alone."""
    for path in watch.server.data_dir.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert not [name for name, secret in SECRETS.items() if secret.encode() in held], path


def test_metrics_hold_no_secret_and_nobody_by_name(watch: Watch) -> None:
    with watch.server.target.connect(None) as caller:
        metrics = caller.get("/metrics").text
    assert "storage_upload_total" in metrics
    for mark in (*SECRETS.values(), WEBHOOK_KEY, TOKEN_MARK, "somebody"):
        assert mark not in metrics


@pytest.mark.postgres
def test_a_database_that_fails_does_not_make_its_password_known(
    cluster: PostgresCluster, tmp_path: Path
) -> None:
    database = cluster.create_database()
    told = []
    for target in serve(tmp_path, database_url=cluster.url(database)):
        with target.connect(target.token("service_role")) as caller:
            assert caller.get("/bucket").is_success
            cluster.drop_database(database)
            answers = [caller.get(path) for path in ("/bucket", "/health")]
        assert answers[0].status_code == 503
        told += [answer.text for answer in answers]
    assert cluster.password not in "".join(told) + (tmp_path / "server.log").read_text("utf-8")
