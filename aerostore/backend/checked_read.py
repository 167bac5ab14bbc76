"""Reading in doubt: bytes leave here when a checksum vouches for them. No I/O; the same for every adapter.

A generator of this module asks for bytes by yielding where they lie, at most `STEP_BYTES` at once, and is
sent them; what it yields as bytes may be given out. So an adapter can read each step where it pleases.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence

from aerostore.backend import piece_sum
from aerostore.backend.key import find_sha256
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted

STEP_BYTES = 256 * 1024

Steps = Generator[ByteRange | bytes, bytes | None, None]
_Read = Generator[ByteRange, bytes | None, bytes]


def check_range(byte_range: ByteRange | None, size_bytes: int) -> ByteRange:
    """Return the part to read, all when `byte_range` is None. Raises: Corrupted when it lies outside."""
    if byte_range is None:
        return ByteRange(0, size_bytes - 1)
    if not 0 <= byte_range.first <= byte_range.last < size_bytes:
        raise Corrupted
    return byte_range


def read_checked(key: str, size_bytes: int, part: ByteRange, piece_sums: bytes) -> Steps:
    """Give out `part` of the bytes of `key` in order, as far as it is what was written.

    What has `piece_sums` is compared with them before any byte is given out. Without sums a whole blob, or
    any part of a small one, is compared with its SHA-256 before the last bytes are given out: before the
    first when it fits in one step. Parts of others are given out as they lie there, and so are small records.
    Raises: Corrupted, from the step that finds out.
    """
    sha256 = find_sha256(key)
    if sha256 is None:
        return _unchecked(part)
    if piece_sums:
        return _by_sums(size_bytes, piece_sums, part)
    if part.length == size_bytes or size_bytes <= piece_sum.SMALL_BYTES:
        return _by_hash(size_bytes, sha256, part)
    return _unchecked(part)


def resume(steps: Steps, content: bytes | None = None) -> ByteRange | bytes:
    """Return what `steps` yields when it is sent `content`; nothing, `b""`, at its end."""
    try:
        return steps.send(content)
    except StopIteration:
        return b""


def run_steps(steps: Steps, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """Yield what `steps` gives out. read: gives so many bytes from an offset, or raises Corrupted."""
    for asked in steps:
        answer: ByteRange | bytes = asked
        while isinstance(answer, ByteRange):
            answer = resume(steps, read(answer.first, answer.length))
        if answer:
            yield answer


def _unchecked(part: ByteRange) -> Steps:
    for block in _blocks(part.first, part.last + 1):
        yield (yield from _read(block))


def _by_hash(size_bytes: int, sha256: str, part: ByteRange) -> Steps:
    """Give out `part`, the whole or within the first step."""
    digest = hashlib.sha256()
    content = b""
    for block in _blocks(0, size_bytes):
        content = yield from _read(block)
        digest.update(content)
        if block.last + 1 < size_bytes:
            yield content
    if digest.hexdigest() != sha256:
        raise Corrupted
    withheld = ByteRange(size_bytes - len(content), size_bytes - 1)
    yield _overlap(content, withheld, part)


def _by_sums(size_bytes: int, piece_sums: bytes, part: ByteRange) -> Steps:
    try:
        sums = piece_sum.parse_sums(piece_sums, size_bytes)
    except ValueError as exc:
        raise Corrupted from exc
    piece_bytes = piece_sum.piece_length(size_bytes)
    first, last = part.first // piece_bytes, part.last // piece_bytes
    end = min((last + 1) * piece_bytes, size_bytes)
    if piece_bytes <= STEP_BYTES:
        yield from _short_pieces(ByteRange(first * piece_bytes, end - 1), piece_bytes, sums, part)
        return
    for number in range(first, last + 1):
        piece = ByteRange(number * piece_bytes, min((number + 1) * piece_bytes, end) - 1)
        yield from _long_piece(piece, sums[number], part)


def _short_pieces(pieces: ByteRange, piece_bytes: int, sums: Sequence[int], part: ByteRange) -> Steps:
    """Read pieces of which one or more fit in a step, each step once."""
    for block in _blocks(pieces.first, pieces.last + 1):
        content = yield from _read(block)
        view = memoryview(content)
        for start in range(0, len(content), piece_bytes):
            number = (block.first + start) // piece_bytes
            _require(view[start : start + piece_bytes], sums[number])
        yield _overlap(content, block, part)


def _long_piece(piece: ByteRange, expected: int, part: ByteRange) -> Steps:
    """Read a piece of many steps twice, to hold no more than one step of it.

    The first time tells whether it is good, and gives sums of its steps; by those it is checked the second
    time, so that nothing can change in between.
    """
    found = 0
    good: list[tuple[ByteRange, int]] = []
    for block in _blocks(piece.first, piece.last + 1):
        content = yield from _read(block)
        found = piece_sum.sum_of(content, found)
        if block.first <= part.last and part.first <= block.last:
            good.append((block, piece_sum.sum_of(content)))
        yield b""  # others may want the thread
    if found != expected:
        raise Corrupted
    for block, block_sum in good:
        content = yield from _read(block)
        _require(content, block_sum)
        yield _overlap(content, block, part)


def _read(block: ByteRange) -> _Read:
    content = yield block
    if content is None or len(content) != block.length:
        raise Corrupted
    return content


def _blocks(start: int, end: int) -> Iterator[ByteRange]:
    for first in range(start, end, STEP_BYTES):
        yield ByteRange(first, min(first + STEP_BYTES, end) - 1)


def _require(content: bytes | memoryview, expected: int) -> None:
    if piece_sum.sum_of(content) != expected:
        raise Corrupted


def _overlap(content: bytes, block: ByteRange, part: ByteRange) -> bytes:
    """Return what of `content`, the bytes of `block`, belongs to `part`."""
    start = max(part.first - block.first, 0)
    return content[start : part.last + 1 - block.first]  # no copy when it is all of it
