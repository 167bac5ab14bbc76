"""Every route of the admin API for every kind of session: who is let in, and that nobody is without one.

The shipped policies hold. A route that the table does not name fails the build.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from tests.attack.route_table import entries
from tests.attack.scene import Scene, open_scene, token_of
from tests.attack.table import Row, read_table

CALLERS = ("anon", "stranger", "owner", "service")
ROOT = "http://storage"
COOKIE = "aerostore-admin"
OURS = {"x-aerostore-csrf": "1", "origin": ROOT, "sec-fetch-site": "same-origin"}

# On what: `mine` belongs to the owner and is in a private bucket; `job` is one of the owner's, and has ended;
# `session` is one of somebody, `-` none of these. Answers: `ok` is 2xx, `none` a 2xx that shows nothing,
# `stream` has no end, the others are the refusals of `REFUSALS`.
TABLE = """
request                                on       anon       stranger   owner      service
GET /admin/api/session                 -        ok         ok         ok         ok
POST /admin/api/session                -        ok         ok         ok         ok
DELETE /admin/api/session              -        ok         ok         ok         ok
GET /admin/api/health                  -        ok         ok         ok         ok
GET /admin/api/sessions                -        role       role       role       ok
DELETE /admin/api/sessions             -        role       role       role       ok
DELETE /admin/api/sessions/{id}        session  role       role       role       ok
GET /admin/api/config                  -        ok         ok         ok         ok
GET /admin/api/buckets/stats           mine     none       none       none       ok
GET /admin/api/objects/count           mine     none       none       ok         ok
GET /admin/api/objects/search          mine     none       none       ok         ok
PATCH /admin/api/objects/metadata      mine     no-key     no-key     ok         ok
POST /admin/api/objects/sign           mine     no-key     no-key     ok         ok
POST /admin/api/zip                    mine     no-key     no-key     ok         ok
POST /admin/api/prefix/move            mine     no-prefix  no-prefix  ok         ok
POST /admin/api/prefix/copy            mine     no-prefix  no-prefix  ok         ok
POST /admin/api/prefix/delete          mine     no-prefix  no-prefix  ok         ok
GET /admin/api/jobs                    job      none       none       ok         ok
GET /admin/api/jobs/{id}               job      no-job     no-job     ok         ok
GET /admin/api/jobs/{id}/report        job      no-job     no-job     ok         ok
POST /admin/api/jobs/{id}/cancel       job      no-job     no-job     over       over
POST /admin/api/jobs/reclaim           -        role       role       role       ok
POST /admin/api/jobs/scrub             -        role       role       role       ok
GET /admin/api/policies                -        role       role       role       ok
GET /admin/api/policies/coverage       mine     role       role       role       ok
POST /admin/api/policies/explain       mine     role       role       role       ok
GET /admin/api/events                  -        stream     stream     stream     stream
GET /admin/api/metrics/range           -        role       role       role       ok
GET /admin/api/audit                   -        role       role       role       ok
"""
FOR_EVERYBODY = {"admin.session.get", "admin.session.create", "admin.session.end", "admin.health"}
ROWS = read_table(TABLE, CALLERS, door="admin")
GUARDED = [row for row in ROWS if row.entry.operation not in FOR_EVERYBODY]

REFUSALS = {
    "Access denied: Invalid role": "role",
    "Object not found": "no-key",
    "Folder not found": "no-prefix",
    "Job not found": "no-job",
    "The job has ended already": "over",
    "Nothing that was selected is there": "no-key",
}


@dataclass(frozen=True)
class Place:
    """Where a request is aimed: a bucket with an object, or the id of a job or a session."""

    bucket: str = ""
    id: str = ""


Options = dict[str, Any]


def transfer(place: Place) -> Options:
    return {"json": {"bucket": place.bucket, "prefix": "in/", "to_prefix": "out/"}}


def nothing(_place: Place) -> Options:
    return {}


def of_one(**more: object) -> Callable[[Place], Options]:
    return lambda place: {"json": {"bucket": place.bucket, "name": "in/mine", **more}}


OPTIONS: Mapping[str, Callable[[Place], Options]] = {
    "POST /admin/api/session": lambda _: {"json": {"key": token_of("anon")}},
    "GET /admin/api/buckets/stats": lambda place: {"params": {"bucket": place.bucket}},
    "GET /admin/api/objects/count": lambda place: {"params": {"bucket": place.bucket}},
    "GET /admin/api/objects/search": lambda place: {"params": {"bucket": place.bucket, "q": "MINE"}},
    "PATCH /admin/api/objects/metadata": of_one(content_type="text/css"),
    "POST /admin/api/objects/sign": of_one(expires_in_s=60),
    "POST /admin/api/zip": lambda place: {"json": {"bucket": place.bucket, "prefixes": [""]}},
    "POST /admin/api/prefix/move": transfer,
    "POST /admin/api/prefix/copy": transfer,
    "POST /admin/api/prefix/delete": lambda place: {"json": {"bucket": place.bucket, "prefix": "in/"}},
    "POST /admin/api/jobs/reclaim": lambda _: {"json": {"apply": False}},
    "POST /admin/api/jobs/scrub": lambda _: {"json": {}},
    "GET /admin/api/policies/coverage": lambda place: {"params": {"bucket": place.bucket}},
    "POST /admin/api/policies/explain": of_one(op="download", role="anon"),
    "GET /admin/api/metrics/range": lambda _: {"params": {"range": "15m"}},
}


@dataclass
class Desk:
    """Somebody at the admin UI: the scene, and the cookie of each caller."""

    scene: Scene
    cookies: dict[str, str]

    def send(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> httpx.Response:
        request = httpx.Request(method, f"{ROOT}{path}", headers={**OURS, **headers}, **options)
        return self.scene.runner.run(self.scene.send_as_is(request))

    def sign_in(self, caller: str) -> str:
        """Return the Cookie header of a new session."""
        answer = self.send("POST", "/admin/api/session", {}, json={"key": token_of(caller)})
        assert answer.is_success, answer.text
        return answer.headers["set-cookie"].partition(";")[0]

    def ask(self, caller: str, method: str, path: str, **options: Any) -> httpx.Response:
        return self.send(method, path, {"cookie": self.cookies[caller]}, **options)

    def job_of_owner(self) -> tuple[str, str]:
        """Return a bucket, and the id of a job about it that has ended."""
        bucket = self.bucket()
        answer = self.ask("owner", "POST", "/admin/api/prefix/copy", **transfer(Place(bucket)))
        assert answer.status_code == 202, answer.text
        return bucket, answer.json()["job"]["id"]

    def bucket(self) -> str:
        """Return a private bucket with an object of the owner's."""
        bucket = self.scene.make_bucket()
        self.scene.done("owner", "POST", f"/object/{bucket}/in/mine", content=b"mine")
        return bucket

    def place(self, on: str) -> Place:
        if on == "job":
            return Place(*self.job_of_owner())
        if on == "session":
            answer = self.send("GET", "/admin/api/session", {"cookie": self.sign_in("anon")})
            return Place(id=answer.json()["session"]["id"])
        return Place(self.bucket()) if on == "mine" else Place()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(tmp_path_factory.mktemp("matrix") / "data") as opened:
        yield opened


