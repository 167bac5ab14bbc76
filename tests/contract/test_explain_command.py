"""`aerostore explain`: exit codes, both kinds of output, and the story of a request that was denied."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from tests.crash.server import wait_until

from .client import put_object
from .conftest import SECRET
from .test_command_line import Served, aerostore, run_sql, serving

ALICE = "31ab0000-0000-4000-8000-00000000000a"
BOB = "31ab0000-0000-4000-8000-00000000000b"
ALLOWED, DENIED, CANNOT_RUN = 0, 1, 2


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the bucket `photos`, and `bobs` in it."""
    folder = tmp_path_factory.mktemp("explain") / "data"
    assert aerostore("migrate", data_dir=folder).returncode == 0
    run_sql(folder, "INSERT INTO storage_buckets (id, name) VALUES ('photos', 'photos')")
    run_sql(
        folder,
        "INSERT INTO storage_objects (id, bucket_id, name, owner_id, version)"
        f" VALUES ('6d0c0b9c-7a43-4c94-8c5f-3b3e1e7d8c11', 'photos', 'bobs/\u00fc.png', '{BOB}', 'v')",
    )
    return folder


AS_ALICE = ("--as", "authenticated", "--sub", ALICE, "--bucket", "photos")


def test_allowed_is_0_and_says_so(data_dir: Path) -> None:
    told = aerostore("explain", "--op", "upload", *AS_ALICE, "--name", "a.png", data_dir=data_dir)
    assert (told.returncode, told.stderr) == (ALLOWED, "")
    assert told.stdout.startswith(f"ALLOWED: upload photos/a.png, as authenticated with sub {ALICE}\n")


def test_denied_is_1_and_says_why_and_what_helps(data_dir: Path) -> None:
    told = aerostore("explain", "--op", "download", *AS_ALICE, "--name", "bobs/ü.png", data_dir=data_dir)
    assert (told.returncode, told.stderr) == (DENIED, "")
    for words in (
        "DENIED: download",
        "client gets 400 NoSuchKey: Object not found",
        "1. SELECT on storage.objects, the existing row: refused",
        f"owner_id = '{BOB}'",
        'policy "owners manage their own objects" (default.sql:N), for role authenticated: false',
        'hint        The closest policy is "owners manage their own objects" (default.sql:N):'
        f" owner_id would have to be '{ALICE}'",
    ):
        assert words in re.sub(r"\(\S*default\.sql:\d+\)", "(default.sql:N)", told.stdout)


def test_output_that_is_no_terminal_is_plain_ascii(data_dir: Path) -> None:
    told = aerostore("explain", "--op", "download", *AS_ALICE, "--name", "bobs/ü.png", data_dir=data_dir)
    assert told.stdout.isascii()
    assert "\x1b" not in told.stdout


def test_json_is_what_the_api_answers(data_dir: Path) -> None:
    told = aerostore("explain", "--op", "list", *AS_ALICE, "--json", data_dir=data_dir)
    story = json.loads(told.stdout)
    assert set(story) == {
        "allowed", "http", "caller", "question", "decided_by", "hint", "remark", "steps",
    }  # fmt: skip
    assert story["remark"] == "The caller sees 0 of the first 1 that exist."


def test_a_token_is_verified_with_the_secret_of_the_settings(data_dir: Path) -> None:
    asked = ("explain", "--op", "upload", "--bucket", "photos", "--name", "a.png", "--jwt")
    good = jwt.encode({"role": "authenticated", "sub": ALICE}, SECRET, algorithm="HS256")
    fine = aerostore(*asked, good, data_dir=data_dir, jwt_secret=SECRET)
    forged = aerostore(*asked, good, data_dir=data_dir, jwt_secret=SECRET[::-1])
    assert (fine.returncode, forged.returncode) == (ALLOWED, DENIED)
    assert "The token itself is refused: signature verification failed" in forged.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--op", "upload"), "must have required property 'bucket'"),
        (("--op", "fly", "--as", "anon"), "must be equal to one of the allowed values"),
        (("--op", "list", "--bucket", "photos"), "must have required property 'role'"),
        (("--op", "list", "--bucket", "photos", "--as", "anon", "--claims", "{"), "is not JSON"),
        ((), "must have required property 'op'"),
        (("--request", "unheard-of"), "no denial of request 'unheard-of' is known"),
    ],
)
def test_a_question_that_is_none_is_2(data_dir: Path, arguments: tuple[str, ...], message: str) -> None:
    told = aerostore("explain", *arguments, data_dir=data_dir)
    assert (told.returncode, told.stdout) == (CANNOT_RUN, "")
    assert message in told.stderr


