"""Ending tasks: whatever they do with a cancellation, whoever waits for them goes on."""

import asyncio
import contextlib

from aerostore.service.ending import end

PATIENCE_S = 0.01


async def _for_ever(deaf_to: int = 0, heard: list[str] | None = None) -> None:
    """Wait, and swallow so many cancellations first."""
    for _ in range(deaf_to):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    try:
        await asyncio.sleep(3600)
    finally:
        if heard is not None:
            await asyncio.sleep(0)
            heard.append("put in order")


async def _begun(*awaited: asyncio.Task[None]) -> list[asyncio.Task[None]]:
    await asyncio.sleep(0)
    return list(awaited)


def test_tasks_have_ended_and_put_their_things_in_order_before() -> None:
    heard: list[str] = []

    async def ending() -> None:
        tasks = await _begun(*[asyncio.create_task(_for_ever(heard=heard)) for _ in range(3)])
        await end(tasks)
        assert all(task.cancelled() for task in tasks)

    asyncio.run(ending())
    assert heard == ["put in order"] * 3


def test_a_task_that_swallows_cancellations_is_cancelled_again() -> None:
    async def ending() -> None:
        tasks = await _begun(asyncio.create_task(_for_ever(deaf_to=3)))
        async with asyncio.timeout(30):
            await end(tasks, patience_s=PATIENCE_S)
        assert tasks[0].cancelled()

    asyncio.run(ending())


def test_what_has_ended_is_left_alone_however_it_ended() -> None:
    async def fail() -> None:
        raise RuntimeError("of no interest")

    async def ending() -> None:
        failed = asyncio.create_task(fail())
        await asyncio.wait([failed])
        await end([failed])
        await end([])
        assert isinstance(failed.exception(), RuntimeError)

    asyncio.run(ending())
