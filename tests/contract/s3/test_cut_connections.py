"""Connections that break in the middle: the clients try again, and nobody ever sees half an object."""

import gc
import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import botocore.endpoint
import httpx
import pytest
from boto3.s3.transfer import TransferConfig

from tests.contract.client import get_object
from tests.contract.cutting_proxy import CuttingProxy

from .door import PART_BYTES, S3, Door, names_of
from .program import Program, content, installed, read_tree, write_tree

SMALL_PARTS = TransferConfig(
    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=2
)
OLD, NEW = content(1000, 1), content(PART_BYTES + 3, 2)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 try again at once: it waits longer each time, and this server does not need it."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: None))


@contextmanager
def bad_network(door: Door, *, cuts: int, within_bytes: int, seed: int = 7) -> Iterator[S3]:
    """Give a boto3 client that tries again, behind a proxy that cuts its first connections."""
    network = CuttingProxy(door.target, seed=seed, cuts=cuts, longest_bytes=within_bytes)
    with network.running() as proxy:
        client = door.client(f"{proxy.url}/s3", retries={"total_max_attempts": 10, "mode": "standard"})
        yield client
        client.close()
        gc.collect()  # boto3 lets go of some connections without closing them; the proxy waits for all
    assert proxy.cuts_left < cuts


@contextmanager
def watching(service: httpx.Client, bucket: str, name: str, allowed: set[bytes]) -> Iterator[list[bytes]]:
    """Read the object again and again meanwhile; the list gets what nobody should have seen."""
    wrong: list[bytes] = []
    done = Event()

    def watch() -> None:
        while not done.is_set():
            found = get_object(service, bucket, name)
            if found.status_code != 200 or found.content not in allowed:
                wrong.append(found.content)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield wrong
    finally:
        done.set()
        watcher.join()


@pytest.mark.parametrize("seed", [1, 2])
def test_upload_in_parts_ends_whole_and_is_never_seen_in_part(
    door: Door, s3: S3, service: httpx.Client, bucket: str, seed: int
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=OLD)
    with (
        bad_network(door, cuts=6, within_bytes=PART_BYTES, seed=seed) as client,
        watching(service, bucket, "a", {OLD, NEW}) as wrong,
    ):
        client.upload_fileobj(io.BytesIO(NEW), bucket, "a", Config=SMALL_PARTS)
    assert wrong == []
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == NEW


def test_single_put_is_old_or_new_at_any_moment(
    door: Door, s3: S3, service: httpx.Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=OLD)
    with (
        bad_network(door, cuts=6, within_bytes=len(NEW)) as client,
        watching(service, bucket, "a", {OLD, NEW}) as wrong,
    ):
        client.put_object(Bucket=bucket, Key="a", Body=NEW)
    assert wrong == []
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == NEW


def test_download_in_ranges_ends_whole(door: Door, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=NEW)
    whole = io.BytesIO()
    with bad_network(door, cuts=6, within_bytes=300) as client:
        client.download_fileobj(bucket, "a", whole, Config=SMALL_PARTS)
    assert whole.getvalue() == NEW


def test_rclone_brings_a_folder_over(door: Door, s3: S3, bucket: str, tmp_path: Path) -> None:
    files = {f"deep/{number}": content(100_000, number) for number in range(10)} | {"big": NEW}
    write_tree(tmp_path / "up", files)
    with CuttingProxy(door.target, seed=3, cuts=2, longest_bytes=PART_BYTES).running() as proxy:
        options = {
            "type": "s3",
            "provider": "Other",
            "endpoint": f"{proxy.url}/s3",
            "access_key_id": door.access_key_id,
            "secret_access_key": door.secret_access_key,
            "chunk_size": "5Mi",
            "upload_cutoff": "5Mi",
        }
        environment = {f"RCLONE_CONFIG_AERO_{name.upper()}": value for name, value in options.items()}
        rclone = Program((installed("rclone"),), environment, tmp_path)
        rclone.run("sync", "up", f"aero:{bucket}/tree")
        rclone.run("sync", f"aero:{bucket}/tree", "down")
    assert read_tree(tmp_path / "down") == files
    assert proxy.cuts_left < 2


def test_body_shorter_than_announced_stores_nothing(door: Door, s3: S3, bucket: str) -> None:
    query = door.presign("PUT", f"/{bucket}/a")
    head = (
        f"PUT {door.target.base_path}/s3/{bucket}/a?{query} HTTP/1.1\r\n"
        f"Host: {door.address[0]}:{door.address[1]}\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection(door.address) as connection:
        connection.sendall(head.encode() + b"x" * 50_000)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):  # until the server is done with it
            pass
    assert names_of(s3.list_objects_v2(Bucket=bucket)) == []
