"""rclone: files with their times and metadata, both ways, and the comparison of what arrived."""

import json
import os
from pathlib import Path

import httpx
import pytest

from .door import PART_BYTES, S3, Door
from .program import AWKWARD_NAMES, Program, content, installed, read_tree, write_tree

# Without it rclone takes a composed and a decomposed letter for one, and carries only one of two such files.
EXACT = ("--no-unicode-normalization",)


@pytest.fixture
def rclone(door: Door, tmp_path: Path) -> Program:
    options = {
        "type": "s3",
        "provider": "Other",
        "endpoint": door.url,
        "access_key_id": door.access_key_id,
        "secret_access_key": door.secret_access_key,
        "region": door.region,
        "chunk_size": "5Mi",
        "upload_cutoff": "5Mi",
        "copy_cutoff": "5Mi",
    }
    environment = {f"RCLONE_CONFIG_AERO_{name.upper()}": value for name, value in options.items()}
    environment |= {"RCLONE_CONFIG": str(tmp_path / "none.conf"), "RCLONE_RETRIES": "1"}
    return Program((installed("rclone"),), environment, tmp_path)


def test_sync_and_check_agree_both_ways(rclone: Program, bucket: str) -> None:
    files = {name: name.encode() for name in AWKWARD_NAMES} | {"empty": b"", "deep/er/x": b"1"}
    files["big"] = content(PART_BYTES + 1)
    up = write_tree(rclone.home / "up", files)
    rclone.run("sync", *EXACT, up, f"aero:{bucket}/tree")
    rclone.run("check", "--download", *EXACT, up, f"aero:{bucket}/tree")
    rclone.run("check", *EXACT, up, f"aero:{bucket}/tree")
    rclone.run("sync", *EXACT, f"aero:{bucket}/tree", "down")
    assert read_tree(rclone.home / "down") == files

    (up / "deep/er/x").write_bytes(b"changed")
    (up / "empty").unlink()
    rclone.run("sync", *EXACT, up, f"aero:{bucket}/tree")
    rclone.run("check", *EXACT, up, f"aero:{bucket}/tree")


def test_a_second_copy_sends_nothing(rclone: Program, bucket: str) -> None:
    up = write_tree(rclone.home / "up", {"a": b"1", "b": content(PART_BYTES + 1)})
    log = rclone.home / "log"
    for sent in (2, 0):
        rclone.run("copy", up, f"aero:{bucket}", "--log-level", "INFO", "--log-file", log)
        assert log.read_text().count(": Copied") == sent
        log.unlink()


def test_modification_times_survive(rclone: Program, s3: S3, bucket: str) -> None:
    path = write_tree(rclone.home / "up", {"a": b"1"}) / "a"
    os.utime(path, ns=(0, 1_234_567_890_123_456_789))
    rclone.run("copy", path.parent, f"aero:{bucket}")
    rclone.run("copy", f"aero:{bucket}", "down")
    assert (rclone.home / "down/a").stat().st_mtime_ns == 1_234_567_890_123_456_789
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"]["mtime"] == "1234567890.123456789"

    rclone.run("touch", "--timestamp", "2001-02-03T04:05:06", f"aero:{bucket}/a")
    [listed] = json.loads(rclone.run("lsjson", f"aero:{bucket}"))
    assert listed["ModTime"].startswith("2001-02-03T04:05:06")


def test_metadata_survives_a_copy_on_the_server(rclone: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1", Metadata={"colour": "green"}, ContentType="text/csv")
    rclone.run("copyto", "--metadata", f"aero:{bucket}/a", f"aero:{bucket}/b/c d")
    copied = s3.head_object(Bucket=bucket, Key="b/c d")
    assert copied["Metadata"]["colour"] == "green"
    assert copied["ContentType"] == "text/csv"


def test_move_and_purge_leave_nothing_behind(rclone: Program, s3: S3, bucket: str) -> None:
    for name in ("from/a", "from/b c"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    rclone.run("move", f"aero:{bucket}/from", f"aero:{bucket}/to")
    assert rclone.run("lsf", "-R", "--files-only", f"aero:{bucket}").split("\n")[:-1] == ["to/a", "to/b c"]
    rclone.run("purge", f"aero:{bucket}")
    assert f"{bucket}/" not in rclone.run("lsf", "aero:").splitlines()


def test_cat_reads_a_range_and_size_counts(rclone: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    assert rclone.run("cat", "--offset", "2", "--count", "3", f"aero:{bucket}/a") == "234"
    assert json.loads(rclone.run("size", "--json", f"aero:{bucket}"))["bytes"] == 10


def test_a_body_of_unknown_length_arrives_whole(rclone: Program, s3: S3, bucket: str) -> None:
    source = write_tree(rclone.home / "up", {"a": content(PART_BYTES + 7)}) / "a"
    rclone.run("copyto", "--streaming-upload-cutoff", "0", "--checksum", source, f"aero:{bucket}/a")
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == source.read_bytes()


def test_link_opens_the_object_for_anyone(rclone: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"shared")
    link = rclone.run("link", "--expire", "1m", f"aero:{bucket}/a b").strip()
    assert httpx.get(link, trust_env=False).content == b"shared"


def test_cleanup_ends_uploads_that_were_left(rclone: Program, s3: S3, bucket: str) -> None:
    s3.create_multipart_upload(Bucket=bucket, Key="left")
    rclone.run("backend", "cleanup", "-o", "max-age=0s", f"aero:{bucket}")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
