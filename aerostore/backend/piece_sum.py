"""Sums of the pieces of a blob: with them any part of it is checked without reading all of it.

A sum is a CRC-64/NVME. A blob has at most `MAX_PIECES`; how long its pieces are follows from its size.
"""

import struct

from awscrt.checksums import combine_crc64nvme, crc64nvme

# A blob up to this long has no sums: it is read whole for any part, and its SHA-256 tells all.
SMALL_BYTES = 16 * 1024
LEAST_PIECE_BYTES = 256 * 1024
MAX_PIECES = 4096
SUM_BYTES = 8


def piece_length(size_bytes: int) -> int:
    """Return how long the pieces of a blob of this size are; its last piece may be shorter."""
    length = LEAST_PIECE_BYTES
    while length * MAX_PIECES < size_bytes:
        length *= 2
    return length


def sum_of(content: bytes | memoryview, before: int = 0) -> int:
    """Return the sum of a text that continues one with the sum `before`.

    Source: NVM Express NVM Command Set, 64b CRC; the hardware helps, so it costs a tenth of copying.
    """
    return crc64nvme(content, before)  # type: ignore[arg-type]  # it takes every buffer


def parse_sums(packed: bytes, size_bytes: int) -> tuple[int, ...]:
    """Return the sums of a blob of this size, in order. Raises: ValueError when they are not its sums."""
    count = -(-size_bytes // piece_length(size_bytes))
    if len(packed) != count * SUM_BYTES:
        raise ValueError("the sums belong to a blob of another size")
    return struct.unpack(f">{count}Q", packed)


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
            self._begun_sum = sum_of(taken, self._begun_sum)
            self._begun_bytes += len(taken)
            if self._begun_bytes == self._piece_bytes:
                self._whole.append(self._begun_sum)
                self._begun_bytes = self._begun_sum = 0
            content = content[len(taken) :]

    def packed(self) -> bytes:
        """Return the sums as they are kept: `SUM_BYTES` each, big-endian; none for a small blob."""
        if len(self._whole) * self._piece_bytes + self._begun_bytes <= SMALL_BYTES:
            return b""
        sums = [*self._whole, self._begun_sum] if self._begun_bytes else self._whole
        return struct.pack(f">{len(sums)}Q", *sums)

    def _join_neighbours(self) -> None:
        pairs = zip(self._whole[::2], self._whole[1::2], strict=True)
        self._whole = [combine_crc64nvme(first, second, self._piece_bytes) for first, second in pairs]
        self._piece_bytes *= 2
