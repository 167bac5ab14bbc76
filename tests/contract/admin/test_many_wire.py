"""What the admin UI asks about many objects: counts, searches, descriptions, archives."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.client import Target, object_path, unique
from tests.contract.conftest import MakeBucket
from tests.crash.server import Server, running, wait_until

from .browser import Browser, code_of, signed_in

OBJECT_FIELDS = {
    *("bucket", "name", "id", "version", "size_bytes", "content_type", "cache_control", "etag"),
    *("user_metadata", "owner", "created_at", "updated_at"),
}


@pytest.fixture
def user(target: Target) -> Iterator[Browser]:
    """A user of its own."""
    with signed_in(target, "authenticated", sub=unique("user")) as user:
        yield user


@pytest.fixture
def operator(target: Target) -> Iterator[Browser]:
    with signed_in(target) as user:
        yield user


def put(user: Browser, bucket: str, *names: str, **headers: str) -> None:
    for name in names:
        path = f"storage/v1{object_path(bucket, name)}"
        answer = user.post(path, content=name.encode(), headers={"content-type": "text/plain", **headers})
        assert answer.status_code == 200, answer.text


def test_counts_are_of_what_the_session_may_see(user: Browser, operator: Browser, bucket: str) -> None:
    put(user, bucket, "a/1", "a/b/22", "c")
    put(operator, bucket, "a/other")

    def count(who: Browser, **query: str) -> Any:
        return who.get("api/objects/count", params={"bucket": bucket, **query}).json()

    assert count(user, prefix="a/") == {"objects": 2, "size_bytes": 9, "complete": True}
    assert count(operator)["objects"] == 4
    stats = operator.get("api/buckets/stats", params={"bucket": [bucket, "none"]}).json()
    assert stats == {"buckets": [{"id": bucket, **count(operator)}]}
    assert user.get("api/buckets/stats", params={"bucket": bucket}).json() == {"buckets": []}


def test_a_search_goes_on_by_its_cursor(user: Browser, bucket: str) -> None:
    put(user, bucket, "x/Report 1", "x/report 2", "y/REPORT 3", "z")
    query = {"bucket": bucket, "q": "rePORT", "limit": "2"}
    first = user.get("api/objects/search", params=query).json()
    second = user.get("api/objects/search", params={**query, "cursor": first["cursor"]}).json()
    found = [each["name"] for each in [*first["objects"], *second["objects"]]]
    assert found == ["x/Report 1", "x/report 2", "y/REPORT 3"]
    assert second["cursor"] is None
    assert set(first["objects"][0]) == OBJECT_FIELDS


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": ""},
        {"q": "x" * 201},
        {"q": "a", "limit": "0"},
        {"q": "a", "limit": "201"},
        {"q": "a", "cursor": "%%"},
        {"q": "a", "cursor": "AA=="},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(user: Browser, bucket: str, query: dict[str, str]) -> None:
    answer = user.get("api/objects/search", params={"bucket": bucket, **query})
    assert answer.status_code == 400, answer.text


def test_buckets_that_are_not_there_are_not_found(user: Browser) -> None:
    for path in ("api/objects/count", "api/objects/search"):
        answer = user.get(path, params={"bucket": "none", "q": "a"})
        assert code_of(answer) == (404, "NoSuchBucket")
    assert code_of(user.get("api/buckets/stats"))[0] == 400


def test_whose_an_object_is_stands_in_its_info_here_alone(
    user: Browser, operator: Browser, service: httpx.Client, bucket: str, public_bucket: str
) -> None:
    sub = user.session()["sub"]
    for place in (bucket, public_bucket):
        put(user, place, "mine")
        assert "owner_id" not in service.get(object_path(place, "mine", "info")).json()
        for door in ("info", "info/authenticated"):
            path = f"storage/v1{object_path(place, 'mine', door)}"
            assert operator.get(path).json()["owner_id"] == sub
    assert user.get(f"storage/v1{object_path(bucket, 'mine', 'info')}").json()["owner_id"] == sub


def test_whose_an_object_of_a_public_bucket_is_no_stranger_learns(
    user: Browser, target: Target, public_bucket: str
) -> None:
    put(user, public_bucket, "mine")
    with signed_in(target, "authenticated", sub=unique("stranger")) as stranger:
        for door in ("info", "info/authenticated", "info/public"):
            found = stranger.get(f"storage/v1{object_path(public_bucket, 'mine', door)}").json()
            assert found["size"] == len("mine")
            assert "owner_id" not in found


def test_only_what_is_sent_of_a_description_changes(user: Browser, bucket: str) -> None:
    put(user, bucket, "a")
    sent = {"bucket": bucket, "name": "a", "content_type": "text/csv", "user_metadata": {"k": [1, None]}}
    changed = user.patch("api/objects/metadata", json=sent).json()["object"]
    assert set(changed) == OBJECT_FIELDS
    assert (changed["content_type"], changed["user_metadata"]) == ("text/csv", {"k": [1, None]})
    again = user.patch(
        "api/objects/metadata", json={"bucket": bucket, "name": "a", "cache_control": "max-age=60"}
    ).json()["object"]
    assert (again["content_type"], again["cache_control"]) == ("text/csv", "max-age=60")
    read = user.get(f"storage/v1{object_path(bucket, 'a')}")
    assert (read.content, read.headers["content-type"]) == (b"a", "text/csv")


@pytest.mark.parametrize(
    "change",
    [{}, {"content_type": "x"}, {"content_type": None}, {"cache_control": "a\nb"}, {"user_metadata": []}],
)
def test_a_description_that_no_upload_could_have_is_refused(
    user: Browser, bucket: str, change: dict[str, Any]
) -> None:
    put(user, bucket, "a")
    answer = user.patch("api/objects/metadata", json={"bucket": bucket, "name": "a", **change})
    assert 400 <= answer.status_code < 500, answer.text


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    return {name: archive.read(name) for name in archive.namelist()}


def test_an_archive_has_what_was_selected(user: Browser, operator: Browser, bucket: str) -> None:
    put(user, bucket, "x/a/1", "x/a/日本語 & #.txt", "x/2")
    put(operator, bucket, "x/a/other")
    selection = {
        "bucket": bucket,
        "names": ["x/2", "x/a/other"],
        "prefixes": ["x/a/"],
        "below": "x/",
        "file_name": 'pictures "1".zip',
    }
    answer = user.post("api/zip", json=selection)
    assert unpacked(answer) == {
        "2": b"x/2",
        "a/1": b"x/a/1",
        "a/日本語 & #.txt": "x/a/日本語 & #.txt".encode(),
    }
    assert "pictures%20%221%22.zip" in answer.headers["content-disposition"]


def test_a_form_gets_the_same_archive(user: Browser, bucket: str) -> None:
    put(user, bucket, "a")
    form = {"selection": json.dumps({"bucket": bucket, "prefixes": [""]})}
    assert unpacked(user.post("api/zip", data=form)) == {"a": b"a"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"selection=",
        b"selection=%7B",
        b"other=%7B%7D",
        b"selection=%7B%7D&selection=%7B%7D",
        b"selection=%ff%fe",
        b"selection=[]",
        "selection=é".encode(),
    ],
)
def test_a_form_that_holds_no_selection_is_refused(user: Browser, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert user.post("api/zip", content=body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    "selection",
    [{}, {"names": "a"}, {"names": [], "prefixes": []}, {"prefixes": [{}]}, {"prefixes": ["x"] * 1001}],
)
def test_a_selection_of_nothing_is_refused(user: Browser, bucket: str, selection: dict[str, Any]) -> None:
    assert user.post("api/zip", json={"bucket": bucket, **selection}).status_code == 400


def test_an_archive_of_what_is_not_there_is_not_found(user: Browser, bucket: str) -> None:
    assert code_of(user.post("api/zip", json={"bucket": bucket, "prefixes": ["a/"]})) == (404, "NoSuchKey")
    assert code_of(user.post("api/zip", json={"bucket": "none", "prefixes": [""]})) == (
        404,
        "NoSuchBucket",
    )


def test_a_client_that_hangs_up_in_the_middle_does_no_harm(
    user: Browser, target: Target, bucket: str
) -> None:
    path = f"storage/v1{object_path(bucket, 'large')}"
    assert user.post(path, content=bytes(20_000_000), headers={"content-type": "image/png"}).is_success

    def is_served() -> bool:
        asked = {"bucket": bucket, "prefixes": [""]}
        with user.stream("POST", "api/zip", json=asked) as answer:
            return answer.status_code == 200 and bool(next(answer.iter_raw(1000)))

    for _ in range(20):  # more than may be made at once
        wait_until(is_served, "there is room for an archive")
    whole = unpacked(user.post("api/zip", json={"bucket": bucket, "names": ["large"]}))
    assert len(whole["large"]) == 20_000_000


def test_folder_jobs_are_in_the_list_of_jobs(user: Browser, make_bucket: MakeBucket) -> None:
    bucket = make_bucket()
    put(user, bucket, "a/1", "b/1")
    body = {"bucket": bucket, "prefix": "a/", "to_prefix": "b/", "conflict": "skip"}
    answer = user.post("api/prefix/move", json=body)
    assert answer.status_code == 202
    job = answer.json()["job"]
    assert job in user.get("api/jobs", params={"kind": "folder.move"}).json()["jobs"]
    report = user.get(f"api/jobs/{job['id']}/report").json()
    [entry] = report["entries"]
    assert (entry["kind"], entry["name"], entry["explain"]) == ("conflict", "a/1", None)


ALL_BUT_DELETE_OF_OTHERS = """
    create policy look on storage.objects for select to authenticated using (true);
    create policy mine on storage.objects for delete to authenticated
        using (owner_id = (select auth.jwt() ->> 'sub'));
