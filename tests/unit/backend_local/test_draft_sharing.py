"""Blobs that are added to a draft, on file systems that share bytes and on others."""

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from aerostore.backend.local import LocalBackend
from aerostore.errors import InsufficientStorage
from tests.blobs import CONTENT, MIB, in_chunks, put, run
from tests.drafts import DRAFT
from tests.unit.backend_local.draft import append, check_published


def _refusing(error: int) -> Callable[..., int]:
    def refuse(*_arguments: Any) -> int:
        raise OSError(error, os.strerror(error))

    return refuse


COPY_FILE_RANGE = os.copy_file_range


def _short(source: int, to: int, count: int, *offsets: int) -> int:
    return COPY_FILE_RANGE(source, to, min(count, 100_001), *offsets)


@pytest.mark.parametrize(
    "stand_in",
    [
        *(_refusing(error) for error in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)),
        lambda *_arguments: 0,
        _short,
        None,
    ],
    ids=["EXDEV", "ENOSYS", "EOPNOTSUPP", "EINVAL", "nothing", "short", "missing"],
)
def test_blobs_are_added_also_where_the_file_system_cannot_share(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, stand_in: Callable[..., int] | None
) -> None:
    if stand_in is None:
        monkeypatch.delattr("os.copy_file_range")
    else:
        monkeypatch.setattr("os.copy_file_range", stand_in)
    content = os.urandom(3 * MIB + 1)

    async def scenario() -> None:
        part = await put(backend, content)
        async with backend.draft(DRAFT) as draft:
            await draft.append(in_chunks(b"x"), offset=0)
            await draft.append_blob(part.key)
            await draft.append_blob(part.key)
        await check_published(backend, b"x" + content * 2)

    run(scenario())


def test_a_disk_that_fills_while_a_blob_is_added_leaves_the_draft_as_it_was(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        part = await put(backend, bytes(2 * MIB))
        await append(backend, CONTENT)
        with monkeypatch.context() as patch:
            patch.setattr("os.copy_file_range", _refusing(errno.ENOSPC))
            async with backend.draft(DRAFT) as draft:
                with pytest.raises(InsufficientStorage):
                    await draft.append_blob(part.key)
        await check_published(backend, CONTENT)

    run(scenario())
