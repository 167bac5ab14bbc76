"""The backend that fails on plan keeps to its plan."""

import pytest

from aerostore.backend.memory import MemoryBackend
from aerostore.errors import InsufficientStorage, Unavailable
from tests.blobs import CONTENT, in_chunks, put, run, stored
from tests.drafts import DRAFT
from tests.faults import Afterwards, CrashNow, FaultyBackend


def test_faulty_fails_the_planned_calls_only() -> None:
    async def scenario() -> None:
        backend = FaultyBackend(
            MemoryBackend(), {"write": [None, InsufficientStorage()], "list": [CrashNow()]}
        )
        first = await put(backend, CONTENT)
        with pytest.raises(InsufficientStorage):
            await put(backend, CONTENT)
        await put(backend, CONTENT)
        with pytest.raises(CrashNow):
            await stored(backend)
        assert len(await stored(backend)) == 2
        assert await backend.exists(first.key)
        assert backend.calls == ["write", "write", "write", "list", "list", "exists"]

    run(scenario())


def test_faulty_can_lose_the_answer_of_work_that_was_done() -> None:
    async def scenario() -> None:
        backend = FaultyBackend(MemoryBackend(), {"write": [Afterwards(Unavailable())]})
        with pytest.raises(Unavailable):
            await put(backend, CONTENT)
        assert len(await stored(backend)) == 1

    run(scenario())


def test_faulty_fails_the_planned_calls_on_drafts() -> None:
    async def scenario() -> None:
        backend = FaultyBackend(
            MemoryBackend(), {"draft": [None, Unavailable()], "append": [Afterwards(CrashNow())]}
        )
        async with backend.draft(DRAFT) as draft:
            with pytest.raises(CrashNow):
                await draft.append(in_chunks(CONTENT), offset=0)
            assert draft.size_bytes == len(CONTENT)
        with pytest.raises(Unavailable):
            async with backend.draft(DRAFT):
                raise AssertionError
        assert backend.calls == ["draft", "append", "draft"]

    run(scenario())
