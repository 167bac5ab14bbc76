"""Resumable uploads for every kind of caller: who may begin, go on with, look at and end which upload.

The shipped policies hold. A route that the table does not name fails the build.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.attack.route_table import Entry, entries
from tests.attack.scene import Scene, open_scene
from tests.attack.table import Row, read_table

CALLERS = ("nobody", "anon", "stranger", "owner", "service", "expired", "forged")

# On what: `new` is a free name, `mine` one that the owner has taken, `over` the same with x-upsert; `begun`
# is an upload that the owner began with a token, `granted` one begun by a signed upload URL that is sent
# along, `other` the same upload with the URL of another name; `-` is the server itself.
TABLE = """
request                                on       nobody   anon     stranger owner    service  expired  forged
OPTIONS /upload/resumable              -        ok       ok       ok       ok       ok       ok       ok
OPTIONS /upload/resumable/             -        ok       ok       ok       ok       ok       ok       ok
OPTIONS /upload/resumable/{id}         begun    ok       ok       ok       ok       ok       ok       ok
OPTIONS /upload/resumable/sign         -        ok       ok       ok       ok       ok       ok       ok
OPTIONS /upload/resumable/sign/        -        ok       ok       ok       ok       ok       ok       ok
OPTIONS /upload/resumable/sign/{id}    granted  ok       ok       ok       ok       ok       ok       ok
POST /upload/resumable                 new      no-token denied   ok       ok       ok       expired  forged
POST /upload/resumable/                new      no-token denied   ok       ok       ok       expired  forged
POST /upload/resumable                 mine     no-token denied   taken    taken    taken    expired  forged
POST /upload/resumable                 over     no-token denied   denied   ok       ok       expired  forged
HEAD /upload/resumable/{id}            begun    refused  none     none     ok       ok       refused  refused
PATCH /upload/resumable/{id}           begun    no-token none     none     ok       ok       expired  forged
DELETE /upload/resumable/{id}          begun    no-token none     none     ok       ok       expired  forged
HEAD /upload/resumable/{id}            granted  refused  none     none     none     ok       refused  refused
PATCH /upload/resumable/{id}           granted  no-token none     none     none     ok       expired  forged
DELETE /upload/resumable/{id}          granted  no-token none     none     none     ok       expired  forged
POST /upload/resumable/sign            new      no-link  no-link  no-link  no-link  no-link  no-link  no-link
POST /upload/resumable/sign            granted  ok       ok       ok       ok       ok       ok       ok
POST /upload/resumable/sign/           granted  ok       ok       ok       ok       ok       ok       ok
POST /upload/resumable/sign            other    wrong    wrong    wrong    wrong    wrong    wrong    wrong
HEAD /upload/resumable/sign/{id}       granted  ok       ok       ok       ok       ok       ok       ok
PATCH /upload/resumable/sign/{id}      granted  ok       ok       ok       ok       ok       ok       ok
DELETE /upload/resumable/sign/{id}     granted  ok       ok       ok       ok       ok       ok       ok
HEAD /upload/resumable/sign/{id}       begun    refused  refused  refused  refused  refused  refused  refused
HEAD /upload/resumable/sign/{id}       other    none     none     none     none     none     none     none
PATCH /upload/resumable/sign/{id}      other    none     none     none     none     none     none     none
DELETE /upload/resumable/sign/{id}     other    none     none     none     none     none     none     none
"""

REFUSALS = {
    "Invalid Compact JWS": "no-token",
    '"exp" claim timestamp check failed': "expired",
    "signature verification failed": "forged",
    "new row violates row-level security policy": "denied",
    "The resource already exists": "taken",
    "The file for this url was not found": "none",
    "Missing x-signature header": "no-link",
    "Invalid signature": "wrong",
}
CONTENT = b"x" * 70_000


ROWS = read_table(TABLE, CALLERS, door="tus")


@dataclass(frozen=True)
class Place:
    """Where a request is aimed: a name that it would write, the id of an upload, the token of a link."""

    bucket: str
    name: str
    upload_id: str = ""
    link: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def make_place(scene: Scene, entry: Entry, on: str) -> Place:
    if on == "-":
        return Place("", "")
    bucket = scene.make_bucket()
    if on in {"mine", "over"}:
        scene.done("owner", "POST", f"/object/{bucket}/mine", content=b"mine")
        return Place(bucket, "mine", headers={"x-upsert": "true"} if on == "over" else {})
    if on == "begun":
        return Place(bucket, "begun", begin(scene, "owner", bucket, "begun"))
    if on == "new":
        return Place(bucket, "new")
    link = link_for(scene, bucket, "granted")
    upload_id = begin(scene, "nobody", bucket, "granted", link) if "{id}" in entry.path else ""
    return Place(bucket, "granted", upload_id, link if on == "granted" else link_for(scene, bucket, "other"))


def link_for(scene: Scene, bucket: str, name: str) -> str:
    token: str = scene.done("owner", "POST", f"/object/upload/sign/{bucket}/{name}").json()["token"]
    return token


def begin(scene: Scene, caller: str, bucket: str, name: str, link: str | None = None) -> str:
    """Begin an upload and return its id."""
    place = Place(bucket, name, link=link)
    path = "/upload/resumable/sign" if link else "/upload/resumable"
    answer = scene.done(caller, "POST", path, headers=headers_of("POST", place))
    return str(answer.headers["location"]).rpartition("/")[2]


def headers_of(method: str, place: Place) -> dict[str, str]:
    headers = {"tus-resumable": "1.0.0", **place.headers}
    if method == "POST":
        texts = {"bucketName": place.bucket, "objectName": place.name}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        headers["upload-length"] = str(len(CONTENT))
        headers["upload-metadata"] = ",".join(f"{key} {text}" for key, text in encoded.items())
    if method == "PATCH":
        headers |= {"upload-offset": "0", "content-type": "application/offset+octet-stream"}
    if place.link is not None:
        headers["x-signature"] = place.link
    return headers


def meaning(answer: httpx.Response) -> str:
    """Put an answer into one word of the table; a HEAD has no text to tell more."""
    if answer.is_success:
        return "ok"
    if answer.request.method == "HEAD":
        return "none" if answer.status_code == 404 else "refused"
    is_json = answer.headers["content-type"] == "application/json"
    text = answer.json()["message"] if is_json else answer.text.strip()
    return REFUSALS.get(text, f"{answer.status_code}: {text}")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(tmp_path_factory.mktemp("matrix") / "data") as opened:
        yield opened


def ask(scene: Scene, row: Row, place: Place, caller: str) -> str:
    method, path = row.entry.method, row.entry.path.replace("{id}", place.upload_id)
    content = CONTENT if method == "PATCH" else b""
    answer = scene.ask(caller, method, path, headers=headers_of(method, place), content=content)
    answer.request = httpx.Request(method, "http://storage")
    return meaning(answer)


def test_every_route_has_its_row() -> None:
    assert {str(row.entry) for row in ROWS} == {str(entry) for entry in entries("tus")}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_is_refused_reaches_neither_rows_nor_bytes(scene: Scene, row: Row) -> None:
    place = make_place(scene, row.entry, row.on)
    before, calls = scene.everything(), scene.backend_calls()
    for caller, expected in row.answers.items():
        if expected != "ok":
            assert ask(scene, row, place, caller) == expected, caller
            assert scene.everything() == before, f"{caller} changed something"
    assert scene.backend_calls() == calls, "bytes were looked at"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_may_is_let_in(scene: Scene, row: Row) -> None:
    for caller, expected in row.answers.items():
        if expected == "ok":
            assert ask(scene, row, make_place(scene, row.entry, row.on), caller) == "ok", caller
