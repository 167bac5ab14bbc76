"""Lists of objects: one skip-scan rule behind list v1 (folders, any case), list v2 and S3's lists.

An entry is an object directly under the prefix, or a folder: what shares its name up to the next
delimiter. Pages are found by seeking in an index, so their cost does not grow with the bucket.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from aerostore.domain import Object, RlsContext, parse_iso, to_iso
from aerostore.errors import InvalidParameter
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.tables import to_object
from aerostore.permissions import OBJECT_LIST, OBJECT_LIST_V2, admit
from aerostore.service.bucket import bucket_by

_FETCH_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object or a folder. name: the full name; a folder's ends in the delimiter.

    moment: in a list by time, the time it stands at; a folder's is the earliest creation in it.
    """

    name: str
    is_folder: bool = False
    object: Object | None = None
    moment: datetime | None = None


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
        moment = last.moment if column != "name" else None
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
    bucket_id: str, query: PrefixQuery, column: str, order: str, cursor: Cursor | None
) -> Work[list[Entry]]:
    lower, upper = query.prefix, sql.successor(query.prefix)
    if cursor and order == "desc":
        upper = cursor.name if upper is None else min(upper, cursor.name)
    elif cursor:
        lower = max(lower, _following(cursor.name, query))
    if query.delimiter is None:
        statement = sql.list_names(bucket_id, lower=lower, upper=upper, order=order, limit=query.limit + 1)
    else:
        statement = sql.list_entries(
            bucket_id,
            prefix_length=len(query.prefix),
            delimiter=query.delimiter,
            lower=lower,
            upper=upper,
            order=order,
            limit=query.limit + 1,
        )
    return [_to_entry(to_object(row), query) for row in (yield statement).rows]


def _following(name: str, query: PrefixQuery) -> str:
    """Return what the names after `name` begin at: after all of the folder, when it is one or lies in one."""
    folder = _folder_of(name, query.prefix, query.delimiter)
    return sql.end_of(folder) if folder else name + sql.NAME_AFTER


def _to_entry(found: Object, query: PrefixQuery) -> Entry:
    folder = _folder_of(found.name, query.prefix, query.delimiter)
    return Entry(name=folder, is_folder=True) if folder else Entry(name=found.name, object=found)


def _folder_of(name: str, prefix: str, delimiter: str | None) -> str | None:
    """Return the folder directly under `prefix` that `name` lies in, with its delimiter; None if in none."""
    at = name.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 or not delimiter else name[: at + len(delimiter)]


def _page_by_time(
    bucket_id: str, query: PrefixQuery, column: str, order: str, cursor: Cursor | None
) -> Work[list[Entry]]:
    statement = sql.list_entries_by_time(
        bucket_id,
        prefix_length=len(query.prefix),
        delimiter=query.delimiter,
        lower=query.prefix,
        upper=sql.successor(query.prefix),
        column=column,
        order=order,
        beyond=(cursor.moment, cursor.name) if cursor and cursor.moment else None,
        limit=query.limit + 1,
    )
    moments = {row["entry"]: _to_moment(row["moment"]) for row in (yield statement).rows}
    names = [name for name in moments if not _folder_of(name, query.prefix, query.delimiter)]
    objects = yield from _objects_by_name(bucket_id, names)
    return [
        Entry(name=name, is_folder=name not in objects, object=objects.get(name), moment=moment)
        for name, moment in moments.items()
    ]


def _to_moment(value: object) -> datetime:
    return value if isinstance(value, datetime) else parse_iso(str(value))


def _objects_by_name(bucket_id: str, names: Sequence[str]) -> Work[dict[str, Object]]:
    found: dict[str, Object] = {}
    for start in range(0, len(names), _FETCH_BATCH):
        batch = names[start : start + _FETCH_BATCH]
        rows = (yield sql.find_visible_objects(bucket_id, batch)).rows
        found |= {row["name"]: to_object(row) for row in rows}
    return found


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
    wanted = query.offset + query.limit
    entries: list[Entry] = []
    for name in (yield from _folded_names(bucket_id, query, wanted)):
        entries += yield from _spelled_entries(bucket_id, query, name)
        if len(entries) >= wanted:
            break
    return (yield from _with_objects(bucket_id, entries[query.offset : wanted]))


