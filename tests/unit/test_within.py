"""A wait with a limit: what ends at once costs no timer, and what does not is awaited as usual."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, cast

import pytest

from aerostore.api.within import within


class BareAwaitable:
    """What a server may return: it can be awaited, and has no other method of a coroutine."""

    def __await__(self) -> Generator[Any, Any, None]:
        return cast(Generator[Any, Any, None], iter(()))


def timers_of(wait: Callable[[], Awaitable[None]]) -> int:
    """Count the timers that `wait` sets."""

    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        call_at, calls = loop.call_at, []

        def noted(*arguments: Any, **options: Any) -> asyncio.TimerHandle:
            calls.append(arguments)
            return call_at(*arguments, **options)

        loop.call_at = noted  # type: ignore[method-assign, assignment] # the same call, counted
        await wait()
        return len(calls)

    return asyncio.run(scenario())


def test_what_ends_at_once_sets_no_timer() -> None:
    async def at_once() -> None:
        pass

    assert timers_of(lambda: within(60, at_once())) == 0
    assert timers_of(lambda: within(60, BareAwaitable())) == 0


def test_what_waits_sets_one_timer_and_ends_as_it_would() -> None:
    steps: list[int] = []

    async def later() -> None:
        for step in range(3):
            await asyncio.sleep(0)
            steps.append(step)

    assert timers_of(lambda: within(60, later())) == 1
    assert steps == [0, 1, 2]


def test_what_never_ends_is_cancelled_in_time() -> None:
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await within(0.01, for_ever())

    asyncio.run(scenario())
    assert ended == ["cancelled"]


def test_a_cancelled_wait_is_cancelled_inside_and_is_no_timeout() -> None:
    ended: list[str] = []

    async def with_last_words() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    async def scenario() -> None:
        task = asyncio.create_task(within(60, with_last_words()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert ended == ["cleaned up"]


@pytest.mark.parametrize("pauses", [0, 1])
def test_what_fails_fails_alike_at_once_and_later(pauses: int) -> None:
    async def failing() -> None:
        for _ in range(pauses):
            await asyncio.sleep(0)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(within(60, failing()))


def test_results_of_what_is_awaited_come_through() -> None:
    async def scenario() -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        heard: list[str] = []

        async def hear() -> None:
            heard.append(await answer)

        task = asyncio.create_task(within(60, hear()))
        await asyncio.sleep(0)
        answer.set_result("there")
        await task
        return heard[0]

    assert asyncio.run(scenario()) == "there"
