"""Bytes into and out of drafts, for tests."""

import uuid

from aerostore.backend import BlobBackend, BlobDraft, BlobReceipt
from tests.blobs import blob_id, in_chunks, read

DRAFT = str(uuid.UUID(int=7))
KEY = f"draft/{DRAFT}"


async def append(draft: BlobDraft, *chunks: bytes, offset: int | None = None) -> int:
    """Append at `offset`, by default at the end."""
    return await draft.append(in_chunks(*chunks), offset=draft.size_bytes if offset is None else offset)


async def content_of(backend: BlobBackend, draft: BlobDraft) -> bytes:
    """Return what a blob that is made of the draft now would hold."""
    receipt = await draft.publish(blob_id())
    content = await read(backend, receipt.key)
    await backend.delete(receipt.key)
    return content


def same_bytes(one: BlobReceipt, other: BlobReceipt) -> bool:
    """Tell whether both receipts say the same of the bytes, whatever their keys are."""
    return (one.sha256, one.size_bytes, one.piece_sums) == (other.sha256, other.size_bytes, other.piece_sums)
