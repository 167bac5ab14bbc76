"""Fill a bucket for lists: through the door of any server, or for our own straight into its rows.

Rows of our own are made by the statements that an upload runs, from the row that one upload left, so that
they differ from uploads of the same bytes in nothing but ids, names and times.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from aerostore.app import Parts, build
from aerostore.domain import SYSTEM, EventType, Object, to_iso, utc_now
from aerostore.executor import Work, together
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.settings import Settings
from benchmarks.contest import CannotRun, crowd
from benchmarks.contest.site import StorageSite, send

FLAT, ALBUMS = "flat", "albums"
IN_ALBUM = 10
_AT_ONCE = 1000
_CONNECTIONS = 8


def listed_names(count: int) -> list[str]:
    """Return names for a bucket of `count` objects: nine tenths in one folder, the rest in albums of ten."""
    in_albums = count // 10
    flat = [f"{FLAT}/photo-{number:07d}.jpg" for number in range(count - in_albums)]
    albums = [
        f"{ALBUMS}/{number // IN_ALBUM:06d}/photo-{number % IN_ALBUM}.jpg" for number in range(in_albums)
    ]
    return flat + albums


def upload(site: StorageSite, bucket: str, names: Sequence[str], body: Path) -> None:
    """Upload an object under each name, as the user. Raises: CannotRun."""
    requests = [site.upload(name, bucket=bucket) for name in names]
    load = crowd.send(requests, body=body, connections=_CONNECTIONS)
    if load.errors:
        raise CannotRun(f"A bucket could not be filled: {dict(load.errors)}")


def copy_rows(settings: Settings, site: StorageSite, bucket: str, names: Sequence[str], body: Path) -> None:
    """Upload the first name, and give the others the same bytes, straight in the rows of our own server.

    It may be running. Raises: CannotRun.
    """
    send(site.upload(names[0], bucket=bucket), body.read_bytes())
    paths = [f"{site.folder}/{name}" for name in names]
    asyncio.run(copy_first(settings, bucket, paths))


async def copy_first(settings: Settings, bucket: str, paths: Sequence[str]) -> None:
    """Give the bytes of the object at the first path to all others, with the event of an upload each."""
    parts = build(settings)
    async with parts.running():
        # As the system: the rows are the user's, and policies judged the first of them.
        first = await parts.executor.read(SYSTEM, lambda: _find(bucket, paths[0]))
        for start in range(1, len(paths), _AT_ONCE):
            some = paths[start : start + _AT_ONCE]
            await parts.executor.write(SYSTEM, partial(_copies, parts, first, some))


def _find(bucket: str, name: str) -> Work[Object]:
    return to_object((yield sql.find_object(bucket, name)).rows[0])


def _copies(parts: Parts, first: Object, names: Sequence[str]) -> Work[None]:
    for name in names:
        copy = _copy(first, name)
        context = replace(SYSTEM, request_id=str(uuid.uuid4()))
        event = parts.outbox.record(context, EventType.CREATED, copy, uploadType="standard")
        yield together(sql.insert_object(copy), event)


def _copy(first: Object, name: str) -> Object:
    now = utc_now()
    return replace(
        first,
        id=str(uuid.uuid4()),
        name=name,
        version=str(uuid.uuid4()),
        metadata={**first.metadata, "lastModified": to_iso(now)},
        created_at=now,
        updated_at=now,
        last_accessed_at=now,
    )
