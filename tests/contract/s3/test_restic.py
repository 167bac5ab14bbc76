"""restic: backups into a bucket, checked, restored and pruned. It needs the port where S3 is at the root."""

import shutil
from pathlib import Path

import pytest

from tests.contract.client import unique
from tests.requirement import skip_without

from .door import PART_BYTES, S3, Door
from .program import Program, content, read_tree, write_tree


@pytest.fixture
def restic(root_door: Door, root_bucket: str, tmp_path: Path) -> Program:
    found = shutil.which("restic")
    if found is None:
        skip_without("restic", "restic is not installed")
    environment = {
        "AWS_ACCESS_KEY_ID": root_door.access_key_id,
        "AWS_SECRET_ACCESS_KEY": root_door.secret_access_key,
        "AWS_DEFAULT_REGION": root_door.region,
        "RESTIC_REPOSITORY": f"s3:{root_door.url}/{root_bucket}",
        "RESTIC_PASSWORD": "a password for tests",
        "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
    }
    return Program((found,), environment, tmp_path)


@pytest.fixture
def root_bucket(root_s3: S3) -> str:
    name = unique("restic")
    root_s3.create_bucket(Bucket=name)
    return name


def test_backup_is_checked_restored_and_pruned(restic: Program) -> None:
    files = {"a b": b"1", "deep/big": content(PART_BYTES), "empty": b""}
    home = write_tree(restic.home / "home", files)
    restic.run("init")
    restic.run("backup", "home")
    (home / "a b").write_bytes(b"changed")
    restic.run("backup", "home")
    restic.run("check", "--read-data")

    restic.run("restore", "latest", "--target", "back")
    assert read_tree(restic.home / "back/home") == files | {"a b": b"changed"}

    restic.run("forget", "--keep-last", "1", "--prune")
    restic.run("check", "--read-data")
    assert restic.run("list", "snapshots").count("\n") == 1
    assert restic.run("list", "locks") == ""
