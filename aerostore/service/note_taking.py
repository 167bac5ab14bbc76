"""Writing now and then what requests leave behind: they neither wait for it nor suffer when it fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aerostore.errors import Unavailable


async def keep_writing(
    write: Callable[[], Awaitable[object]], pause_s: Callable[[], float], logger: logging.Logger
) -> None:
    """Call `write` after each pause until cancelled, then once more for what is left; log its failures."""
    try:
        while True:
            await asyncio.sleep(pause_s())
            await _write_calmly(write, logger)
    finally:
        await _write_calmly(write, logger)


async def _write_calmly(write: Callable[[], Awaitable[object]], logger: logging.Logger) -> None:
    try:
        await write()
    except Unavailable as exc:  # no news: each request says so too
        logger.warning("notes wait for the database", extra={"facts": {"reason": exc.message}})
    except Exception:  # whatever it was, later notes are still wanted
        logger.exception("notes were not written")
