"""A disk without room refuses uploads in so many words, and nothing else; with room again, all is well."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.contract.client import NO_SUCH_KEY, WireError, error_of, get_object, object_path, put_object
from tests.requirement import skip_without

from .invariants import check_invariants, find_orphans
from .server import Server, running

MIB = 1024 * 1024
DISK_BYTES = 64 * MIB
INODES = 200
WRITERS = 8
BUCKET = "disk"
NO_ROOM = WireError(
    507,
    "507",
    "InsufficientStorage",
    "The server has no room left to store this",
    "InsufficientStorage",
)


def mount_tmpfs(directory: Path) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(directory)]


def mount_ext4(directory: Path, *options: str) -> list[str]:
    image = directory.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", *options, image], check=True, capture_output=True)
    return ["mount", "-o", "loop", str(image), str(directory)]


def mount_few_inodes(directory: Path) -> list[str]:
    return mount_ext4(directory, "-N", str(INODES))


@pytest.fixture(params=[mount_tmpfs, mount_ext4], ids=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of its own."""
    with mounted(request.param, tmp_path) as directory:
        yield directory


@contextmanager
def mounted(make_command: Callable[[Path], list[str]], tmp_path: Path) -> Iterator[Path]:
    """Mount a small file system for the time of the block."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        skip_without("mount", "a full disk needs root, to mount a small file system")
    directory = tmp_path / "disk"
    directory.mkdir()
    try:
        subprocess.run(make_command(directory), check=True, capture_output=True, text=True)
    except (subprocess.CalledProcessError, FileNotFoundError) as exc:
        skip_without("mount", f"a full disk needs the right to mount: {exc} {getattr(exc, 'stderr', '')}")
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Server]:
    with running(disk / "data") as server:
        yield server


@pytest.fixture
def service(server: Server) -> Iterator[httpx.Client]:
    with server.connect() as caller:
        assert caller.post("/bucket", json={"name": BUCKET}).status_code == 200
        yield caller


def upload_until_refused(service: httpx.Client, label: str, size_bytes: int) -> WireError:
    """Upload different bodies until one does not fit; nothing of it may be visible."""
    for number in range(DISK_BYTES // size_bytes + 2):
        name = f"{label}/{number}"
        answer = put_object(service, BUCKET, name, os.urandom(size_bytes))
        if answer.status_code != 200:
            assert error_of(get_object(service, BUCKET, name)) == NO_SUCH_KEY
            return error_of(answer)
    raise AssertionError("more was stored than the disk can hold")


def fill(path: Path) -> None:
    """Write into `path` until the file system is full to the last block."""
    with path.open("wb", buffering=0) as file:
        for size_bytes in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size_bytes))
            except OSError:
                continue


def orphaned_bodies(server: Server) -> list[str]:
    """List the bodies that no row knows; the server's own notes are none."""
    return [key for key in find_orphans(server.place) if not key.startswith("meta/")]


def list_names(service: httpx.Client) -> list[str]:
    page = service.post(f"/object/list-v2/{BUCKET}", json={})
    assert page.status_code == 200, page.text
    return [entry["name"] for entry in page.json()["objects"]]


def test_uploads_to_a_full_disk_are_refused_and_leave_nothing_while_reads_go_on(
    server: Server, service: httpx.Client
) -> None:
    kept = os.urandom(3 * MIB)
    assert put_object(service, BUCKET, "kept", kept).status_code == 200
    for label, size_bytes in (("large", 8 * MIB), ("small", 60_000)):
        assert upload_until_refused(service, label, size_bytes) == NO_ROOM
    assert get_object(service, BUCKET, "kept").content == kept
    assert "kept" in list_names(service)
    assert orphaned_bodies(server) == []
    check_invariants(server.place)


