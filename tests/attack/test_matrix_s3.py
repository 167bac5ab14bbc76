"""Every operation of the S3 protocol for every kind of caller: who is let in; the rest reach nothing.

The shipped policies hold. A route that the table does not name fails the build.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from aerostore.api.auth import mint_token
from tests.attack.route_table import entries
from tests.attack.scene import BASE_URL, HOUR_S, LARGE, SECRET, Scene, open_scene, token_of
from tests.attack.table import Row, read_table
from tests.signing import sign

# `nobody` signs nothing, `service` has the server's own key, `forged` its id with another secret; `bearer` is
# the service's JWT, which is no signature; the others sign with the anon key and send a token of their own.
CALLERS = ("nobody", "anon", "stranger", "owner", "service", "expired", "forged", "bearer")

# On what: `mine` belongs to the owner and is in a private bucket, `open` in a public one; `new` is a free
# name; `begun` is a multipart upload that the owner began, with one part; `free` is a bucket that does not
# exist and `empty` one that holds nothing; `-` is the server itself.
# Answers: `ok` is 2xx, `none` a 2xx that shows and does nothing, the others are codes of `CODES`.
TABLE = """
request                               on     nobody     anon       stranger   owner      service    expired    forged     bearer
GET /s3                               -      denied     none       none       none       ok         expired    forged     bearer
GET /s3/                              -      denied     none       none       none       ok         expired    forged     bearer
PUT /s3/{bucket}                      free   denied     denied     denied     denied     ok         expired    forged     bearer
PUT /s3/{bucket}/                     free   denied     denied     denied     denied     ok         expired    forged     bearer
HEAD /s3/{bucket}                     mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
HEAD /s3/{bucket}/                    mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
HEAD /s3/{bucket}                     open   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
DELETE /s3/{bucket}                   empty  denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
DELETE /s3/{bucket}/                  empty  denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
GET /s3/{bucket}?location             mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
GET /s3/{bucket}/?location            mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
GET /s3/{bucket}?versioning           mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
GET /s3/{bucket}/?versioning          mine   denied     no-bucket  no-bucket  no-bucket  ok         expired    forged     bearer
GET /s3/{bucket}                      mine   denied     none       none       ok         ok         expired    forged     bearer
GET /s3/{bucket}/                     mine   denied     none       none       ok         ok         expired    forged     bearer
GET /s3/{bucket}                      open   denied     none       none       ok         ok         expired    forged     bearer
GET /s3/{bucket}?uploads              begun  denied     none       none       ok         ok         expired    forged     bearer
GET /s3/{bucket}/?uploads             begun  denied     none       none       ok         ok         expired    forged     bearer
POST /s3/{bucket}?delete              mine   denied     none       none       ok         ok         expired    forged     bearer
POST /s3/{bucket}/?delete             mine   denied     none       none       ok         ok         expired    forged     bearer
POST /s3/{bucket}                     new    denied     bearer     bearer     bearer     bearer     bearer     bearer     bearer
POST /s3/{bucket}/                    new    denied     bearer     bearer     bearer     bearer     bearer     bearer     bearer
GET /s3/{bucket}/{name}               mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
GET /s3/{bucket}/{name}               open   ok         ok         ok         ok         ok         expired    forged     bearer
HEAD /s3/{bucket}/{name}              mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
HEAD /s3/{bucket}/{name}              open   ok         ok         ok         ok         ok         expired    forged     bearer
GET /s3/{bucket}/{name}?attributes    mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
GET /s3/{bucket}/{name}?tagging       mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}?tagging       mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
DELETE /s3/{bucket}/{name}?tagging    mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}               new    denied     denied     ok         ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}               mine   denied     denied     denied     ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}?copy          mine   denied     no-key     no-key     ok         ok         expired    forged     bearer
DELETE /s3/{bucket}/{name}            mine   denied     none       none       ok         ok         expired    forged     bearer
POST /s3/{bucket}/{name}?uploads      new    denied     denied     ok         ok         ok         expired    forged     bearer
POST /s3/{bucket}/{name}?uploads      mine   denied     denied     denied     ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}?uploadId      begun  denied     no-upload  no-upload  ok         ok         expired    forged     bearer
PUT /s3/{bucket}/{name}?uploadId&copy begun  denied     no-upload  no-upload  ok         ok         expired    forged     bearer
GET /s3/{bucket}/{name}?uploadId      begun  denied     no-upload  no-upload  ok         ok         expired    forged     bearer
POST /s3/{bucket}/{name}?uploadId     begun  denied     no-upload  no-upload  ok         ok         expired    forged     bearer
DELETE /s3/{bucket}/{name}?uploadId   begun  denied     no-upload  no-upload  ok         ok         expired    forged     bearer
"""  # noqa: E501 -- one line a route, one column a caller: broken up, nobody could check it by eye

CODES = {
    "AccessDenied": "denied",
    "NoSuchKey": "no-key",
    "NoSuchBucket": "no-bucket",
    "NoSuchUpload": "no-upload",
    "ExpiredToken": "expired",
    "SignatureDoesNotMatch": "forged",
    "InvalidArgument": "bearer",
}
# A HEAD has no body to tell the code.
STATUSES = {403: {"denied", "forged"}, 404: {"no-key", "no-bucket"}, 400: {"expired", "bearer"}}
REFUSED_BY_NAME = "storage.s3.none"
KEY_ID, KEY_SECRET = "AEROMATRIXMATRIXMATR", "the secret of the matrix's access key"
ANON_KEY = mint_token(SECRET, role="anon", expires_in_s=HOUR_S)
PARTS = f"<Part><PartNumber>1</PartNumber><ETag>{hashlib.md5(LARGE).hexdigest()}</ETag></Part>"
BODIES = {
    "storage.s3.upload": LARGE,
    "storage.s3.upload.part": LARGE,
    "storage.s3.upload.complete_multipart": (
        f"<CompleteMultipartUpload>{PARTS}</CompleteMultipartUpload>".encode()
    ),
    "storage.s3.object.delete_many": b"<Delete><Object><Key>mine</Key></Object></Delete>",
    "storage.s3.object.put_tagging": (
        b"<Tagging><TagSet><Tag><Key>colour</Key><Value>red</Value></Tag></TagSet></Tagging>"
    ),
}
SHOWS = re.compile("<(CreationDate|Contents|Upload)>")


ROWS = read_table(TABLE, CALLERS, door="s3")


@dataclass(frozen=True)
class Place:
    """Where a request is aimed; upload_id: of a multipart upload there."""

    bucket: str
    name: str
    upload_id: str = ""


def make_place(scene: Scene, on: str) -> Place:
    if on == "-":
        scene.make_bucket()
        return Place("", "")
    if on == "free":
        return Place(f"free-{uuid.uuid4().hex[:12]}", "")
    bucket = scene.make_bucket(public=on == "open")
    if on in {"new", "empty"}:
        return Place(bucket, "new")
    scene.done("owner", "POST", f"/object/{bucket}/mine", content=b"mine")
    return Place(bucket, "mine") if on != "begun" else begin(scene, bucket)


def begin(scene: Scene, bucket: str) -> Place:
    """Begin a multipart upload as the owner, and send one part."""
    created = send(scene, "owner", "POST", f"/s3/{bucket}/begun?uploads=")
    found = re.search("<UploadId>(.+)</UploadId>", created.text)
    assert found is not None, created.text
    place = Place(bucket, "begun", found[1])
    sent = send(scene, "owner", "PUT", f"/s3/{bucket}/begun?partNumber=1&uploadId={found[1]}", content=LARGE)
    assert sent.is_success, sent.text
    return place


def send(
    scene: Scene, caller: str, method: str, path: str, *, content: bytes = b"", **headers: str
) -> httpx.Response:
    """Send a request of the S3 protocol, signed as `caller` does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request(method, f"{BASE_URL}{path}", content=content, headers=named)
    if caller == "bearer":
        request.headers["authorization"] = f"Bearer {token_of('service')}"
    elif caller in {"service", "forged"}:
        sign(request, KEY_ID, KEY_SECRET if caller == "service" else f"another {KEY_SECRET}")
    elif caller != "nobody":
        sign(request, "matrix", ANON_KEY, session_token=token_of(caller))
    return scene.runner.run(scene.send_as_is(request))


