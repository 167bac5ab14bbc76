"""How bodies are cut into pieces on their way to the disk."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from aerostore.backend.allowance import Allowance
from aerostore.backend.local_piece import PIECE_BYTES, Body, piece_allowance
from aerostore.errors import IncompleteBody
from tests.blobs import MIB, run

CONTENT = bytes(range(100))


async def chunks_of(content: bytes, length: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), length):
        yield content[start : start + length]


async def pieces_of(body: Body) -> list[bytes]:
    pieces = [bytes(piece.content()) async for piece in body.full_pieces()]
    return [*pieces, bytes(body.rest.content())]


@pytest.mark.parametrize(("others", "longest"), [(0, 40), (3, 25), (50, 10)])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 40, 100])
def test_pieces_are_shorter_the_more_bodies_come_at_once(others: int, longest: int, chunk_bytes: int) -> None:
    allowance = Allowance(100, least=10, most=40)

    async def scenario() -> None:
        with ExitStack() as stack:
            for _ in range(others + 1):
                stack.enter_context(allowance.held())
            pieces = await pieces_of(Body(chunks_of(CONTENT, chunk_bytes), allowance, 100))
        assert b"".join(pieces) == CONTENT
        assert {len(piece) for piece in pieces[:-1]} == {longest}
        assert 0 < len(pieces[-1]) <= longest

    run(scenario())


def test_a_body_that_others_join_goes_on_with_shorter_pieces_and_less_memory() -> None:
    allowance = Allowance(2 * MIB, least=MIB // 16, most=MIB)

    async def scenario() -> list[int]:
        body = Body(chunks_of(bytes(4 * MIB), MIB // 4), allowance)
        lengths = []
        with ExitStack() as stack:
            async for piece in body.full_pieces():
                lengths.append(piece.length)
                if len(lengths) == 2:
                    for _ in range(99):
                        stack.enter_context(allowance.held())
            assert tracemalloc.get_traced_memory()[0] - before < MIB, "the buffers did not shrink"
        return lengths

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        lengths = run(scenario())
    finally:
        tracemalloc.stop()
    assert lengths[:2] == [MIB, MIB]
    assert set(lengths[2:]) == {MIB // 16}


@pytest.mark.parametrize(("bodies", "piece_bytes"), [(1, MIB), (4, MIB), (16, MIB // 4), (64, MIB // 16)])
def test_pieces_of_up_to_64_bodies_take_8_mib_and_those_of_four_are_as_long_as_can_be(
    bodies: int, piece_bytes: int
) -> None:
    allowance = piece_allowance()
    with ExitStack() as stack:
        for _ in range(bodies):
            stack.enter_context(allowance.held())
        assert allowance.share == piece_bytes <= PIECE_BYTES
    assert 2 * bodies * piece_bytes <= 8 * MIB


@pytest.mark.parametrize("announced", [0, 99, 101])
def test_a_body_of_another_length_than_announced_is_incomplete(announced: int) -> None:
    with pytest.raises(IncompleteBody):
        run(pieces_of(Body(chunks_of(CONTENT, 7), Allowance(100, least=10, most=40), announced)))
