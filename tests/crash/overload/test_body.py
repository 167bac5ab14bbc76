"""Bodies that explode or never end: refused with 4xx or cut, soon and in bounded memory."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from tests.contract.client import error_of, object_path
from tests.contract.raw_socket import request_bytes
from tests.crash.server import Server

from .calm import BUCKET, MIB, recovering
from .flock import answer_of, flock

CLAIMS = 300
ENOUGH_BYTES = 64 * MIB
BLOCK = 64 * 1024
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n'


def digits(count: int) -> str:
    return "9" * count


JSON_BOMBS = {
    "deep lists": "[" * 500_000,
    "deep objects": '{"a":' * 100_000,
    "closed deep lists": '{"prefix":' + "[" * 100_000 + "]" * 100_000 + "}",
    "a huge integer": '{"limit":' + digits(100_000) + "}",
    "a huge negative integer": '{"limit":-' + digits(100_000) + "}",
    "a huge integer in a text": '{"limit":"' + digits(500_000) + '"}',
    "a long fraction": '{"limit":1.' + digits(100_000) + "}",
    "a huge exponent": '{"limit":1e' + digits(1000) + "}",
    "a large exponent": '{"limit":1e308,"offset":"1e308"}',
    "infinity": '{"limit":Infinity}',
    "infinity in a text": '{"limit":"1e999"}',
    "not a number": '{"limit":NaN}',
    "minus zero": '{"limit":-0,"offset":-0.0}',
    "a lone surrogate": '{"prefix":"\\ud800"}',
    "a surrogate that is no name": '{"bucketId":"calm","sourceKey":"\\udfff","destinationKey":"b"}',
    "a NUL": '{"prefix":"\\u0000","name":"\\u0000","prefixes":["\\u0000"]}',
    "the same key many times": "{" + ",".join(['"limit":1'] * 80_000) + "}",
    "many keys": "{" + ",".join(f'"{number}":0' for number in range(80_000)) + "}",
    "many names": json.dumps({"prefixes": ["x"] * 150_000, "paths": ["x"] * 50_000, "expiresIn": 60}),
    "a long name": json.dumps({"prefix": "p" * 900_000, "search": "%" * 90_000}),
    "wrong all over": '{"name":{},"prefix":[],"limit":{},"prefixes":{},"expiresIn":[]}',
    "a byte order mark": "\ufeff{}",
    "text": '"text"',
    "null": "null",
    "nothing but space": " " * MIB,
    "more than may be": '{"prefix":"' + "x" * 2 * MIB + '"}',
}
JSON_ROUTES = [
    ("POST", "/bucket"),
    ("PUT", f"/bucket/{BUCKET}"),
    ("POST", f"/object/list/{BUCKET}"),
    ("POST", f"/object/list-v2/{BUCKET}"),
    ("POST", f"/object/sign/{BUCKET}"),
    ("POST", f"/object/sign/{BUCKET}/normal"),
    ("DELETE", f"/object/{BUCKET}"),
    ("POST", "/object/copy"),
    ("POST", "/object/move"),
]


@pytest.mark.parametrize("bomb", JSON_BOMBS.values(), ids=JSON_BOMBS)
def test_json_that_explodes_is_answered_like_any_other(
    server: Server, service: httpx.Client, bomb: str
) -> None:
    with recovering(server, service, growth_limit=96 * MIB):
        for method, path in JSON_ROUTES:
            answer = service.request(
                method, path, content=bomb.encode("utf-8"), headers={"content-type": "application/json"}
            )
            assert answer.status_code < 500, (path, answer.text)
            if answer.status_code >= 400:
                error_of(answer)


def test_lengths_that_are_announced_reserve_nothing(
    server: Server, service: httpx.Client, token: str
) -> None:
    path = object_path(BUCKET, "announced")
    huge = [("Content-Length", str(40 * 1000**3))]
    request = request_bytes(server.target, "POST", path, headers=huge, token=token)
    with recovering(server, service, growth_limit=64 * MIB), flock(server.target) as liars:
        for _ in range(CLAIMS):
            liars.join(request)
        liars.disperse(reset=True)


def endless_fields() -> Iterator[bytes]:
    for number in itertools.count():
        yield FIELD % number + b"v\r\n"


def large_fields() -> Iterator[bytes]:
    for number in itertools.count():
        yield FIELD % number + b"v" * 900_000 + b"\r\n"


def repeated(start: bytes, block: bytes) -> Callable[[], Iterator[bytes]]:
    def body() -> Iterator[bytes]:
        yield start
        while True:
            yield block

    return body


ENDLESS_FORMS = {
    "fields": endless_fields,
    "large fields": large_fields,
    "one field": repeated(FIELD % 1, b"v" * BLOCK),
    "a preamble": repeated(b"", b"x" * BLOCK),
    "a header": repeated(b"--b\r\nX: ", b"y" * BLOCK),
    "headers": repeated(b"--b\r\n", b"X: y\r\n" * 1000),
    "parts after the file": repeated(PART + b"x\r\n", (FIELD % 1 + b"v\r\n") * 100),
    "one part after the file": repeated(PART + b"x\r\n" + FIELD % 1, b"v" * BLOCK),
    "an epilogue": repeated(PART + b"x\r\n--b--\r\n", b"x" * BLOCK),
    "delimiters that are none": repeated(PART + b"x\r\n--b--\r\n", b"\r\n--" * 10_000),
}


@pytest.mark.parametrize("make_body", ENDLESS_FORMS.values(), ids=ENDLESS_FORMS)
def test_a_form_that_never_ends_is_ended(
    server: Server, service: httpx.Client, make_body: Callable[[], Iterator[bytes]]
) -> None:
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for block in make_body():
            sent += len(block)
            yield block
            if sent > ENOUGH_BYTES:
                return

    headers = {"content-type": "multipart/form-data; boundary=b"}
    with recovering(server, service, growth_limit=48 * MIB):
        with suppress(httpx.NetworkError, httpx.RemoteProtocolError):
            answer = service.post(object_path(BUCKET, "endless"), content=counted(), headers=headers)
            assert 400 <= answer.status_code < 500
        assert sent < ENOUGH_BYTES, "the server reads for ever"


CHUNKS = {
    "an extension": b"1;" + b"e" * BLOCK,
    "extensions": b"1;e=f\r\nx\r\n" * 10_000,
    "zeros before a size": b"0" * BLOCK,
    "a size without a line": b"1" * BLOCK,
    "trailers": b"0\r\n" + b"X: y\r\n" * 10_000,
    "no end of a chunk": b"1\r\nxx" * 10_000,
}


@pytest.mark.parametrize("block", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_make_no_sense_are_refused_or_cut(
    server: Server, service: httpx.Client, token: str, block: bytes
) -> None:
    headers = [("Transfer-Encoding", "chunked")]
    request = request_bytes(
        server.target, "POST", object_path(BUCKET, "chunks"), headers=headers, token=token, body=block * 20
    )
    with recovering(server, service, growth_limit=32 * MIB), flock(server.target) as clients:
        member = clients.join()
        clients.send(member, request)
        clients.stop_sending(member)
        answer = answer_of(member)
        assert answer is None or 400 <= answer.status < 500
