"""Bytes that changed after they were written, asked of every adapter: none of them is ever served as good.

`--crash-seed` repeats the choices of one run, `--crash-size` makes more of them.
"""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from aerostore.backend import BlobReceipt, checked_read, piece_sum
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted
from tests.blobs import MIB, put, run
from tests.conformance.backend_fixture import BACKENDS, Victim, victim

PIECE = 16
STEP = 32
TRIALS = 60
# Around every border: small blobs, steps, and the sizes at which pieces double: 128 and 256.
SIZES = (1, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 200, 256, 257, 300, 511, 512, 513)


@pytest.fixture(params=BACKENDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Victim]:
    yield from victim(request.param, tmp_path / "data")


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces and steps of a few bytes, so that a short blob has all that one of gigabytes has."""
    monkeypatch.setattr(piece_sum, "SMALL_BYTES", PIECE)
    monkeypatch.setattr(piece_sum, "LEAST_PIECE_BYTES", PIECE)
    monkeypatch.setattr(piece_sum, "MAX_PIECES", 8)
    monkeypatch.setattr(checked_read, "STEP_BYTES", STEP)


@dataclass(slots=True)
class Read:
    """What came out. size_bytes: of the whole, as the reader said; failed: it ended in Corrupted."""

    content: bytes = b""
    size_bytes: int = -1
    failed: bool = False


@asynccontextmanager
async def noting_damage(outcome: Read) -> AsyncIterator[None]:
    try:
        yield
    except Corrupted:
        outcome.failed = True


async def read(backend: Victim, receipt: BlobReceipt, part: ByteRange | None, *, sums: bool = True) -> Read:
    outcome = Read()
    async with noting_damage(outcome):
        reader = await backend.backend.open(receipt.key, part, piece_sums=receipt.piece_sums if sums else b"")
        outcome.size_bytes = reader.size_bytes
        try:
            async for chunk in reader.chunks():
                outcome.content += chunk
        finally:
            await reader.aclose()
    return outcome


Damage = Callable[[random.Random, bytes], bytes]


def flip(choices: random.Random, content: bytes) -> bytes:
    """Change one to eight bits of one byte."""
    damaged = bytearray(content)
    damaged[choices.randrange(len(content))] ^= choices.randint(1, 255)
    return bytes(damaged)


def swap_bytes(choices: random.Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    one, other = choices.randrange(len(content)), choices.randrange(len(content))
    damaged[one], damaged[other] = damaged[other], damaged[one]
    return bytes(damaged)


def swap_pieces(choices: random.Random, content: bytes) -> bytes:
    pieces = [content[start : start + PIECE] for start in range(0, len(content), PIECE)]
    choices.shuffle(pieces)
    return b"".join(pieces)


def truncate(choices: random.Random, content: bytes) -> bytes:
    return content[: choices.randrange(len(content))]


def extend(choices: random.Random, content: bytes) -> bytes:
    return content + choices.randbytes(choices.randint(1, 2 * PIECE))


def zero_page(choices: random.Random, content: bytes) -> bytes:
    start = choices.randrange(len(content))
    end = min(start + PIECE // 2, len(content))
    return content[:start] + bytes(end - start) + content[end:]


def another_file(choices: random.Random, content: bytes) -> bytes:
    return choices.randbytes(len(content))


DAMAGES: tuple[Damage, ...] = (
    flip,
    swap_bytes,
    swap_pieces,
    truncate,
    extend,
    zero_page,
    another_file,
)


def range_in(choices: random.Random, size: int) -> ByteRange:
    first = choices.randrange(size)
    return ByteRange(first, choices.randrange(first, size))


def pieces_around(part: ByteRange, size: int) -> slice:
    """Name the bytes that a read of `part` has to check."""
    if size <= PIECE or part.length == size:
        return slice(0, size)
    length = piece_sum.piece_length(size)
    return slice(part.first // length * length, min((part.last // length + 1) * length, size))


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_no_damage_is_served_as_good(target: Victim, damage: Damage, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--crash-seed")
    choices = random.Random(f"{seed}/{damage.__name__}")

    async def attempt(label: str) -> None:
        content = choices.randbytes(choices.choice(SIZES))
        damaged = damage(choices, content)
        receipt = await put(target.backend, content)
        target.damage(receipt.key, damaged)
        await check_whole(content, damaged, receipt, label)
        part = range_in(choices, len(content))
        await check_part(content, damaged, receipt, part, f"{label}, {part}")

    async def check_whole(content: bytes, damaged: bytes, receipt: BlobReceipt, label: str) -> None:
        outcome = await read(target, receipt, None)
        assert outcome.failed == (damaged != content), label
        # The last bytes are held back: what failed is never as long as what was announced.
        assert not outcome.failed or len(outcome.content) < max(outcome.size_bytes, 1), label

    async def check_part(
        content: bytes, damaged: bytes, receipt: BlobReceipt, part: ByteRange, label: str
    ) -> None:
        outcome = await read(target, receipt, part)
        wanted = content[part.first : part.last + 1]
        assert wanted.startswith(outcome.content), f"{label}: a wrong byte came out"
        assert outcome.failed == (outcome.content != wanted), label
        if len(damaged) == len(content):
            checked = pieces_around(part, len(content))
            assert outcome.failed == (damaged[checked] != content[checked]), label

    async def scenario() -> None:
        for number in range(TRIALS * int(request.config.getoption("--crash-size"))):
            await attempt(f"seed {seed}, trial {number}")

    run(scenario())


@pytest.mark.usefixtures("short_pieces")
def test_every_range_of_whole_bytes_is_read_exactly(target: Victim) -> None:
    async def scenario() -> None:
        for size in (0, *SIZES[::3]):
            content = random.Random(size).randbytes(size)
            receipt = await put(target.backend, content)
            assert (await read(target, receipt, None)).content == content
            choices = random.Random(size)
            for part in [range_in(choices, size) for _ in range(12) if size]:
                outcome = await read(target, receipt, part)
                assert outcome == Read(content[part.first : part.last + 1], size), (size, part)

    run(scenario())


@pytest.mark.usefixtures("short_pieces")
def test_an_empty_blob_that_grew_is_corrupted(target: Victim) -> None:
    async def scenario() -> None:
        receipt = await put(target.backend, b"")
        target.damage(receipt.key, b"x")
        assert (await read(target, receipt, None)) == Read(failed=True)

    run(scenario())


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("size", [17, 200, 300])
def test_a_wrong_sum_is_corrupted_although_the_bytes_are_good(target: Victim, size: int) -> None:
    async def scenario() -> None:
        receipt = await put(target.backend, random.Random(size).randbytes(size))
        for position in range(len(receipt.piece_sums)):
            sums = bytearray(receipt.piece_sums)
            sums[position] ^= 1
            piece = position // piece_sum.SUM_BYTES * piece_sum.piece_length(size)
            with pytest.raises(Corrupted):
                await target.backend.open(receipt.key, ByteRange(piece, piece), piece_sums=bytes(sums))
        for cut in (1, len(receipt.piece_sums) - 1):
            with pytest.raises(Corrupted):
                await target.backend.open(receipt.key, ByteRange(0, 0), piece_sums=receipt.piece_sums[:cut])

    run(scenario())


@pytest.mark.usefixtures("short_pieces")
def test_without_sums_a_part_of_a_large_blob_is_read_as_it_lies_there(target: Victim) -> None:
    async def scenario() -> None:
        receipt = await put(target.backend, bytes(100))
        target.damage(receipt.key, bytes(40) + b"x" + bytes(59))
        outcome = await read(target, receipt, ByteRange(38, 42), sums=False)
        assert outcome == Read(b"\0\0x\0\0", 100)
        assert (await read(target, receipt, ByteRange(0, 99), sums=False)).failed

    run(scenario())


@pytest.mark.parametrize("size", [1, 256 * 1024, 256 * 1024 + 1, 512 * 1024 + 1, MIB, 3 * MIB + 1])
def test_one_flipped_bit_is_found_in_blobs_of_real_length(target: Victim, size: int) -> None:
    choices = random.Random(size)
    content = choices.randbytes(size)
    position = choices.choice((0, size // 2, size - 1))
    damaged = bytearray(content)
    damaged[position] ^= 1

    async def scenario() -> None:
        receipt = await put(target.backend, content)
        assert (await read(target, receipt, None)) == Read(content, size)
        target.damage(receipt.key, bytes(damaged))
        whole = await read(target, receipt, None)
        assert whole.failed
        assert len(whole.content) < size
        assert (await read(target, receipt, ByteRange(position, position))).failed
        assert (await read(target, receipt, ByteRange(0, size - 1))).failed

    run(scenario())


def test_small_bytes_are_refused_before_the_first_of_them(target: Victim) -> None:
    async def scenario() -> None:
        receipt = await put(target.backend, bytes(256 * 1024))
        target.damage(receipt.key, bytes(256 * 1024 - 1) + b"x")
        with pytest.raises(Corrupted):
            await target.backend.open(receipt.key)

    run(scenario())
