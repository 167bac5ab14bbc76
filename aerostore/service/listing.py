"""Lists of objects: one skip-scan rule behind list v1 (folders, any case), list v2 and S3's lists.

An entry is an object directly under the prefix, or a folder: what shares its name up to the next
delimiter. Pages are found by seeking in an index, so their cost does not grow with the bucket.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict

from aerostore.domain import ListedObject, RlsContext, parse_iso, to_iso
from aerostore.errors import InvalidParameter
from aerostore.executor import Executor, Statement, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_listed
from aerostore.permissions import OBJECT_LIST, OBJECT_LIST_V2, admit
from aerostore.service.bucket import bucket_by
from aerostore.service.grouping import first_names
from aerostore.service.spelling import spellings

# A bound on memory: to reach a page by its offset, all the folders before it are looked at.
_SPELLED_AT_ONCE = 2000


class Folder(NamedTuple):
    """What names have in common up to a delimiter. name: the full one, which ends in it.

    moment: in a list by time, the earliest creation of what the caller may see in the folder.
    """

    name: str
    moment: datetime | None = None


Entry = ListedObject | Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderQuery:
    """List v1: one level of folders. prefix: a folder; search: how the entries in it begin, in any case."""

    prefix: str = ""
    search: str = ""
    column: str = "name"
    order: str = "asc"
    limit: int = 100
    offset: int = 0

    @property
    def root(self) -> str:
        """The text that the listed names begin with before `search`."""
        return self.prefix if not self.prefix or self.prefix.endswith("/") else f"{self.prefix}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixQuery:
    """List v2: names that start with `prefix`, grouped at `delimiter` if there is one."""

    prefix: str = ""
    delimiter: str | None = None
    column: str = "name"
    order: str = "asc"
    limit: int = 1000
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyQuery:
    """S3's lists: names that start with `prefix`, grouped at `delimiter` unless it is empty.

    after: any text; the page begins with what follows it. Inside a group it stands for the whole group.
    """

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page ended: the last entry's name, and its time in a list by time."""

    name: str
    order: str
    column: str
    moment: datetime | None = None

    def encode(self) -> str:
        """Return the cursor as clients pass it back. Source: Supabase Storage's list-v2 cursor."""
        lines = [f"l:{self.name}", f"o:{self.order}", f"c:{self.column}"]
        if self.moment is not None:
            lines.append(f"a:{to_iso(self.moment)}")
        return base64.b64encode("\n".join(lines).encode()).decode()


def parse_cursor(text: str) -> Cursor:
    """Read a cursor. Raises: InvalidParameter for anything that `Cursor.encode` did not write."""
    try:
        lines = base64.b64decode(text, validate=True).decode().split("\n")
        values = dict(line.split(":", 1) for line in lines)
        moment = parse_iso(values["a"]) if "a" in values else None
        cursor = Cursor(name=values["l"], order=values["o"], column=values["c"], moment=moment)
        is_ours = cursor.encode() == text
    except (ValueError, KeyError, OverflowError):
        raise _bad_cursor() from None
    columns = {"name"} if moment is None else {"created_at", "updated_at"}
    if not is_ours or cursor.order not in {"asc", "desc"} or cursor.column not in columns:
        raise _bad_cursor()
    return cursor


def _bad_cursor() -> InvalidParameter:
    return InvalidParameter(
        "Invalid Parameter continuation token",
        hint="Pass the nextCursor of the page before, unchanged, or none for the first page.",
    )


class _FoldedBounds(TypedDict):
    prefix_length: int
    lower: str
    upper: str | None


class _Page(TypedDict):
    lower: str
    upper: str | None
    column: str
    order: str
    beyond: tuple[datetime, str] | None
    limit: int


