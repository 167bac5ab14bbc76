"""minio-py, which takes no path in its endpoint: it needs the port where S3 is at the root."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from minio import Minio
from minio.commonconfig import CopySource, Tags
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from tests.contract.client import unique

from .door import PART_BYTES, Door
from .program import AWKWARD_NAMES, content


@pytest.fixture
def client(root_door: Door) -> Minio:
    return Minio(
        urlsplit(root_door.url).netloc,
        access_key=root_door.access_key_id,
        secret_key=root_door.secret_access_key,
        region=root_door.region,
        secure=False,
    )


@pytest.fixture
def box(client: Minio) -> Iterator[str]:
    """A bucket of the client's own making."""
    name = unique("minio")
    client.make_bucket(name)
    yield name


def read(client: Minio, bucket: str, name: str) -> bytes:
    response = client.get_object(bucket, name)
    try:
        found: bytes = response.read()
        return found
    finally:
        response.close()
        response.release_conn()


def put(client: Minio, bucket: str, name: str, body: bytes) -> None:
    client.put_object(bucket, name, io.BytesIO(body), len(body))


def test_put_stat_and_get_agree(client: Minio, box: str) -> None:
    client.put_object(box, "a", io.BytesIO(b"1"), 1, content_type="text/csv", metadata={"colour": "green"})
    found = client.stat_object(box, "a")
    assert (found.size, found.content_type) == (1, "text/csv")
    assert found.metadata is not None
    assert found.metadata["x-amz-meta-colour"] == "green"
    assert read(client, box, "a") == b"1"


def test_body_of_unknown_length_goes_in_parts(client: Minio, box: str) -> None:
    body = content(2 * PART_BYTES + 1)
    client.put_object(box, "big", io.BytesIO(body), -1, part_size=PART_BYTES)
    assert read(client, box, "big") == body


def test_files_go_up_and_come_down(client: Minio, box: str, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"1")
    client.fput_object(box, "a b", str(tmp_path / "up"))
    client.fget_object(box, "a b", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == b"1"


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_object_is_found_under_any_name(client: Minio, box: str, name: str) -> None:
    put(client, box, name, b"1")
    assert [each.object_name for each in client.list_objects(box, recursive=True)] == [name]
    assert read(client, box, name) == b"1"
    client.copy_object(box, "copy", CopySource(box, name))
    client.remove_object(box, name)
    assert [each.object_name for each in client.list_objects(box)] == ["copy"]


def test_list_shows_folders_and_remove_takes_many(client: Minio, box: str) -> None:
    for name in ("a/1", "a/2", "b"):
        put(client, box, name, b"")
    assert {each.object_name for each in client.list_objects(box)} == {"a/", "b"}
    doomed = [DeleteObject(name) for name in ("a/1", "a/2", "never there")]
    assert list(client.remove_objects(box, doomed)) == []
    assert [each.object_name for each in client.list_objects(box, recursive=True)] == ["b"]


def test_tags_are_set_read_and_deleted(client: Minio, box: str) -> None:
    put(client, box, "a", b"1")
    tags = Tags(for_object=True)
    tags["colour"] = "light green"
    client.set_object_tags(box, "a", tags)
    assert client.get_object_tags(box, "a") == {"colour": "light green"}
    client.delete_object_tags(box, "a")
    assert not client.get_object_tags(box, "a")


def test_presigned_links_put_and_get(client: Minio, box: str) -> None:
    place = client.presigned_put_object(box, "a b", expires=timedelta(minutes=1))
    link = client.presigned_get_object(box, "a b", expires=timedelta(minutes=1))
    with httpx.Client(trust_env=False) as anyone:
        assert anyone.put(place, content=b"signed").status_code == 200
        assert anyone.get(link).content == b"signed"


def test_errors_have_their_codes(client: Minio, box: str) -> None:
    put(client, box, "a", b"1")
    with pytest.raises(S3Error, match="NoSuchKey"):
        client.stat_object(box, "absent")
    with pytest.raises(S3Error, match="BucketAlreadyOwnedByYou"):
        client.make_bucket(box)
    with pytest.raises(S3Error, match="BucketNotEmpty"):
        client.remove_bucket(box)
    assert not client.bucket_exists(unique("absent"))
