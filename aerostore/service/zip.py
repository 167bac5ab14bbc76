"""Archives: many objects as one zip, made while it is sent, in memory that does not grow with their bytes.

Members are stored as they are when their type is compressed already, else deflated. An archive that cannot
be finished ends in the middle: without its directory, which comes last, programs refuse it.
"""

import asyncio
import time
import zipfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from aerostore.domain import EMPTY_FOLDER_PLACEHOLDER, Object, RlsContext
from aerostore.errors import InvalidParameter, LimitExceeded, NoSuchKey
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.permissions import OBJECT_LIST_V2, OBJECT_ZIP, admit
from aerostore.service.bucket import bucket_by
from aerostore.service.download import Download, Downloads, ReadRequest
from aerostore.service.place import Places
from aerostore.service.zip_name import MemberNames

MOST_MEMBERS = 50_000
"""How many objects one archive may have: its directory is in memory, half a kilobyte for each."""
CHECK_EVERY_S = 5.0
"""How long after somebody is signed out an archive may go on to the next object."""
_AT_ONCE, _USERS_AT_ONCE, _OF_ONE_AT_ONCE = 8, 6, 2
_PAGE = 500
_FIRST_YEAR, _LAST_YEAR = 1980, 2107
_COMPRESSED_TYPES = (
    *("image/avif", "image/gif", "image/heic", "image/jpeg", "image/png", "image/webp"),
    *("audio/", "video/", "font/woff"),
    *("application/gzip", "application/pdf", "application/vnd.openxmlformats", "application/zip"),
    *("application/x-7z-compressed", "application/x-bzip2", "application/x-gzip", "application/x-xz"),
    *("application/epub+zip", "application/java-archive", "application/octet-stream", "application/zstd"),
    *("application/vnd.apache.parquet", "application/vnd.oasis.opendocument", "application/x-rar"),
)
Confirm: TypeAlias = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What goes into an archive.

    prefixes: of whole folders, empty for the bucket. below: what is left out at the beginning of names, where
    they begin with it.
    """

    bucket_id: str
    names: Sequence[str] = ()
    prefixes: Sequence[str] = ()
    below: str = ""


class Archives:
    """Makes archives of what a caller may select."""

    def __init__(
        self,
        executor: Executor,
        downloads: Downloads,
        *,
        most_members: int = MOST_MEMBERS,
        check_every_s: float = CHECK_EVERY_S,
    ) -> None:
        self._executor = executor
        self._downloads = downloads
        self._most_members = most_members
        self._check_every_s = check_every_s
        self._places = Places("archives", for_all=_AT_ONCE, for_users=_USERS_AT_ONCE, for_one=_OF_ONE_AT_ONCE)

    async def open(
        self, context: RlsContext, selection: Selection, *, confirm: Confirm
    ) -> AsyncGenerator[bytes, None]:
        """Return the archive as pieces; whoever takes it closes it.

        What the caller may not see, and what goes meanwhile, is not in it. confirm: asked now and then before
        another object is opened; it raises when the caller is signed in no longer, which ends the archive.
        Raises: NoSuchBucket; NoSuchKey when nothing is left; LimitExceeded for too many objects; Overloaded
        for too many archives. The pieces raise Corrupted when bytes are damaged.
        """
        listing = admit(admit(context, OBJECT_ZIP), OBJECT_LIST_V2)
        if not selection.names and not selection.prefixes:
            raise InvalidParameter("Nothing is selected", hint="Send names or prefixes.")
        names = await self._names(listing, selection)
        if not names:
            raise NoSuchKey("Nothing that was selected is there")
        return self._pieces(context, selection, names, confirm)

    async def _names(self, context: RlsContext, selection: Selection) -> Sequence[str]:
        """Return what is selected, without what is so twice, in bytewise order."""
        if len(selection.names) > self._most_members:
            raise self._too_many()
        found = set(await self._executor.read(context, lambda: _visible(selection)))
        for prefix in _outermost(selection.prefixes):
            found.update(await self._in_folder(context, selection.bucket_id, prefix))
            if len(found) > self._most_members:
                raise self._too_many()
        return sorted(found)

    async def _in_folder(self, context: RlsContext, bucket_id: str, prefix: str) -> Sequence[str]:
        limit = self._most_members + 1
        statement = sql.listing.names_between(
            bucket_id, lower=prefix, upper=sql.successor(prefix), order="asc", limit=limit
        )

        def work() -> Work[list[str]]:
            return [row["name"] for row in (yield statement).rows]

        return await self._executor.read(context, work)

    def _too_many(self) -> LimitExceeded:
        return LimitExceeded(
            f"An archive may have {self._most_members} objects", hint="Select fewer, folder by folder."
        )

    async def _pieces(
        self, context: RlsContext, selection: Selection, names: Sequence[str], confirm: Confirm
    ) -> AsyncGenerator[bytes, None]:
        with self._places.taken(context, operator=context.request_id):
            confirmed = time.monotonic()
            sink = _Sink()
            members = MemberNames()
            # Not closed when a member fails: closing would write the directory, and hide the gap.
            archive = zipfile.ZipFile(sink, "w", allowZip64=True)
            for name in names:
                if time.monotonic() - confirmed >= self._check_every_s:
                    await confirm()
                    confirmed = time.monotonic()
                try:
                    download = await self._downloads.open(context, selection.bucket_id, name, ReadRequest())
                except NoSuchKey:
                    continue  # it went, or was hidden, since it was listed
                member = members.member(_shown(name, selection, download))
                if member in archive.NameToInfo:  # a folder, by its placeholder and by an object `a/`
                    await _close(download)
                    continue
                async with aclosing(_member(archive, sink, member, download)) as pieces:
                    async for piece in pieces:
                        yield piece
            archive.close()
            yield sink.taken()


def _outermost(prefixes: Sequence[str]) -> Sequence[str]:
    """Return those of `prefixes` that do not begin with another one: no name is read twice."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept


