"""What the tests of drafts as files do with one."""

import uuid

from aerostore.backend import BlobReceipt
from aerostore.backend.local import LocalBackend
from tests.blobs import blob_id, in_chunks, put, read
from tests.drafts import DRAFT

OTHER = str(uuid.UUID(int=8))


async def append(backend: LocalBackend, *chunks: bytes, offset: int = 0, draft_id: str = DRAFT) -> int:
    async with backend.draft(draft_id, timeout_s=10) as draft:
        return await draft.append(in_chunks(*chunks), offset=offset)


async def publish(backend: LocalBackend, draft_id: str = DRAFT) -> BlobReceipt:
    async with backend.draft(draft_id) as draft:
        return await draft.publish(blob_id())


async def check_published(backend: LocalBackend, expected: bytes) -> None:
    receipt = await publish(backend)
    assert await read(backend, receipt.key) == expected
    written = await put(backend, expected)
    assert (receipt.sha256, receipt.piece_sums) == (written.sha256, written.piece_sums)