"""


def test_the_operator_can_ask_about_what_a_job_was_refused(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "one.sql").write_text(ALL_BUT_DELETE_OF_OTHERS)
    with running(tmp_path / "data", policies_dir=policies) as server, signed_in(server.target) as operator:
        assert operator.post("storage/v1/bucket", json={"name": "folders"}).is_success
        put(operator, "folders", *(f"a/{number:03}" for number in range(501)))
        with signed_in(server.target, "authenticated", sub="user") as user:
            asked = user.post("api/prefix/delete", json={"bucket": "folders", "prefix": "a/"}).json()["job"]
        place = f"api/jobs/{asked['id']}"
        wait_until(lambda: operator.get(place).json()["job"]["state"] == "failed", "the job has failed")
        report = operator.get(f"{place}/report").json()
        first = report["entries"][0]
        assert first["explain"] == {"op": "delete", "bucket": "folders", "name": first["name"]}
        question = {**first["explain"], **report["job"]["actor"]}
        assert operator.post("api/policies/explain", json=question).json()["allowed"] is False
        assert "explain" not in operator.get(f"{place}/report", params={"format": "csv"}).text


def test_an_archive_with_a_damaged_object_never_comes_to_its_end(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, signed_in(server.target) as user:
        assert user.post("storage/v1/bucket", json={"name": "damage"}).is_success
        put(user, "damage", "a/1", "a/2")
        damage(server, b"a/2")
        received = bytearray()
        with (
            pytest.raises(httpx.RemoteProtocolError),
            user.stream("POST", "api/zip", json={"bucket": "damage", "prefixes": ["a/"]}) as answer,
        ):
            assert answer.status_code == 200
            for piece in answer.iter_raw():
                received += piece
        assert received
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(received))
        alone = user.post("api/zip", json={"bucket": "damage", "names": ["a/2"]})
        assert code_of(alone) == (500, "Corrupted")


def damage(server: Server, content: bytes) -> None:
    """Change what is stored with this content, as a failing disk does."""
    [path] = [path for path in server.stored_files() if path.read_bytes() == content]
    path.chmod(0o600)
    path.write_bytes(bytes(each ^ 1 for each in content))


def test_a_page_of_a_list_is_longer_here(user: Browser, target: Target, bucket: str) -> None:
    put(user, bucket, *(f"0/{number:03}" for number in range(126)))
    for copy in range(1, 8):
        copy_folder(user, {"bucket": bucket, "prefix": "0/", "to_prefix": f"{copy}/"})
    path, asked = f"object/list-v2/{bucket}", {"limit": 5000}
    page = user.post(f"storage/v1/{path}", json=asked).json()
    assert (len(page["objects"]), page["hasNext"]) == (8 * 126, False)
    with target.connect(target.token("service_role")) as outside:
        page = outside.post(f"/{path}", json=asked).json()
    assert (len(page["objects"]), page["hasNext"]) == (1000, True)


def copy_folder(user: Browser, body: dict[str, str]) -> None:
    job = user.post("api/prefix/copy", json=body).json()["job"]
    wait_until(
        lambda: user.get(f"api/jobs/{job['id']}").json()["job"]["state"] == "done", "the folder is copied"
    )
