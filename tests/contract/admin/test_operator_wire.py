"""What operators see and start at the admin UI, over a real socket: jobs, policies, plots, the audit."""

import csv
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.contract.admin.browser import Browser, code_of, signed_in
from tests.contract.client import Target, put_object, unique

PATIENCE_S = 30.0
JOB = {
    "id",
    "kind",
    "state",
    "is_cancelling",
    "created_at",
    "started_at",
    "updated_at",
    "finished_at",
    "actor",
    "request",
    "done",
    "total",
    "done_bytes",
    "skipped",
    "refused",
    "error",
}


@pytest.fixture
def admin(target: Target) -> Iterator[Browser]:
    with signed_in(target) as browser:
        yield browser


def eventually(look: Callable[[], Any]) -> Any:
    """Return what `look` gives as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)  # the server is another process: there is no clock to pass in
    raise AssertionError("waited in vain")


def started(admin: Browser, kind: str, body: dict[str, Any]) -> Any:
    """Start a job of a kind of which one runs at a time."""

    def start() -> Any:
        answer = admin.post(f"api/jobs/{kind}", json=body)
        if answer.status_code == 409:
            return None
        assert answer.status_code == 202, answer.text
        return answer.json()["job"]

    return eventually(start)


def ended(admin: Browser, job_id: str) -> Any:
    def look() -> Any:
        job = admin.get(f"api/jobs/{job_id}").json()["job"]
        return job if job["finished_at"] else None

    return eventually(look)


class TestJobs:
    def test_a_dry_run_is_reported_as_json_and_as_csv(self, admin: Browser) -> None:
        job = started(admin, "reclaim", {"apply": False})
        assert set(job) == JOB
        assert (job["kind"], job["request"]) == ("reclaim", {"apply": False})
        assert job["actor"] == {"role": "service_role", "sub": None}
        done = ended(admin, job["id"])
        assert (done["state"], done["error"]) == ("done", None)
        report = admin.get(f"api/jobs/{job['id']}/report").json()
        assert set(report) == {"job", "counters", "refused", "entries", "complete"}
        assert report["counters"]["scanned"] == done["done"]
        answer = admin.get(f"api/jobs/{job['id']}/report", params={"format": "csv"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="reclaim-{job["id"]}.csv"'
        head, *rows = csv.reader(io.StringIO(answer.text))
        assert head == ["kind", "bucket", "name", "key", "size_bytes", "since", "reason"]
        assert len(rows) == len(report["entries"])

    def test_a_scrub_looks_at_every_byte(self, admin: Browser, service: httpx.Client, bucket: str) -> None:
        put_object(service, bucket, "a")
        done = ended(admin, started(admin, "scrub", {})["id"])
        assert done["state"] == "done"
        assert done["done"] >= 1

    def test_jobs_are_listed_newest_first_page_by_page(self, admin: Browser) -> None:
        ids = [ended(admin, started(admin, "reclaim", {"apply": False})["id"])["id"] for _ in range(3)]
        first = admin.get("api/jobs", params={"kind": "reclaim", "state": "done", "limit": 2}).json()
        assert [job["id"] for job in first["jobs"]] == [ids[2], ids[1]]
        following = {"kind": "reclaim", "limit": 1, "cursor": first["cursor"]}
        assert admin.get("api/jobs", params=following).json()["jobs"][0]["id"] == ids[0]

    def test_what_has_ended_cannot_be_cancelled(self, admin: Browser) -> None:
        job = ended(admin, started(admin, "reclaim", {"apply": False})["id"])
        assert admin.post(f"api/jobs/{job['id']}/cancel").status_code == 409

    @pytest.mark.parametrize("path", ["api/jobs/nowhere", "api/jobs/nowhere/report"])
    def test_a_job_that_is_not_there_is_not_found(self, admin: Browser, path: str) -> None:
        assert admin.get(path).status_code == 404

    @pytest.mark.parametrize(
        "query",
        [{"kind": "x"}, {"state": "x"}, {"limit": "0"}, {"limit": "201"}, {"cursor": "a\x00"}],
        ids=str,
    )
    def test_lists_that_make_no_sense_are_refused(self, admin: Browser, query: dict[str, str]) -> None:
        assert admin.get("api/jobs", params=query).status_code == 400

    @pytest.mark.parametrize("body", [{}, {"apply": "perhaps"}, {"apply": []}], ids=str)
    def test_nothing_is_removed_by_a_request_that_is_not_clear(
        self, admin: Browser, body: dict[str, Any]
    ) -> None:
        assert code_of(admin.post("api/jobs/reclaim", json=body))[0] == 400


class TestPolicies:
    def test_they_are_shown_as_they_are_written(self, admin: Browser) -> None:
        [policy] = admin.get("api/policies").json()["policies"]
        assert (policy["table"], policy["command"], policy["roles"]) == (
            "storage.objects",
            "all",
            ["authenticated"],
        )
        assert policy["name"] == "owners manage their own objects"
        assert policy["is_permissive"]
        assert "owner_id" in policy["using"]
        assert "owner_id" in policy["with_check"]
        assert policy["source"].lower().startswith("create policy")
        assert policy["file"].endswith(".sql")
        assert policy["line"] > 1
        assert policy["reason"].startswith("Signed-in users manage the objects they own")

    def test_coverage_tells_what_roles_may_do(self, admin: Browser, bucket: str, public_bucket: str) -> None:
        answer = admin.get("api/policies/coverage", params={"bucket": [bucket, public_bucket]}).json()
        verdicts = {
            (cell["bucket"], cell["role"], cell["operation"]): cell["verdict"] for cell in answer["cells"]
        }
        assert len(verdicts) == 2 * len(answer["roles"]) * len(answer["operations"])
        assert verdicts[bucket, "anon", "download"] == "denied"
        assert verdicts[public_bucket, "anon", "download"] == "allowed"
        assert verdicts[public_bucket, "anon", "upload"] == "denied"
        assert verdicts[bucket, "authenticated", "upload"] == "conditional"

    def test_coverage_needs_buckets_that_are_there(self, admin: Browser) -> None:
        assert admin.get("api/policies/coverage").status_code == 400
        assert admin.get("api/policies/coverage", params={"bucket": unique("no")}).status_code == 404
        many = [f"b{number}" for number in range(21)]
        assert admin.get("api/policies/coverage", params={"bucket": many}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "api/jobs/%00",
        "api/jobs/%00/report",
        "api/policies/coverage?bucket=a%00",
        "api/events?after=5&bucket=a%00&type=%00&denied=%00",
        "api/metrics/range?range=%00",
        "api/audit?type=%00",
    ],
)
def test_what_no_database_can_hold_is_refused(admin: Browser, path: str) -> None:
    assert admin.get(path).status_code in {400, 404}


class TestMetrics:
    @pytest.mark.parametrize(("range", "steps"), [("15m", 60), ("1h", 240), ("24h", 288), ("7d", 168)])
    def test_every_series_has_a_value_for_each_time(self, admin: Browser, range: str, steps: int) -> None:
        plots = admin.get("api/metrics/range", params={"range": range}).json()
        assert plots["range"] == range
        series = [
            *plots["requests_per_s"].values(),
            *plots["latency_ms"].values(),
            *plots["bytes_per_s"].values(),
            plots["uploads_active"],
            plots["errors_per_s"],
            plots["times"],
        ]
        assert {len(each) for each in series} == {steps}
        assert set(plots["requests_per_s"]) == {"2xx", "3xx", "4xx", "5xx"}
        assert set(plots["latency_ms"]) == {"p50", "p95", "p99"}
        assert {one - other for other, one in zip(plots["times"], plots["times"][1:-1], strict=False)} == {
            plots["step_s"]
        }

    def test_requests_are_in_the_plot_before_long(self, admin: Browser) -> None:
        def look() -> bool:
            plots = admin.get("api/metrics/range", params={"range": "15m"}).json()
            return any(plots["requests_per_s"]["2xx"]) and any(plots["latency_ms"]["p99"])

        assert eventually(look)

    @pytest.mark.parametrize("query", [{}, {"range": "1y"}], ids=str)
    def test_another_range_is_refused(self, admin: Browser, query: dict[str, str]) -> None:
        assert admin.get("api/metrics/range", params=query).status_code == 400


class TestAudit:
    def test_signing_in_starting_a_job_and_a_refusal_are_in_it(
        self, target: Target, anon: httpx.Client, bucket: str
    ) -> None:
        with signed_in(target) as admin:
            session_id = admin.session()["id"]
            job_id = started(admin, "reclaim", {"apply": False})["id"]
            request_id = put_object(anon, bucket, "refused.txt").headers["x-request-id"]
            seen = eventually(lambda: _seen(admin, {session_id, job_id, request_id}))
            asked = seen[request_id]["explain"]
            explained = admin.post("api/policies/explain", json=asked | {"role": "anon"}).json()
        assert (seen[session_id]["type"], seen[session_id]["role"]) == ("session.created", "service_role")
        assert (seen[job_id]["type"], seen[job_id]["detail"]["kind"]) == ("job.started", "reclaim")
        assert seen[request_id]["type"] == "denial"
        assert seen[request_id]["detail"]["name"] == "refused.txt"
        assert "question" not in seen[request_id]["detail"]
        assert (asked["op"], asked["bucket"], asked["name"]) == ("upload", bucket, "refused.txt")
        assert not explained["allowed"]
        assert seen[job_id]["explain"] is None

    def test_no_token_and_no_cookie_is_in_it(self, target: Target) -> None:
        token = target.token("service_role", jti="told-nobody")
        with Browser(target) as admin:
            admin.sign_in(token)
            admin.sign_in("not-a-token")
            eventually(lambda: _seen(admin, {admin.session()["id"]}))
            text = admin.get("api/audit", params={"limit": 200}).text
            assert token not in text
            assert admin.secret not in text

    def test_pages_go_on_where_the_one_before_ended(self, target: Target, admin: Browser) -> None:
        for _ in range(3):
            with signed_in(target):
                pass
        first = eventually(lambda: _page(admin, limit=2, type="session.created"))
        following = admin.get(
            "api/audit", params={"type": "session.created", "cursor": first["cursor"]}
        ).json()
        assert not {entry["id"] for entry in first["entries"]} & {
            entry["id"] for entry in following["entries"]
        }

    @pytest.mark.parametrize(
        "query", [{"type": "x"}, {"limit": "0"}, {"cursor": "x"}, {"cursor": "\x00"}], ids=str
    )
    def test_pages_that_make_no_sense_are_refused(self, admin: Browser, query: dict[str, str]) -> None:
        assert admin.get("api/audit", params=query).status_code == 400


def _page(admin: Browser, **query: Any) -> Any:
    """Return a page that has another one behind it."""
    page = admin.get("api/audit", params=query).json()
    return page if page["cursor"] else None


def _seen(admin: Browser, wanted: set[str]) -> dict[str, Any] | None:
    """Return the entries about sessions, jobs or requests by their ids, once all of them are there."""
    entries = admin.get("api/audit", params={"limit": 200}).json()["entries"]
    found = {}
    for entry in reversed(entries):
        for id in (entry["session_id"], entry["detail"].get("job"), entry["request_id"]):
            if id in wanted and id not in found:
                found[id] = entry
    return found if set(found) == wanted else None
