"""obstore, the object_store crate of Rust: what Polars, Delta and Zarr build on."""

import asyncio
from datetime import timedelta

import httpx
import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

from .door import PART_BYTES, S3, Door
from .program import AWKWARD_NAMES, content


@pytest.fixture
def store(door: Door, bucket: str) -> S3Store:
    return S3Store(
        bucket,
        endpoint=door.url,
        access_key_id=door.access_key_id,
        secret_access_key=door.secret_access_key,
        region=door.region,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


def read(store: S3Store, name: str) -> bytes:
    return bytes(obstore.get(store, name).bytes())


def names_in(store: S3Store, prefix: str | None = None) -> list[str]:
    return sorted(each["path"] for batch in obstore.list(store, prefix) for each in batch)


def test_put_get_and_head_agree(store: S3Store) -> None:
    put = obstore.put(store, "a", b"content", attributes={"Content-Type": "text/csv", "colour": "green"})
    got = obstore.get(store, "a")
    assert bytes(got.bytes()) == b"content"
    assert got.attributes["Content-Type"] == "text/csv"
    assert got.attributes["colour"] == "green"
    assert obstore.head(store, "a")["e_tag"] == put["e_tag"]
    with pytest.raises(FileNotFoundError):
        obstore.head(store, "absent")


def test_big_object_goes_in_parts(store: S3Store, s3: S3, bucket: str) -> None:
    body = content(2 * PART_BYTES + 1)
    obstore.put(store, "big", body, use_multipart=True, chunk_size=PART_BYTES)
    assert read(store, "big") == body
    assert s3.head_object(Bucket=bucket, Key="big")["ETag"].endswith('-3"')


def test_ranges_are_read_singly_and_together(store: S3Store) -> None:
    obstore.put(store, "a", b"0123456789")
    assert bytes(obstore.get_range(store, "a", start=2, end=5)) == b"234"
    found = obstore.get_ranges(store, "a", starts=[0, 8], ends=[2, 10])
    assert [bytes(each) for each in found] == [b"01", b"89"]


def test_list_is_flat_or_by_folder(store: S3Store) -> None:
    for name in ("a/b/1", "a/2", "c"):
        obstore.put(store, name, b"")
    assert names_in(store) == ["a/2", "a/b/1", "c"]
    assert names_in(store, "a") == ["a/2", "a/b/1"]
    found = obstore.list_with_delimiter(store, "a")
    assert found["common_prefixes"] == ["a/b"]
    assert [each["path"] for each in found["objects"]] == ["a/2"]


def test_create_only_and_update_by_etag_find_conflicts(store: S3Store) -> None:
    first = obstore.put(store, "a", b"1", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a", b"2", mode="create")
    obstore.put(store, "a", b"3", mode={"e_tag": first["e_tag"]})
    with pytest.raises(PreconditionError):
        obstore.put(store, "a", b"4", mode={"e_tag": first["e_tag"]})
    assert read(store, "a") == b"3"


def test_conditional_get_sends_what_changed(store: S3Store) -> None:
    tag = obstore.put(store, "a", b"1")["e_tag"]
    assert bytes(obstore.get(store, "a", options={"if_match": tag}).bytes()) == b"1"
    with pytest.raises(PreconditionError):
        obstore.get(store, "a", options={"if_match": '"another"'})


def test_copy_and_rename_keep_the_content(store: S3Store) -> None:
    obstore.put(store, "a b+c", b"1")
    obstore.copy(store, "a b+c", "copy")
    obstore.rename(store, "copy", "deep/er")
    assert names_in(store) == ["a b+c", "deep/er"]
    assert read(store, "deep/er") == b"1"


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_object_is_found_under_any_name(store: S3Store, name: str) -> None:
    obstore.put(store, name, b"1")
    assert names_in(store) == [name]
    assert read(store, name) == b"1"
    obstore.delete(store, name)
    with pytest.raises(FileNotFoundError):
        obstore.head(store, name)


def test_delete_takes_many_names_at_once(store: S3Store) -> None:
    for name in ("a", "b", "c"):
        obstore.put(store, name, b"")
    obstore.delete(store, ["a", "b", "never there"])
    assert names_in(store) == ["c"]


def test_signed_links_open_one_operation(store: S3Store) -> None:
    put = obstore.sign(store, "PUT", "a b", timedelta(minutes=1))
    get = obstore.sign(store, "GET", "a b", timedelta(minutes=1))
    with httpx.Client(trust_env=False) as anyone:
        assert anyone.put(put, content=b"signed").status_code == 200
        assert anyone.get(get).content == b"signed"
        assert anyone.delete(get).status_code == 403


def test_many_uploads_at_once_all_arrive(store: S3Store) -> None:
    async def put_all() -> None:
        await asyncio.gather(*(obstore.put_async(store, f"{n:02}", str(n).encode()) for n in range(40)))

    asyncio.run(put_all())
    assert [read(store, f"{n:02}") for n in range(40)] == [str(n).encode() for n in range(40)]
