"""What the port promises of the bytes of drafts, asked of every adapter."""

import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aerostore.backend import BlobBackend
from aerostore.domain import ByteRange
from aerostore.errors import Corrupted, Unavailable
from tests.blobs import CONTENT, MIB, blob_id, put, read, run, stored
from tests.conformance.backend_fixture import BACKENDS, until_closed
from tests.drafts import DRAFT, KEY, append, content_of, same_bytes

STEPS = ([0], [1], [5, 7], [0, 3, 0], [MIB], [MIB - 1, 1, 2], [2 * MIB + 3, 17, MIB], [300_000] * 4)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlobBackend]:
    yield from until_closed(request.param, tmp_path / "data")


async def failing_after(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise RuntimeError("the client went away")


@pytest.mark.parametrize("in_one_hold", [True, False], ids=["one hold", "a hold each"])
@pytest.mark.parametrize("lengths", STEPS, ids=str)
def test_bytes_that_come_in_steps_get_the_receipt_of_one_write(
    backend: BlobBackend, lengths: list[int], in_one_hold: bool
) -> None:
    parts = [random.Random(length).randbytes(length) for length in lengths]

    async def append_all() -> None:
        if in_one_hold:
            async with backend.draft(DRAFT) as draft:
                for part in parts:
                    await append(draft, part)
            return
        for part in parts:
            async with backend.draft(DRAFT) as draft:
                await append(draft, part)

    async def scenario() -> None:
        await append_all()
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == sum(lengths)
            receipt = await draft.publish(identity := blob_id())
            await draft.discard()
        assert receipt.key.endswith(identity)
        assert same_bytes(receipt, await put(backend, *parts))
        assert await read(backend, receipt.key) == b"".join(parts)

    run(scenario())


def test_append_returns_the_new_length(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == 0
            assert await append(draft, b"abc", b"de") == 5
            assert await append(draft) == draft.size_bytes == 5

    run(scenario())


def test_what_lies_behind_the_offset_is_dropped(backend: BlobBackend) -> None:
    async def scenario() -> None:
        for offset, more, expected in ((6, b"tub", b"bathtub"[:4] + b"xx" + b"tub"), (3, b"h", b"bath")):
            async with backend.draft(DRAFT) as draft:
                await append(draft, b"bathxxyyzz", offset=0)
                assert await append(draft, more, offset=offset) == len(expected)
                assert await content_of(backend, draft) == expected
                await draft.discard()

    run(scenario())


def test_an_offset_before_the_end_drops_bytes_also_without_new_ones(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            assert await append(draft, offset=3) == 3
        async with backend.draft(DRAFT) as draft:
            assert await content_of(backend, draft) == CONTENT[:3]

    run(scenario())


def test_an_offset_behind_the_end_is_corrupted_and_takes_no_byte(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            with pytest.raises(Corrupted):
                await append(draft, b"more", offset=len(CONTENT) + 1)
            assert await content_of(backend, draft) == CONTENT

    run(scenario())


@pytest.mark.parametrize("before", [[], [b"x"], [bytes(MIB)] * 3], ids=["at once", "1 B", "3 MiB"])
def test_an_exception_from_chunks_passes_and_its_bytes_do_not_count(
    backend: BlobBackend, before: list[bytes]
) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            with pytest.raises(RuntimeError, match="client"):
                await draft.append(failing_after(*before), offset=len(CONTENT))
            await append(draft, b"!", offset=len(CONTENT))
            assert same_bytes(await draft.publish(blob_id()), await put(backend, CONTENT + b"!"))

    run(scenario())


def test_a_body_that_was_repeated_with_other_bytes_gets_the_hash_of_the_last(backend: BlobBackend) -> None:
    async def scenario() -> None:
        for content in (b"a" * MIB, b"b" * MIB):
            async with backend.draft(DRAFT) as draft:
                await append(draft, CONTENT, offset=0)
                await append(draft, content)
        async with backend.draft(DRAFT) as draft:
            receipt = await draft.publish(blob_id())
        assert same_bytes(receipt, await put(backend, CONTENT + b"b" * MIB))
        assert await read(backend, receipt.key) == CONTENT + b"b" * MIB

    run(scenario())


def test_a_draft_can_be_published_twice_and_the_blobs_die_apart(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            first = await draft.publish(blob_id())
        async with backend.draft(DRAFT) as draft:
            second = await draft.publish(blob_id())
            await draft.discard()
        assert first.key != second.key
        assert same_bytes(first, second)
        await backend.delete(first.key)
        assert await read(backend, second.key) == CONTENT

    run(scenario())


def test_a_blob_id_that_was_used_is_refused_and_the_blob_stays(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            receipt = await draft.publish(identity := blob_id())
            with pytest.raises(Unavailable):
                await draft.publish(identity)
        assert await read(backend, receipt.key) == CONTENT

    run(scenario())


@pytest.mark.parametrize("bad", ["", "../" * 12, "A" * 36, "0" * 35, "0" * 36 + "\n"])
def test_malformed_ids_are_refused(backend: BlobBackend, bad: str) -> None:
    async def take() -> None:
        async with backend.draft(bad):
            pass

    async def publish() -> None:
        async with backend.draft(DRAFT) as draft:
            await draft.publish(bad)

    for attempt in (take, publish):
        with pytest.raises(ValueError, match="id"):
            run(attempt())


@pytest.mark.parametrize("more", [[b"more"], [bytes(MIB)] * 3], ids=["few", "many"])
@pytest.mark.parametrize("offset", [3, len(CONTENT)])
def test_a_published_draft_cannot_change_the_blob(
    backend: BlobBackend, more: list[bytes], offset: int
) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            receipt = await draft.publish(blob_id())
        other = await put(backend, b"another blob")
        for _ in range(2):
            async with backend.draft(DRAFT) as draft:
                with pytest.raises(Corrupted):
                    await append(draft, *more, offset=offset)
                with pytest.raises(Corrupted):
                    await draft.append_blob(other.key)
                assert await append(draft) == len(CONTENT)
        assert await read(backend, receipt.key) == CONTENT

    run(scenario())


def test_a_draft_whose_blob_is_gone_may_grow_again(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            await backend.delete((await draft.publish(blob_id())).key)
            await append(draft, b"!")
            receipt = await draft.publish(blob_id())
        assert await read(backend, receipt.key) == CONTENT + b"!"

    run(scenario())


def test_an_empty_draft_makes_an_empty_blob(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            receipt = await draft.publish(blob_id())
        assert same_bytes(receipt, await put(backend))
        assert await read(backend, receipt.key) == b""

    run(scenario())


def test_drafts_are_listed_and_deleted_by_key_and_never_read(backend: BlobBackend) -> None:
    async def scenario() -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
        blob = await put(backend, CONTENT)
        assert set(await stored(backend)) == {KEY, blob.key}
        listed = (await stored(backend, "draft/"))[KEY]
        assert listed.size_bytes == len(CONTENT)
        assert before < listed.modified_at <= datetime.now(UTC)
        assert await backend.exists(KEY)
        assert await backend.size(KEY) == len(CONTENT)
        for part in (None, ByteRange(0, 0)):
            with pytest.raises(Corrupted):
                await backend.open(KEY, part)
        with pytest.raises(ValueError, match="meta/"):
            await backend.write_if_absent(KEY, CONTENT)
        await backend.delete(KEY)
        assert set(await stored(backend)) == {blob.key}
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == 0

    run(scenario())


def test_discard_leaves_the_blob_and_a_draft_that_begins_anew(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
            receipt = await draft.publish(blob_id())
            await draft.discard()
            assert draft.size_bytes == 0
            with pytest.raises(Corrupted):
                await append(draft, CONTENT, offset=0)
        assert set(await stored(backend)) == {receipt.key}
        async with backend.draft(DRAFT) as draft:
            assert draft.size_bytes == 0

    run(scenario())


def test_sweep_never_removes_drafts(backend: BlobBackend) -> None:
    async def scenario() -> None:
        async with backend.draft(DRAFT) as draft:
            await append(draft, CONTENT)
        assert await backend.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
        assert await backend.exists(KEY)

    run(scenario())
