"""Bodies in chunks: the published ones, however they are cut, and what is not one."""

import hashlib
import hmac
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.api.s3.chunked import (
    FREE_CHUNKS,
    MAX_LINE_BYTES,
    MAX_TRAILER_BYTES,
    ChunkChain,
    ChunkDecoder,
    check_payload_word,
)
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import signing_key
from aerostore.errors import IncompleteBody, NotSupported, StorageError

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SCOPE = "20130524/us-east-1/s3/aws4_request"
KEY = signing_key(SECRET, "20130524", "us-east-1")
TRAILER = "x-amz-checksum-crc32c"


def chain_from(seed: str) -> ChunkChain:
    return ChunkChain(key=KEY, timestamp="20130524T000000Z", scope=SCOPE, seed=seed)


# Amazon S3 API Reference: 66,560 bytes in chunks of 64 KiB, without and with a trailer.
CONTENT = b"a" * 66560
PUBLISHED_SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
PUBLISHED = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + CONTENT[:65536]
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + CONTENT[65536:]
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)
PUBLISHED_TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
PUBLISHED_WITH_TRAILER = (
    b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
    + CONTENT[:65536]
    + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
    + CONTENT[65536:]
    + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    + b"x-amz-checksum-crc32c:sOO8/Q==\n"
    + b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)


def published_decoder() -> ChunkDecoder:
    return ChunkDecoder(size_bytes=len(CONTENT), chain=chain_from(PUBLISHED_SEED), has_trailer=False)


def unsigned_decoder(size_bytes: int, announced: Sequence[str] = ()) -> ChunkDecoder:
    return ChunkDecoder(size_bytes=size_bytes, chain=None, has_trailer=True, announced=announced)


def decode(decoder: ChunkDecoder, *pieces: bytes) -> bytes:
    content = b"".join(decoder.feed(piece) for piece in pieces)
    decoder.finish()
    return content


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 85, 86, 4096, 65536, 10**6])
def test_published_body_is_read_however_it_is_cut(size: int) -> None:
    assert decode(published_decoder(), *cut(PUBLISHED, size)) == CONTENT


def test_published_body_with_a_trailer_is_read() -> None:
    decoder = ChunkDecoder(
        size_bytes=len(CONTENT),
        chain=chain_from(PUBLISHED_TRAILER_SEED),
        has_trailer=True,
        announced=[TRAILER],
    )
    assert decode(decoder, PUBLISHED_WITH_TRAILER) == CONTENT
    assert decoder.trailers == {TRAILER: "sOO8/Q=="}


def signed_body(chunks: Sequence[bytes], seed: str) -> bytes:
    """Sign chunks as a client does, apart from the code under test."""
    body, previous = b"", seed
    empty = hashlib.sha256(b"").hexdigest()
    for chunk in [*chunks, b""]:
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n{SCOPE}\n{previous}\n{empty}\n"
            f"{hashlib.sha256(chunk).hexdigest()}"
        )
        previous = hmac.new(KEY, text.encode(), "sha256").hexdigest()
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), previous.encode(), chunk)
    return body


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.integers(1, 200))
def test_any_chunks_are_read_however_they_are_cut(chunks: list[bytes], size: int) -> None:
    content = b"".join(chunks)
    decoder = ChunkDecoder(size_bytes=len(content), chain=chain_from(PUBLISHED_SEED), has_trailer=False)
    assert decode(decoder, *cut(signed_body(chunks, PUBLISHED_SEED), size)) == content


@given(st.integers(0, len(signed_body([b"first", b"second"], PUBLISHED_SEED)) - 1), st.integers(0, 255))
def test_no_byte_of_a_signed_body_can_be_changed(position: int, value: int) -> None:
    body = bytearray(signed_body([b"first", b"second"], PUBLISHED_SEED))
    if body[position] == value:
        return
    body[position] = value
    decoder = ChunkDecoder(size_bytes=11, chain=chain_from(PUBLISHED_SEED), has_trailer=False)
    try:
        content = decode(decoder, bytes(body))
    except StorageError:
        return
    # A length may be spelled with capitals; blanks at the very end mean nothing.
    assert content == b"firstsecond"


@given(st.integers(0, len(PUBLISHED) - 5))
def test_no_signed_body_can_be_cut_off(length: int) -> None:
    with pytest.raises(StorageError):
        decode(published_decoder(), PUBLISHED[:length])


def test_chunks_cannot_change_places() -> None:
    one, two = b"x" * 5, b"y" * 5
    body = signed_body([one, two], PUBLISHED_SEED)
    at, end = body.index(b"5;", 2), body.index(b"0;chunk")
    first, second, rest = body[:at], body[at:end], body[end:]
    decoder = ChunkDecoder(size_bytes=10, chain=chain_from(PUBLISHED_SEED), has_trailer=False)
    with pytest.raises(S3Fault) as refused:
        decode(decoder, second + first + rest)
    assert refused.value.code == "SignatureDoesNotMatch"


def test_chunks_of_another_request_do_not_fit() -> None:
    decoder = ChunkDecoder(size_bytes=len(CONTENT), chain=chain_from("0" * 64), has_trailer=False)
    with pytest.raises(S3Fault) as refused:
        decode(decoder, PUBLISHED)
    assert refused.value.code == "SignatureDoesNotMatch"


def test_a_signed_body_needs_the_signature_of_each_chunk() -> None:
    decoder = ChunkDecoder(size_bytes=5, chain=chain_from(PUBLISHED_SEED), has_trailer=False)
    with pytest.raises(S3Fault, match="head of a chunk"):
        decode(decoder, b"5\r\nhello\r\n0\r\n\r\n")


