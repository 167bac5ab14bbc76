"""Writing now and then: what fails is logged, and the last notes are written too."""

import asyncio
import logging

import pytest

from aerostore.errors import Unavailable
from aerostore.service.note_taking import keep_writing

logger = logging.getLogger("aerostore.test")


class Writer:
    """Writes as often as it is asked; what it is told to raise comes first."""

    def __init__(self, *failures: Exception) -> None:
        self.writes = 0
        self._failures = list(failures)

    async def write(self) -> None:
        self.writes += 1
        if self._failures:
            raise self._failures.pop(0)


async def written_while(writer: Writer, count: int) -> None:
    """Keep writing until there were so many writes, and cancel it."""
    writing = asyncio.create_task(keep_writing(writer.write, lambda: 0, logger))
    while writer.writes < count:
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()


def test_what_is_left_is_written_at_the_end() -> None:
    writer = Writer()

    async def cancelled_at_once() -> None:
        writing = asyncio.create_task(keep_writing(writer.write, lambda: 3600, logger))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])

    asyncio.run(cancelled_at_once())
    assert writer.writes == 1


def test_a_failure_ends_nothing_and_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    writer = Writer(Unavailable("away"), RuntimeError("a mistake"))
    asyncio.run(written_while(writer, 3))
    levels = [(record.levelname, record.exc_info is not None) for record in caplog.records]
    assert levels == [("WARNING", False), ("ERROR", True)]
