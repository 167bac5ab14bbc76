"""Connections cut at every border of a request and of an answer: nothing is stored, nothing leaks."""

import random
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.client import object_path
from tests.contract.raw_socket import chunked, request_bytes
from tests.crash.server import Server, wait_until

from .calm import BUCKET, MIB, recovering
from .flock import flock

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n3600\r\n'
    b'--b\r\nContent-Disposition: form-data; name=""; filename="x"\r\nContent-Type: text/plain\r\n\r\n'
    b"the content\r\n--b--\r\n"
)
LARGE = b"0123456789abcdef" * 20_000
# So much that buffers on the way do not take it all.
TIMES = 60
GROWTH_LIMIT = 48 * MIB


def uploads(server: Server, token: str) -> dict[str, bytes]:
    """Return one upload of each kind, as bytes that are complete."""

    def upload(body: bytes, *headers: tuple[str, str]) -> bytes:
        path = object_path(BUCKET, "broken")
        return request_bytes(server.target, "POST", path, headers=headers, token=token, body=body)

    def sized(body: bytes) -> tuple[str, str]:
        return "Content-Length", str(len(body))

    in_chunks = chunked([b"first", LARGE, b"last"])
    return {
        "short": upload(b"content", sized(b"content")),
        "long": upload(LARGE, sized(LARGE)),
        "chunked": upload(in_chunks, ("Transfer-Encoding", "chunked")),
        "form": upload(FORM, sized(FORM), ("Content-Type", "multipart/form-data; boundary=b")),
    }


def borders(payload: bytes, choices: random.Random, extra: int) -> Iterator[int]:
    """Yield where `payload` may be cut: at each line of its head and its form, and at random."""
    lines = [at for at in range(1, len(payload)) if payload[at - 1 : at] == b"\n"][:60]
    around = {at + offset for at in lines for offset in (-2, -1, 0, 1)}
    pieces = {len(payload) - 1, len(payload) - 2, len(payload) // 2, len(payload) - len(payload) // 4}
    anywhere = {choices.randrange(1, len(payload)) for _ in range(extra)}
    yield from sorted(at for at in around | pieces | anywhere if 0 < at < len(payload))


@pytest.mark.parametrize("kind", ["short", "long", "chunked", "form"])
@pytest.mark.parametrize("how", ["FIN", "half", "RST"])
def test_an_upload_that_breaks_off_anywhere_stores_and_leaves_nothing(
    server: Server,
    service: httpx.Client,
    token: str,
    kind: str,
    how: str,
    crash_size: int,
    crash_seed: int,
) -> None:
    payload = uploads(server, token)[kind]
    choices = random.Random(f"{crash_seed} {kind} {how}")
    with recovering(server, service, growth_limit=GROWTH_LIMIT), flock(server.target) as clients:
        for at in borders(payload, choices, 20 * crash_size):
            member = clients.join(payload[:at])
            if how == "half":
                clients.stop_sending(member)
        clients.disperse(reset=how == "RST")


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_a_download_that_breaks_off_anywhere_leaves_nothing(
    server: Server,
    service: httpx.Client,
    token: str,
    how: str,
    crash_size: int,
    crash_seed: int,
) -> None:
    choices = random.Random(f"{crash_seed} {how}")
    large = object_path(BUCKET, "large")
    assert service.put(large, content=LARGE * TIMES).status_code == 200
    request = request_bytes(server.target, "GET", large, token=token)
    anywhere = choices.sample(range(len(LARGE) * TIMES // 2), 10 * crash_size)
    with (
        recovering(server, service, growth_limit=128 * MIB),
        flock(server.target, small_window=True) as clients,
    ):
        for length in [0, 1, 17, 500, 70_000, len(LARGE) * 5, *anywhere]:
            receive(clients.join(request), length)
            if len(clients.members) == 8:
                clients.disperse(reset=how == "RST")
        clients.disperse(reset=how == "RST")


def receive(member: socket.socket, length: int) -> None:
    """Read `length` bytes of the answer and leave the others."""
    while length > 0:
        length -= len(member.recv(min(length, 65_536)))


def test_downloads_that_break_off_before_their_first_byte_leave_nothing(
    server: Server, service: httpx.Client, token: str
) -> None:
    request = request_bytes(server.target, "GET", object_path(BUCKET, "normal"), token=token)
    with recovering(server, service, growth_limit=GROWTH_LIMIT), flock(server.target) as clients:
        for _ in range(100):
            clients.join(request)
        clients.disperse(reset=True)
        wait_until(lambda: server.open_files() == [], "the files are closed")
