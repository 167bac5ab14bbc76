"""tuspy, the tus client for Python: whole files, chunks, going on, and connections that are cut."""

import io
import random
from collections.abc import Iterator

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.uploader.uploader import Uploader

from .client import Target, get_object, sign_upload, unique
from .cutting_proxy import CuttingProxy
from .tus import begin


@pytest.fixture(scope="module")
def token(target: Target) -> str:
    return target.token("authenticated", sub=unique("tuspy"))


@pytest.fixture(scope="module")
def person(target: Target, token: str) -> Iterator[httpx.Client]:
    """The same caller, to look at what was uploaded."""
    with target.connect(token) as caller:
        yield caller


@pytest.fixture
def tus(target: Target, token: str) -> TusClient:
    return TusClient(f"{target.url}/upload/resumable", headers={"Authorization": f"Bearer {token}"})


def uploader(tus: TusClient, bucket: str, name: str, content: bytes, **options: object) -> Uploader:
    metadata = {"bucketName": bucket, "objectName": name, "contentType": "image/png"}
    return tus.uploader(file_stream=io.BytesIO(content), metadata=metadata, **options)


def some_bytes(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.mark.parametrize("chunk_size", [10**9, 6 * 1024**2, 70_000])
def test_upload_in_chunks_of_any_size(
    tus: TusClient, person: httpx.Client, bucket: str, chunk_size: int
) -> None:
    content = some_bytes(200_000)
    uploader(tus, bucket, "a b/ü.png", content, chunk_size=chunk_size).upload()
    stored = get_object(person, bucket, "a b/ü.png")
    assert (stored.content, stored.headers["content-type"]) == (content, "image/png")


def test_upload_with_checksums(tus: TusClient, person: httpx.Client, bucket: str) -> None:
    content = some_bytes(100_000)
    uploader(tus, bucket, "a", content, chunk_size=30_000, upload_checksum=True).upload()
    assert get_object(person, bucket, "a").content == content


def test_upload_goes_on_in_a_new_client(
    target: Target, tus: TusClient, person: httpx.Client, bucket: str
) -> None:
    content = some_bytes(100_000)
    first = uploader(tus, bucket, "a", content, chunk_size=20_000)
    first.upload(stop_at=40_000)
    second = TusClient(tus.url, headers=tus.headers).uploader(
        file_stream=io.BytesIO(content), url=first.url, chunk_size=20_000
    )
    assert second.offset == 40_000
    second.upload()
    assert get_object(person, bucket, "a").content == content


def test_address_behind_a_proxy_is_a_path_that_the_client_resolves(
    target: Target, tus: TusClient, person: httpx.Client, bucket: str
) -> None:
    tus.set_headers({"X-Forwarded-Host": "inside.example"})
    sending = uploader(tus, bucket, "a", b"content", chunk_size=3)
    sending.upload()
    assert str(sending.url).startswith(target.url)
    assert get_object(person, bucket, "a").content == b"content"


def test_signed_upload(target: Target, person: httpx.Client, bucket: str) -> None:
    tus = TusClient(
        f"{target.url}/upload/resumable/sign", headers={"x-signature": sign_upload(person, bucket, "a")}
    )
    uploader(tus, bucket, "a", b"content", chunk_size=3).upload()
    assert get_object(person, bucket, "a").content == b"content"


def test_refusal_is_raised(tus: TusClient, bucket: str) -> None:
    uploader(tus, bucket, "a", b"content").upload()
    with pytest.raises(Exception, match="409"):
        uploader(tus, bucket, "a", b"content").upload()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_upload_over_connections_that_are_cut_is_whole(
    target: Target, token: str, person: httpx.Client, bucket: str, seed: int
) -> None:
    content = some_bytes(1_500_000, seed)
    begun = begin(person, bucket, "a", len(content)).url
    proxy = CuttingProxy(target, seed=seed, cuts=10, longest_bytes=120_000)
    with proxy.running():
        sending = going_on(begun.replace(target.url, proxy.url), token, content)
        while sending.offset < len(content):
            sending.upload()
    assert proxy.cuts_left <= 0
    assert get_object(person, bucket, "a").content == content


def going_on(url: str, token: str, content: bytes) -> Uploader:
    """Return a client of an upload that was begun; it asks for the offset at once, which may be cut off."""
    tus = TusClient(url, headers={"Authorization": f"Bearer {token}"})
    while True:
        try:
            return tus.uploader(
                file_stream=io.BytesIO(content), url=url, chunk_size=100_000, retries=200, retry_delay=0
            )
        except TusCommunicationError:
            continue