@pytest.fixture
def desk(scene: Scene) -> Desk:
    desk = Desk(scene, {})
    desk.cookies = {caller: desk.sign_in(caller) for caller in CALLERS}
    return desk


def ask(desk: Desk, row: Row, place: Place, caller: str) -> str:
    options = OPTIONS.get(str(row.entry), nothing)(place)
    answer = desk.ask(caller, row.entry.method, row.entry.path.replace("{id}", place.id), **options)
    return meaning(answer)


def meaning(answer: httpx.Response) -> str:
    """Put an answer into one word of the table."""
    if answer.is_error:
        message = answer.json()["message"]
        return REFUSALS.get(message, f"{answer.status_code}: {message}")
    if answer.headers["content-type"] == "application/zip":
        return "ok"
    shown = answer.json()
    found = [shown[name] for name in ("buckets", "objects", "jobs") if name in shown]
    return "none" if found and not any(found) else "ok"


def test_every_route_has_its_row() -> None:
    assert {str(row.entry) for row in ROWS} == {str(entry) for entry in entries("admin")}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_is_refused_changes_nothing(desk: Desk, row: Row) -> None:
    place = desk.place(row.on)
    before, calls = desk.scene.everything(), desk.scene.backend_calls()
    for caller, expected in row.answers.items():
        if expected in {"ok", "stream"}:
            continue
        assert ask(desk, row, place, caller) == expected, caller
        assert desk.scene.everything() == before, f"{caller} changed something"
    assert desk.scene.backend_calls() == calls, "bytes were looked at"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_may_is_let_in(desk: Desk, row: Row) -> None:
    for caller, expected in row.answers.items():
        if expected == "ok":
            assert ask(desk, row, desk.place(row.on), caller) == "ok", caller


@pytest.mark.parametrize("row", GUARDED, ids=str)
def test_nobody_gets_in_without_a_session(desk: Desk, row: Row) -> None:
    """A token is none, neither is a session that was closed, nor one of another server."""
    closed = desk.sign_in("service")
    desk.send("DELETE", "/admin/api/session", {"cookie": closed})
    bearer = {"authorization": f"Bearer {token_of('service')}", "apikey": str(token_of("service"))}
    path = row.entry.path.replace("{id}", "x")
    for headers in ({}, bearer, {"cookie": closed}, {"cookie": f"{COOKIE}={'x' * 43}"}):
        answer = desk.send(row.entry.method, path, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "SessionRequired"), headers


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_no_other_site_gets_in_with_somebodys_session(desk: Desk, row: Row) -> None:
    cookie = {"cookie": desk.cookies["service"]}
    foreign = [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}]
    if row.entry.method != "GET":
        foreign += [{"x-aerostore-csrf": ""}, {"sec-fetch-site": "", "origin": "https://evil.example"}]
    before = desk.scene.everything()
    for headers in foreign:
        answer = desk.send(row.entry.method, row.entry.path.replace("{id}", "x"), cookie | headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "CrossSiteRequest"), headers
    assert desk.scene.everything() == before


def test_a_form_gets_no_more_than_an_archive_and_only_from_our_page(desk: Desk) -> None:
    selection = orjson.dumps({"bucket": desk.bucket(), "prefixes": [""]}).decode()
    cookie = {"cookie": desk.cookies["owner"], "x-aerostore-csrf": ""}
    asked = {"data": {"selection": selection}}
    assert meaning(desk.send("POST", "/admin/api/zip", cookie, **asked)) == "ok"
    without = {"sec-fetch-site": "", "origin": ""}
    for headers in (without, without | {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert desk.send("POST", "/admin/api/zip", cookie | headers, **asked).status_code == 403
    for path in ("/admin/api/session", "/admin/api/prefix/delete", "/admin/storage/v1/bucket"):
        assert desk.send("POST", path, cookie, **asked).status_code == 403
