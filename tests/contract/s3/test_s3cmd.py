"""s3cmd, which signs a path of its own making: it needs the port where S3 is at the root."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.client import unique

from .door import PART_BYTES, S3, Door
from .program import AWKWARD_NAMES, Program, content, installed, read_tree, write_tree


@pytest.fixture
def s3cmd(root_door: Door, tmp_path: Path) -> Program:
    netloc = urlsplit(root_door.url).netloc
    settings = {
        "access_key": root_door.access_key_id,
        "secret_key": root_door.secret_access_key,
        "host_base": netloc,
        "host_bucket": netloc,
        "bucket_location": root_door.region,
        "use_https": "False",
        "multipart_chunk_size_mb": "5",
        "max_retries": "1",
    }
    config = tmp_path / "s3cfg"
    config.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return Program((installed("s3cmd"), "--config", str(config), "--no-progress"), {}, tmp_path)


@pytest.fixture
def box(s3cmd: Program) -> str:
    """A bucket of the client's own making."""
    name = unique("s3cmd")
    s3cmd.run("mb", f"s3://{name}")
    return name


def test_sync_carries_changes_and_deletions_both_ways(s3cmd: Program, box: str) -> None:
    files = {name: name.encode() for name in AWKWARD_NAMES} | {"empty": b"", "deep/er/x": b"1"}
    up = write_tree(s3cmd.home / "up", files)
    s3cmd.run("sync", f"{up}/", f"s3://{box}/tree/")
    (s3cmd.home / "down").mkdir()
    s3cmd.run("sync", f"s3://{box}/tree/", "down/")
    assert read_tree(s3cmd.home / "down") == files

    (up / "deep/er/x").write_bytes(b"changed")
    (up / "empty").unlink()
    s3cmd.run("sync", "--delete-removed", f"{up}/", f"s3://{box}/tree/")
    s3cmd.run("sync", "--delete-removed", f"s3://{box}/tree/", "down/")
    assert read_tree(s3cmd.home / "down") == read_tree(up)


def test_big_file_goes_in_parts(s3cmd: Program, box: str, root_s3: S3) -> None:
    body = content(PART_BYTES + 1)
    (s3cmd.home / "a b").write_bytes(body)
    s3cmd.run("put", "a b", f"s3://{box}/a b")
    assert root_s3.head_object(Bucket=box, Key="a b")["ETag"].endswith('-2"')
    s3cmd.run("get", f"s3://{box}/a b", "back")
    assert (s3cmd.home / "back").read_bytes() == body


def test_copy_move_list_and_delete(s3cmd: Program, box: str) -> None:
    (s3cmd.home / "a").write_bytes(b"123")
    s3cmd.run("put", "a", f"s3://{box}/one")
    s3cmd.run("cp", f"s3://{box}/one", f"s3://{box}/in/two")
    s3cmd.run("mv", f"s3://{box}/one", f"s3://{box}/in/three")
    listed = s3cmd.run("ls", "--recursive", f"s3://{box}").split()
    assert [word for word in listed if word.startswith("s3:")] == [
        f"s3://{box}/in/three",
        f"s3://{box}/in/two",
    ]
    assert s3cmd.run("du", f"s3://{box}").split()[0] == "6"
    s3cmd.run("del", "--recursive", "--force", f"s3://{box}")
    s3cmd.run("rb", f"s3://{box}")
    assert box not in s3cmd.run("ls")


def test_link_with_a_signature_of_version_2_is_refused(s3cmd: Program, box: str) -> None:
    (s3cmd.home / "a").write_bytes(b"shared")
    s3cmd.run("put", "a", f"s3://{box}/a b")
    link = s3cmd.run("signurl", f"s3://{box}/a b", "+60").strip()
    answer = httpx.get(link, trust_env=False)
    assert answer.status_code == 400
    assert "AWS4-HMAC-SHA256" in answer.text
