"""Which answers are compressed, and for whom."""

import asyncio
import gzip

import pytest
from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.compression import LEAST_BYTES, accepts_gzip, compressed

LONG = b"name" * LEAST_BYTES


def answer(body: bytes, *accepted: str) -> Response:
    headers = [(b"accept-encoding", each.encode()) for each in accepted]
    request = Request({"type": "http", "headers": headers})
    return asyncio.run(compressed(request, Response(body, media_type="application/json")))


@pytest.mark.parametrize(
    "fields",
    [
        ["gzip"],
        ["GZIP"],
        ["x-gzip"],
        ["*"],
        ["br, gzip"],
        ["gzip;q=0.5,br;q=1"],
        ["br", "gzip"],
        ["gzip ; q = 0.001"],
        ["*;q=0, gzip"],
        ["gzip;q="],
    ],
)
def test_gzip_is_taken_when_it_is_named_or_everything_is(fields: list[str]) -> None:
    assert accepts_gzip(fields)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [""],
        ["identity"],
        ["gzip;q=0"],
        ["gzip;q=0.000"],
        ["gzip; q=0."],
        ["*;q=0"],
        ["*, gzip;q=0"],
        ["gzipped"],
        [";;,=,q=0"],
    ],
)
def test_gzip_is_not_taken_otherwise(fields: list[str]) -> None:
    assert not accepts_gzip(fields)


def test_a_long_answer_is_compressed_and_says_so() -> None:
    response = answer(LONG, "gzip")
    body = bytes(response.body)
    assert gzip.decompress(body) == LONG
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(len(body))
    assert len(body) < len(LONG) / 20


def test_the_same_answer_has_the_same_bytes() -> None:
    assert answer(LONG, "gzip").body == answer(LONG, "gzip").body


@pytest.mark.parametrize(
    ("body", "accepted"), [(LONG, ()), (LONG, ("br",)), (LONG[: LEAST_BYTES - 1], ("gzip",))]
)
def test_a_short_answer_stays_as_it_is_and_so_does_one_for_a_client_that_takes_no_gzip(
    body: bytes, accepted: tuple[str, ...]
) -> None:
    response = answer(body, *accepted)
    assert response.body == body
    assert "content-encoding" not in response.headers
    assert response.headers["content-length"] == str(len(body))


@pytest.mark.parametrize("body", [b"", LONG])
def test_every_answer_that_may_be_compressed_says_what_it_depends_on(body: bytes) -> None:
    assert answer(body).headers["vary"] == "Accept-Encoding"