class Listing:
    """Pages of what a caller may select in a bucket. A missing bucket looks empty, except to S3."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def list_folder(self, context: RlsContext, bucket_id: str, query: FolderQuery) -> list[Entry]:
        """Return one level of a folder, by offset; letters match in any case (ASCII)."""
        context = admit(context, OBJECT_LIST)
        if query.column == "name":
            return await self._executor.read(context, lambda: _folder_by_name(bucket_id, query))
        return await self._executor.read(context, lambda: _folder_by_column(bucket_id, query))

    async def list_prefix(
        self, context: RlsContext, bucket_id: str, query: PrefixQuery
    ) -> tuple[list[Entry], Cursor | None]:
        """Return a page of at most `limit` entries in bytewise order, and where it ended if more follow.

        Raises: InvalidParameter for a cursor that is not one of ours.
        """
        context = admit(context, OBJECT_LIST_V2)
        cursor = parse_cursor(query.cursor) if query.cursor else None
        column = cursor.column if cursor else query.column
        order = cursor.order if cursor else query.order
        page = _page_by_name if column == "name" else _page_by_time

        def work() -> Work[list[Entry]]:
            return (yield from page(bucket_id, query, column, order, cursor))

        entries = await self._executor.read(context, work)
        if len(entries) <= query.limit:
            return entries, None
        last = entries[query.limit - 1]
        moment = _moment_of(last, column) if column != "name" else None
        return entries[: query.limit], Cursor(name=last.name, order=order, column=column, moment=moment)

    async def list_keys(
        self, context: RlsContext, bucket_id: str, query: KeyQuery
    ) -> tuple[list[Entry], bool]:
        """Return a page of at most `limit` entries in bytewise order, and whether more follow.

        Raises: NoSuchBucket when there is none; one that the caller may not select looks empty, but for what
        it may select in it.
        Source: S3 ListObjectsV2.
        """
        context = admit(context, OBJECT_LIST_V2)
        entries = await self._executor.read(context, lambda: _keys(bucket_id, query))
        return entries[: query.limit], len(entries) > query.limit


# List v2


def _page_by_name(
    bucket_id: str, query: PrefixQuery, _column: str, order: str, cursor: Cursor | None
) -> Work[list[Entry]]:
    lower, upper = query.prefix, sql.successor(query.prefix)
    if cursor and order == "desc":
        upper = cursor.name if upper is None else min(upper, cursor.name)
    elif cursor:
        lower = max(lower, _following(cursor.name, query))
    limit = query.limit + 1
    if query.delimiter is None:
        statement = sql.listing.list_listed(bucket_id, lower=lower, upper=upper, order=order, limit=limit)
        return [to_listed(row) for row in (yield statement).rows]
    names = sql.listing.names_between(bucket_id, lower=lower, upper=upper, order=order, limit=limit)

    def folder_of(name: str) -> str | None:
        return _folder_of(name, query.prefix, query.delimiter)

    def beyond(folder: str, limit: int) -> Statement:
        return sql.list_entries(
            bucket_id,
            prefix_length=len(query.prefix),
            delimiter=query.delimiter or "",
            lower=lower if order == "desc" else sql.end_of(folder),
            upper=folder if order == "desc" else upper,
            order=order,
            limit=limit,
        )

    firsts = yield from first_names(names, limit, folder_of=folder_of, beyond=beyond)
    entries = [Folder(folder) if (folder := folder_of(name)) else name for name in firsts]
    return (yield from _with_objects(bucket_id, entries))


def _following(name: str, query: PrefixQuery) -> str:
    """Return what the names after `name` begin at: after all of the folder, when it is one or lies in one."""
    folder = _folder_of(name, query.prefix, query.delimiter)
    return sql.end_of(folder) if folder else name + sql.NAME_AFTER


def _folder_of(name: str, prefix: str, delimiter: str | None) -> str | None:
    """Return the folder directly under `prefix` that `name` lies in, with its delimiter; None if in none."""
    at = name.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 or not delimiter else name[: at + len(delimiter)]


def _page_by_time(
    bucket_id: str, query: PrefixQuery, column: str, order: str, cursor: Cursor | None
) -> Work[list[Entry]]:
    page = _Page(
        lower=query.prefix,
        upper=sql.successor(query.prefix),
        column=column,
        order=order,
        beyond=(cursor.moment, cursor.name) if cursor and cursor.moment else None,
        limit=query.limit + 1,
    )
    if query.delimiter is None:
        return [to_listed(row) for row in (yield sql.listing.list_by_time(bucket_id, **page)).rows]
    statement = sql.list_entries_by_time(
        bucket_id, prefix_length=len(query.prefix), delimiter=query.delimiter, **page
    )
    moments = {row["entry"]: _to_moment(row["moment"]) for row in (yield statement).rows}
    entries = [
        Folder(name, moment) if _folder_of(name, query.prefix, query.delimiter) else name
        for name, moment in moments.items()
    ]
    return (yield from _with_objects(bucket_id, entries))


def _to_moment(value: object) -> datetime:
    return value if isinstance(value, datetime) else parse_iso(str(value))


def _moment_of(entry: Entry, column: str) -> datetime | None:
    return entry.moment if isinstance(entry, Folder) else parse_iso(getattr(entry, column))


def _with_objects(bucket_id: str, entries: Sequence[str | Folder]) -> Work[list[Entry]]:
    """Return `entries` with objects in place of their names, less those that a moody policy hides by now."""
    names = [each for each in entries if isinstance(each, str)]
    rows = (yield sql.listing.find_listed(bucket_id, names)).rows if names else ()
    objects = {row["name"]: to_listed(row) for row in rows}
    found = (objects.get(each) if isinstance(each, str) else each for each in entries)
    return [each for each in found if each is not None]


# S3


def _keys(bucket_id: str, query: KeyQuery) -> Work[list[Entry]]:
    asked = PrefixQuery(prefix=query.prefix, delimiter=query.delimiter or None, limit=query.limit)
    # Names hold no NUL, so the same ones follow what precedes it; PostgreSQL has no room for it.
    after = query.after.partition("\0")[0]
    cursor = Cursor(name=after, order="asc", column="name") if after else None
    entries = (yield from _page_by_name(bucket_id, asked, "name", "asc", cursor)) if query.limit else []
    if not entries:
        # As the system: whoever may upload into a bucket must be able to list what it has there, also before
        # its first object. To look for anything visible instead would cost a walk through the bucket.
        yield from bucket_by(sql.find_bucket(bucket_id))
    return entries


# List v1


def _folder_by_name(bucket_id: str, query: FolderQuery) -> Work[list[Entry]]:
    wanted, bounds, order = query.offset + query.limit, _folded_bounds(query), query.order
    depth, lower, upper = bounds["prefix_length"], bounds["lower"], bounds["upper"]
    names = sql.folder.folded_names_between(bucket_id, lower=lower, upper=upper, order=order, limit=wanted)

    def folder_of(name: str) -> str | None:
        folder = _folder_of(name, name[:depth], "/")
        return None if folder is None else sql.folded(folder)

    def beyond(folder: str, limit: int) -> Statement:
        return sql.list_folded_entries(
            bucket_id,
            prefix_length=depth,
            lower=lower if order == "desc" else sql.end_of(folder),
            upper=folder if order == "desc" else upper,
            order=order,
            limit=limit,
        )

    firsts = yield from first_names(names, wanted, folder_of=folder_of, beyond=beyond)
    entries: list[str | Folder] = []
    for start in range(0, len(firsts), _SPELLED_AT_ONCE):
        entries += yield from _spelled(bucket_id, query, firsts[start : start + _SPELLED_AT_ONCE])
        if len(entries) >= wanted:
            break
    return (yield from _with_objects(bucket_id, entries[query.offset : wanted]))


def _spelled(bucket_id: str, query: FolderQuery, firsts: Sequence[str]) -> Work[list[str | Folder]]:
    """Return what begins with `firsts`: names of objects, and every spelling of the folders."""
    depth = _folded_bounds(query)["prefix_length"]
    folders = [_folder_of(name, name[:depth], "/") for name in firsts]
    spelled = yield from spellings(bucket_id, (sql.fold(folder) for folder in folders if folder))
    entries: list[str | Folder] = []
    for name, folder in zip(firsts, folders, strict=True):
        entries += _shown(spelled[sql.fold(folder)], query) if folder else [name]
    return entries


def _shown(spelled: Sequence[str], query: FolderQuery) -> list[Folder]:
    """Return the spellings of one folder in order; how the folders above it are spelled is not shown."""
    shown = {spelling[len(query.root) :]: Folder(spelling) for spelling in spelled}
    return [shown[relative] for relative in sorted(shown, reverse=query.order == "desc")]


def _folder_by_column(bucket_id: str, query: FolderQuery) -> Work[list[Entry]]:
    """Folders first, by name; then the objects by the column."""
    wanted, bounds = query.offset + query.limit, _folded_bounds(query)
    statement = sql.folder.list_folded_folders(
        bucket_id, **bounds, root_length=len(query.root), order=query.order, limit=wanted
    )
    folders: list[Entry] = [Folder(query.root + row["folder"]) for row in (yield statement).rows]
    page = folders[query.offset :]
    statement = sql.folder.list_folded_files(
        bucket_id,
        **bounds,
        column=query.column,
        order=query.order,
        limit=query.limit - len(page),
        offset=max(0, query.offset - len(folders)),
    )
    return page + [to_listed(row) for row in (yield statement).rows]


def _folded_bounds(query: FolderQuery) -> _FoldedBounds:
    lower = sql.folded(query.root + query.search)
    # A search that holds "/" descends: entries are grouped below the last one.
    depth = len(query.root) + query.search.rfind("/") + 1
    return {"prefix_length": depth, "lower": lower, "upper": sql.successor(lower)}
