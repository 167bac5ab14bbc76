"""Whoever can write to the data directory puts strange things where bytes are: none of them is served."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.contract.client import get_object, object_path, put_object, unique
from tests.crash.server import Server

SECRET_TEXT = b"the text of a file that nobody uploaded"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside"
    path.write_bytes(SECRET_TEXT)
    return path


def link_to(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def relative_link_to(place: Path, outside: Path) -> None:
    place.symlink_to(os.path.relpath(outside, place.parent))


def link_to_the_secret(place: Path, _outside: Path) -> None:
    place.symlink_to("/proc/self/environ")


def dangling_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside.with_name("nothing"))


def another_name_of(place: Path, outside: Path) -> None:
    os.link(outside, place)


def fifo(place: Path, _outside: Path) -> None:
    os.mkfifo(place)


def directory(place: Path, _outside: Path) -> None:
    place.mkdir(mode=0o700)


def nothing(_place: Path, _outside: Path) -> None:
    """Leave the name empty."""


PLANTS = [
    link_to,
    relative_link_to,
    link_to_the_secret,
    dangling_link,
    another_name_of,
    fifo,
    directory,
    nothing,
]


def fresh_content() -> bytes:
    """Make content as long as what is planted, so that its length gives nothing away."""
    return unique("content").encode().ljust(len(SECRET_TEXT), b".")


def stored_file(server: Server, service: httpx.Client, bucket: str, content: bytes) -> Path:
    """Store `content` as `a`, and return the file that holds it."""
    before = set(server.stored_files())
    assert put_object(service, bucket, "a", content).is_success
    (fresh,) = set(server.stored_files()) - before
    return fresh


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_what_is_planted_in_place_of_bytes_is_not_served(
    server: Server, service: httpx.Client, bucket: str, outside: Path, plant: Callable[[Path, Path], None]
) -> None:
    held = stored_file(server, service, bucket, fresh_content())
    held.unlink()
    plant(held, outside)
    for headers in ({}, {"range": "bytes=0-9"}):
        answer = service.get(object_path(bucket, "a"), headers=headers)
        assert answer.status_code == 500
        assert SECRET_TEXT not in answer.content
        assert b"AEROSTORE" not in answer.content
    assert service.get("/status").status_code == 200
    assert outside.read_bytes() == SECRET_TEXT


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_whoever_replaces_a_planted_object_or_deletes_it_touches_nothing_outside(
    server: Server, service: httpx.Client, bucket: str, outside: Path, plant: Callable[[Path, Path], None]
) -> None:
    content = fresh_content()
    held = stored_file(server, service, bucket, content)
    held.unlink()
    plant(held, outside)
    assert put_object(service, bucket, "a", b"replaced " + content, {"x-upsert": "true"}).is_success
    assert get_object(service, bucket, "a").content == b"replaced " + content
    assert service.delete(object_path(bucket, "a")).is_success
    assert outside.read_bytes() == SECRET_TEXT


def test_files_and_directories_are_for_the_server_alone(
    server: Server, service: httpx.Client, bucket: str
) -> None:
    fresh = stored_file(server, service, bucket, unique("private").encode())
    folders = [path for path in server.data_dir.rglob("*") if path.is_dir() and not path.is_symlink()]
    secrets = [path for path in server.data_dir.iterdir() if path.is_file()]
    for path in (server.data_dir, fresh, *folders, *secrets):
        assert path.stat().st_mode & 0o077 == 0, path
