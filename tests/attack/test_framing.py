"""Requests that two readers cut in different places: what hides behind the first one is never carried out."""

import socket

import httpx
import pytest

from tests.contract.client import Target, object_path, put_object
from tests.contract.raw_socket import TIMEOUT_S, exchange, request_bytes

SERVER_FAILURE = 500
SILENCE_S = 0.3  # no more is coming: the server waits for the rest of a body, or for another request


def smuggled(target: Target, bucket: str, name: str = "smuggled") -> bytes:
    """Write a whole request that would store something, as the service role."""
    token = target.token("service_role")
    path = f"/object/{bucket}/{name}"
    return request_bytes(target, "POST", path, headers=[("Content-Length", "1")], token=token, body=b"x")


def converse(target: Target, payload: bytes, *, silence_s: float = SILENCE_S) -> bytes:
    """Send everything at once and return all that comes back, until the server closes or says no more.

    The sending side stays open while answers come: a server drops what waits on a half-closed connection.
    """
    with socket.create_connection(target.address, timeout=silence_s) as connection:
        received = b""
        try:
            connection.sendall(payload)
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionError, TimeoutError):
            pass
        return received


def front(target: Target, *headers: bytes, path: str = "/status") -> bytes:
    """Write the head of a request without credentials, with these header lines as they are."""
    host, port = target.address
    line = f"POST {target.base_path}{path} HTTP/1.1".encode()
    return b"\r\n".join([line, f"Host: {host}:{port}".encode(), *headers, b"", b""])


def is_absent(service: httpx.Client, bucket: str, name: str = "smuggled") -> bool:
    return service.get(object_path(bucket, name, "authenticated")).status_code == 400


