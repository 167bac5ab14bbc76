"""Folders and jobs over the wire."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.server import running, wait_until

from .client import object_path
from .conftest import MakeBucket

JOB_FIELDS = {
    *("id", "kind", "state", "is_cancelling", "created_at", "started_at", "updated_at", "finished_at"),
    *("actor", "request", "done", "total", "done_bytes", "skipped", "refused", "error"),
}


def put(caller: httpx.Client, bucket: str, *names: str) -> None:
    for name in names:
        assert caller.post(object_path(bucket, name), content=name.encode()).status_code == 200


def names(caller: httpx.Client, bucket: str) -> list[str]:
    listed = caller.post(f"/object/list-v2/{bucket}", json={}).json()
    return [each["name"] for each in listed["objects"]]


def ask(
    caller: httpx.Client, kind: str, bucket: str, prefix: str, to: str = "", **more: Any
) -> httpx.Response:
    body = {"bucket": bucket, "prefix": prefix, "to_prefix": to, **more}
    return caller.post(f"/folder/{kind}", json=body)


def test_a_small_folder_is_done_when_the_answer_comes(owner: httpx.Client, bucket: str) -> None:
    put(owner, bucket, "a/1", "a/b/2", "c")
    answer = ask(owner, "move", bucket, "a/", "d/")
    job = answer.json()["job"]
    assert answer.status_code == 202
    assert set(job) == JOB_FIELDS
    assert (job["kind"], job["state"], job["done"], job["total"]) == ("folder.move", "done", 2, 2)
    assert job["actor"]["role"] == "authenticated"
    assert job["request"] == {
        "bucket": bucket,
        "prefix": "a/",
        "to_bucket": bucket,
        "to_prefix": "d/",
        "conflict": "fail",
    }
    assert names(owner, bucket) == ["c", "d/1", "d/b/2"]
    assert owner.get(object_path(bucket, "d/b/2")).content == b"a/b/2"


def test_copy_and_delete(owner: httpx.Client, bucket: str, make_bucket: MakeBucket) -> None:
    put(owner, bucket, "a/1", "a/2")
    other = make_bucket()
    assert ask(owner, "copy", bucket, "", "x/", to_bucket=other).json()["job"]["done"] == 2
    assert names(owner, other) == ["x/a/1", "x/a/2"]
    assert ask(owner, "delete", bucket, "a/").json()["job"]["done"] == 2
    assert names(owner, bucket) == []


def test_a_job_is_looked_at_by_whoever_started_it(
    owner: httpx.Client, stranger: httpx.Client, service: httpx.Client, bucket: str
) -> None:
    put(owner, bucket, "a/1")
    job = ask(owner, "delete", bucket, "a/").json()["job"]
    assert owner.get(f"/job/{job['id']}").json()["job"] == job
    assert service.get(f"/job/{job['id']}").json()["job"] == job
    for caller, job_id in ((stranger, job["id"]), (owner, "none"), (owner, "%00"), (owner, "%F0%9F%98%80")):
        answer = caller.get(f"/job/{job_id}")
        assert answer.status_code in {400, 404} and answer.json()["code"] in {"NotFound", "InvalidParameter"}
    ended = owner.delete(f"/job/{job['id']}")
    assert (ended.status_code, ended.json()["code"]) == (400, "Conflict")


def test_a_large_folder_becomes_a_job_that_ends(owner: httpx.Client, bucket: str) -> None:
    put(owner, bucket, "a/seed/0")
    for power in range(9):  # doubled nine times: 512 objects
        assert ask(owner, "copy", bucket, "a/", f"b{power}/").status_code == 202
        assert ask(owner, "move", bucket, f"b{power}/", f"a/{power}/").status_code == 202
    put(owner, bucket, "a/last")
    job = ask(owner, "delete", bucket, "a/").json()["job"]
    assert (job["state"], job["total"], job["finished_at"]) == ("pending", None, None)
    deadline = time.monotonic() + 30
    while job["state"] in {"pending", "running"} and time.monotonic() < deadline:
        time.sleep(0.05)  # the server is another process: there is no clock to pass in
        job = owner.get(f"/job/{job['id']}").json()["job"]
    assert (job["state"], job["done"], job["total"]) == ("done", 513, 513)
    assert names(owner, bucket) == []


MALFORMED: list[tuple[str, dict[str, Any]]] = [
    ("move", {}),
    ("move", {"prefix": "a/"}),
    ("move", {"prefix": "a", "to_prefix": "b/"}),
    ("move", {"prefix": "a/", "to_prefix": "a/"}),
    ("move", {"prefix": "a/", "to_prefix": "a/b/"}),
    ("move", {"prefix": "", "to_prefix": "b/"}),
    ("copy", {"prefix": "a/", "to_prefix": "../"}),
    ("copy", {"prefix": "a/", "to_prefix": "b\u0000/"}),
    ("copy", {"prefix": "a/", "to_prefix": "b/", "conflict": "perhaps"}),
    ("copy", {"prefix": ["a/"], "to_prefix": "b/"}),
    ("delete", {"prefix": {}}),
    ("delete", {"prefix": "a\u0000/"}),
]


@pytest.mark.parametrize(("kind", "body"), MALFORMED)
def test_what_cannot_be_is_answered_with_what_is_wrong(
    owner: httpx.Client, bucket: str, kind: str, body: dict[str, Any]
) -> None:
    put(owner, bucket, "a/1")
    answer = owner.post(f"/folder/{kind}", json={"bucket": bucket, **body})
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert names(owner, bucket) == ["a/1"]


def test_a_taken_name_is_named_and_skipped_or_replaced_when_asked(owner: httpx.Client, bucket: str) -> None:
    put(owner, bucket, "a/1", "a/2", "b/2")
    answer = ask(owner, "move", bucket, "a/", "b/")
    assert answer.json()["statusCode"] == "409"
    assert "b/2" in answer.json()["message"]
    assert ask(owner, "copy", bucket, "a/", "b/", conflict="skip").json()["job"]["skipped"] == 1
    assert ask(owner, "move", bucket, "a/", "b/", conflict="replace").json()["job"]["done"] == 2
    assert owner.get(object_path(bucket, "b/2")).content == b"a/2"


def test_names_with_every_kind_of_character_go_along(owner: httpx.Client, bucket: str) -> None:
    hostile = [
        "<img src=x onerror=alert(1)>",
        '日本語 "q" & #hash?.txt',
        "100% sure + more.txt",
        "in%20side/x",
    ]
    put(owner, bucket, *(f"dir #1?/{each}" for each in hostile))
    assert ask(owner, "move", bucket, "dir #1?/", "x'; --/").json()["job"]["done"] == 4
    assert set(names(owner, bucket)) == {f"x'; --/{each}" for each in hostile}


def test_public_is_for_reading_only(owner: httpx.Client, stranger: httpx.Client, public_bucket: str) -> None:
    put(owner, public_bucket, "a/1")
    for kind in ("move", "copy", "delete"):
        answer = ask(stranger, kind, public_bucket, "a/", "b/")
        assert (answer.json()["code"], answer.json()["message"]) == ("NoSuchKey", "Folder not found")
    assert names(owner, public_bucket) == ["a/1"]


def test_the_operator_can_look_up_which_object_was_refused_and_why(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "one.sql").write_text(
        "create policy look on storage.objects for select to authenticated using (true);\n"
        "create policy mine on storage.objects for delete to authenticated"
        " using (owner_id = (select auth.jwt() ->> 'sub'));\n"
    )
    with running(tmp_path / "data", policies_dir=policies) as server, server.connect() as service:
        service.post("/bucket", json={"name": "folders"})
        put(service, "folders", "a/1")
        with server.target.connect(server.target.token("authenticated", sub="user")) as user:
            refused = ask(user, "delete", "folders", "a/")
        body = refused.json()
        assert (body["statusCode"], body["message"]) == ("403", "Access denied: a/1")
        found = "SELECT operation, bucket_id, name, code FROM storage_denials"
        wait_until(lambda: bool(server.place.rows(found)), "the denial is noted")
        assert server.place.rows(found) == [("storage.object.delete", "folders", "a/1", "AccessDenied")]