def test_a_data_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    told = aerostore("explain", "--op", "bucket.list", "--as", "anon", data_dir=tmp_path / "typo")
    assert told.returncode == CANNOT_RUN
    assert not (tmp_path / "typo").exists()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with two workers and the bucket `photos`."""
    with serving(tmp_path_factory.mktemp("denials"), "--workers", "2") as found:
        with httpx.Client(base_url=found.url, headers=bearer("service_role")) as service:
            assert service.post("/bucket", json={"name": "photos"}).status_code == 200
        yield found


def bearer(role: str, **claims: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt.encode({'role': role, **claims}, SECRET, algorithm='HS256')}"}


def stories(served: Served, request_id: str) -> list[dict[str, object]]:
    told = aerostore("explain", "--request", request_id, "--json", data_dir=served.data_dir)
    found: list[dict[str, object]] = json.loads(told.stdout) if told.returncode == DENIED else []
    return found


def test_a_denied_request_is_explained_afterwards(served: Served) -> None:
    with httpx.Client(base_url=served.url, headers=bearer("anon")) as anon:
        answer = put_object(anon, "photos", "a.png", headers={"x-request-id": "denied-1"})
    assert answer.json()["request_id"] == "denied-1"
    wait_until(lambda: bool(stories(served, "denied-1")), "the denial is kept")
    [story] = stories(served, "denied-1")
    assert (story["operation"], story["role"]) == ("storage.object.upload", "anon")
    told = aerostore("explain", "--request", "denied-1", data_dir=served.data_dir)
    assert told.returncode == DENIED
    assert "sign in, and send the user's JWT instead of the anon key" in told.stdout
    assert "1. INSERT on storage.objects, the proposed row: refused" in told.stdout


def test_a_move_is_explained_with_both_names(served: Served) -> None:
    body = {"bucketId": "photos", "sourceKey": "nowhere", "destinationKey": "else"}
    headers = bearer("authenticated", sub=ALICE) | {"x-request-id": "denied-2"}
    with httpx.Client(base_url=served.url, headers=headers) as alice:
        assert alice.post("/object/move", json=body).json()["code"] == "NoSuchKey"
    wait_until(lambda: bool(stories(served, "denied-2")), "the denial is kept")
    told = aerostore("explain", "--request", "denied-2", data_dir=served.data_dir)
    assert "move photos/nowhere to photos/else" in told.stdout
    assert "There is no object 'nowhere' in bucket 'photos'" in told.stdout


def test_an_upload_by_form_is_explained_with_the_type_of_its_file(served: Served) -> None:
    headers = bearer("anon") | {"x-request-id": "denied-4", "x-upsert": "true"}
    with httpx.Client(base_url=served.url, headers=headers) as anon:
        file = {"file": ("a.txt", b"four", "text/x-odd")}
        assert anon.post("/object/photos/form.txt", files=file).json()["code"] == "AccessDenied"
    wait_until(lambda: bool(stories(served, "denied-4")), "the denial is kept")
    [story] = stories(served, "denied-4")
    question = story["question"]
    assert isinstance(question, dict)
    assert {key: question[key] for key in ("op", "name", "mime_type", "size_bytes")} == {
        "op": "upsert", "name": "form.txt", "mime_type": "text/x-odd", "size_bytes": 4,
    }  # fmt: skip


def test_refusals_that_no_policy_made_and_those_of_the_service_role_are_not_kept(served: Served) -> None:
    with httpx.Client(base_url=served.url) as nobody:
        for headers in ({"Authorization": "Bearer x"}, bearer("service_role")):
            nobody.get("/object/authenticated/photos/x", headers=headers | {"x-request-id": "quiet"})
        put_object(nobody, "photos", "last", headers=bearer("anon") | {"x-request-id": "denied-3"})
    wait_until(lambda: bool(stories(served, "denied-3")), "the denial is kept")
    assert stories(served, "quiet") == []
