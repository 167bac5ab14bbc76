"""Waiting with a limit, where most waits are over at once."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any


async def within(seconds: float, awaited: Awaitable[None]) -> None:
    """Wait for `awaited`, for so many seconds at most. Raises: TimeoutError.

    A timer costs more than a small answer does: there is one only when `awaited` does not end at once.
    """
    begun = _as_coroutine(awaited)
    try:
        first = begun.send(None)
    except StopIteration:
        return
    async with asyncio.timeout(seconds):
        await _go_on(begun, first)


async def _as_coroutine(awaited: Awaitable[None]) -> None:
    """Give `awaited` the methods of a coroutine: servers have awaitables without them."""
    await awaited


@coroutine
def _go_on(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Await the rest of a coroutine that has begun. Source: PEP 380, the expansion of `yield from`."""
    while True:
        try:
            reply = yield waits_for
        except BaseException as exc:
            step = partial(begun.throw, exc)
        else:
            step = partial(begun.send, reply)
        try:
            waits_for = step()
        except StopIteration:
            return
