"""A server's first start and its first object, in this process: what many disks are tried with."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aerostore.app import build
from aerostore.domain import RlsContext
from aerostore.service.download import ReadRequest
from aerostore.service.publish import Upload
from aerostore.settings import Settings

OPERATOR = RlsContext(role="service_role", can_bypass_rls=True, request_id="request")
BUCKET, NAME = "first", "object"
CONTENT = b"the first content"


def start(data_dir: Path) -> None:
    """Start a server as its command does, without a port, and stop it. Raises: whatever stops it."""
    asyncio.run(_start(Settings(data_dir=data_dir)))


def start_and_store(data_dir: Path) -> None:
    """Start, make a bucket and store an object: when this returns, both are promised."""
    asyncio.run(_store(Settings(data_dir=data_dir)))


def start_and_read(data_dir: Path) -> bytes:
    """Start and return the content of the object. Raises: StorageError when there is none."""
    return asyncio.run(_read(Settings(data_dir=data_dir)))


async def _start(settings: Settings) -> None:
    async with build(settings).running():
        pass


async def _store(settings: Settings) -> None:
    parts = build(settings)
    async with parts.running():
        await parts.storage.buckets.create(OPERATOR, name=BUCKET)
        await parts.storage.files.put(OPERATOR, Upload(bucket_id=BUCKET, name=NAME), CONTENT)


async def _read(settings: Settings) -> bytes:
    parts = build(settings)
    async with parts.running():
        download = await parts.storage.downloads.open(OPERATOR, BUCKET, NAME, ReadRequest())
        assert download.reader is not None
        chunks: AsyncIterator[bytes] = download.reader.chunks()
        try:
            return b"".join([chunk async for chunk in chunks])
        finally:
            await download.reader.aclose()
