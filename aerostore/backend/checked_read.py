"""Reading in doubt: bytes leave here when a checksum vouches for them. Pure, and the same for every adapter.

A generator of this module reads at most `STEP_BYTES` before each yield, so that an adapter can run each step
where it pleases. A step that only looked yields nothing: `b""`.
"""

import hashlib
import zlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from aerostore.backend import piece_sum
from aerostore.backend.key import find_sha256
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted

STEP_BYTES = 512 * 1024

Steps = Generator[bytes, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBytes:
    """Bytes as they lie there. read: gives `length` bytes from `offset`, all of them, or raises Corrupted."""

    key: str
    size_bytes: int
    read: Callable[[int, int], bytes]


def check_range(byte_range: ByteRange | None, size_bytes: int) -> ByteRange:
    """Return the part to read, all when `byte_range` is None. Raises: Corrupted when it lies outside."""
    if byte_range is None:
        return ByteRange(0, size_bytes - 1)
    if not 0 <= byte_range.first <= byte_range.last < size_bytes:
        raise Corrupted
    return byte_range


def read_checked(stored: StoredBytes, part: ByteRange, piece_sums: bytes) -> Steps:
    """Yield `part` of `stored` in order, as far as it is what was written.

    A whole blob is compared with its SHA-256 before the last bytes of it are yielded: all of it when it fits
    in one step. A part is compared with `piece_sums` before any of its bytes is yielded; without sums it is
    read as it lies there, and so are small records, which carry no hash.
    Raises: Corrupted, from the step that finds out.
    """
    sha256 = find_sha256(stored.key)
    is_whole = part.length == stored.size_bytes
    if sha256 is None:
        return _unchecked(stored, part)
    if is_whole or stored.size_bytes <= piece_sum.SMALL_BYTES:
        return _by_hash(stored, sha256, part)
    if piece_sums:
        return _by_sums(stored, piece_sums, part)
    return _unchecked(stored, part)


def _unchecked(stored: StoredBytes, part: ByteRange) -> Steps:
    for block in _blocks(part.first, part.last + 1):
        yield stored.read(block.first, block.length)


def _by_hash(stored: StoredBytes, sha256: str, part: ByteRange) -> Steps:
    """Yield `part`, the whole or within the first step."""
    digest = hashlib.sha256()
    content = b""
    for block in _blocks(0, stored.size_bytes):
        content = stored.read(block.first, block.length)
        digest.update(content)
        if block.last + 1 < stored.size_bytes:
            yield content
    if digest.hexdigest() != sha256:
        raise Corrupted
    withheld = ByteRange(stored.size_bytes - len(content), stored.size_bytes - 1)
    yield _overlap(content, withheld, part)


def _by_sums(stored: StoredBytes, piece_sums: bytes, part: ByteRange) -> Steps:
    try:
        sums = piece_sum.parse_sums(piece_sums, stored.size_bytes)
    except ValueError as exc:
        raise Corrupted from exc
    piece_bytes = piece_sum.piece_length(stored.size_bytes)
    first, last = part.first // piece_bytes, part.last // piece_bytes
    end = min((last + 1) * piece_bytes, stored.size_bytes)
    if piece_bytes <= STEP_BYTES:
        yield from _short_pieces(stored, ByteRange(first * piece_bytes, end - 1), sums, part)
        return
    for number in range(first, last + 1):
        piece = ByteRange(number * piece_bytes, min((number + 1) * piece_bytes, end) - 1)
        yield from _long_piece(stored, piece, sums[number], part)


def _short_pieces(stored: StoredBytes, pieces: ByteRange, sums: Sequence[int], part: ByteRange) -> Steps:
    """Read pieces of which one or more fit in a step, each step once."""
    piece_bytes = piece_sum.piece_length(stored.size_bytes)
    for block in _blocks(pieces.first, pieces.last + 1):
        content = stored.read(block.first, block.length)
        view = memoryview(content)
        for start in range(0, len(content), piece_bytes):
            number = (block.first + start) // piece_bytes
            _require(view[start : start + piece_bytes], sums[number])
        yield _overlap(content, block, part)


def _long_piece(stored: StoredBytes, piece: ByteRange, expected: int, part: ByteRange) -> Steps:
    """Read a piece of many steps twice, to hold no more than one step of it.

    The first time tells whether it is good, and gives sums of its steps; by those it is checked the second
    time, so that nothing can change in between.
    """
    found = 0
    good: list[tuple[ByteRange, int]] = []
    for block in _blocks(piece.first, piece.last + 1):
        content = stored.read(block.first, block.length)
        found = zlib.crc32(content, found)
        if block.first <= part.last and part.first <= block.last:
            good.append((block, zlib.crc32(content)))
        yield b""
    if found != expected:
        raise Corrupted
    for block, block_sum in good:
        content = stored.read(block.first, block.length)
        _require(content, block_sum)
        yield _overlap(content, block, part)


def _blocks(start: int, end: int) -> Generator[ByteRange, None, None]:
    for first in range(start, end, STEP_BYTES):
        yield ByteRange(first, min(first + STEP_BYTES, end) - 1)


def _require(content: bytes | memoryview, expected: int) -> None:
    if zlib.crc32(content) != expected:
        raise Corrupted


def _overlap(content: bytes, block: ByteRange, part: ByteRange) -> bytes:
    """Return what of `content`, the bytes of `block`, belongs to `part`."""
    start = max(part.first - block.first, 0)
    return content[start : part.last + 1 - block.first]  # no copy when it is all of it
