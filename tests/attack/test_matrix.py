"""Every route for every kind of caller: who is let in; whoever is not reaches neither rows nor bytes.

The shipped policies hold. A route that the table does not name fails the build.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from aerostore.permissions import OBJECT_HEAD, OPERATIONS
from tests.attack.route_table import all_entries, entries
from tests.attack.scene import LARGE, Scene, open_scene, token_of
from tests.attack.table import Row, read_table

CALLERS = ("nobody", "anon", "stranger", "owner", "service", "expired", "forged")

# On what: `mine` and `large` belong to the owner and are in a private bucket, `open` in a public one; `new`
# is a free name; `link` is a signed URL that the owner made; `folder` holds an object of the owner's; `job`
# is one of the owner's that has ended; `-` is neither bucket nor object.
# Answers: `ok` is 2xx, `none` a 2xx that shows and does nothing, the others are the refusals of `REFUSALS`.
TABLE = """
request                                           on     nobody     anon       stranger   owner      service    expired    forged
GET /bucket                                       mine   no-token   none       none       none       ok         expired    forged
GET /bucket/                                      mine   no-token   none       none       none       ok         expired    forged
POST /bucket                                      -      no-token   denied     denied     denied     ok         expired    forged
POST /bucket/                                     -      no-token   denied     denied     denied     ok         expired    forged
GET /bucket/{bucket}                              mine   no-token   no-bucket  no-bucket  no-bucket  ok         expired    forged
GET /bucket/{bucket}                              open   no-token   no-bucket  no-bucket  no-bucket  ok         expired    forged
PUT /bucket/{bucket}                              mine   no-token   no-bucket  no-bucket  no-bucket  ok         expired    forged
DELETE /bucket/{bucket}                           new    no-token   no-bucket  no-bucket  no-bucket  ok         expired    forged
POST /bucket/{bucket}/empty                       mine   no-token   role       role       role       ok         expired    forged
GET /object/{bucket}/{name}                       mine   no-bucket  no-key     no-key     ok         ok         no-bucket  no-bucket
GET /object/{bucket}/{name}                       open   ok         ok         ok         ok         ok         ok         ok
GET /object/{bucket}/{name}                       link   ok         ok         ok         ok         ok         ok         ok
GET /object/authenticated/{bucket}/{name}         mine   no-token   no-key     no-key     ok         ok         expired    forged
GET /object/authenticated/{bucket}/{name}         link   no-token   no-key     no-key     ok         ok         expired    forged
GET /object/public/{bucket}/{name}                mine   no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket
GET /object/public/{bucket}/{name}                link   no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket
GET /object/public/{bucket}/{name}                open   ok         ok         ok         ok         ok         ok         ok
GET /object/info/{bucket}/{name}                  mine   no-bucket  no-key     no-key     ok         ok         no-bucket  no-bucket
GET /object/info/{bucket}/{name}                  link   no-bucket  no-key     no-key     ok         ok         no-bucket  no-bucket
GET /object/info/authenticated/{bucket}/{name}    mine   no-token   no-key     no-key     ok         ok         expired    forged
GET /object/info/public/{bucket}/{name}           mine   no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket  no-bucket
GET /object/info/public/{bucket}/{name}           open   ok         ok         ok         ok         ok         ok         ok
POST /object/list/{bucket}                        mine   no-token   none       none       ok         ok         expired    forged
POST /object/list/{bucket}                        open   no-token   none       none       ok         ok         expired    forged
POST /object/list-v2/{bucket}                     mine   no-token   none       none       ok         ok         expired    forged
POST /object/list-v2/{bucket}                     open   no-token   none       none       ok         ok         expired    forged
POST /object/{bucket}/{name}                      new    no-token   denied     ok         ok         ok         expired    forged
POST /object/{bucket}/{name}                      mine   no-token   denied     taken      taken      taken      expired    forged
POST /object/{bucket}/{name}                      over   no-token   denied     denied     ok         ok         expired    forged
POST /object/{bucket}/{name}                      link   no-token   denied     taken      taken      taken      expired    forged
PUT /object/{bucket}/{name}                       new    no-token   denied     ok         ok         ok         expired    forged
PUT /object/{bucket}/{name}                       mine   no-token   denied     denied     ok         ok         expired    forged
PUT /object/{bucket}/{name}                       open   no-token   denied     denied     ok         ok         expired    forged
DELETE /object/{bucket}/{name}                    mine   no-token   denied     denied     ok         ok         expired    forged
DELETE /object/{bucket}/{name}                    link   no-token   denied     denied     ok         ok         expired    forged
DELETE /object/{bucket}                           mine   no-token   none       none       ok         ok         expired    forged
POST /object/copy                                 mine   no-token   no-key     no-key     ok         ok         expired    forged
POST /object/copy                                 open   no-token   no-key     no-key     ok         ok         expired    forged
POST /object/move                                 mine   no-token   no-key     no-key     ok         ok         expired    forged
POST /object/move                                 open   no-token   no-key     no-key     ok         ok         expired    forged
POST /object/sign/{bucket}/{name}                 mine   no-token   no-key     no-key     ok         ok         expired    forged
POST /object/sign/{bucket}                        mine   no-token   none       none       ok         ok         expired    forged
GET /object/sign/{bucket}/{name}                  mine   no-link    no-link    no-link    no-link    no-link    no-link    no-link
GET /object/sign/{bucket}/{name}                  link   ok         ok         ok         ok         ok         ok         ok
POST /object/upload/sign/{bucket}/{name}          new    no-token   denied     ok         ok         ok         expired    forged
POST /object/upload/sign/{bucket}/{name}          over   no-token   denied     denied     ok         ok         expired    forged
PUT /object/upload/sign/{bucket}/{name}           new    no-link    no-link    no-link    no-link    no-link    no-link    no-link
PUT /object/upload/sign/{bucket}/{name}           link   wrong-link wrong-link wrong-link wrong-link wrong-link wrong-link wrong-link
PUT /object/upload/sign/{bucket}/{name}           grant  ok         ok         ok         ok         ok         ok         ok
POST /folder/move                                 folder no-token   no-folder  no-folder  ok         ok         expired    forged
POST /folder/copy                                 folder no-token   no-folder  no-folder  ok         ok         expired    forged
POST /folder/delete                               folder no-token   no-folder  no-folder  ok         ok         expired    forged
GET /job/{id}                                     job    no-token   no-job     no-job     ok         ok         expired    forged
DELETE /job/{id}                                  job    no-token   no-job     no-job     over       over       expired    forged
POST /admin/explain                               mine   no-token   role       role       role       ok         expired    forged
GET /metrics                                      -      no-token   role       role       role       ok         expired    forged
GET /health                                       -      ok         ok         ok         ok         ok         ok         ok
GET /status                                       -      ok         ok         ok         ok         ok         ok         ok
GET /version                                      -      ok         ok         ok         ok         ok         ok         ok
GET /openapi.json                                 -      ok         ok         ok         ok         ok         ok         ok
GET /documentation                                -      ok         ok         ok         ok         ok         ok         ok
GET /documentation/json                           -      ok         ok         ok         ok         ok         ok         ok
"""  # noqa: E501 -- one line a route, one column a caller: broken up, nobody could check it by eye

REFUSALS = {
    "headers must have required property 'authorization'": "no-token",
    '"exp" claim timestamp check failed': "expired",
    "signature verification failed": "forged",
    "Access denied: Invalid role": "role",
    "new row violates row-level security policy": "denied",
    "Access denied": "denied",
    "Object not found": "no-key",
    "Bucket not found": "no-bucket",
    "The resource already exists": "taken",
    "querystring must have required property 'token'": "no-link",
    "Token is not scoped for upload": "wrong-link",
    "Folder not found": "no-folder",
    "Job not found": "no-job",
    "The job has ended already": "over",
}
NOTHING: tuple[object, ...] = ([], {"hasNext": False, "folders": [], "objects": []})
OF_THE_SERVER = {
    "storage.tus.options",
    "storage.s3.none",
    "admin.explain",
    "admin.session.get",
    "admin.session.create",
    "admin.session.end",
    "admin.config",
    "admin.health",
    "admin.ui",
    "metrics",
    "health",
    "status",
    "version",
    "openapi",
    "documentation",
}


ROWS = read_table(TABLE, CALLERS)


@dataclass(frozen=True)
class Place:
    """Where a request is aimed: a bucket and a name of its own, and the token of a link if it has one."""

    bucket: str
    name: str
    link: str | None = None


def make_place(scene: Scene, on: str) -> Place:
    if on == "-":
        return Place("", "")
    bucket = scene.make_bucket(public=on == "open")
    if on == "new":
        return Place(bucket, "new")
    if on == "grant":
        answer = scene.done("owner", "POST", f"/object/upload/sign/{bucket}/granted").json()
        return Place(bucket, "granted", answer["token"])
    if on in {"folder", "job"}:
        return make_folder(scene, bucket, on)
    scene.done("owner", "POST", f"/object/{bucket}/mine", content=b"mine")
    if on != "link":
        return Place(bucket, "mine")
    signed = scene.done("owner", "POST", f"/object/sign/{bucket}/mine", json={"expiresIn": 60}).json()
    return Place(bucket, "mine", signed["signedURL"].partition("?token=")[2])


def make_folder(scene: Scene, bucket: str, on: str) -> Place:
    scene.done("owner", "POST", f"/object/{bucket}/in/mine", content=b"mine")
    place = Place(bucket, "in/mine")
    if on == "folder":
        return place
    job = scene.done("owner", "POST", "/folder/copy", **folder_transfer(place)).json()["job"]
    return Place(bucket, job["id"])


def folder_transfer(place: Place) -> dict[str, Any]:
    return {"json": {"bucket": place.bucket, "prefix": "in/", "to_prefix": "out/"}}


def path_of(row: Row, place: Place) -> str:
    return row.entry.at(place.bucket, place.name).replace("{id}", place.name)


def transfer(place: Place) -> dict[str, Any]:
    return {
        "json": {"bucketId": place.bucket, "sourceKey": place.name, "destinationKey": f"{place.name}-taken"}
    }


def nothing(_place: Place) -> dict[str, Any]:
    return {}


BODIES: dict[str, Callable[[Place], dict[str, Any]]] = {
    "storage.bucket.create": lambda _: {"json": {"name": "made-by-the-matrix"}},
    "storage.bucket.update": lambda _: {"json": {"public": True}},
    "storage.object.upload": lambda _: {"content": LARGE},
    "storage.object.upload_update": lambda _: {"content": LARGE},
    "storage.object.upload_signed": lambda _: {"content": LARGE},
    "storage.object.copy": transfer,
    "storage.object.move": transfer,
    "storage.folder.move": folder_transfer,
    "storage.folder.copy": folder_transfer,
    "storage.folder.delete": folder_transfer,
    "storage.object.delete_many": lambda place: {"json": {"prefixes": [place.name]}},
    "storage.object.list": lambda _: {"json": {"prefix": ""}},
    "storage.object.list_v2": lambda _: {"json": {}},
    "storage.object.sign": lambda _: {"json": {"expiresIn": 60}},
    "storage.object.sign_many": lambda place: {"json": {"expiresIn": 60, "paths": [place.name]}},
    "admin.explain": lambda place: {
        "json": {"op": "download", "bucket": place.bucket, "name": place.name, "role": "anon"}
    },
}


def options_of(row: Row, place: Place) -> dict[str, Any]:
    options = BODIES.get(row.entry.operation, nothing)(place)
    if row.on == "over":
        options["headers"] = {"x-upsert": "true"}
    if place.link is not None:
        options["params"] = {"token": place.link}
    return options


def meaning(answer: httpx.Response) -> str:
    """Put an answer into one word of the table."""
    if not answer.is_success:
        message = answer.json()["message"]
        return REFUSALS.get(message, f"{answer.status_code}: {message}")
    if answer.headers.get("content-type") != "application/json":
        return "ok"
    shown = answer.json()
    if isinstance(shown, list) and shown and all(each.get("signedURL", "") is None for each in shown):
        return "none"
    return "none" if shown in NOTHING else "ok"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(tmp_path_factory.mktemp("matrix") / "data") as opened:
        yield opened


def test_every_route_has_its_row() -> None:
    assert {str(row.entry) for row in ROWS} == {str(entry) for entry in entries()}


def test_every_route_is_an_operation_of_the_law_or_open_by_name() -> None:
    served = {entry.operation for entry in all_entries()} | {OBJECT_HEAD.name}  # HEAD has the route of GET
    known = {operation.name for operation in OPERATIONS} | {operation.s3 for operation in OPERATIONS}
    assert served == (known - {""}) | OF_THE_SERVER


def ask(scene: Scene, row: Row, place: Place, caller: str) -> str:
    path, options = path_of(row, place), options_of(row, place)
    return meaning(scene.ask(caller, row.entry.method, path, **options))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_is_refused_reaches_neither_rows_nor_bytes(scene: Scene, row: Row) -> None:
    place = make_place(scene, row.on)
    before, calls = scene.everything(), scene.backend_calls()
    for caller, expected in row.answers.items():
        if expected == "ok":
            continue
        assert ask(scene, row, place, caller) == expected, caller
        if row.entry.method == "GET" and expected != "none":
            path = path_of(row, place)
            assert scene.ask(caller, "HEAD", path, **options_of(row, place)).is_error, caller
        assert scene.everything() == before, f"{caller} changed something"
    assert scene.backend_calls() == calls, "bytes were looked at"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_may_is_let_in(scene: Scene, row: Row) -> None:
    for caller, expected in row.answers.items():
        if expected == "ok":
            place = make_place(scene, row.on)
            assert ask(scene, row, place, caller) == "ok", caller
            scene.ask("service", "DELETE", "/bucket/made-by-the-matrix")


@pytest.mark.parametrize("caller", ["anon", "stranger"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_small_upload_that_is_refused_leaves_nothing(scene: Scene, method: str, caller: str) -> None:
    place = make_place(scene, "mine")
    before = scene.everything()
    answer = scene.ask(caller, method, f"/object/{place.bucket}/{place.name}", content=b"small")
    assert meaning(answer) in {"denied", "taken"}
    assert scene.everything() == before


def test_a_token_in_a_place_of_its_own_opens_no_other_door(scene: Scene) -> None:
    """A caller's token is no link, and works from the two headers only."""
    place = make_place(scene, "mine")
    token = token_of("service") or ""
    elsewhere = {
        "params": {"token": token, "apikey": token, "authorization": token},
        "headers": {
            "cookie": f"token={token}; sb-access-token={token}; authorization=Bearer {token}",
            "x-api-key": token,
            "x-authorization": f"Bearer {token}",
            "proxy-authorization": f"Bearer {token}",
        },
    }
    before, calls = scene.everything(), scene.backend_calls()
    for entry in entries():
        if entry.operation not in OF_THE_SERVER:
            options = BODIES.get(entry.operation, nothing)(place) | elsewhere
            answer = scene.ask("nobody", entry.method, entry.at(place.bucket, place.name), **options)
            assert answer.is_error, str(entry)
    assert (scene.everything(), scene.backend_calls()) == (before, calls)
