"""A database file that is moved, replaced or removed: 503, and all is well once it is back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.client import error_of, get_object, object_path, put_object
from tests.crash.invariants import check_invariants
from tests.crash.server import Server, running

from .calm import BUCKET


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one's own: what is done here others would feel."""
    with running(tmp_path_factory.mktemp("lost") / "data") as server:
        yield server


@pytest.fixture
def caller(server: Server) -> Iterator[httpx.Client]:
    with server.connect() as caller:
        caller.post("/bucket", json={"name": BUCKET})
        assert put_object(caller, BUCKET, "kept", b"kept", {"x-upsert": "true"}).status_code == 200
        yield caller


def assert_unavailable(caller: httpx.Client, file: str) -> None:
    """Whatever is asked for is refused with 503, in words that name the file."""
    answers = [
        put_object(caller, BUCKET, "refused", b"small"),
        put_object(caller, BUCKET, "refused", b"x" * 300_000),
        caller.delete(object_path(BUCKET, "kept")),
        get_object(caller, BUCKET, "kept"),
        caller.get("/bucket"),
        caller.post(f"/object/list-v2/{BUCKET}", json={}),
    ]
    for answer in answers:
        error = error_of(answer)
        assert (error.status, error.code, answer.headers["retry-after"]) == (503, "Unavailable", "5")
        assert file in error.message
    assert caller.get("/health").json()["healthy"] is False


def assert_all_is_well(server: Server, caller: httpx.Client) -> None:
    assert get_object(caller, BUCKET, "kept").content == b"kept"
    assert put_object(caller, BUCKET, "later", b"later", {"x-upsert": "true"}).status_code == 200
    names = [entry["name"] for entry in caller.post(f"/object/list-v2/{BUCKET}", json={}).json()["objects"]]
    assert names == ["kept", "later"]
    check_invariants(server.place)


@pytest.mark.parametrize("name", ["aerostore.db", "aerostore.db-wal"])
@pytest.mark.parametrize("instead", ["nothing", "garbage", "a directory", "a copy"])
def test_a_database_that_is_moved_away_is_missed_until_it_is_back(
    server: Server, caller: httpx.Client, name: str, instead: str
) -> None:
    file, away = server.data_dir / name, server.data_dir / "away"
    file.rename(away)
    put_instead(file, away, instead)
    assert_unavailable(caller, name)
    if file.is_dir():
        file.rmdir()
    away.rename(file)
    assert_all_is_well(server, caller)


def put_instead(file: Path, original: Path, what: str) -> None:
    match what:
        case "garbage":
            file.write_bytes(b"this is no database" * 1000)
        case "a directory":
            file.mkdir()
        case "a copy":
            shutil.copyfile(original, file)


def test_the_data_directory_may_go_and_come_back(server: Server, caller: httpx.Client) -> None:
    away = server.data_dir.with_name("away")
    server.data_dir.rename(away)
    assert_unavailable(caller, "aerostore.db")
    away.rename(server.data_dir)
    assert_all_is_well(server, caller)
