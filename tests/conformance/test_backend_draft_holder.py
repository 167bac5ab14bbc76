"""Who has a draft, and when it is free again, asked of every adapter."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend, BlobReceipt
from aerostore.errors import LockTimeout
from tests.blobs import CONTENT, MIB, blob_id, read, run, stored
from tests.conformance.backend_fixture import BACKENDS, until_closed
from tests.drafts import DRAFT, KEY, append, content_of
from tests.faults import CrashNow


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    yield from until_closed(request.param, tmp_path / "data")


def test_one_holder_at_a_time(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            for timeout_s in (0.0, 0.05):
                with pytest.raises(LockTimeout):
                    async with backend.draft(DRAFT, timeout_s=timeout_s):
                        raise AssertionError
            async with backend.draft(str(uuid.UUID(int=8))) as other:
                await append(other, b"another draft")
            await append(draft, CONTENT)
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == len(CONTENT)

    run(scenario())


@pytest.mark.parametrize("error", [RuntimeError("a fault"), asyncio.CancelledError(), CrashNow()], ids=repr)
def test_a_block_that_ends_badly_lets_go(backend: BlobBackend, error: BaseException) -> None:
    async def scenario() -> None:
        with pytest.raises(type(error)):
            async with backend.draft(DRAFT):
                raise error
        async with backend.draft(DRAFT):
            pass

    run(scenario())


def test_whoever_waits_has_the_draft_as_soon_as_it_is_free(backend: BlobBackend) -> None:
    async def scenario() -> None:
        taken, free = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            async with backend.draft(DRAFT) as draft:
                taken.set()
                await free.wait()
                await append(draft, b"first ")

        async def second() -> None:
            async with backend.draft(DRAFT, timeout_s=30) as draft:
                await append(draft, b"second")

        holding = asyncio.ensure_future(first())
        await taken.wait()
        waiting = asyncio.ensure_future(second())
        free.set()
        await asyncio.gather(holding, waiting)
        async with backend.draft(DRAFT) as draft:
            assert await content_of(backend, draft) == b"first second"

    run(scenario())


def test_whoever_waited_for_a_draft_that_was_discarded_gets_a_new_one(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            waiting = asyncio.ensure_future(take_and_measure())
            for _ in range(5):
                await asyncio.sleep(0)
            await draft.discard()
        assert await waiting == 0
        assert await backend.exists(KEY)

    async def take_and_measure() -> int:
        async with backend.draft(DRAFT, timeout_s=30) as draft:
            return draft.size_bytes

    run(scenario())


def test_a_cancelled_wait_leaves_the_draft_to_its_holder(backend: BlobBackend) -> None:
    async def take() -> None:
        async with backend.draft(DRAFT, timeout_s=30):
            raise AssertionError

    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            waiting = asyncio.ensure_future(take())
            for _ in range(5):
                await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await append(draft, CONTENT)

    run(scenario())


def test_forty_at_once_append_one_after_the_other(backend: BlobBackend) -> None:
    async def add(letter: bytes) -> None:
        async with backend.draft(DRAFT, timeout_s=60) as draft:
            await append(draft, letter * 1000)

    async def scenario() -> None:
        letters = [bytes([65 + number]) for number in range(40)]
        await asyncio.gather(*(add(letter) for letter in letters))
        async with backend.draft(DRAFT) as draft:
            content = await content_of(backend, draft)
        pieces = [content[start : start + 1000] for start in range(0, len(content), 1000)]
        assert sorted(pieces) == [letter * 1000 for letter in letters]

    run(scenario())


def test_an_append_cancelled_after_any_number_of_steps_leaves_what_was_there(backend: BlobBackend) -> None:
    body = random.Random(1).randbytes(2 * MIB + 5)

    async def grow() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, body, offset=len(CONTENT))

    async def cancel_after(steps: int) -> None:
        growing = asyncio.ensure_future(grow())
        for _ in range(steps):
            await asyncio.sleep(0)
        growing.cancel()
        await asyncio.wait([growing])
        async with backend.draft(DRAFT) as draft:
            await append(draft, b"!", offset=len(CONTENT))
            receipt = await draft.publish(blob_id())
        assert receipt.sha256 == hashlib.sha256(CONTENT + b"!").hexdigest()
        assert await read(backend, receipt.key) == CONTENT + b"!"
        await backend.delete(receipt.key)

    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
        for steps in range(40):
            await cancel_after(steps)

    run(scenario())


def test_a_publish_cancelled_after_any_number_of_steps_leaves_no_blob_unknown(backend: BlobBackend) -> None:
    async def publish() -> BlobReceipt:
        async with backend.draft(DRAFT) as draft:
            return await draft.publish(blob_id())

    async def cancel_after(steps: int) -> None:
        publishing = asyncio.ensure_future(publish())
        for _ in range(steps):
            await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait([publishing])
        if not publishing.cancelled():
            await backend.delete(publishing.result().key)
        # Cancelled on its way out of the block, it leaves bytes that reclaim finds; elsewhere none.
        blobs = await stored(backend, "sha256/")
        for key in blobs:
            assert await read(backend, key) == CONTENT
            await backend.delete(key)

    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
        for steps in range(30):
            await cancel_after(steps)

    run(scenario())
