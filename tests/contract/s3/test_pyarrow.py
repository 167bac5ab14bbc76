"""pyarrow: its file system, and a dataset in folders that it writes and reads in parallel."""

from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from pyarrow import fs

from tests.contract.client import unique

from .door import PART_BYTES, Door
from .program import AWKWARD_NAMES, content


@pytest.fixture
def files(door: Door) -> Any:
    """The file system of Arrow. It wants the endpoint without its scheme."""
    return fs.S3FileSystem(
        endpoint_override=door.url.removeprefix("http://"),
        scheme="http",
        access_key=door.access_key_id,
        secret_key=door.secret_access_key,
        region=door.region,
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )


def write(files: Any, path: str, body: bytes) -> None:
    with files.open_output_stream(path) as stream:
        stream.write(body)


def read(files: Any, path: str) -> bytes:
    with files.open_input_stream(path) as stream:
        found: bytes = stream.read()
        return found


def test_partitioned_dataset_is_read_back_by_partition(files: Any, bucket: str) -> None:
    table = pa.table({"year": [2024, 2024, 2025, 2026], "sold": [1, 2, 3, 4]})
    folder = f"{bucket}/sales"
    pyarrow.dataset.write_dataset(
        table, folder, filesystem=files, format="parquet", partitioning=["year"], partitioning_flavor="hive"
    )
    dataset = pyarrow.dataset.dataset(folder, filesystem=files, format="parquet", partitioning="hive")
    assert len(dataset.files) == 3
    found = dataset.to_table(filter=pyarrow.dataset.field("year") == 2024)
    assert sorted(found["sold"].to_pylist()) == [1, 2]


def test_parquet_file_is_read_by_column_through_ranges(files: Any, bucket: str) -> None:
    table = pa.table({"a": list(range(1000)), "b": [str(number) for number in range(1000)]})
    pyarrow.parquet.write_table(table, f"{bucket}/one.parquet", filesystem=files)
    read_back = pyarrow.parquet.read_table(f"{bucket}/one.parquet", columns=["a"], filesystem=files)
    assert read_back.column_names == ["a"]
    assert read_back["a"].to_pylist() == list(range(1000))


def test_file_info_tells_files_folders_and_what_is_missing(files: Any, bucket: str) -> None:
    for name in ("a/b/c", "a/d", "e"):
        write(files, f"{bucket}/{name}", b"123")
    found = files.get_file_info(fs.FileSelector(bucket, recursive=True))
    shown = {each.path.removeprefix(f"{bucket}/"): each.type for each in found}
    assert shown == {
        "a": fs.FileType.Directory,
        "a/b": fs.FileType.Directory,
        "a/b/c": fs.FileType.File,
        "a/d": fs.FileType.File,
        "e": fs.FileType.File,
    }
    one, missing = files.get_file_info([f"{bucket}/e", f"{bucket}/absent"])
    assert (one.size, missing.type) == (3, fs.FileType.NotFound)


def test_big_file_goes_in_parts_and_is_read_at_any_place(files: Any, bucket: str) -> None:
    body = content(2 * PART_BYTES + 1)
    write(files, f"{bucket}/big", body)
    with files.open_input_file(f"{bucket}/big") as stream:
        assert stream.size() == len(body)
        assert stream.read_at(100, PART_BYTES) == body[PART_BYTES : PART_BYTES + 100]
    assert read(files, f"{bucket}/big") == body


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_file_is_found_under_any_name(files: Any, bucket: str, name: str) -> None:
    write(files, f"{bucket}/{name}", b"1")
    files.copy_file(f"{bucket}/{name}", f"{bucket}/copy of {name}")
    files.delete_file(f"{bucket}/{name}")
    assert read(files, f"{bucket}/copy of {name}") == b"1"


def test_move_copies_and_deletes(files: Any, bucket: str) -> None:
    write(files, f"{bucket}/a", b"1")
    files.move(f"{bucket}/a", f"{bucket}/b/c")
    assert read(files, f"{bucket}/b/c") == b"1"
    assert files.get_file_info(f"{bucket}/a").type == fs.FileType.NotFound


def test_empty_file_and_metadata_survive(files: Any, bucket: str) -> None:
    with files.open_output_stream(
        f"{bucket}/empty", metadata={"Content-Type": "text/csv", "colour": "green"}
    ):
        pass
    with files.open_input_stream(f"{bucket}/empty") as stream:
        assert stream.read() == b""
        assert stream.metadata()["Content-Type"] == b"text/csv"


def test_directories_are_made_and_deleted_with_what_is_in_them(files: Any, bucket: str) -> None:
    files.create_dir(f"{bucket}/made/deeper", recursive=True)
    assert files.get_file_info(f"{bucket}/made/deeper").type == fs.FileType.Directory
    write(files, f"{bucket}/made/deeper/a", b"1")
    files.delete_dir(f"{bucket}/made")
    assert files.get_file_info(f"{bucket}/made").type == fs.FileType.NotFound


def test_bucket_is_made_and_deleted(files: Any) -> None:
    name = unique("pyarrow")
    files.create_dir(name)
    write(files, f"{name}/a", b"1")
    files.delete_dir(name)
    assert files.get_file_info(name).type == fs.FileType.NotFound
