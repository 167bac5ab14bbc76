"""Waiting for what somebody else has: by asking again, since the holder may be another process."""

import asyncio
from collections.abc import Awaitable, Callable

from aerostore.errors import LockTimeout

ASK_EVERY_S = 0.02


async def until_taken(take: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    """Call `take` until it returns True, and at least once. Raises: LockTimeout after `timeout_s`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not await take():
        left_s = deadline - loop.time()
        if left_s <= 0:
            raise LockTimeout
        await asyncio.sleep(min(ASK_EVERY_S, left_s))
