"""Bytes as they are taken in: within a limit, and what their client says that they are."""

from collections.abc import AsyncIterable, AsyncIterator

from aerostore.service.digest import Digests
from aerostore.service.limit import check_size


async def accepted(
    body: bytes | AsyncIterable[bytes], limit: int, *counting: Digests
) -> AsyncIterator[bytes]:
    """Yield `body` while it is within `limit` bytes, and end it only if its digests are right.

    Raises: EntityTooLarge, ChecksumMismatch; what `body` raises.
    """
    received = 0
    async for chunk in _chunks(body):
        received += len(chunk)
        check_size(received, limit)
        for digests in counting:
            digests.update(chunk)
        yield chunk
    for digests in counting:
        digests.check()


async def _chunks(body: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for chunk in body:
        yield chunk
