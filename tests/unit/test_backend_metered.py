"""What a metered backend reports, and whose time it counts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from aerostore.backend.memory import MemoryBackend
from aerostore.backend.metered import MeteredBackend
from aerostore.errors import Corrupted
from tests.blobs import CONTENT, blob_id, in_chunks, put, run
from tests.drafts import DRAFT


def test_metered_reports_each_operation_with_its_time() -> None:
    observed: list[tuple[str, str, float]] = []

    async def scenario() -> None:
        ticks = iter(range(100))
        backend = MeteredBackend(
            MemoryBackend(), lambda *facts: observed.append(facts), clock=lambda: float(next(ticks))
        )
        await backend.write_if_absent("meta/a", CONTENT)
        await backend.open("meta/a")
        await backend.size("meta/a")
        await backend.exists("meta/a")
        await backend.delete("meta/a")
        with pytest.raises(Corrupted):
            await backend.open("meta/a")

    run(scenario())
    operations = ("write_if_absent", "open", "size", "exists", "delete", "open")
    assert observed == [(operation, "memory", 1.0) for operation in operations]


def test_metered_leaves_out_the_time_that_the_client_took() -> None:
    observed: list[float] = []
    now = 0.0

    async def slow_client() -> AsyncIterator[bytes]:
        nonlocal now
        for _ in range(3):
            now += 60.0
            yield CONTENT

    def slow_to_store() -> datetime:
        nonlocal now
        now += 2.0
        return datetime.now(UTC)

    backend = MeteredBackend(
        MemoryBackend(clock=slow_to_store),
        lambda _operation, _name, seconds: observed.append(seconds),
        clock=lambda: now,
    )
    run(backend.write(slow_client(), blob_id=blob_id()))
    assert observed == [2.0]


def test_metered_reports_what_is_done_with_a_draft_and_not_how_long_it_is_held() -> None:
    observed: list[tuple[str, str, float]] = []
    now = 0.0

    async def slow_client() -> AsyncIterator[bytes]:
        nonlocal now
        now += 60.0
        yield CONTENT

    async def scenario() -> None:
        inner = MemoryBackend()
        part = await put(inner, CONTENT)
        backend = MeteredBackend(inner, lambda *facts: observed.append(facts), clock=lambda: now)
        async with backend.draft(DRAFT) as draft:
            assert await draft.append(slow_client(), offset=0) == draft.size_bytes == len(CONTENT)
            await draft.append_blob(part.key)
            await draft.publish(blob_id())
            with pytest.raises(Corrupted):
                await draft.append(in_chunks(CONTENT), offset=0)
            await draft.discard()

    run(scenario())
    operations = ("append", "append_blob", "publish", "append", "discard")
    assert observed == [(operation, "memory", 0.0) for operation in operations]