def test_the_last_empty_chunk_must_be_signed_as_well() -> None:
    body = signed_body([b"hello"], PUBLISHED_SEED)
    end = body.index(b"\r\n0;") + 2
    decoder = ChunkDecoder(size_bytes=5, chain=chain_from(PUBLISHED_SEED), has_trailer=False)
    with pytest.raises(S3Fault, match="signature"):
        decode(decoder, body[:end] + b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n")


# Trailers


def test_trailers_are_read() -> None:
    decoder = unsigned_decoder(5, [TRAILER])
    assert decode(decoder, b"5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32C: mnG7TA==\r\n\r\n") == b"hello"
    assert decoder.trailers == {TRAILER: "mnG7TA=="}


def test_an_empty_body_has_its_trailers() -> None:
    decoder = unsigned_decoder(0, [TRAILER])
    assert decode(decoder, b"0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n") == b""


@pytest.mark.parametrize(
    "end",
    [
        b"\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"x-amz-checksum-crc32c:AAAAAA==\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n",
        b"x-amz-meta-late:1\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n",
        b"no colon\r\n\r\n",
        b"x-amz-checksum-crc32c:a\x00b\r\n\r\n",
        b"x-amz-checksum-crc32c:AAAAAA==\r\nx-amz-trailer-signature:00\r\n\r\n",
    ],
)
def test_missing_unknown_repeated_and_malformed_trailers_are_refused(end: bytes) -> None:
    with pytest.raises(S3Fault) as refused:
        decode(unsigned_decoder(5, [TRAILER]), b"5\r\nhello\r\n0\r\n" + end)
    assert refused.value.code == "MalformedTrailerError"


def test_trailers_without_their_signature_are_refused_where_chunks_are_signed() -> None:
    decoder = ChunkDecoder(
        size_bytes=len(CONTENT),
        chain=chain_from(PUBLISHED_TRAILER_SEED),
        has_trailer=True,
        announced=[TRAILER],
    )
    unsigned = PUBLISHED_WITH_TRAILER[: PUBLISHED_WITH_TRAILER.index(b"x-amz-trailer-signature")]
    with pytest.raises(S3Fault) as refused:
        decode(decoder, unsigned + b"\r\n")
    assert refused.value.code == "SignatureDoesNotMatch"


def test_a_changed_trailer_is_refused_where_chunks_are_signed() -> None:
    decoder = ChunkDecoder(
        size_bytes=len(CONTENT),
        chain=chain_from(PUBLISHED_TRAILER_SEED),
        has_trailer=True,
        announced=[TRAILER],
    )
    with pytest.raises(S3Fault) as refused:
        decode(decoder, PUBLISHED_WITH_TRAILER.replace(b"sOO8/Q==", b"sOO9/Q=="))
    assert refused.value.code == "SignatureDoesNotMatch"


def test_trailers_do_not_belong_into_a_body_that_has_none() -> None:
    end = PUBLISHED.removesuffix(b"\r\n") + b"x-amz-checksum-crc32c:AAAAAA==\r\n\r\n"
    with pytest.raises(S3Fault) as refused:
        decode(published_decoder(), end)
    assert refused.value.code == "MalformedTrailerError"


# What is not a chunked body


@pytest.mark.parametrize(
    "body",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5;ext=1\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"\r\n",
        b"hello",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"6\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"5\r\nhello\r\n0",
        b"",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nhello",
        b"fffffffffffffffff\r\nhello",
        b"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
        b"1" * (MAX_LINE_BYTES + 2),
        b"5\r\nhello\r\n0\r\n" + b"\r\n" * MAX_TRAILER_BYTES,
    ],
)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    for pieces in ([body], cut(body, 1)):
        with pytest.raises((S3Fault, IncompleteBody)):
            decode(unsigned_decoder(5), *pieces)


def test_a_body_cannot_be_frames_and_nothing_in_them() -> None:
    short, long = b"1\r\nx\r\n", b"40\r\n" + b"x" * 64 + b"\r\n"
    content = decode(unsigned_decoder(FREE_CHUNKS), short * FREE_CHUNKS + b"0\r\n\r\n")
    assert len(content) == FREE_CHUNKS
    many = long * FREE_CHUNKS + short * FREE_CHUNKS + b"0\r\n\r\n"
    assert len(decode(unsigned_decoder(65 * FREE_CHUNKS), many)) == 65 * FREE_CHUNKS
    with pytest.raises(S3Fault, match="on average"):
        decode(unsigned_decoder(2 * FREE_CHUNKS), short * 2 * FREE_CHUNKS + b"0\r\n\r\n")


def test_more_than_was_said_is_refused_before_it_is_given_back() -> None:
    decoder = unsigned_decoder(5)
    assert decoder.feed(b"5\r\nhello\r\n") == b"hello"
    with pytest.raises(S3Fault, match="x-amz-decoded-content-length"):
        decoder.feed(b"1\r\n!")


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_make_anything_but_content_or_a_refusal(body: bytes, size: int) -> None:
    try:
        content = decode(unsigned_decoder(5), *cut(body, size))
    except (S3Fault, IncompleteBody):
        return
    assert len(content) == 5


# x-amz-content-sha256


@pytest.mark.parametrize(
    "word",
    [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "0" * 64,
    ],
)
def test_known_words_for_a_body_are_taken(word: str) -> None:
    assert check_payload_word(word) == word


@pytest.mark.parametrize("word", ["", "unsigned-payload", "0" * 63, "A" * 64, "STREAMING-PAYLOAD", "\n"])
def test_unknown_words_for_a_body_are_refused(word: str) -> None:
    with pytest.raises(S3Fault) as refused:
        check_payload_word(word)
    assert refused.value.code == "InvalidArgument"


def test_asymmetric_signatures_are_not_implemented() -> None:
    with pytest.raises(NotSupported):
        check_payload_word("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
