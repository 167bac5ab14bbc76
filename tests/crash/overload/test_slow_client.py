"""Hundreds who send or read as slowly as they can: they cost a bounded sum, and others do not feel them."""

import random
import time

import httpx

from tests.contract.client import WireError, error_of, object_path
from tests.contract.raw_socket import RawResponse, request_bytes
from tests.crash.server import Server, wait_until

from .calm import BUCKET, MIB, recovering, use
from .flock import Flock, begin_answer, flock

WRITERS = 200
READERS = 100
# What one reader that does not read may hold: pieces on their way from the file to the socket.
MEMORY_OF_A_READER = 6 * MIB
MEMORY_OF_A_WRITER = MIB
TIMED_OUT = WireError(408, "408", "RequestTimeout", "The request body stopped arriving", "RequestTimeout")
_NOISE = random.Random(11).randbytes(MIB)


def to_error(answer: RawResponse | None) -> WireError | None:
    return None if answer is None else error_of(httpx.Response(answer.status, content=answer.body))


def begin_uploads(writers: Flock, server: Server, token: str) -> None:
    """Begin uploads of every kind: short and long ones, with a length, in chunks and as forms."""
    for number in range(WRITERS):
        kind = number % 4
        sized = [("Content-Length", str(2 * MIB))]
        begun = [
            b"x" * 10,
            _NOISE[:300_000],
            b"5\r\nhello\r\n",
            b'--b\r\nContent-Disposition: form-data; name="',
        ][kind]
        headers = [
            [("Content-Length", "60000")],
            sized,
            [("Transfer-Encoding", "chunked")],
            [*sized, ("Content-Type", "multipart/form-data; boundary=b")],
        ][kind]
        path = object_path(BUCKET, f"slow/{number}")
        writers.join(request_bytes(server.target, "POST", path, headers=headers, token=token, body=begun))


def test_hundreds_of_writers_who_stop_are_told_so_and_leave_nothing(
    server: Server, service: httpx.Client, token: str
) -> None:
    limit = 32 * MIB + WRITERS * MEMORY_OF_A_WRITER
    with recovering(server, service, growth_limit=limit), flock(server.target) as writers:
        begin_uploads(writers, server, token)
        use(service)
        assert [to_error(answer) for answer in writers.answers()] == [TIMED_OUT] * WRITERS


def test_hundreds_of_writers_who_trickle_do_not_hold_up_others(
    server: Server, service: httpx.Client, token: str
) -> None:
    body = b"drop by drop"
    path = object_path(BUCKET, "trickle")
    payload = request_bytes(
        server.target, "PUT", path, headers=[("Content-Length", str(len(body)))], token=token
    )
    limit = 32 * MIB + WRITERS * MEMORY_OF_A_WRITER
    assert service.put(path, content=body).status_code == 200
    with recovering(server, service, growth_limit=limit), flock(server.target) as writers:
        for _ in range(WRITERS):
            writers.join(payload)
        for position in range(len(body)):
            for member in writers.members:
                assert writers.send(member, body[position : position + 1])
            use(service)
        assert {answer and answer.status for answer in writers.answers()} == {200}


def test_hundreds_of_readers_who_read_nothing_cost_little_and_do_not_hold_up_others(
    server: Server, service: httpx.Client, token: str
) -> None:
    large = object_path(BUCKET, "large")
    assert service.put(large, content=_NOISE * 32).status_code == 200
    request = request_bytes(server.target, "GET", large, token=token)
    limit = 32 * MIB + READERS * MEMORY_OF_A_READER
    with (
        recovering(server, service, growth_limit=limit),
        flock(server.target, small_window=True) as readers,
    ):
        for _ in range(READERS):
            readers.join(request)
        wait_until(lambda: len(server.open_files()) == READERS, "every download is under way")
        time.sleep(1)  # time in which a server that reads ahead would do so
        use(service)
        assert len(server.open_files()) == READERS, "a file was read to its end for nobody"
        whole = begin_answer(readers.members[0])
        assert whole.read() == _NOISE * 32
        readers.disperse(reset=True)
