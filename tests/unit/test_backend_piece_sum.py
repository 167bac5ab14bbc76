"""Sums of pieces: arithmetic with CRC-32, and which sums a blob of a given length has."""

import random
import struct
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.backend import piece_sum
from aerostore.backend.piece_sum import PieceSums, combine, parse_sums, piece_length

KIB = 1024
GIB = KIB**3


@pytest.fixture(scope="module", autouse=True)
def small_pieces() -> Iterator[None]:
    """Pieces of 4 bytes and 8 of them at most, so that a short text has all that a long blob has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piece_sum, "SMALL_BYTES", 4)
        patch.setattr(piece_sum, "LEAST_PIECE_BYTES", 4)
        patch.setattr(piece_sum, "MAX_PIECES", 8)
        yield


@pytest.fixture
def real_pieces() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piece_sum, "SMALL_BYTES", 256 * KIB)
        patch.setattr(piece_sum, "LEAST_PIECE_BYTES", 256 * KIB)
        patch.setattr(piece_sum, "MAX_PIECES", 4096)
        yield


def sums_of(content: bytes, cuts: list[int]) -> bytes:
    """Sum `content` as it comes in, in chunks that end at `cuts`."""
    sums = PieceSums()
    start = 0
    for end in [*sorted(cuts), len(content)]:
        sums.update(memoryview(content)[start:end])
        start = end
    return sums.packed()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_two_sums_combine_to_the_sum_of_both_texts(first: bytes, second: bytes) -> None:
    combined = combine(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@pytest.mark.parametrize("second_bytes", [256 * KIB, 8 * KIB * KIB])
def test_sums_of_long_texts_combine(second_bytes: int) -> None:
    noise = random.Random(second_bytes)
    first, second = noise.randbytes(1000), noise.randbytes(second_bytes)
    assert combine(zlib.crc32(first), zlib.crc32(second), second_bytes) == zlib.crc32(first + second)


@given(st.data())
def test_sums_are_those_of_the_pieces_however_the_bytes_come(data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=300))
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=9))
    length = piece_length(len(content))
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    expected = b"".join(struct.pack(">I", zlib.crc32(piece)) for piece in pieces)
    assert sums_of(content, cuts) == (expected if len(content) > 4 else b"")
    assert len(pieces) <= 8


@given(st.binary(min_size=5, max_size=300))
def test_packed_sums_are_read_back_by_the_size_alone(content: bytes) -> None:
    packed = sums_of(content, [])
    assert struct.pack(f">{len(packed) // 4}I", *parse_sums(packed, len(content))) == packed


@pytest.mark.parametrize("packed", [b"", b"1234", b"123456789"])
def test_sums_of_another_size_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="another size"):
        parse_sums(packed, 8)


@pytest.mark.usefixtures("real_pieces")
@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [
        (1, 256 * KIB),
        (GIB, 256 * KIB),
        (GIB + 1, 512 * KIB),
        (2 * GIB, 512 * KIB),
        (5 * KIB * GIB, 2 * GIB),
    ],
)
def test_pieces_grow_with_the_blob_so_that_there_are_at_most_4096(size_bytes: int, expected: int) -> None:
    assert piece_length(size_bytes) == expected
    assert len(parse_sums(bytes(4 * -(-size_bytes // expected)), size_bytes)) <= 4096
