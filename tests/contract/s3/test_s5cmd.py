"""s5cmd: many copies at once, with wildcards, and syncs in both directions."""

from pathlib import Path

import httpx
import pytest

from tests.contract.client import unique

from .door import PART_BYTES, S3, Door
from .program import AWKWARD_NAMES, Program, content, installed, read_tree, write_tree

# A `*` is a wildcard to s5cmd, in names as well.
NAMES = [name for name in AWKWARD_NAMES if not set(name) & set("*?")]


@pytest.fixture
def s5cmd(door: Door, tmp_path: Path) -> Program:
    environment = {
        "AWS_ACCESS_KEY_ID": door.access_key_id,
        "AWS_SECRET_ACCESS_KEY": door.secret_access_key,
        "AWS_REGION": door.region,
        "S3_ENDPOINT_URL": door.url,
    }
    return Program((installed("s5cmd"), "--retry-count", "0"), environment, tmp_path)


def test_copies_go_both_ways_and_between_names(s5cmd: Program, s3: S3, bucket: str) -> None:
    body = content(PART_BYTES + 1)
    (s5cmd.home / "a.bin").write_bytes(body)
    s5cmd.run("cp", "--part-size", "5", "a.bin", f"s3://{bucket}/up/a b.bin")
    s5cmd.run("cp", f"s3://{bucket}/up/a b.bin", f"s3://{bucket}/copy.bin")
    s5cmd.run("cp", "--part-size", "5", f"s3://{bucket}/copy.bin", "back.bin")
    assert (s5cmd.home / "back.bin").read_bytes() == body
    assert s3.head_object(Bucket=bucket, Key="up/a b.bin")["ETag"].endswith('-2"')


def test_sync_carries_changes_and_deletions_both_ways(s5cmd: Program, bucket: str) -> None:
    files = {name: name.encode() for name in NAMES} | {"empty": b"", "deep/er/x": b"1"}
    up = write_tree(s5cmd.home / "up", files)
    s5cmd.run("sync", f"{up}/", f"s3://{bucket}/tree/")
    s5cmd.run("sync", f"s3://{bucket}/tree/*", "down/")
    assert read_tree(s5cmd.home / "down") == files

    (up / "deep/er/x").write_bytes(b"changed")
    (up / "empty").unlink()
    s5cmd.run("sync", "--delete", f"{up}/", f"s3://{bucket}/tree/")
    s5cmd.run("sync", "--delete", f"s3://{bucket}/tree/*", "down/")
    assert read_tree(s5cmd.home / "down") == read_tree(up)


def test_wildcards_choose_what_is_listed_moved_and_removed(s5cmd: Program, s3: S3, bucket: str) -> None:
    for name in ("logs/1.txt", "logs/2.txt", "logs/2.csv"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"1")
    listed = s5cmd.run("ls", f"s3://{bucket}/logs/*.txt").splitlines()
    assert [line.split()[-1] for line in listed] == ["1.txt", "2.txt"]
    s5cmd.run("mv", f"s3://{bucket}/logs/*.txt", f"s3://{bucket}/old/")
    s5cmd.run("rm", f"s3://{bucket}/logs/*")
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [
        "old/1.txt",
        "old/2.txt",
    ]
    s5cmd.run("rm", f"s3://{bucket}/*")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_many_commands_run_at_once(s5cmd: Program, s3: S3, bucket: str) -> None:
    up = write_tree(s5cmd.home / "up", {f"{number}": str(number).encode() for number in range(50)})
    script = s5cmd.home / "commands"
    script.write_text("".join(f"cp {up}/{number} s3://{bucket}/n/{number}\n" for number in range(50)))
    s5cmd.run("run", script)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 50
    assert "50 objects" in s5cmd.run("du", f"s3://{bucket}/*")


def test_cat_head_and_presign_reach_one_object(s5cmd: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c", Body=b"shared")
    assert s5cmd.run("cat", f"s3://{bucket}/a b+c") == "shared"
    assert '"size":6' in s5cmd.run("--json", "head", f"s3://{bucket}/a b+c")
    link = s5cmd.run("presign", "--expire", "1m", f"s3://{bucket}/a b+c").strip()
    assert httpx.get(link, trust_env=False).content == b"shared"


def test_buckets_are_made_listed_and_removed(s5cmd: Program) -> None:
    name = unique("s5cmd")
    s5cmd.run("mb", f"s3://{name}")
    assert f"s3://{name}" in s5cmd.run("ls")
    s5cmd.run("rb", f"s3://{name}")
    assert f"s3://{name}" not in s5cmd.run("ls")


def test_an_error_is_told_with_its_code(s5cmd: Program, bucket: str) -> None:
    assert "no object found" in s5cmd.fail("ls", f"s3://{bucket}/absent")
    assert "NoSuchBucket" in s5cmd.fail("ls", f"s3://{unique('absent')}/*")
