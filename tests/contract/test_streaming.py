"""Large bodies and slow clients: bytes pass through in bounded memory, and nobody waits for anybody else."""

import hashlib
import random
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from tests.crash.server import Server, running, wait_until

from .client import NO_SUCH_KEY, TOO_LARGE, WireError, error_of, get_object, object_path, put_object, unique
from .raw_socket import read_response, request_bytes

MIB = 1024 * 1024
LARGE_MIB = 100
GROWTH_LIMIT = 24 * MIB
# So many slow clients at once; each may cost a mebibyte.
CROWD = 80
SOCKET_TIMEOUT_S = 60.0
BOUNDARY = "frontier"
TIMED_OUT = WireError(408, "408", "RequestTimeout", "The request body stopped arriving", "RequestTimeout")
_NOISE = random.Random(7).randbytes(MIB)


def large_body() -> Iterator[bytes]:
    """Yield 100 MiB in blocks that all differ."""
    for number in range(LARGE_MIB):
        yield number.to_bytes(8, "big") + _NOISE[8:]


def large_form() -> Iterator[bytes]:
    disposition = 'Content-Disposition: form-data; name=""; filename="large"'
    yield f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: application/x-large\r\n\r\n".encode()
    yield from large_body()
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def digest_of(chunks: Iterable[bytes]) -> str:
    sha256 = hashlib.sha256()
    for chunk in chunks:
        sha256.update(chunk)
    return sha256.hexdigest()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that serves this file alone, so that its memory and descriptors tell about these tests."""
    with running(tmp_path_factory.mktemp("streaming") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.target.token("service_role")


@pytest.fixture(scope="module")
def service(server: Server, token: str) -> Iterator[httpx.Client]:
    with server.target.connect(token) as caller:
        caller.timeout = httpx.Timeout(SOCKET_TIMEOUT_S)
        yield caller


@pytest.fixture
def bucket(service: httpx.Client) -> str:
    name = unique("streaming")
    assert service.post("/bucket", json={"name": name, "file_size_limit": 101 * MIB}).status_code == 200
    return name


@pytest.fixture
def large(service: httpx.Client, bucket: str) -> str:
    """The name of a large object in `bucket`."""
    assert service.post(object_path(bucket, "large"), content=large_body()).status_code == 200
    return "large"


CHUNKED = {"content-type": "application/x-large"}
SIZED = CHUNKED | {"content-length": str(LARGE_MIB * MIB)}
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


@pytest.mark.parametrize(
    ("make_body", "headers"),
    [
        pytest.param(large_body, CHUNKED, id="chunked"),
        pytest.param(large_body, SIZED, id="sized"),
        pytest.param(large_form, FORM, id="multipart"),
    ],
)
def test_large_object_passes_both_ways_in_little_memory(
    server: Server,
    service: httpx.Client,
    bucket: str,
    make_body: Callable[[], Iterator[bytes]],
    headers: dict[str, str],
) -> None:
    before = server.reset_peak_memory()
    stored = service.post(object_path(bucket, "large"), content=make_body(), headers=headers)
    assert stored.status_code == 200, stored.text
    with service.stream("GET", object_path(bucket, "large")) as answer:
        assert answer.headers["content-type"] == "application/x-large"
        assert digest_of(answer.iter_raw(MIB)) == digest_of(large_body())
    assert server.peak_memory() - before < GROWTH_LIMIT


class Connection:
    """One request written by hand, as slowly as the test likes."""

    def __init__(self, server: Server, token: str, stack: ExitStack) -> None:
        self._target = server.target
        self._token = token
        self._socket = stack.enter_context(socket.socket())
        # Little room on this side: a reader that stops reading is felt by the server at once.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self._socket.settimeout(SOCKET_TIMEOUT_S)
        self._socket.connect(server.target.address)

    def request(self, method: str, path: str, body: bytes = b"", size: int | None = None) -> None:
        """Send a request that announces `size` bytes and begins with `body`."""
        headers = [] if size is None else [("Content-Length", str(size))]
        self.send(request_bytes(self._target, method, path, headers=headers, token=self._token, body=body))

    def send(self, payload: bytes) -> None:
        self._socket.sendall(payload)

    def error_of_answer(self) -> WireError:
        answer = read_response(self._socket)
        return error_of(httpx.Response(answer.status, content=answer.body))

    def answer(self) -> HTTPResponse:
        """Read the head of the answer and leave the body where it is."""
        response = HTTPResponse(self._socket)
        response.begin()
        return response

    def vanish(self) -> None:
        """Close the connection with a reset, as a client does whose process died."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()


def others_are_served(service: httpx.Client, bucket: str) -> None:
    """Use the server like someone who knows nothing of slow clients; each answer must come in time."""
    for number in range(20):
        name, body = f"other/{number}", bytes([number]) * (number * 10_000)
        assert put_object(service, bucket, name, body, {"x-upsert": "true"}).status_code == 200
        assert get_object(service, bucket, name).content == body
    listed = service.post(f"/object/list/{bucket}", json={"prefix": "other"}).json()
    assert len(listed) == 20


def test_slow_uploaders_do_not_hold_up_others(
    server: Server, service: httpx.Client, token: str, bucket: str
) -> None:
    begun, drop = _NOISE + b"begun", b"drop"
    with ExitStack() as stack:
        slow = [Connection(server, token, stack) for _ in range(24)]
        for number, connection in enumerate(slow):
            path = object_path(bucket, f"slow/{number}")
            connection.request("POST", path, begun, size=len(begun) + 2 * len(drop))
        wait_until(lambda: len(server.open_files()) == len(slow), "every upload is under way")
        for _ in range(2):
            others_are_served(service, bucket)
            for connection in slow:
                connection.send(drop)
        assert [connection.answer().status for connection in slow] == [200] * len(slow)
    assert get_object(service, bucket, "slow/0").content == begun + drop + drop


