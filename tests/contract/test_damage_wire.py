"""Files that changed on the disk, as clients see them: an error or a body without its end."""

import json
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.crash.server import Server, running

from .client import WireError, error_of, get_object, object_path, put_object, unique
from .raw_socket import TIMEOUT_S, request_bytes

KIB = 1024
PIECE = 256 * KIB
LARGE_BYTES = 5 * 256 * KIB + 9
DAMAGED = WireError(
    500, "500", "Corrupted", "The stored bytes of this object are missing or damaged", "Corrupted"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose files this module may change."""
    with running(tmp_path_factory.mktemp("damage") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[httpx.Client]:
    with server.connect() as caller:
        yield caller


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and the file of its bytes."""

    bucket: str
    name: str
    content: bytes
    path: Path

    def flip(self, position: int) -> None:
        """Change one bit of the byte at `position`, as a failing disk does."""
        with self.path.open("r+b") as file:
            file.seek(position)
            (before,) = file.read(1)
            file.seek(position)
            file.write(bytes([before ^ 1]))

    @property
    def url(self) -> str:
        return object_path(self.bucket, self.name)


Store = Callable[[int], Stored]


@pytest.fixture
def store(server: Server, service: httpx.Client) -> Store:
    """Upload content of a given length that nobody else has."""
    bucket = unique("damage")
    assert service.post("/bucket", json={"name": bucket}).status_code == 200

    def make(size: int) -> Stored:
        content = random.Random(f"{bucket}/{size}").randbytes(size)
        before = set(server.stored_files())
        assert put_object(service, bucket, f"of {size}", content).status_code == 200
        [path] = set(server.stored_files()) - before
        return Stored(bucket, f"of {size}", content, path)

    return make


def read_to_the_end(
    server: Server, stored: Stored, *, stays_open: bool = True, **headers: str
) -> tuple[bytes, bytes]:
    """GET and return head and body as they came until the connection was closed.

    stays_open: the client asks for no end after this answer.
    """
    token = server.target.token("service_role")
    request = request_bytes(server.target, "GET", stored.url, headers=headers.items(), token=token)
    if stays_open:
        request = request.replace(b"Connection: close", b"Connection: keep-alive")
    with socket.create_connection(server.target.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        answer = b""
        while received := connection.recv(1 << 20):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


def log_lines(server: Server) -> list[dict[str, object]]:
    port = server.target.address[1]
    text = server.data_dir.with_name(f"{server.data_dir.name}-{port}.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def damage_reports(server: Server, stored: Stored) -> list[dict[str, object]]:
    return [
        line for line in log_lines(server) if line["level"] == "error" and line.get("bucket") == stored.bucket
    ]


@pytest.mark.parametrize("size", [1, 1000, PIECE])
@pytest.mark.parametrize("wanted", [{}, {"range": "bytes=0-0"}], ids=["whole", "part"])
def test_a_small_damaged_object_is_an_error(
    service: httpx.Client, store: Store, size: int, wanted: dict[str, str]
) -> None:
    stored = store(size)
    stored.flip(size - 1)
    assert error_of(get_object(service, stored.bucket, stored.name, **wanted)) == DAMAGED


@pytest.mark.parametrize("position", [PIECE, LARGE_BYTES // 2, LARGE_BYTES - 1])
def test_a_large_damaged_object_never_comes_to_its_end(
    server: Server, service: httpx.Client, store: Store, position: int
) -> None:
    stored = store(LARGE_BYTES)
    stored.flip(position)
    head, body = read_to_the_end(server, stored)
    assert f"content-length: {LARGE_BYTES}".encode() in head
    assert len(body) <= position
    assert stored.content.startswith(body), "a wrong byte left the server"
    with pytest.raises(httpx.RemoteProtocolError):
        get_object(service, stored.bucket, stored.name)


@pytest.mark.parametrize("size", [2 * PIECE + 1, LARGE_BYTES])
@pytest.mark.parametrize("wanted", [{}, {"range": "bytes=0-"}], ids=["whole", "part"])
def test_damage_that_is_found_before_the_first_byte_is_sent_is_an_error(
    service: httpx.Client, store: Store, size: int, wanted: dict[str, str]
) -> None:
    stored = store(size)
    stored.flip(0)
    assert error_of(get_object(service, stored.bucket, stored.name, **wanted)) == DAMAGED


def test_a_range_is_an_error_exactly_when_its_first_piece_is_damaged(
    service: httpx.Client, store: Store
) -> None:
    stored = store(LARGE_BYTES)
    stored.flip(2 * PIECE)
    for wanted in ("bytes=524288-524288", "bytes=600000-600005", f"bytes={3 * PIECE - 1}-{4 * PIECE}"):
        assert error_of(get_object(service, stored.bucket, stored.name, range=wanted)) == DAMAGED
    for first, last in ((0, 9), (PIECE, 2 * PIECE - 1), (3 * PIECE, LARGE_BYTES - 1)):
        answer = get_object(service, stored.bucket, stored.name, range=f"bytes={first}-{last}")
        assert (answer.status_code, answer.content) == (206, stored.content[first : last + 1])


def test_a_range_that_comes_to_a_damaged_piece_ends_before_it(server: Server, store: Store) -> None:
    stored = store(LARGE_BYTES)
    stored.flip(4 * PIECE)
    head, body = read_to_the_end(server, stored, range="bytes=5-")
    assert b"206 partial content" in head
    assert len(body) < 4 * PIECE
    assert stored.content[5:].startswith(body)


def test_a_range_of_all_bytes_is_checked_like_the_whole(server: Server, store: Store) -> None:
    stored = store(LARGE_BYTES)
    stored.flip(0)
    assert len(read_to_the_end(server, stored, range="bytes=0-")[1]) < LARGE_BYTES


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_head_and_a_current_copy_need_no_bytes(service: httpx.Client, store: Store, size: int) -> None:
    stored = store(size)
    stored.flip(0)
    answer = service.head(stored.url)
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(size))
    current = get_object(service, stored.bucket, stored.name, if_none_match=answer.headers["etag"])
    assert current.status_code == 304


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_uploading_the_same_content_again_mends_it(service: httpx.Client, store: Store, size: int) -> None:
    stored = store(size)
    stored.flip(size // 2)
    assert put_object(service, stored.bucket, "again", stored.content).status_code == 200
    for name in (stored.name, "again"):
        assert get_object(service, stored.bucket, name).content == stored.content
        part = get_object(service, stored.bucket, name, range=f"bytes={size // 2}-")
        assert part.content == stored.content[size // 2 :]


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_each_damaged_answer_is_told_once_in_the_log_and_counted_once(
    server: Server, service: httpx.Client, store: Store, size: int
) -> None:
    stored = store(size)
    stored.flip(size - 1)
    read_to_the_end(server, stored, stays_open=False)
    [report] = damage_reports(server, stored)
    key = str(stored.path.relative_to(server.blobs_dir))
    assert (report["name"], report["key"]) == (stored.name, key)
    metrics = service.get("/metrics").text
    counted = [
        line
        for line in metrics.splitlines()
        if line.startswith("storage_download_total") and stored.bucket in line
    ]
    assert counted == [f'storage_download_total{{bucket="{stored.bucket}",status="Corrupted"}} 1.0']
