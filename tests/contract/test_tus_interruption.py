"""Uploads whose connections break, stall, or come twice: what arrived counts, and the newest request wins."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from .client import Target, get_object, object_path, unique
from .raw_socket import read_response
from .tus import OFFSET_TYPE, Upload, begin, error_of

PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def token(target: Target) -> str:
    return target.token("authenticated", sub=unique("resuming"))


@pytest.fixture(scope="module")
def person(target: Target, token: str) -> Iterator[httpx.Client]:
    """A caller whose token a test may put on a raw socket."""
    with target.connect(token) as caller:
        yield caller


class HalfPatch:
    """A PATCH of which only a part was sent, on a connection that stays open."""

    def __init__(self, target: Target, token: str, upload: Upload, offset: int, length: int) -> None:
        self._connection = socket.create_connection(target.address, timeout=PATIENCE_S)
        headers = {
            "Host": f"{target.address[0]}:{target.address[1]}",
            "Authorization": f"Bearer {token}",
            "Tus-Resumable": "1.0.0",
            "Content-Type": OFFSET_TYPE,
            "Upload-Offset": str(offset),
            "Content-Length": str(length),
        }
        lines = [f"PATCH {urlsplit(upload.url).path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self._connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def __enter__(self) -> "HalfPatch":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def hang_up(self) -> int:
        """Send no more, as a client that dies; return once the server has noticed."""
        self._connection.shutdown(socket.SHUT_WR)
        return self.answer()[0]

    def answer(self) -> tuple[int, dict[str, str]]:
        with self._connection:
            found = read_response(self._connection)
            return found.status, found.headers


def test_what_came_before_a_cut_counts(target: Target, token: str, person: httpx.Client, bucket: str) -> None:
    upload = begin(person, bucket, "a", 1_000_000)
    patch = HalfPatch(target, token, upload, 0, 1_000_000)
    patch.send(b"x" * 300_000)
    assert patch.hang_up() == 400
    offset = upload.offset()
    assert offset == 300_000
    assert upload.patch(offset, b"y" * 700_000).headers["tus-complete"] == "1"
    assert get_object(person, bucket, "a").content == b"x" * 300_000 + b"y" * 700_000


def test_head_takes_the_upload_from_a_request_that_hangs(
    target: Target, token: str, person: httpx.Client, bucket: str
) -> None:
    content = b"x" * 400 + b"y" * 600
    upload = begin(person, bucket, "a", 1000)
    hanging = HalfPatch(target, token, upload, 0, 1000)
    hanging.send(content[:400])
    time.sleep(0.2)  # until the server has read it; there is no clock to pass in
    offset = upload.offset()
    status, headers = hanging.answer()
    assert (status, headers["upload-offset"], headers["connection"]) == (204, str(offset), "close")
    assert upload.patch(offset, content[offset:]).headers["tus-complete"] == "1"
    assert get_object(person, bucket, "a").content == content


def test_a_newer_patch_takes_the_upload_from_a_request_that_hangs(
    target: Target, token: str, person: httpx.Client, bucket: str
) -> None:
    upload = begin(person, bucket, "a", 10)
    hanging = HalfPatch(target, token, upload, 0, 10)
    # Nothing arrived: the newer one begins where the older one did.
    time.sleep(0.2)  # until the server has read it; there is no clock to pass in
    assert upload.patch(0, b"0123456789").status_code == 204
    assert hanging.answer()[0] in {204, 409}
    assert get_object(person, bucket, "a").content == b"0123456789"


def test_delete_ends_an_upload_that_a_request_still_writes_to(
    target: Target, token: str, person: httpx.Client, bucket: str
) -> None:
    upload = begin(person, bucket, "a", 1000)
    hanging = HalfPatch(target, token, upload, 0, 1000)
    hanging.send(b"x" * 400)
    time.sleep(0.2)  # until the server has read it; there is no clock to pass in
    assert upload.delete().status_code == 204
    assert hanging.answer()[0] in {204, 404}
    assert upload.head().status_code == 404


def test_of_several_last_patches_at_once_none_spoils_the_object(person: httpx.Client, bucket: str) -> None:
    content = b"0123456789" * 10_000
    with ThreadPoolExecutor(4) as pool:
        for turn in range(5):
            upload = begin(person, bucket, f"a{turn}", len(content))
            statuses = {each.status_code for each in pool.map(upload.patch, [0] * 4, [content] * 4)}
            assert statuses <= {204, 409}
            if (offset := upload.offset()) < len(content):
                assert upload.patch(offset, content[offset:]).headers["tus-complete"] == "1"
            assert get_object(person, bucket, f"a{turn}").content == content


def test_the_last_patch_again_is_told_that_all_is_there(person: httpx.Client, bucket: str) -> None:
    upload = begin(person, bucket, "a", 4)
    upload.patch(0, b"0123")
    assert error_of(upload.patch(0, b"0123")) == (409, "Upload-Offset conflict\n")
    again = upload.patch(4, b"")
    assert (again.status_code, again.headers["upload-offset"]) == (204, "4")
    assert again.headers["tus-complete"] == "1"


def test_uploads_at_once_do_not_mix(person: httpx.Client, bucket: str) -> None:
    def whole(number: int) -> None:
        upload = begin(person, bucket, f"a{number}", 3000)
        for offset in range(0, 3000, 1000):
            assert upload.patch(offset, bytes([number]) * 1000).status_code == 204

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(whole, range(24)))
    for number in range(24):
        assert get_object(person, bucket, f"a{number}").content == bytes([number]) * 3000


def test_a_bucket_can_be_deleted_while_uploads_into_it_are_under_way(
    service: httpx.Client, bucket: str
) -> None:
    unfinished, finished = begin(service, bucket, "a", 10), begin(service, bucket, "b", 1)
    finished.patch(0, b"x")
    service.delete(object_path(bucket, "b"))
    assert service.delete(f"/bucket/{bucket}").status_code == 200
    assert error_of(unfinished.patch(0, b"0"))[0] == 404


def test_a_token_that_expires_while_the_last_bytes_come_makes_no_object(target: Target, bucket: str) -> None:
    user = unique("expiring")
    expires_at = int(time.time()) + 3
    with target.connect(target.token("authenticated", sub=user)) as fresh:
        upload = begin(fresh, bucket, "a", 4)
        stale = target.token("authenticated", sub=user, exp=expires_at)
        with HalfPatch(target, stale, upload, 0, 4) as patch:
            patch.send(b"01")
            time.sleep(expires_at - time.time() + 0.1)  # a token's time is the real one
            patch.send(b"23")
            assert patch.answer()[0] == 400
        assert get_object(fresh, bucket, "a").status_code == 400
        assert upload.offset() == 3
        assert upload.patch(4, b"").headers["tus-complete"] == "1"
        assert get_object(fresh, bucket, "a").content == b"0123"