async def _member(
    archive: zipfile.ZipFile, sink: "_Sink", name: str, download: Download
) -> AsyncGenerator[bytes, None]:
    """Write one member, and yield what that gives. The reader is closed, whatever happens."""
    reader = download.reader
    if reader is None:
        raise AssertionError("a download without conditions has bytes")
    try:
        entry = _entry(name, download.object, reader.length)
        with archive.open(entry, "w") as member:
            async for chunk in reader.chunks():
                if entry.compress_type == zipfile.ZIP_STORED:
                    member.write(chunk)
                else:  # deflating takes long, and lets other threads run meanwhile
                    await asyncio.to_thread(member.write, chunk)
                if piece := sink.taken():
                    yield piece
    finally:
        await reader.aclose()
    if piece := sink.taken():
        yield piece


def _entry(name: str, found: Object, size_bytes: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _zip_time(found.updated_at))
    entry.file_size = size_bytes  # decides whether the member needs 64 bits
    entry.compress_type = zipfile.ZIP_STORED if _is_compressed(found) else zipfile.ZIP_DEFLATED
    entry.external_attr = (0o755 << 16 | 0x10) if name.endswith("/") else 0o644 << 16
    return entry


def _is_compressed(found: Object) -> bool:
    """Tell whether deflating is in vain: by the type, or since there is hardly anything to deflate."""
    return found.size_bytes < 64 or found.mime_type.lower().startswith(_COMPRESSED_TYPES)


def _zip_time(moment: datetime) -> tuple[int, int, int, int, int, int]:
    """Return `moment` as a zip has it: in UTC, of the years that it can name."""
    utc = moment.astimezone(UTC)
    year = min(max(utc.year, _FIRST_YEAR), _LAST_YEAR)
    return year, utc.month, utc.day, utc.hour, utc.minute, utc.second


def _shown(name: str, selection: Selection, download: Download) -> str:
    """Return the name in the archive: a placeholder stands for its folder, as does an empty object `a/`."""
    shown = name.removeprefix(selection.below) or name
    if download.object.size_bytes:
        return f"{shown}_" if shown.endswith("/") else shown
    return shown.removesuffix(EMPTY_FOLDER_PLACEHOLDER) or shown


async def _close(download: Download) -> None:
    if download.reader is not None:
        await download.reader.aclose()


def _visible(selection: Selection) -> Work[list[str]]:
    yield from bucket_by(sql.find_bucket(selection.bucket_id))
    found: list[str] = []
    for start in range(0, len(selection.names), _PAGE):
        batch = list(selection.names[start : start + _PAGE])
        rows = (yield sql.find_visible_objects(selection.bucket_id, batch)).rows
        found += [to_object(row).name for row in rows]
    return found


class _Sink:
    """What `zipfile` writes to: bytes wait here until they are taken. It cannot be sought in."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def close(self) -> None:
        """Have nothing to let go of."""

    def flush(self) -> None:
        """Have nothing to do: whoever takes the bytes sends them."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken
