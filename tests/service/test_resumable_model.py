"""Clients that keep to the protocol, whatever goes wrong: what is stored is what they sent."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from aerostore.errors import ExpiredToken, IncompleteBody, RequestTimeout, StorageError
from aerostore.service.digest import Digests
from aerostore.service.portion import Portion
from tests.service.conftest import MakeStage, only_in_sqlite
from tests.service.resuming import CHECKPOINT_BYTES, PATIENCE_S, Hanging, Scene, broken_off, expecting
from tests.service.stage import OWNER

LONGEST = 8 * CHECKPOINT_BYTES


class Client:
    """Sends `content` under `name`: asks how far it came, and goes on there, in one of many ways."""

    def __init__(self, scene: Scene, name: str, chance: random.Random) -> None:
        self.scene = scene
        self.name = name
        self.content = chance.randbytes(chance.randint(1, LONGEST))
        self.upload_id = ""
        self._chance = chance
        self._ways: list[Callable[[int, bytes], Coroutine[Any, Any, object]]] = [
            self._plainly,
            self._with_checksum,
            self._with_wrong_checksum,
            self._cut_off,
            self._overtaken,
            self._twice_at_once,
            self._while_the_name_is_taken,
        ]

    async def begin(self) -> None:
        is_deferred = self._chance.random() < 0.3
        session = await self.scene.abegin(self.name, None if is_deferred else len(self.content))
        self.upload_id = session.id

    async def go_on(self) -> bool:
        """Send some more; tell whether all is there, as tus clients know it: by the offset alone."""
        session = await self.scene.uploads.get(OWNER, self.upload_id)
        if session.offset_bytes == session.size_bytes:
            return True
        offset = session.offset_bytes
        length = self._chance.randint(0, len(self.content) - offset)
        try:
            await self._chance.choice(self._ways)(offset, self.content[offset : offset + length])
        except StorageError:
            return False  # a client asks again
        return False

    async def _plainly(self, offset: int, part: bytes) -> None:
        await self._send(offset, self._in_chunks(part))

    async def _with_checksum(self, offset: int, part: bytes) -> None:
        await self._send(offset, self._in_chunks(part), expecting(part))

    async def _with_wrong_checksum(self, offset: int, part: bytes) -> None:
        await self._send(offset, self._in_chunks(bytes(len(part))), expecting(part + b"!"))

    async def _cut_off(self, offset: int, part: bytes) -> None:
        failure = self._chance.choice([IncompleteBody(), RequestTimeout(), ExpiredToken()])
        await self._send(offset, broken_off(part, failure))

    async def _overtaken(self, offset: int, part: bytes) -> None:
        body = Hanging(part)
        sending = asyncio.create_task(self._send(offset, body.chunks()))
        await asyncio.wait_for(body.is_read.wait(), PATIENCE_S)
        await self.scene.uploads.get(OWNER, self.upload_id)
        await sending

    async def _twice_at_once(self, offset: int, part: bytes) -> None:
        both = (self._send(offset, self._in_chunks(part)) for _ in range(2))
        await asyncio.gather(*both, return_exceptions=True)

    async def _while_the_name_is_taken(self, offset: int, part: bytes) -> None:
        await self.scene.stage.aput(self.name, b"in the way")
        try:
            await self._send(offset, self._in_chunks(part))
        finally:
            await self.scene.stage.storage.files.delete(OWNER, "photos", self.name)

    async def _send(self, offset: int, body: AsyncIterator[bytes], digests: Digests | None = None) -> None:
        size_bytes = len(self.content) if self._chance.random() < 0.5 else None
        portion = Portion(body=body, offset=offset, size_bytes=size_bytes, digests=digests)
        await self.scene.uploads.append(OWNER, self.upload_id, portion)

    async def _in_chunks(self, part: bytes) -> AsyncIterator[bytes]:
        while part:
            length = self._chance.randint(1, len(part))
            yield part[:length]
            part = part[length:]
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(8))
@only_in_sqlite
def test_clients_that_ask_how_far_they_came_get_their_content_stored(
    make_stage: MakeStage, seed: int
) -> None:
    scene = Scene(make_stage())
    chance = random.Random(seed)
    clients = [Client(scene, f"name {number}", chance) for number in range(4)]

    async def until_all_are_done(client: Client) -> None:
        await client.begin()
        async with asyncio.timeout(60):
            while not await client.go_on():
                pass

    async def all_at_once() -> None:
        await asyncio.gather(*(until_all_are_done(each) for each in clients))

    scene.stage.run(all_at_once())
    for client in clients:
        assert scene.stage.get(client.name) == client.content
    assert scene.drafts() == []
    assert len(scene.stage.rows("SELECT * FROM storage_objects")) == len(clients)
