"""Events over a real socket: in time, once, to whom they may be shown, and no longer than they may."""

import re
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import httpx
import pytest

from tests.conformance.postgres import PostgresCluster
from tests.contract.admin.browser import Browser, code_of, signed_in
from tests.contract.admin.event_source import EventSource, Message, events
from tests.contract.client import Target, object_path, put_object, unique
from tests.crash.server import Server, running

SOON_S = 3.0
SHUTDOWN_DEADLINE_S = 10.0


def names(messages: list[Message]) -> list[str]:
    return [message.data["name"] for message in messages]


def test_what_one_browser_uploads_another_one_hears_of(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    with signed_in(target) as browser, events(browser, bucket=bucket) as source:
        assert source.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert source.answer.headers["cache-control"] == "no-store"
        source.until_known()
        assert put_object(service, bucket, "日本語 #1?.txt").status_code == 200
        uploaded = time.monotonic()
        [message] = source.messages(1)
        assert time.monotonic() - uploaded < SOON_S
    assert message.event == "object"
    assert message.last_id == str(message.data["seq"])
    about = {name: message.data[name] for name in ("type", "bucket", "name", "size_bytes", "content_type")}
    assert about == {
        "type": "ObjectCreated:Post",
        "bucket": bucket,
        "name": "日本語 #1?.txt",
        "size_bytes": 7,
        "content_type": "text/plain",
    }
    assert message.data["request_id"]
    assert message.data["actor"] == {"role": "service_role", "sub": None}


def test_a_user_hears_of_what_it_may_select_and_not_a_byte_of_the_rest(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    sub = unique("sub")
    with (
        target.connect(target.token("authenticated", sub=sub)) as me,
        target.connect(target.token("authenticated", sub=unique("sub"))) as another,
        signed_in(target, "authenticated", sub=sub) as browser,
        events(browser, bucket=bucket) as source,
    ):
        source.until_known()
        put_object(service, bucket, "hidden/of-the-service")
        put_object(another, bucket, "hidden/of-another")
        put_object(me, bucket, "hidden/gone")
        assert me.delete(object_path(bucket, "hidden/gone")).status_code == 200
        put_object(me, bucket, "shown")
        messages = source.messages(1)
        while names(messages)[-1] != "shown":
            # It may have been there still when the event came.
            assert names(messages)[-1] == "hidden/gone"
            messages += source.messages(1)
        assert (messages[-1].data["request_id"], messages[-1].data["actor"]) == (None, None)
        heard = "\n".join(source.sent)
        assert "of-the-service" not in heard
        assert "of-another" not in heard
        assert "ObjectRemoved" not in heard


def test_who_is_not_signed_in_hears_nothing(target: Target) -> None:
    with Browser(target) as browser:
        assert code_of(browser.get("api/events")) == (401, "SessionRequired")
        bearer = {"authorization": f"Bearer {target.token('service_role')}"}
        assert code_of(browser.get("api/events", headers=bearer)) == (401, "SessionRequired")


@pytest.mark.parametrize(
    "query",
    [{"after": "x"}, {"after": "-1"}, {"after": "9" * 40}, {"after": "²"}, {"denied": "maybe"}],
    ids=str,
)
def test_what_no_reader_can_mean_is_refused(target: Target, query: dict[str, str]) -> None:
    with signed_in(target) as browser:
        assert code_of(browser.get("api/events", params=query)) == (400, "InvalidParameter")


def test_a_page_is_told_at_once_where_it_is(target: Target) -> None:
    with signed_in(target) as browser, browser.stream("GET", "api/events") as answer:
        lines = list(islice(answer.iter_lines(), 5))
    assert re.fullmatch(r"id: \d+", lines[2])
    assert lines[3:] == ["event: at", "data: {}"]


def test_a_question_for_the_head_of_a_stream_is_answered_at_once(target: Target) -> None:
    with signed_in(target) as browser:
        answer = browser.head("api/events")
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_session_may_have_some_streams_and_no_more(target: Target) -> None:
    with signed_in(target) as browser, ExitStack() as opened:
        refused = httpx.Response(200)
        # A server of two workers bounds each of them.
        for _ in range(21):
            stream = browser.stream("GET", "api/events")
            refused = opened.enter_context(stream)
            if refused.status_code != 200:
                refused.read()
                break
        assert code_of(refused) == (429, "SlowDown")


def test_a_revoked_session_hears_nothing_more(target: Target, service: httpx.Client, bucket: str) -> None:
    with signed_in(target) as admin, signed_in(target) as browser, events(browser, bucket=bucket) as source:
        source.until_known()
        session_id = browser.session()["id"]
        assert admin.delete(f"api/sessions/{session_id}").status_code == 200
        put_object(service, bucket, "after the end")
        assert [(message.event, message.data) for message in source] == [("end", {"reason": "session"})]
        assert "after the end" not in "\n".join(source.sent)


def test_a_refusal_is_heard_by_operators(target: Target, anon: httpx.Client, bucket: str) -> None:
    with signed_in(target) as browser, events(browser, bucket=bucket, denied="true") as source:
        source.until_known()
        refused = put_object(anon, bucket, "refused.txt")
        assert refused.status_code == 400
        [message] = source.messages(1)
    assert (message.event, message.data["name"], message.data["code"]) == (
        "denial",
        "refused.txt",
        "AccessDenied",
    )
    assert message.data["request_id"] == refused.headers["x-request-id"]
    assert message.data["explain"] == {
        "op": "upload",
        "bucket": bucket,
        "name": "refused.txt",
        "size": 7,
        "mime": "text/plain",
    }


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> dict[str, object]:
    """Where rows are, for a server of one's own."""
    if request.param == "sqlite":
        return {}
    cluster: PostgresCluster = request.getfixturevalue("cluster")
    name = cluster.create_database()
    request.addfinalizer(lambda: cluster.drop_database(name))
    return {"database_url": cluster.url(name), "workers": 2}


def upload(server: Server, *names: str) -> None:
    with server.connect() as caller:
        caller.post("/bucket", json={"name": "kept"})
        for name in names:
            assert put_object(caller, "kept", name).status_code == 200


def heard_from(server: Server, count: int, after: str) -> EventSource:
    with signed_in(server.target) as browser, events(browser, after=after) as source:
        heard = source.messages(count)
        source.sent = names(heard)
        return source


def test_a_restart_loses_nothing_and_repeats_nothing(tmp_path: Path, database: dict[str, object]) -> None:
    with running(tmp_path / "data", **database) as server:
        upload(server, "one", "two")
        before = heard_from(server, 2, after="0")
        upload(server, "three")
    assert before.sent == ["one", "two"]
    with running(tmp_path / "data", **database) as server:
        upload(server, "four")
        assert heard_from(server, 2, after=before.last_id).sent == ["three", "four"]


def test_open_streams_are_told_of_a_stop_and_do_not_hold_it_up(
    tmp_path: Path, database: dict[str, object]
) -> None:
    with running(tmp_path / "data", **database) as server, ExitStack() as opened:
        sources = []
        for _ in range(4):
            browser = opened.enter_context(signed_in(server.target))
            sources.append(opened.enter_context(events(browser)))
            sources[-1].until_known()
        stopped = time.monotonic()
        server.terminate()
        for source in sources:
            assert [message.data for message in source] == [{"reason": "shutdown"}]
        assert server.process.wait(SHUTDOWN_DEADLINE_S) == 0
        assert time.monotonic() - stopped < SHUTDOWN_DEADLINE_S


MANY_EVENTS = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
    INSERT INTO storage_events
        (id, type, bucket_id, name, object_id, payload, created_at, next_attempt_at, delivered_at)
    SELECT printf('%09d', n), 'ObjectCreated:Post', 'kept', printf('%.1000c', 'x'), 'none', '{{}}',
        '2026-01-31T09:00:00.000Z', '2026-01-31T09:00:00.000Z', '2026-01-31T09:00:00.000Z' FROM numbers
"""


def test_readers_that_do_not_read_cost_no_memory_and_miss_nothing(tmp_path: Path) -> None:
    count, readers = 20_000, 8
    all_that_waits = readers * count * 1000
    with running(tmp_path / "data") as server, ExitStack() as opened:
        server.place.change(MANY_EVENTS.format(count=count))
        browser = opened.enter_context(signed_in(server.target))
        sources = [opened.enter_context(events(browser, after="0")) for _ in range(readers)]
        for source in sources:
            source.until_known()
        before = server.reset_peak_memory()
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            time.sleep(0.1)  # the server is another process: it has time to collect what nobody takes
        # Besides what waits there are pages of the file, shared by all readers: a tenth of this.
        assert server.peak_memory() - before < all_that_waits / 4
        ids = [message.data["id"] for message in sources[-1].messages(count)]
        assert ids == [f"{number:09}" for number in range(1, count + 1)]


def test_a_reader_that_has_gone_gives_its_place_back(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, signed_in(server.target) as browser:
        for _ in range(15):  # one more than a session may have at once
            with events(browser) as source:
                source.until_known()
            # The server learns of it a moment later.
            deadline = time.monotonic() + SOON_S
            while _streams(server) and time.monotonic() < deadline:
                time.sleep(0.02)
        assert _streams(server) == 0


def _streams(server: Server) -> int:
    """Count requests under way besides the one that asks."""
    with server.connect() as caller:
        text = caller.get("/metrics").text
    [line] = [line for line in text.splitlines() if line.startswith("http_requests_in_flight ")]
    return round(float(line.rpartition(" ")[2])) - 1
