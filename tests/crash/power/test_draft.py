"""Bytes that come in several requests, on a disk that loses power: what was acknowledged is there, and right.

One process after the other works on drafts below one directory; requests break off and fsync fails on the
way. The power may go between any two operations of the disk.
"""

import asyncio
import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.errors import Unavailable
from tests.blobs import blob_id, in_chunks, put, read
from tests.crash.power.disk import Disk
from tests.crash.power.fault import Fault
from tests.crash.power.image import Image
from tests.crash.power.mount import Mount
from tests.crash.power.survival import EXTREMES, draw

STEPS = 120
CUTS = 60
DRAFTS = [str(uuid.UUID(int=number)) for number in range(4)]
LENGTHS = (0, 1, 100, 511, 5000, 70_000, 1_100_000)
LIMIT_BYTES = 2_500_000
FOLDER = "data"
SYNCS = ("fsync", "fsyncdir")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is promised when the disk is at `position`: the beginnings of drafts, and blobs by key."""

    position: int
    drafts: Mapping[str, bytes]
    blobs: Mapping[str, bytes]


class GoneAway(Exception):
    """The client breaks off."""


class Life:
    """Processes that work on drafts, one after the other, and what they promised."""

    def __init__(self, mount: Mount, chance: random.Random) -> None:
        self.moments: list[Moment] = []
        self._mount = mount
        self._chance = chance
        self._drafts: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}
        self._published: set[str] = set()
        self._backend = LocalBackend(mount.directory / FOLDER)

    async def live(self, steps: int) -> None:
        growing = [self._append] * 5 + [self._break_off, self._add_blob]
        acts: list[Callable[[str], Awaitable[None]]] = [*growing, self._fail_to_sync, self._publish]
        for _ in range(steps):
            draft_id = self._chance.choice(DRAFTS)
            # This file system tells wrong link counts: by them a blob's bytes would be refused to change.
            is_blob = draft_id in self._published
            await self._chance.choice([self._publish, self._discard] if is_blob else acts)(draft_id)
            self._note()
            if self._chance.random() < 0.2:
                await self._restart()
        await self._backend.close()

    def _note(self) -> None:
        moment = Moment(position=self._mount.position(), drafts=dict(self._drafts), blobs=dict(self._blobs))
        self.moments.append(moment)

    def _content(self) -> bytes:
        return self._chance.randbytes(self._chance.choice(LENGTHS))

    async def _append(self, draft_id: str) -> None:
        content, known = self._content(), self._drafts.get(draft_id, b"")
        async with self._backend.draft(draft_id) as draft:
            if len(known) < LIMIT_BYTES:
                await draft.append(in_chunks(content), offset=len(known))
                self._drafts[draft_id] = known + content

    async def _break_off(self, draft_id: str) -> None:
        """Append what does not count: the next append drops it."""

        async def broken() -> AsyncIterator[bytes]:
            yield self._chance.randbytes(1_100_000)
            yield self._content()
            raise GoneAway

        async with self._backend.draft(draft_id) as draft:
            with suppress(GoneAway):
                await draft.append(broken(), offset=len(self._drafts.get(draft_id, b"")))

    async def _fail_to_sync(self, draft_id: str) -> None:
        self._mount.arm(Fault(operations=SYNCS, first=self._chance.choice([1, 1, 2])))
        try:
            await self._chance.choice([self._append, self._publish])(draft_id)
        except Unavailable:
            pass
        finally:
            self._mount.disarm()

    async def _add_blob(self, draft_id: str) -> None:
        """Add a blob, which counts when the draft was published, and bytes, which make all of it count."""
        content = self._content()
        part = await put(self._backend, content)
        self._blobs[part.key] = content
        async with self._backend.draft(draft_id) as draft:
            known = self._drafts.get(draft_id, b"")
            await draft.append(in_chunks(), offset=len(known))
            await draft.append_blob(part.key)
            await draft.append(in_chunks(b"!"), offset=len(known + content))
        self._drafts[draft_id] = known + content + b"!"

    async def _publish(self, draft_id: str) -> None:
        known = self._drafts.get(draft_id, b"")
        async with self._backend.draft(draft_id) as draft:
            await draft.append(in_chunks(), offset=len(known))
            receipt = await draft.publish(blob_id())
        self._blobs[receipt.key] = known
        self._published.add(draft_id)

    async def _discard(self, draft_id: str) -> None:
        self._drafts.pop(draft_id, None)
        self._published.remove(draft_id)
        self._note()
        async with self._backend.draft(draft_id) as draft:
            await draft.discard()

    async def _restart(self) -> None:
        await self._backend.close()
        self._backend = LocalBackend(self._mount.directory / FOLDER)


@pytest.mark.timeout(0)
def test_what_was_acknowledged_of_drafts_and_blobs_survives_a_power_cut(
    mount: Mount, scratch: Path, crash_size: int, crash_seed: int
) -> None:
    chance = random.Random(crash_seed)
    life = Life(mount, chance)
    start = mount.position()
    asyncio.run(life.live(STEPS * crash_size))
    history = mount.history()
    promised = {moment.position for moment in life.moments}
    count = CUTS * crash_size
    at_promises = chance.sample(sorted(promised), min(count // 2, len(promised)))
    elsewhere = chance.sample(range(start, len(history)), count // 2)
    disk, done = Disk(), 0
    for position in sorted({*at_promises, *elsewhere}):
        for operation in history[done:position]:
            disk.apply(operation)
        done = position
        for survival in (chance.choice(EXTREMES), draw(chance)):
            image = disk.cut(survival, chance).below(FOLDER)
            left = scratch / f"left-{position}-{uuid.uuid4()}"
            asyncio.run(check(image, left, last_before(life.moments, position), f"{position}, {survival}"))


def last_before(moments: list[Moment], position: int) -> Moment:
    """Return what was promised and not withdrawn when the disk was at `position`."""
    known = [moment for moment in moments if moment.position <= position]
    following = [moment for moment in moments if moment.position > position][:1]
    if not known:
        return Moment(position=position, drafts={}, blobs={})
    # What is withdrawn next may be on its way out already.
    kept = {
        key: known[-1].drafts[key] for key in known[-1].drafts if following and key in following[0].drafts
    }
    return Moment(position=position, drafts=kept, blobs=known[-1].blobs)


async def check(image: Image, directory: Path, promised: Moment, where: str) -> None:
    image.write_to(directory)
    backend = LocalBackend(directory / FOLDER)
    for key, content in promised.blobs.items():
        assert await read(backend, key) == content, f"{key} after a cut at {where}"
    for draft_id, content in promised.drafts.items():
        async with backend.draft(draft_id) as draft:
            await draft.append(in_chunks(b"the rest"), offset=len(content))
            receipt = await draft.publish(blob_id())
        whole = content + b"the rest"
        assert receipt.sha256 == hashlib.sha256(whole).hexdigest(), f"{draft_id} after a cut at {where}"
        assert await read(backend, receipt.key) == whole
    await backend.close()
