"""s3fs, the S3 file system of fsspec: what pandas and Dask open s3:// addresses with."""

from collections.abc import Iterator
from typing import Any

import pytest
import s3fs

from .door import PART_BYTES, Door
from .program import AWKWARD_NAMES, content

# To s3fs these letters are a pattern in some calls, and a query in others.
NAMES = [name for name in AWKWARD_NAMES if not set(name) & set("*?[]")]


@pytest.fixture
def files(door: Door) -> Iterator[Any]:
    made = s3fs.S3FileSystem(
        key=door.access_key_id,
        secret=door.secret_access_key,
        endpoint_url=door.url,
        client_kwargs={"region_name": door.region},
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    yield made
    s3fs.S3FileSystem.close_session(made.loop, made.s3)


def test_file_is_written_and_read_as_text_and_bytes(files: Any, bucket: str) -> None:
    with files.open(f"{bucket}/a b/c.txt", "w") as file:
        file.write("café\n")
    with files.open(f"{bucket}/a b/c.txt") as file:
        assert file.read() == "café\n".encode()
    assert files.cat(f"{bucket}/a b/c.txt") == "café\n".encode()
    assert files.info(f"{bucket}/a b/c.txt")["size"] == 6


def test_big_file_goes_in_parts_and_is_read_at_any_place(files: Any, bucket: str) -> None:
    body = content(2 * PART_BYTES + 1)
    with files.open(f"{bucket}/big", "wb", block_size=PART_BYTES) as file:
        file.write(body)
    with files.open(f"{bucket}/big", "rb", block_size=PART_BYTES) as file:
        file.seek(PART_BYTES)
        assert file.read(100) == body[PART_BYTES : PART_BYTES + 100]
    assert files.cat(f"{bucket}/big") == body


def test_ls_find_and_glob_see_what_is_there(files: Any, bucket: str) -> None:
    for name in ("a/1.csv", "a/b/2.csv", "a/b/3.txt", "c"):
        files.pipe(f"{bucket}/{name}", b"1")
    assert sorted(files.ls(bucket, detail=False)) == [f"{bucket}/a", f"{bucket}/c"]
    assert len(files.find(bucket)) == 4
    assert sorted(files.glob(f"{bucket}/**/*.csv")) == [f"{bucket}/a/1.csv", f"{bucket}/a/b/2.csv"]
    assert files.du(bucket) == 4
    assert files.isdir(f"{bucket}/a/b")
    assert not files.exists(f"{bucket}/absent")


def test_move_copy_and_recursive_delete(files: Any, bucket: str) -> None:
    files.pipe({f"{bucket}/from/a": b"1", f"{bucket}/from/b": b"2"})
    files.mv(f"{bucket}/from/a", f"{bucket}/to/a")
    files.copy(f"{bucket}/from/", f"{bucket}/to/", recursive=True)
    files.rm(f"{bucket}/from", recursive=True)
    assert sorted(files.find(bucket)) == [f"{bucket}/to/a", f"{bucket}/to/b"]


def test_metadata_is_kept_and_changed(files: Any, bucket: str) -> None:
    files.pipe_file(f"{bucket}/a", b"1", Metadata={"colour": "green"})
    assert files.metadata(f"{bucket}/a") == {"colour": "green"}
    files.setxattr(f"{bucket}/a", colour="red")
    assert files.getxattr(f"{bucket}/a", "colour") == "red"
    assert files.cat(f"{bucket}/a") == b"1"


@pytest.mark.parametrize("name", NAMES)
def test_file_is_found_under_any_name(files: Any, bucket: str, name: str) -> None:
    files.pipe_file(f"{bucket}/{name}", b"1")
    assert files.cat_file(f"{bucket}/{name}") == b"1"
    assert files.find(bucket) == [f"{bucket}/{name}"]


def test_folder_goes_up_and_comes_down(files: Any, bucket: str, tmp_path: Any) -> None:
    (tmp_path / "up/deep").mkdir(parents=True)
    (tmp_path / "up/deep/a").write_bytes(b"1")
    (tmp_path / "up/empty").write_bytes(b"")
    files.put(f"{tmp_path}/up/", f"{bucket}/tree/", recursive=True)
    files.get(f"{bucket}/tree/", f"{tmp_path}/down/", recursive=True)
    assert (tmp_path / "down/deep/a").read_bytes() == b"1"
    assert (tmp_path / "down/empty").read_bytes() == b""


def test_append_and_touch_change_a_file(files: Any, bucket: str) -> None:
    files.touch(f"{bucket}/a")
    with files.open(f"{bucket}/a", "ab") as file:
        file.write(b"1")
    assert files.cat(f"{bucket}/a") == b"1"