def ask(scene: Scene, row: Row, place: Place, caller: str) -> httpx.Response:
    entry, query, headers = row.entry, [], {}
    for extra in entry.extra:
        query += [f"uploadId={place.upload_id}"] if extra == "uploadId" else [f"{extra}="]
    if "copy" in entry.extra:
        query.remove("copy=")
        headers["x_amz_copy_source"] = f"/{place.bucket}/mine"
        place = place if place.upload_id else replace(place, name=f"{place.name}-copied")
    if entry.operation in {"storage.s3.upload.part", "storage.s3.upload.part_copy"}:
        query.append("partNumber=1")
    if "attributes" in entry.extra:
        headers["x_amz_object_attributes"] = "ETag"
    path = entry.at(place.bucket, place.name) + (f"?{'&'.join(query)}" if query else "")
    body = BODIES.get(entry.operation, b"")
    if entry.method == "POST" and entry.operation == "storage.s3.upload":
        body = _FORM
        headers["content_type"] = "multipart/form-data; boundary=line"
    return send(scene, caller, entry.method, path, content=body, **headers)


_FORM = (
    b"--line\r\nContent-Disposition: form-data; name=key\r\n\r\nnew\r\n"
    b"--line\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\nform\r\n--line--\r\n"
)


def assert_means(answer: httpx.Response, method: str, expected: str, caller: str) -> None:
    """Compare an answer with a word of the table."""
    if expected in {"ok", "none"}:
        assert answer.is_success, (caller, answer.text)
        assert expected == "ok" or not SHOWS.search(answer.text), (caller, answer.text)
    elif method == "HEAD":
        assert expected in STATUSES.get(answer.status_code, set()), (caller, answer.status_code)
    else:
        found = re.search("<Code>(.+)</Code>", answer.text)
        code = found[1] if found else ""
        assert CODES.get(code, code) == expected, (caller, answer.text)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    settings: dict[str, Any] = {"s3_access_key_id": KEY_ID, "s3_secret_access_key": KEY_SECRET}
    with open_scene(tmp_path_factory.mktemp("matrix") / "data", anon_key=ANON_KEY, **settings) as opened:
        yield opened


def test_every_route_has_its_row() -> None:
    served = {str(entry) for entry in entries("s3") if entry.operation != REFUSED_BY_NAME}
    assert {str(row.entry) for row in ROWS} == served


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_is_refused_reaches_neither_rows_nor_bytes(scene: Scene, row: Row) -> None:
    place = make_place(scene, row.on)
    before, calls = scene.everything(), scene.backend_calls()
    for caller, expected in row.answers.items():
        if expected != "ok":
            assert_means(ask(scene, row, place, caller), row.entry.method, expected, caller)
            assert scene.everything() == before, f"{caller} changed something"
    assert scene.backend_calls() == calls, "bytes were looked at"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_whoever_may_is_let_in(scene: Scene, row: Row) -> None:
    for caller, expected in row.answers.items():
        if expected == "ok":
            answer = ask(scene, row, make_place(scene, row.on), caller)
            assert_means(answer, row.entry.method, "ok", caller)