def test_uploads_work_again_when_there_is_room(disk: Path, server: Server, service: httpx.Client) -> None:
    assert put_object(service, BUCKET, "kept", b"kept").status_code == 200
    fill(disk / "filler")
    assert error_of(put_object(service, BUCKET, "refused", os.urandom(9 * MIB))) == NO_ROOM
    assert error_of(put_object(service, BUCKET, "refused", b"small")) == NO_ROOM
    assert get_object(service, BUCKET, "kept").content == b"kept"
    assert list_names(service) == ["kept"]
    (disk / "filler").unlink()
    assert put_object(service, BUCKET, "welcome", os.urandom(9 * MIB)).status_code == 200
    assert list_names(service) == ["kept", "welcome"]
    check_invariants(server.place)


def test_deletes_work_on_a_disk_that_uploads_have_filled(service: httpx.Client) -> None:
    for number in range(200):
        assert put_object(service, BUCKET, f"doomed/{number}", b"doomed").status_code == 200
    for label, size_bytes in (("large", 8 * MIB), ("small", 60_000), ("tiny", 1000)):
        assert upload_until_refused(service, label, size_bytes) == NO_ROOM
    for number in range(200):
        answer = service.delete(object_path(BUCKET, f"doomed/{number}"))
        assert answer.status_code == 200, answer.text


def test_delete_is_refused_but_possible_later_when_somebody_else_took_the_last_block(
    disk: Path, service: httpx.Client
) -> None:
    path = object_path(BUCKET, "doomed")
    assert put_object(service, BUCKET, "doomed", b"doomed").status_code == 200
    fill(disk / "filler")
    assert error_of(service.delete(path)) == NO_ROOM
    assert get_object(service, BUCKET, "doomed").content == b"doomed"
    (disk / "filler").unlink()
    assert service.delete(path).status_code == 200
    assert error_of(get_object(service, BUCKET, "doomed")) == NO_SUCH_KEY


def test_restart_on_a_full_disk_serves_what_is_there(disk: Path) -> None:
    with running(disk / "data") as server, server.connect() as service:
        service.post("/bucket", json={"name": BUCKET})
        assert put_object(service, BUCKET, "kept", b"kept").status_code == 200
        fill(disk / "filler")
    with running(disk / "data") as server, server.connect() as service:
        assert get_object(service, BUCKET, "kept").content == b"kept"
        assert error_of(put_object(service, BUCKET, "refused", os.urandom(MIB))) == NO_ROOM


def test_a_disk_without_inodes_refuses_uploads_and_nothing_else(tmp_path: Path) -> None:
    with (
        mounted(mount_few_inodes, tmp_path) as disk,
        running(disk / "data") as server,
        server.connect() as service,
    ):
        assert service.post("/bucket", json={"name": BUCKET}).status_code == 200
        assert put_object(service, BUCKET, "kept", b"kept").status_code == 200
        assert upload_until_refused(service, "small", 300) == NO_ROOM
        assert upload_until_refused(service, "large", 300_000) == NO_ROOM
        assert get_object(service, BUCKET, "kept").content == b"kept"
        assert service.delete(object_path(BUCKET, "kept")).status_code == 200
        assert orphaned_bodies(server) == []
        check_invariants(server.place)


def test_a_disk_that_is_full_now_and_then_loses_nothing_that_was_acknowledged(
    disk: Path, server: Server, service: httpx.Client
) -> None:
    def write(number: int) -> dict[str, bytes]:
        stored = {}
        with server.connect() as caller:
            for attempt in range(40):
                name, content = f"{number}/{attempt}", os.urandom(1000 + 4000 * (attempt % 20))
                answer = put_object(caller, BUCKET, name, content)
                assert answer.status_code == 200 or error_of(answer) == NO_ROOM
                if answer.status_code == 200:
                    stored[name] = content
        return stored

    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(work.done() for work in writing):
            fill(disk / "filler")
            (disk / "filler").unlink()
    acknowledged = {name: content for work in writing for name, content in work.result().items()}
    assert sorted(list_names(service)) == sorted(acknowledged)
    for name, content in acknowledged.items():
        assert get_object(service, BUCKET, name).content == content
    check_invariants(server.place)
