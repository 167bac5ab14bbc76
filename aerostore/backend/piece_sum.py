"""Sums of the pieces of a blob: with them a part of a large one is checked without reading all of it.

A sum is a CRC-32. A blob has at most `MAX_PIECES` of them; how long its pieces are follows from its size.
"""

import struct
import zlib
from functools import lru_cache

# A blob up to this long has no sums: it is read whole for any part, and its SHA-256 tells all.
SMALL_BYTES = 256 * 1024
LEAST_PIECE_BYTES = 256 * 1024
MAX_PIECES = 4096
_SUM_BYTES = 4

# CRC-32's polynomial without x^32. The highest bit of the word is the coefficient of x^0.
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
_X = 1 << 30


def piece_length(size_bytes: int) -> int:
    """Return how long the pieces of a blob of this size are; its last piece may be shorter."""
    length = LEAST_PIECE_BYTES
    while length * MAX_PIECES < size_bytes:
        length *= 2
    return length


def parse_sums(packed: bytes, size_bytes: int) -> tuple[int, ...]:
    """Return the sums of a blob of this size, in order. Raises: ValueError when they are not its sums."""
    count = -(-size_bytes // piece_length(size_bytes))
    if len(packed) != count * _SUM_BYTES:
        raise ValueError("the sums belong to a blob of another size")
    return struct.unpack(f">{count}I", packed)


def combine(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC-32 of two texts in a row from that of each and the length of the second.

    Source: zlib, crc32_combine: bytes appended to a text multiply its CRC by a power of x.
    """
    return _product(_power_of_x(8 * second_bytes), first) ^ second


class PieceSums:
    """The sums of a blob while it comes in."""

    def __init__(self) -> None:
        self._whole: list[int] = []
        self._piece_bytes = LEAST_PIECE_BYTES
        self._begun_bytes = 0
        self._begun_sum = 0

    def update(self, content: memoryview) -> None:
        """Take the next bytes of the blob."""
        while content:
            if len(self._whole) == MAX_PIECES:
                self._join_neighbours()
            taken = content[: self._piece_bytes - self._begun_bytes]
            self._begun_sum = zlib.crc32(taken, self._begun_sum)
            self._begun_bytes += len(taken)
            if self._begun_bytes == self._piece_bytes:
                self._whole.append(self._begun_sum)
                self._begun_bytes = self._begun_sum = 0
            content = content[len(taken) :]

    def packed(self) -> bytes:
        """Return the sums as they are kept: four bytes each, big-endian; none for a small blob."""
        if len(self._whole) * self._piece_bytes + self._begun_bytes <= SMALL_BYTES:
            return b""
        sums = [*self._whole, self._begun_sum] if self._begun_bytes else self._whole
        return struct.pack(f">{len(sums)}I", *sums)

    def _join_neighbours(self) -> None:
        pairs = zip(self._whole[::2], self._whole[1::2], strict=True)
        self._whole = [combine(first, second, self._piece_bytes) for first, second in pairs]
        self._piece_bytes *= 2


@lru_cache(maxsize=64)
def _power_of_x(exponent: int) -> int:
    power, square = _ONE, _X
    while exponent:
        if exponent & 1:
            power = _product(power, square)
        square = _product(square, square)
        exponent >>= 1
    return power


def _product(a: int, b: int) -> int:
    """Multiply two polynomials over GF(2), modulo that of CRC-32."""
    product, bit = 0, _ONE
    while bit:
        if a & bit:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
        bit >>= 1
    return product