def test_slow_readers_do_not_hold_up_others_and_cost_little_memory(
    server: Server, service: httpx.Client, token: str, bucket: str, large: str
) -> None:
    before = server.reset_peak_memory()
    with ExitStack() as stack:
        readers = [Connection(server, token, stack) for _ in range(3)]
        for reader in readers:
            reader.request("GET", object_path(bucket, large))
        answers = [reader.answer() for reader in readers]
        others_are_served(service, bucket)
        assert server.peak_memory() - before < GROWTH_LIMIT
        assert len(server.open_files()) == len(readers), "the large file was read to its end for nobody"
        assert digest_of(iter(lambda: answers[0].read(MIB), b"")) == digest_of(large_body())


def test_a_crowd_of_readers_who_take_nothing_holds_little_each(
    server: Server, service: httpx.Client, token: str, bucket: str, large: str
) -> None:
    before = server.reset_peak_memory()
    with ExitStack() as stack:
        readers = [Connection(server, token, stack) for _ in range(CROWD)]
        for reader in readers:
            reader.request("GET", object_path(bucket, large))
        for reader in readers:
            reader.answer()
        others_are_served(service, bucket)
        assert len(server.open_files()) == CROWD
        assert server.peak_memory() - before < GROWTH_LIMIT + CROWD * MIB


def test_a_crowd_of_uploads_that_stop_before_their_end_holds_little_each(
    server: Server, service: httpx.Client, token: str, bucket: str
) -> None:
    before = server.reset_peak_memory()
    with ExitStack() as stack:
        uploads = [Connection(server, token, stack) for _ in range(CROWD)]
        for number, upload in enumerate(uploads):
            path = object_path(bucket, f"crowd/{number}")
            upload.request("POST", path, number.to_bytes(8, "big") + _NOISE * 2, size=9 + 2 * MIB)
        wait_until(lambda: len(server.open_files()) == CROWD, "every upload is under way")
        assert server.peak_memory() - before < GROWTH_LIMIT + CROWD * MIB
        for upload in uploads:
            upload.send(b"!")
        assert [upload.answer().status for upload in uploads] == [200] * CROWD
    assert get_object(service, bucket, "crowd/7").content == (7).to_bytes(8, "big") + _NOISE * 2 + b"!"


def test_readers_who_vanish_leave_no_descriptors(
    server: Server, service: httpx.Client, token: str, bucket: str, large: str
) -> None:
    service.get("/status")
    before = server.open_descriptors()
    with ExitStack() as stack:
        readers = [Connection(server, token, stack) for _ in range(8)]
        for reader in readers:
            reader.request("GET", object_path(bucket, large))
            assert reader.answer().read(MIB)
        assert len(server.open_files()) == len(readers)
        for reader in readers:
            reader.vanish()
    wait_until(lambda: server.open_files() == [], "the files are closed")
    wait_until(lambda: server.open_descriptors() <= before, "the descriptors are back")


def test_uploaders_who_vanish_leave_nothing(
    server: Server, service: httpx.Client, token: str, bucket: str
) -> None:
    service.get("/status")
    files, descriptors = server.stored_files(), server.open_descriptors()
    with ExitStack() as stack:
        uploaders = [Connection(server, token, stack) for _ in range(8)]
        for number, uploader in enumerate(uploaders):
            uploader.request("POST", object_path(bucket, f"cut/{number}"), _NOISE * 3, size=10 * MIB)
        wait_until(lambda: len(server.open_files()) == len(uploaders), "every upload is under way")
        assert server.stored_files() == files, "a body under way has a name"
        for uploader in uploaders:
            uploader.vanish()
    wait_until(lambda: server.open_descriptors() <= descriptors, "the descriptors are back")
    assert server.stored_files() == files
    assert service.post(f"/object/list-v2/{bucket}", json={}).json()["objects"] == []


def test_body_without_length_is_cut_at_the_limit_and_leaves_nothing(
    server: Server, service: httpx.Client
) -> None:
    limited = unique("limited")
    service.post("/bucket", json={"name": limited, "file_size_limit": 2 * MIB})
    files, blocks = server.stored_files(), large_body()
    refused = service.post(object_path(limited, "endless"), content=blocks)
    assert error_of(refused) == TOO_LARGE
    assert len(list(blocks)) > LARGE_MIB // 2, "the server read on after the limit"
    assert error_of(get_object(service, limited, "endless")) == NO_SUCH_KEY
    wait_until(lambda: server.open_files() == [], "the temporary file is closed")
    assert server.stored_files() == files


def test_idle_body_is_cut_after_the_body_timeout_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data", body_timeout=1) as server, ExitStack() as stack:
        token = server.target.token("service_role")
        service = stack.enter_context(server.target.connect(token))
        service.post("/bucket", json={"name": "idle"})
        bodies = {"short": b"begun", "long": _NOISE * 2}
        connections = [Connection(server, token, stack) for _ in bodies]
        for connection, (name, begun) in zip(connections, bodies.items(), strict=True):
            connection.request("POST", object_path("idle", name), begun, size=len(begun) + 1)
        assert [connection.error_of_answer() for connection in connections] == [TIMED_OUT] * 2
        assert service.post("/object/list-v2/idle", json={}).json()["objects"] == []
        wait_until(lambda: server.open_files() == [], "the temporary file is closed")
        assert server.stored_files() == []
