"""Every operation of the Python client that Supabase users have, through its public methods."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from storage3 import AsyncStorageClient, SyncStorageClient
from storage3._sync.file_api import SyncBucketProxy
from storage3.exceptions import StorageApiError
from storage3.types import CreateSignedUploadUrlOptions

from .client import TLS, Target, unique
from .conftest import MakeBucket


@pytest.fixture
def client(target: Target) -> Iterator[SyncStorageClient]:
    headers = {"Authorization": f"Bearer {target.token('service_role')}"}
    with (
        httpx.Client(trust_env=False, verify=TLS) as session,
        SyncStorageClient(f"{target.url}/", headers, http_client=session) as client,
    ):
        yield client


@pytest.fixture
def files(client: SyncStorageClient, bucket: str) -> SyncBucketProxy:
    return client.from_(bucket)


def test_create_bucket_answers_with_its_name(client: SyncStorageClient) -> None:
    name = unique("storage3")
    assert client.create_bucket(name) == {"name": name}


def test_get_bucket_returns_the_options_given_at_creation(client: SyncStorageClient) -> None:
    name = unique("storage3")
    client.create_bucket(
        name, options={"public": True, "file_size_limit": 1000, "allowed_mime_types": ["text/plain"]}
    )
    bucket = client.get_bucket(name)
    assert (bucket.id, bucket.name, bucket.public) == (name, name, True)
    assert (bucket.file_size_limit, bucket.allowed_mime_types) == (1000, ["text/plain"])


def test_get_bucket_without_options_is_private_and_unlimited(client: SyncStorageClient, bucket: str) -> None:
    found = client.get_bucket(bucket)
    assert (found.public, found.file_size_limit, found.allowed_mime_types) == (False, None, None)


def test_get_missing_bucket_raises_with_wire_status(client: SyncStorageClient) -> None:
    with pytest.raises(StorageApiError) as raised:
        client.get_bucket(unique("absent"))
    assert (raised.value.status, raised.value.code) == ("404", "Bucket not found")


def test_create_bucket_twice_raises_duplicate(client: SyncStorageClient, bucket: str) -> None:
    with pytest.raises(StorageApiError) as raised:
        client.create_bucket(bucket)
    assert (raised.value.status, raised.value.code) == ("409", "Duplicate")


def test_list_buckets_includes_a_new_bucket(client: SyncStorageClient, bucket: str) -> None:
    assert bucket in {found.id for found in client.list_buckets()}


def test_update_bucket_changes_only_the_given_options(
    client: SyncStorageClient, make_bucket: MakeBucket
) -> None:
    name = make_bucket(file_size_limit=1000)
    assert client.update_bucket(name, {"public": True}) == {"message": "Successfully updated"}
    bucket = client.get_bucket(name)
    assert (bucket.public, bucket.file_size_limit) == (True, 1000)


def test_delete_bucket_with_objects_raises_until_it_is_emptied(
    client: SyncStorageClient, files: SyncBucketProxy
) -> None:
    files.upload("a.txt", b"a")
    with pytest.raises(StorageApiError, match="not empty"):
        client.delete_bucket(files.id)
    assert client.empty_bucket(files.id) == {
        "message": "Empty bucket has been queued. Completion may take up to an hour."
    }
    assert client.delete_bucket(files.id) == {"message": "Successfully deleted"}


def test_upload_bytes_returns_the_full_path(files: SyncBucketProxy) -> None:
    uploaded = files.upload("folder/a.txt", b"hello")
    assert (uploaded.path, uploaded.full_path) == ("folder/a.txt", f"{files.id}/folder/a.txt")
    assert files.download("folder/a.txt") == b"hello"


def test_upload_path_stores_the_file(files: SyncBucketProxy, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"\x00\x01" * 5000)
    files.upload("copy.bin", source)
    assert files.download("copy.bin") == source.read_bytes()


def test_upload_open_file_stores_its_bytes(files: SyncBucketProxy, tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(b"from a reader")
    with source.open("rb") as reader:
        files.upload("copy.txt", reader)
    assert files.download("copy.txt") == b"from a reader"


def test_upload_existing_name_raises_duplicate(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"first")
    with pytest.raises(StorageApiError) as raised:
        files.upload("a.txt", b"second")
    assert (raised.value.status, raised.value.code) == ("409", "Duplicate")
    assert files.download("a.txt") == b"first"


def test_upload_with_upsert_replaces_the_bytes(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"first")
    files.upload("a.txt", b"second", {"upsert": "true"})
    assert files.download("a.txt") == b"second"


def test_update_replaces_and_creates(files: SyncBucketProxy) -> None:
    files.update("a.txt", b"created")
    files.update("a.txt", b"replaced")
    assert files.download("a.txt") == b"replaced"


def test_upload_options_appear_in_info(files: SyncBucketProxy) -> None:
    files.upload(
        "a.json",
        b"{}",
        {"content-type": "application/json", "cache-control": "60", "metadata": {"k": [1, "ü"]}},
    )
    info = files.info("a.json")
    assert (info["name"], info["bucket_id"], info["size"]) == ("a.json", files.id, 2)
    assert (info["content_type"], info["cache_control"]) == ("application/json", "max-age=60")
    assert info["metadata"] == {"k": [1, "ü"]}


def test_upload_beyond_the_bucket_limit_raises_413(
    client: SyncStorageClient, make_bucket: MakeBucket
) -> None:
    with pytest.raises(StorageApiError) as raised:
        client.from_(make_bucket(file_size_limit=3)).upload("a.txt", b"four")
    assert (raised.value.status, raised.value.code) == ("413", "Payload too large")


def test_upload_of_disallowed_type_raises_415(client: SyncStorageClient, make_bucket: MakeBucket) -> None:
    with pytest.raises(StorageApiError) as raised:
        client.from_(make_bucket(allowed_mime_types=["image/*"])).upload(
            "a.txt", b"a", {"content-type": "text/plain"}
        )
    assert (raised.value.status, raised.value.code) == ("415", "invalid_mime_type")


def test_list_is_relative_to_the_folder(files: SyncBucketProxy) -> None:
    for name in ("docs/b.txt", "docs/a.txt", "docs/deep/c.txt", "top.txt"):
        files.upload(name, b"x")
    assert [entry["name"] for entry in files.list()] == ["docs", "top.txt"]
    assert [entry["name"] for entry in files.list("docs")] == ["a.txt", "b.txt", "deep"]


def test_list_options_limit_skip_and_sort(files: SyncBucketProxy) -> None:
    for name in "abcd":
        files.upload(name, b"x")
    page = files.list(options={"limit": 2, "offset": 1, "sortBy": {"column": "name", "order": "desc"}})
    assert [entry["name"] for entry in page] == ["c", "b"]


def test_list_v2_pages_until_has_next_is_false(files: SyncBucketProxy) -> None:
    names = ["a/1", "a/2", "b", "c"]
    for name in names:
        files.upload(name, b"x")
    found, cursor, has_next = [], "", True
    while has_next:
        page = files.list_v2({"limit": 3, "cursor": cursor})
        found += [entry.name for entry in page.objects]
        cursor, has_next = page.nextCursor or "", page.hasNext
    assert found == names


def test_list_v2_with_delimiter_separates_folders(files: SyncBucketProxy) -> None:
    for name in ("a/1", "a/2", "b"):
        files.upload(name, b"x")
    page = files.list_v2({"with_delimiter": True, "prefix": ""})
    assert [(entry.key, entry.name) for entry in page.folders] == [("a", "a/")]
    assert [(entry.key, entry.name) for entry in page.objects] == [("b", "b")]


def test_move_renames_the_object(files: SyncBucketProxy) -> None:
    files.upload("old.txt", b"content")
    assert files.move("old.txt", "new.txt") == {"message": "Successfully moved"}
    assert files.download("new.txt") == b"content"
    assert not files.exists("old.txt")


def test_copy_leaves_the_source(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"content")
    assert files.copy("a.txt", "b.txt")["Key"] == f"{files.id}/b.txt"
    assert files.download("a.txt") == files.download("b.txt") == b"content"


def test_remove_returns_only_the_rows_it_deleted(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"x")
    removed = files.remove(["a.txt", "never.txt"])
    assert [row["name"] for row in removed] == ["a.txt"]
    assert not files.exists("a.txt")


def test_exists_tells_present_from_absent(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"x")
    assert files.exists("a.txt")
    assert not files.exists("b.txt")


def test_download_missing_object_raises_not_found(files: SyncBucketProxy) -> None:
    with pytest.raises(StorageApiError) as raised:
        files.download("absent.txt")
    assert (raised.value.status, raised.value.code) == ("404", "not_found")


@pytest.mark.parametrize("name", ["with space.txt", "plus+and&.txt", "日本語/ü.txt", "a,b;c=d@e:f.txt"])
def test_signed_url_serves_names_with_unusual_characters(files: SyncBucketProxy, name: str) -> None:
    files.upload(name, b"signed")
    signed = files.create_signed_url(name, 60)["signedURL"]
    assert httpx.get(str(signed), trust_env=False).content == b"signed"


def test_signed_url_with_download_names_the_attachment(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"signed")
    signed = files.create_signed_url("a.txt", 60, {"download": "täst.txt"})["signedURL"]
    answer = httpx.get(str(signed), trust_env=False)
    assert answer.headers["content-disposition"] == (
        "attachment; filename=t%C3%A4st.txt; filename*=UTF-8''t%C3%A4st.txt"
    )


def test_signed_urls_report_missing_objects_one_by_one(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"signed")
    present, absent = files.create_signed_urls(["a.txt", "absent.txt"], 60)
    assert (present["path"], present["error"]) == ("a.txt", None)
    assert httpx.get(str(present["signedURL"]), trust_env=False).content == b"signed"
    assert absent["error"] == "Either the object does not exist or you do not have access to it"
    assert absent["signedURL"] is None


def test_signed_upload_url_takes_one_upload(files: SyncBucketProxy) -> None:
    signed = files.create_signed_upload_url("folder/a.txt")
    uploaded = files.upload_to_signed_url(signed["path"], signed["token"], b"by token")
    assert uploaded.full_path == f"{files.id}/folder/a.txt"
    assert files.download("folder/a.txt") == b"by token"
    with pytest.raises(StorageApiError, match="409"):
        files.upload_to_signed_url(signed["path"], signed["token"], b"again")


def test_signed_upload_url_with_upsert_replaces(files: SyncBucketProxy) -> None:
    files.upload("a.txt", b"first")
    signed = files.create_signed_upload_url("a.txt", CreateSignedUploadUrlOptions(upsert="true"))
    files.upload_to_signed_url("a.txt", signed["token"], b"second")
    assert files.download("a.txt") == b"second"


def test_public_url_serves_without_credentials(client: SyncStorageClient, public_bucket: str) -> None:
    files = client.from_(public_bucket)
    files.upload("open door.txt", b"public")
    url = files.get_public_url("open door.txt", {"download": True})
    answer = httpx.get(url, trust_env=False)
    assert (answer.content, answer.headers["content-disposition"]) == (b"public", "attachment;")


def test_async_client_uploads_lists_and_downloads(target: Target, bucket: str) -> None:
    async def scenario() -> tuple[list[str], bytes]:
        headers = {"Authorization": f"Bearer {target.token('service_role')}"}
        async with httpx.AsyncClient(trust_env=False) as session:
            files = AsyncStorageClient(f"{target.url}/", headers, http_client=session).from_(bucket)
            await asyncio.gather(*(files.upload(f"{number}.txt", b"async") for number in range(5)))
            names = [entry["name"] for entry in await files.list()]
            return names, await files.download("3.txt")

    names, content = asyncio.run(scenario())
    assert names == [f"{number}.txt" for number in range(5)]
    assert content == b"async"


def test_async_client_raises_the_same_errors(target: Target, bucket: str) -> None:
    async def scenario() -> None:
        headers = {"Authorization": f"Bearer {target.token('service_role')}"}
        async with httpx.AsyncClient(trust_env=False) as session:
            client = AsyncStorageClient(f"{target.url}/", headers, http_client=session)
            await client.from_(bucket).download("absent.txt")

    with pytest.raises(StorageApiError, match="not_found"):
        asyncio.run(scenario())
