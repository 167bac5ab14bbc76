"""A program to be traced: appends to a draft, publishes it, and gives an answer after each step."""

import asyncio
import os
import sys
from pathlib import Path

from aerostore.backend.local import LocalBackend
from tests.blobs import blob_id, put
from tests.drafts import DRAFT, append

FIRST, SECOND, PART = b"first" * 300_000, b"second", b"a part"
ANSWERS = "answers"


async def draft_in(directory: Path) -> None:
    """Append twice in two requests, add a blob, publish."""
    backend = LocalBackend(directory / "blobs")
    part = await put(backend, PART)
    answers = os.open(directory / ANSWERS, os.O_WRONLY | os.O_CREAT, 0o600)
    for content in (FIRST, SECOND):
        async with backend.draft(DRAFT) as draft:
            await append(draft, content)
        os.write(answers, b"appended")
    async with backend.draft(DRAFT) as draft:
        await draft.append_blob(part.key)
        await draft.publish(blob_id())
    os.write(answers, b"published")
    await backend.close()


if __name__ == "__main__":
    asyncio.run(draft_in(Path(sys.argv[1])))
