"""Bytes into and out of a blob backend, for tests."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from aerostore.backend import BlobBackend, BlobReceipt, StoredBlob
from aerostore.domain import ByteRange

T = TypeVar("T")
MIB = 1024 * 1024
CONTENT = b"a short text"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def blob_id() -> str:
    return str(uuid.uuid4())


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(backend: BlobBackend, *chunks: bytes, size_bytes: int | None = None) -> BlobReceipt:
    return await backend.write(in_chunks(*chunks), blob_id=blob_id(), size_bytes=size_bytes)


async def read(backend: BlobBackend, key: str, byte_range: ByteRange | None = None) -> bytes:
    reader = await backend.open(key, byte_range)
    try:
        content = b"".join([chunk async for chunk in reader.chunks()])
    finally:
        await reader.aclose()
    assert len(content) == reader.length
    return content


async def stored(backend: BlobBackend, prefix: str = "") -> dict[str, StoredBlob]:
    return {blob.key: blob async for blob in backend.list(prefix)}
