"""The AWS CLI: copies, moves and syncs of its `s3` commands, and the operations of `s3api`."""

import json
from pathlib import Path

import httpx
import pytest

from tests.contract.client import unique

from .door import PART_BYTES, S3, Door
from .program import AWKWARD_NAMES, Program, content, installed, read_tree, write_tree

CONFIG = """[default]
region = us-east-1
s3 =
  addressing_style = path
  signature_version = s3v4
  multipart_threshold = 5MB
  multipart_chunksize = 5MB
"""


@pytest.fixture
def aws(door: Door, tmp_path: Path) -> Program:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    environment = {
        "AWS_ACCESS_KEY_ID": door.access_key_id,
        "AWS_SECRET_ACCESS_KEY": door.secret_access_key,
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL_S3": door.url,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return Program((installed("aws"),), environment, tmp_path)


def test_copies_go_both_ways_and_between_names(aws: Program, s3: S3, bucket: str) -> None:
    body = content(PART_BYTES + 1)
    (aws.home / "a b.bin").write_bytes(body)
    aws.run("s3", "cp", "a b.bin", f"s3://{bucket}/up/a b.bin", "--metadata", "colour=green")
    aws.run("s3", "cp", f"s3://{bucket}/up/a b.bin", f"s3://{bucket}/copy.bin")
    aws.run("s3", "cp", f"s3://{bucket}/copy.bin", "back.bin")
    assert (aws.home / "back.bin").read_bytes() == body
    assert s3.head_object(Bucket=bucket, Key="up/a b.bin")["Metadata"] == {"colour": "green"}
    assert s3.head_object(Bucket=bucket, Key="copy.bin")["ETag"].endswith('-2"')


def test_move_leaves_nothing_behind(aws: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    aws.run("s3", "mv", f"s3://{bucket}/a", f"s3://{bucket}/b")
    aws.run("s3", "mv", f"s3://{bucket}/b", "here")
    assert (aws.home / "here").read_bytes() == b"1"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_sync_carries_changes_and_deletions_both_ways(aws: Program, bucket: str) -> None:
    files = {name: name.encode() for name in AWKWARD_NAMES} | {"empty": b"", "deep/er/x": b"1"}
    up = write_tree(aws.home / "up", files)
    aws.run("s3", "sync", up, f"s3://{bucket}/tree")
    aws.run("s3", "sync", f"s3://{bucket}/tree", "down")
    assert read_tree(aws.home / "down") == files

    (up / "deep/er/x").write_bytes(b"changed")
    (up / "empty").unlink()
    aws.run("s3", "sync", "--delete", up, f"s3://{bucket}/tree")
    aws.run("s3", "sync", "--delete", f"s3://{bucket}/tree", "down")
    assert read_tree(aws.home / "down") == read_tree(up)
    assert aws.run("s3", "sync", up, f"s3://{bucket}/tree") == ""


def test_ls_shows_folders_sizes_and_totals(aws: Program, s3: S3, bucket: str) -> None:
    for name in ("top", "folder/one", "folder/two"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"123")
    assert [line.split()[-1] for line in aws.run("s3", "ls", f"s3://{bucket}/").splitlines()] == [
        "folder/",
        "top",
    ]
    listed = aws.run("s3", "ls", "--recursive", "--summarize", "--page-size", "1", f"s3://{bucket}")
    assert "Total Objects: 3" in listed
    assert "Total Size: 9" in listed
    assert bucket in aws.run("s3", "ls")


def test_rm_recursive_and_rb_leave_no_bucket(aws: Program, s3: S3) -> None:
    name = unique("aws-cli")
    aws.run("s3", "mb", f"s3://{name}")
    for key in ("a", "b/c"):
        s3.put_object(Bucket=name, Key=key, Body=b"")
    assert "BucketNotEmpty" in aws.fail("s3", "rb", f"s3://{name}")
    aws.run("s3", "rm", "--recursive", f"s3://{name}/b")
    aws.run("s3", "rb", "--force", f"s3://{name}")
    assert name not in aws.run("s3", "ls")


def test_presign_makes_a_link_for_anyone(aws: Program, s3: S3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b+c", Body=b"shared")
    link = aws.run("s3", "presign", f"s3://{bucket}/a b+c", "--expires-in", "60").strip()
    assert httpx.get(link, trust_env=False).content == b"shared"


def test_s3api_gives_what_applications_script_with(aws: Program, bucket: str) -> None:
    (aws.home / "body").write_bytes(b"0123456789")
    place = ("--bucket", bucket, "--key", "k")
    aws.run("s3api", "put-object", *place, "--body", "body", "--checksum-algorithm", "SHA256")
    got = json.loads(aws.run("s3api", "get-object", *place, "--range", "bytes=1-3", "part"))
    assert (got["ContentRange"], (aws.home / "part").read_bytes()) == ("bytes 1-3/10", b"123")
    aws.run("s3api", "put-object-tagging", *place, "--tagging", "TagSet=[{Key=a,Value=b}]")
    tags = json.loads(aws.run("s3api", "get-object-tagging", *place))
    assert tags["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_an_error_is_told_with_its_code(aws: Program, bucket: str) -> None:
    complaint = aws.fail("s3api", "get-object", "--bucket", bucket, "--key", "absent", "file")
    assert "NoSuchKey" in complaint