def _folder_by_column(bucket_id: str, query: FolderQuery) -> Work[list[Entry]]:
    """Folders first, by name; then the objects by the column."""
    wanted, bounds = query.offset + query.limit, _folded_bounds(query)
    statement = sql.list_folded_folders(
        bucket_id, **bounds, root_length=len(query.root), order=query.order, limit=wanted
    )
    folders = [Entry(name=query.root + row["folder"], is_folder=True) for row in (yield statement).rows]
    page = folders[query.offset :]
    statement = sql.list_folded_files(
        bucket_id,
        **bounds,
        column=query.column,
        order=query.order,
        limit=query.limit - len(page),
        offset=max(0, query.offset - len(folders)),
    )
    files = [to_object(row) for row in (yield statement).rows]
    return page + [Entry(name=found.name, object=found) for found in files]


def _folded_names(bucket_id: str, query: FolderQuery, limit: int) -> Work[list[str]]:
    """Return the first name of each entry; the spellings of a folder are one entry here."""
    statement = sql.list_folded_entries(bucket_id, **_folded_bounds(query), order=query.order, limit=limit)
    return [row["name"] for row in (yield statement).rows]


def _folded_bounds(query: FolderQuery) -> _FoldedBounds:
    lower = sql.folded(query.root + query.search)
    # A search that holds "/" descends: entries are grouped below the last one.
    depth = len(query.root) + query.search.rfind("/") + 1
    return {"prefix_length": depth, "lower": lower, "upper": sql.successor(lower)}


def _spelled_entries(bucket_id: str, query: FolderQuery, name: str) -> Work[list[Entry]]:
    depth = _folded_bounds(query)["prefix_length"]
    folder = _folder_of(name, name[:depth], "/")
    if folder is None:
        return [Entry(name=name, object=None, is_folder=False)]
    spellings = yield from _spellings(bucket_id, sql.fold(folder))
    # The folders above may be spelled in several ways as well: they are not shown.
    shown = {spelling[len(query.root) :]: spelling for spelling in spellings}
    ordered = sorted(shown, reverse=query.order == "desc")
    return [Entry(name=shown[relative], is_folder=True) for relative in ordered]


def _spellings(bucket_id: str, folded: str) -> Work[list[str]]:
    """Return every spelling of a folder that has visible content, by seeking from one to the next."""
    spellings: list[str] = []
    seek: str | None = spelling_from(folded, "")
    while seek is not None:
        statement = sql.list_names(bucket_id, lower=seek, upper=sql.successor(folded), order="asc", limit=1)
        rows = (yield statement).rows
        if not rows:
            break
        name = str(rows[0]["name"])
        if sql.fold(name).startswith(folded):
            spellings.append(name[: len(folded)])
            name = sql.successor(name[: len(folded)]) or name
        seek = spelling_from(folded, name)
    return spellings


def spelling_from(folded: str, least: str) -> str | None:
    """Return the least text that folds to `folded` and is not below `least`; None when there is none."""
    if least <= (first := _capitals(folded)):
        return first
    for at in range(_shared_length(folded, least), -1, -1):
        bound = least[at : at + 1]
        if at == len(folded):
            if not bound:
                return least
            continue
        choices = (_capitals(folded[at]), folded[at])
        above = [choice for choice in choices if choice > bound]
        if above:
            return least[:at] + min(above) + _capitals(folded[at + 1 :])
    return None


def _capitals(folded: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in folded)


def _shared_length(folded: str, text: str) -> int:
    """Return how many characters of `text` are spellings of those of `folded`."""
    for at, (one, other) in enumerate(zip(folded, sql.fold(text), strict=False)):
        if one != other:
            return at
    return min(len(folded), len(text))


def _with_objects(bucket_id: str, entries: Sequence[Entry]) -> Work[list[Entry]]:
    names = [entry.name for entry in entries if not entry.is_folder]
    objects = yield from _objects_by_name(bucket_id, names)
    return [entry if entry.is_folder else replace(entry, object=objects[entry.name]) for entry in entries]
