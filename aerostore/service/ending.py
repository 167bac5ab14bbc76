"""Ending tasks that run beside others, and seeing that they have ended."""

import asyncio
from collections.abc import Iterable
from typing import Any

_PATIENCE_S = 5.0


async def end(tasks: Iterable[asyncio.Future[Any]], *, patience_s: float = _PATIENCE_S) -> None:
    """Cancel what has not ended yet, and wait until it has; how it ended is of no interest any more.

    A cancellation can get lost in whatever the task waits for: it is repeated each `patience_s`, which is the
    time that a task has to put its things in order.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=patience_s)
        for task in ended:
            _ = task.cancelled() or task.exception()  # else it is logged as one that nobody looked at
