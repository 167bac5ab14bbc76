"""Heads that are too much: too long, too many, never ending. They are refused or cut in bounded memory."""

import httpx
import pytest

from tests.contract.raw_socket import RawResponse
from tests.crash.server import Server

from .calm import MIB, recovering
from .flock import answer_of, flock

BOMBS = 200
# Of a head that is still arriving: the HTTP server gives up at 128 KiB.
MEMORY_OF_A_HEAD = 128 * 1024
LINE = b"GET /storage/v1/status HTTP/1.1\r\nHost: localhost\r\n"
HEADS = {
    "one long header": LINE + b"X: " + b"y" * 10 * MIB,
    "a long name": LINE + b"y" * MIB,
    "a path of 10 MiB": b"GET /storage/v1/object/" + b"a" * 10 * MIB,
    "a query of 10 MiB": b"GET /storage/v1/status?" + b"a=b&" * (10 * MIB // 4),
    "a method of 1 MiB": b"G" * MIB,
    "many headers": LINE + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
    "one header many times": LINE + b"Range: bytes=0-1\r\n" * 20_000 + b"\r\n",
    "many cookies": LINE + b"Cookie: a=b\r\n" * 20_000 + b"\r\n",
    "folded for ever": LINE + b"X: y\r\n" + b" folded\r\n" * 200_000,
    "empty lines": b"\r\n" * MIB + b"GET ",
    "no HTTP": b"\x16\x03\x01" + b"\x00" * 100_000,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x12\x04" * 1000,
    "a version of its own": b"GET /storage/v1/status HTTP/9.9\r\n\r\n",
    "NUL": LINE + b"X: \x00\r\n\r\n",
    "bare CR": LINE + b"X: a\rY: b\r\n\r\n",
}


def is_refusal(answer: RawResponse | None) -> bool:
    return answer is None or 400 <= answer.status < 500 or answer.status == 505


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_that_is_too_much_is_refused_or_cut(
    server: Server, service: httpx.Client, head: bytes
) -> None:
    with recovering(server, service, growth_limit=8 * MIB), flock(server.target) as clients:
        member = clients.join()
        clients.send(member, head)
        clients.stop_sending(member)
        assert is_refusal(answer_of(member))


def test_hundreds_of_long_heads_at_once_fit_into_little_memory(server: Server, service: httpx.Client) -> None:
    limit = 8 * MIB + BOMBS * MEMORY_OF_A_HEAD
    with recovering(server, service, growth_limit=limit), flock(server.target) as bombs:
        for _ in range(BOMBS):
            bombs.send(bombs.join(), LINE + b"X: " + b"y" * 60_000)
        for member in bombs.members:
            bombs.send(member, b"y" * 500_000)