def test_two_honest_requests_on_one_connection_are_both_carried_out(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    """What the other tests would look like if the server never read on."""
    honest = request_bytes(target, "GET", "/status").replace(b"Connection: close\r\n", b"")
    converse(target, honest + smuggled(target, bucket), silence_s=TIMEOUT_S)  # the last one closes
    assert not is_absent(service, bucket)


@pytest.mark.parametrize(
    "coding",
    [
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\x0bchunked",
        b'Transfer-Encoding: "chunked"',
        b"Transfer-Encoding: chunked;q=1",
        b"Transfer-Encoding: CHUNKED",
        b"X: y\r\n Transfer-Encoding: chunked",
        b"X: y\nTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer_Encoding: chunked",
        b"Transfer-Encoding\x00: chunked",
    ],
    ids=repr,
)
def test_a_length_beside_a_coding_hides_no_request(
    target: Target, service: httpx.Client, bucket: str, coding: bytes
) -> None:
    """Whoever reads by length sees a body, whoever reads chunks an end and a request (RFC 9112 6.3)."""
    body = b"0\r\n\r\n" + smuggled(target, bucket)
    length = b"Content-Length: %d" % len(body)
    path = f"/object/{bucket}/front"
    converse(target, front(target, length, coding, path=path) + body)
    assert is_absent(service, bucket)
    converse(target, front(target, coding, length, path=path) + body)
    assert is_absent(service, bucket)


def test_chunks_beside_a_short_length_hide_no_request(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    hidden = smuggled(target, bucket)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
    headers = (b"Content-Length: 4", b"Transfer-Encoding: chunked")
    converse(target, front(target, *headers) + body)
    assert is_absent(service, bucket)


@pytest.mark.parametrize(
    "lengths",
    [
        (b"Content-Length: 0", b"Content-Length: %d"),
        (b"Content-Length: %d", b"Content-Length: 0"),
        (b"Content-Length: 0, %d",),
        (b"Content-Length: +0%d",),
        (b"Content-Length: 0x%x",),
        (b"Content-Length : %d",),
        (b"Content-Length: -%d",),
        (b"Content-Length:\x0b%d",),
    ],
    ids=repr,
)
def test_a_doubtful_length_hides_no_request(
    target: Target, service: httpx.Client, bucket: str, lengths: tuple[bytes, ...]
) -> None:
    hidden = smuggled(target, bucket)
    headers = [line % len(hidden) if b"%" in line else line for line in lengths]
    converse(target, front(target, *headers, path=f"/object/{bucket}/front") + hidden)
    assert is_absent(service, bucket)


@pytest.mark.parametrize(
    "chunk",
    [
        b"1;x=y\nz\r\na\r\n",
        b"1\n" + b"a\r\n",
        b"1 \r\na\r\n",
        b"01\r\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n",
        b"0x1\r\na\r\n",
        b"1_0\r\na\r\n",
        b"10000000000000001\r\na\r\n",
        b"1;" + b"e" * 20_000 + b"\r\na\r\n",
    ],
    ids=range(10),
)
def test_a_doubtful_chunk_stores_nothing_half_and_hides_no_request(
    target: Target, service: httpx.Client, bucket: str, chunk: bytes
) -> None:
    token = target.token("service_role").encode()
    head = front(
        target,
        b"Authorization: Bearer " + token,
        b"Transfer-Encoding: chunked",
        path=f"/object/{bucket}/front",
    )
    converse(target, head + chunk + b"0\r\n\r\n" + b"\r\n" + smuggled(target, bucket)[:-1])
    stored = service.get(object_path(bucket, "front", "authenticated"))
    assert stored.status_code == 400 or stored.content == b"a"
    assert is_absent(service, bucket)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /storage/v1/bucket\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/0.9\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/1.1\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/3.0\r\nHost: a\r\n\r\n",
        b"GET  /storage/v1/bucket HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /storage/v1/bucket HTTP/1.1\r\nHost: a\r\nX\x00Y: 1\r\n\r\n",
        b"GET\x00 /storage/v1/bucket HTTP/1.1\r\nHost: a\r\n\r\n",
        b"G\xc9T /storage/v1/bucket HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
        b"TRACE /storage/v1/bucket HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://127.0.0.2/storage/v1/bucket HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET //127.0.0.2/storage/v1/bucket HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n" * 2000,
    ],
    ids=range(18),
)
def test_what_is_hardly_http_is_refused_and_the_server_lives_on(
    target: Target, service: httpx.Client, head: bytes
) -> None:
    received = converse(target, head)
    assert not received.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5", b"HTTP/1.0 2"))
    assert b"secret" not in received
    assert service.get("/status").status_code == 200


def test_an_expectation_without_credentials_is_refused_before_the_body(target: Target, bucket: str) -> None:
    headers = (b"Content-Length: 1000000", b"Expect: 100-continue")
    with socket.create_connection(target.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(front(target, *headers, path=f"/object/{bucket}/expected"))
        assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")  # and no 100 before it


@pytest.mark.parametrize("expectation", ["100-continue, 100-continue", "200-ok", "x" * 5000])
def test_other_expectations_store_nothing_by_halves(
    target: Target, service: httpx.Client, bucket: str, expectation: str
) -> None:
    headers = [("Content-Length", "5"), ("Expect", expectation)]
    token = target.token("service_role")
    path = f"/object/{bucket}/expected"
    answer = exchange(
        target, request_bytes(target, "POST", path, headers=headers, token=token, body=b"hello")
    )
    assert answer.status < SERVER_FAILURE
    stored = service.get(object_path(bucket, "expected", "authenticated"))
    assert stored.status_code == 400 or stored.content == b"hello"


def test_a_refused_request_does_not_lend_its_connection_to_its_body(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    """The body of a request without credentials is a request with them: it must stay a body."""
    hidden = smuggled(target, bucket)
    for length in (len(hidden), 10 * len(hidden)):
        head = front(target, b"Content-Length: %d" % length, path=f"/object/{bucket}/front")
        converse(target, head + hidden)
        assert is_absent(service, bucket)
    assert put_object(service, bucket, "after").is_success
