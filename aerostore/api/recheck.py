"""Asking twice: what let an upload begin must still hold when its last byte is there."""

from collections.abc import AsyncIterator, Awaitable, Callable

Check = Callable[[], Awaitable[object]]


async def checked_at_end(body: bytes | AsyncIterator[bytes], check: Check) -> bytes | AsyncIterator[bytes]:
    """Return `body`, which cannot be read to its end without `check` being asked again.

    A body may take hours to arrive, and a row is only written when it was read to its end.
    Raises: what `check` raises; for a body that is still to come, while it is read.
    """
    if isinstance(body, bytes):
        await check()
        return body
    return then_checked(body, check)


async def then_checked(chunks: AsyncIterator[bytes], check: Check) -> AsyncIterator[bytes]:
    """Yield `chunks`, and end when `check` was asked again. Raises: what `check` raises."""
    async for chunk in chunks:
        yield chunk
    await check()
