"""Resumable uploads on servers with other settings, on one that dies, and on one that is mounted."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.port import free_port

from .client import Target, get_object
from .conftest import SECRET, serve, stop, wait_until_ready
from .test_tus_interruption import HalfPatch
from .tus import Upload, begin, create, error_of

PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that keeps uploads for two seconds, and waits one for the next byte."""
    yield from serve(
        tmp_path_factory.mktemp("impatient"),
        resumable_upload_lifetime=2,
        body_timeout=1,
        public_url="https://files.example/api",
        file_size_limit=1_000_000,
        reclaim_interval=1,
        reclaim_grace=1,
    )


@pytest.fixture
def caller(impatient: Target) -> Iterator[httpx.Client]:
    with impatient.connect(impatient.token("service_role")) as caller:
        if caller.get("/bucket/photos").status_code != 200:
            caller.post("/bucket", json={"name": "photos"})
        yield caller


def local(impatient: Target, answer: httpx.Response) -> str:
    """Return the address of an upload as this machine reaches it."""
    location: str = answer.headers["location"]
    return location.replace("https://files.example/api/storage/v1", impatient.url)


def test_location_is_below_the_public_url(caller: httpx.Client) -> None:
    answer = create(caller, "photos", "located", 1, headers={"x-forwarded-host": "evil.example"})
    expected = "https://files.example/api/storage/v1/upload/resumable/"
    assert answer.headers["location"].startswith(expected)


def test_largest_size_is_that_of_the_settings(caller: httpx.Client) -> None:
    assert caller.options("/upload/resumable").headers["tus-max-size"] == "1000000"
    assert error_of(create(caller, "photos", "big", 1_000_001)) == (413, "Maximum size exceeded\n")


def test_upload_that_nobody_goes_on_with_is_gone_first_and_unknown_later(
    impatient: Target, caller: httpx.Client
) -> None:
    upload = Upload(caller, local(impatient, create(caller, "photos", "late", 10)))
    assert upload.offset() == 0
    seen = set()
    deadline = time.monotonic() + PATIENCE_S
    while 404 not in seen and time.monotonic() < deadline:
        seen.add(upload.head().status_code)
        if 410 in seen and 404 not in seen:
            assert error_of(upload.patch(0, b"x")) in {
                (410, "The file for this url no longer exists\n"),
                (404, "The file for this url was not found\n"),
            }
        time.sleep(0.1)  # the server is another process: there is no clock to pass in
    assert seen == {200, 410, 404}


def test_patch_that_stalls_is_answered_with_how_far_it_came(impatient: Target, caller: httpx.Client) -> None:
    upload = Upload(caller, local(impatient, create(caller, "photos", "stalled", 1000)))
    with HalfPatch(impatient, impatient.token("service_role"), upload, 0, 1000) as patch:
        patch.send(b"x" * 100)
        status, headers = patch.answer()
    assert (status, headers["upload-offset"]) == (204, "100")


def test_poisoned_headers_are_not_in_the_location(service: httpx.Client, bucket: str) -> None:
    for header in ("x-forwarded-host", "forwarded", "x-forwarded-prefix", "x-original-host"):
        location = create(service, bucket, header, 1, headers={header: "evil.example"}).headers["location"]
        assert "evil" not in location


def test_upload_survives_a_server_that_is_killed(tmp_path: Path) -> None:
    content = b"x" * 100_000 + b"y" * 50_000 + b"z" * 150_000
    with running(tmp_path) as (target, process), target.connect(target.token("service_role")) as caller:
        caller.post("/bucket", json={"name": "photos"})
        upload = begin(caller, "photos", "a", len(content))
        assert upload.patch(0, content[:100_000]).status_code == 204
        with HalfPatch(target, target.token("service_role"), upload, 100_000, 200_000) as hanging:
            hanging.send(content[100_000:150_000])
            process.kill()
            process.wait()
    with running(tmp_path) as (target, _process), target.connect(target.token("service_role")) as caller:
        again = Upload(caller, f"{target.url}/upload/resumable/{upload.url.rpartition('/')[2]}")
        offset = again.offset()
        assert 100_000 <= offset <= 150_000
        assert again.patch(offset, content[offset:]).headers["tus-complete"] == "1"
        assert get_object(caller, "photos", "a").content == content


@contextmanager
def running(directory: Path) -> Iterator[tuple[Target, "subprocess.Popen[bytes]"]]:
    """Run a server whose first process a test may end as it likes; the others end with it."""
    log, url = directory / "server.log", f"http://127.0.0.1:{(port := free_port())}/storage/v1"
    settings = {"DATA_DIR": directory / "data", "PORT": port, "JWT_SECRET": SECRET}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "aerostore", "serve"],
            cwd=Path(__file__).parents[2],
            env={f"AEROSTORE_{name}": str(value) for name, value in settings.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(process, url, log)
        yield Target(url=url, secret=SECRET, is_disposable=True), process
    finally:
        stop(process)
