"""Sums of pieces: what they are of, and which sums a blob of a given length has."""

import random
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.backend import piece_sum
from aerostore.backend.piece_sum import PieceSums, parse_sums, piece_length, sum_of

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
        patch.setattr(piece_sum, "SMALL_BYTES", 16 * KIB)
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


def test_a_sum_is_the_published_one() -> None:
    """Source: NVM Express NVM Command Set, 64b CRC, test cases."""
    assert sum_of(bytes(4096)) == 0x6482D367EB22B64E
    assert sum_of(b"\xff" * 4096) == 0xC0DDBA7302ECA3AC


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_sum_goes_on_from_that_of_the_text_before(first: bytes, second: bytes) -> None:
    assert sum_of(memoryview(second), sum_of(first)) == sum_of(first + second)


@pytest.mark.usefixtures("real_pieces")
def test_sums_of_real_pieces_are_joined_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piece_sum, "MAX_PIECES", 2)
    content = random.Random(3).randbytes(3 * 256 * KIB)
    expected = struct.pack(">2Q", sum_of(content[: 512 * KIB]), sum_of(content[512 * KIB :]))
    assert sums_of(content, [256 * KIB, 512 * KIB]) == expected


@given(st.data())
def test_sums_are_those_of_the_pieces_however_the_bytes_come(data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=300))
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=9))
    length = piece_length(len(content))
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    expected = b"".join(struct.pack(">Q", sum_of(piece)) for piece in pieces)
    assert sums_of(content, cuts) == (expected if len(content) > 4 else b"")
    assert len(pieces) <= 8


@given(st.binary(min_size=5, max_size=300))
def test_packed_sums_are_read_back_by_the_size_alone(content: bytes) -> None:
    packed = sums_of(content, [])
    assert struct.pack(f">{len(packed) // 8}Q", *parse_sums(packed, len(content))) == packed


@pytest.mark.parametrize("packed", [b"", b"12345678", b"12345678123456789"])
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
    assert len(parse_sums(bytes(8 * -(-size_bytes // expected)), size_bytes)) <= 4096
