"""Scrub from outside: in a server, beside one, and after a kill in the middle; on both databases."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.client import get_object, object_path

from .invariants import Place, check_invariants
from .server import DEADLINE_S, Server, running_at, wait_until

BUCKET = "scrubbed"
REPOSITORY = Path(__file__).parents[2]
BYTES_MISSING = 3
FILES = 6
SIZE = 400_000


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    return Place(tmp_path / "data", database_url)


def store(caller: httpx.Client, count: int) -> None:
    caller.post("/bucket", json={"name": BUCKET}).raise_for_status()
    for number in range(count):
        upload(caller, number).raise_for_status()


def content(number: int) -> bytes:
    return f"{number}".encode() * SIZE


def upload(caller: httpx.Client, number: int) -> httpx.Response:
    return caller.put(object_path(BUCKET, f"{number}"), content=content(number))


def flip(place: Place, key: str) -> None:
    """Change one bit of a stored file, as a disk does: length and dates stay."""
    path = place.blobs_dir / key
    dates = path.stat()
    with path.open("r+b") as file:
        file.seek(SIZE // 2)
        byte = file.read(1)[0]
        file.seek(SIZE // 2)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def key_of(place: Place, number: int) -> str:
    query = (
        "SELECT b.backend_key FROM storage_blobs AS b JOIN storage_objects AS o ON o.blob_id = b.id"
        f" WHERE o.name = '{number}'"
    )
    [(key,)] = place.rows(query)
    return str(key)


def damaged_files(server: Server) -> float:
    metrics = httpx.get(f"{server.target.url}/metrics", trust_env=False).text
    [line] = [each for each in metrics.splitlines() if each.startswith("storage_damaged_files ")]
    return float(line.split()[1])


def rounds(place: Place) -> list[tuple[Any, ...]]:
    return place.rows("SELECT id, checked, finished_at, damaged FROM storage_scrubs ORDER BY started_at, id")


def finished(place: Place) -> int:
    return sum(finished_at is not None for _id, _checked, finished_at, _damaged in rounds(place))


@contextmanager
def running_scrub(place: Place, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Scrub for the time of the block; kill what still runs then."""
    with hearing_interrupts():
        process = subprocess.Popen(
            [sys.executable, "-m", "aerostore", "scrub", "--json", *options],
            cwd=REPOSITORY,
            env={"AEROSTORE_DATA_DIR": str(place.data_dir), "AEROSTORE_DATABASE_URL": place.database_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def hearing_interrupts() -> Iterator[None]:
    """Let SIGINT end what starts in the block: programs in the background of a shell inherit to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def scrub(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one scrub to its end."""
    with running_scrub(place, *options) as process:
        output, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def test_a_server_finds_a_flipped_bit_serves_the_rest_and_forgets_it_when_it_is_mended(place: Place) -> None:
    with running_at(place, scrub_interval=1, scrub_rate=10**9) as server, server.connect() as caller:
        store(caller, 3)
        flip(place, key_of(place, 1))
        wait_until(lambda: damaged_files(server) == 1, "the server knows of the damage")
        assert "stored bytes are damaged" in log_of(server)
        assert get_object(caller, BUCKET, "0").content == content(0)
        upload(caller, 1).raise_for_status()
        wait_until(lambda: damaged_files(server) == 0, "the damage is forgotten")
        assert get_object(caller, BUCKET, "1").content == content(1)
    check_invariants(place)


def log_of(server: Server) -> str:
    logs = server.data_dir.parent.glob(f"{server.data_dir.name}-*.log")
    return "".join(log.read_text("utf-8") for log in logs)


def test_a_round_goes_on_after_the_server_was_killed_in_the_middle_of_it(place: Place) -> None:
    with running_at(place, scrub_interval=0) as server, server.connect() as caller:
        store(caller, FILES)
    # Slow enough to be met in the middle: two seconds for each file.
    with running_at(place, scrub_interval=10**6, scrub_rate=SIZE // 2) as server:
        wait_until(lambda: bool(rounds(place)) and rounds(place)[0][1] >= 1, "a file has been read")
        server.kill()
    [(interrupted, reached, finished_at, _damaged)] = rounds(place)
    assert (0 < reached < FILES, finished_at) == (True, None)
    unread = max(key for (key,) in place.rows("SELECT backend_key FROM storage_blobs"))
    flip(place, unread)
    # The lease of the dead server ends by itself, within a minute.
    expire_leases(place)
    done = scrub(place, "--rate", "1G")
    assert done.returncode == BYTES_MISSING, done.stderr
    report = json.loads(done.stdout)
    assert (report["rounds"][0]["id"], report["rounds"][0]["checked"]) == (interrupted, FILES)
    assert report["damaged"] == [unread]


def expire_leases(place: Place) -> None:
    place.change("UPDATE storage_leases SET expires_at = '2020-01-01T00:00:00.000Z'")


def test_a_scrub_by_hand_runs_beside_a_server_that_is_written_to_and_can_be_interrupted(place: Place) -> None:
    with running_at(place, scrub_interval=0, reclaim_interval=1) as server, server.connect() as caller:
        store(caller, FILES)
        with running_scrub(place, "--rate", "1K") as process:
            wait_until(lambda: bool(rounds(place)), "the scrub has begun")
            refused = scrub(place)
            assert (refused.returncode, json.loads(refused.stdout)["refused"] != "") == (1, True)
            for number in range(FILES):
                caller.delete(object_path(BUCKET, f"{number}")).raise_for_status()
                upload(caller, number + FILES).raise_for_status()
            process.send_signal(signal.SIGINT)
            assert (process.wait(DEADLINE_S), finished(place)) == (1, 0)
        done = scrub(place, "--rate", "1G")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert (report["damaged_count"], report["missing_count"]) == (0, 0)
    assert finished(place) == 1
    check_invariants(place)
