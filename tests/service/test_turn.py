"""Turns: who may write to an upload, in one process and in several."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from aerostore.errors import LockTimeout, Unavailable
from aerostore.service.turn import Turn, Turns
from tests.service.conftest import in_memory
from tests.service.resuming import Scene, chunks_of
from tests.service.stage import Stage

PATIENCE_S = 10.0


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


def turns_over(stage: Stage, *, wait_s: float = PATIENCE_S, look_every_s: float = 0.02) -> Turns:
    return Turns(stage.executor, stage.backend, wait_s=wait_s, look_every_s=look_every_s)


async def until_wanted(turn: Turn) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not turn.is_wanted:
            await asyncio.sleep(0.01)


def test_turn_is_nobody_elses_until_somebody_asks(scene: Scene) -> None:
    upload_id = scene.begin()

    async def alone() -> None:
        async with turns_over(scene.stage).take(upload_id) as turn:
            await asyncio.sleep(0.1)
            assert not turn.is_wanted

    scene.stage.run(alone())


def test_turn_that_nobody_waits_for_writes_nothing(scene: Scene) -> None:
    upload_id = scene.begin()

    async def alone() -> None:
        async with turns_over(scene.stage).take(upload_id):
            pass

    before = scene.stage.rows("SELECT * FROM storage_uploads")
    scene.stage.run(alone())
    assert scene.stage.rows("SELECT * FROM storage_uploads") == before


def test_whoever_has_the_turn_is_told_that_another_process_wants_it(scene: Scene) -> None:
    upload_id = scene.begin()

    async def two_processes() -> None:
        here, there = turns_over(scene.stage), turns_over(scene.stage)
        async with here.take(upload_id) as turn:
            taking = asyncio.create_task(_take(there, upload_id))
            await until_wanted(turn)
            assert not taking.done()
        assert not await taking

    scene.stage.run(two_processes())


def test_of_those_who_wait_the_newest_is_not_disturbed(scene: Scene) -> None:
    upload_id = scene.begin()
    turns = turns_over(scene.stage)

    async def three() -> tuple[bool, bool]:
        async with turns.take(upload_id) as turn:
            second = asyncio.create_task(_take(turns, upload_id))
            await until_wanted(turn)
            third = asyncio.create_task(_take(turns, upload_id))
            await asyncio.sleep(0.05)
        return await second, await third

    was_second_wanted, was_third_wanted = scene.stage.run(three())
    assert was_second_wanted
    assert not was_third_wanted


async def _take(turns: Turns, upload_id: str) -> bool:
    """Take a turn and let go of it; tell whether somebody wanted it at its beginning."""
    async with turns.take(upload_id) as turn:
        return turn.is_wanted


def test_waiting_has_an_end(scene: Scene) -> None:
    upload_id = scene.begin()

    async def wait_in_vain() -> None:
        async with scene.stage.backend.draft(upload_id):
            with pytest.raises(LockTimeout):
                await _take(turns_over(scene.stage, wait_s=0.1), upload_id)
        await _take(turns_over(scene.stage), upload_id)

    scene.stage.run(wait_in_vain())


@in_memory
def test_turn_is_let_go_of_when_its_holder_fails_or_is_cancelled(scene: Scene) -> None:
    upload_id = scene.begin()
    turns = turns_over(scene.stage, wait_s=0.5)

    async def hold(has_it: asyncio.Event) -> None:
        async with turns.take(upload_id):
            has_it.set()
            await asyncio.Event().wait()

    async def several() -> None:
        with pytest.raises(Unavailable):
            async with turns.take(upload_id):
                raise Unavailable
        holding = asyncio.create_task(hold(has_it := asyncio.Event()))
        await has_it.wait()
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        assert not await _take(turns, upload_id)
        assert len(asyncio.all_tasks()) == 1

    scene.stage.run(several())


@in_memory
def test_who_gives_up_waiting_leaves_nothing_behind(scene: Scene) -> None:
    upload_id = scene.begin()
    turns = turns_over(scene.stage)

    async def give_up() -> None:
        async with turns.take(upload_id):
            waiting = asyncio.create_task(_take(turns, upload_id))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.wait({waiting})
        assert not await _take(turns, upload_id)
        assert len(asyncio.all_tasks()) == 1

    scene.stage.run(give_up())


@in_memory
def test_rows_that_cannot_be_read_are_no_reason_to_stop(scene: Scene) -> None:
    upload_id = scene.begin()

    async def without_rows() -> None:
        async with turns_over(scene.stage).take(upload_id) as turn:
            await scene.stage.executor.close()
            await asyncio.sleep(0.1)
            assert not turn.is_wanted
            await scene.stage.executor.start()

    scene.stage.run(without_rows())


@in_memory
def test_chunks_end_when_the_turn_is_wanted(scene: Scene) -> None:
    async def read() -> list[bytes | None]:
        wanted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with scene.stage.backend.draft(scene_id) as draft:
            turn, chunks = Turn(draft, wanted), chunks_of(b"a", b"b", b"c")
            first = await turn.next_or_wanted(chunks)
            wanted.set_result(None)
            return [first, await turn.next_or_wanted(chunks)]

    scene_id = scene.begin()
    assert scene.stage.run(read()) == [b"a", None]


@in_memory
def test_a_body_that_is_waited_for_is_given_up_when_the_turn_is_wanted(scene: Scene) -> None:
    given_up = []

    async def silent() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(True)
            raise
        yield b""

    async def read() -> bytes | None:
        wanted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with scene.stage.backend.draft(upload_id) as draft:
            reading = asyncio.create_task(Turn(draft, wanted).next_or_wanted(silent()))
            await asyncio.sleep(0.01)
            wanted.set_result(None)
            return await reading

    upload_id = scene.begin()
    assert scene.stage.run(read()) is None
    assert given_up == [True]
