"""Lists v1, v2 and S3 through the service, against models in plain Python: every page, nothing twice."""

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aerostore.domain import JsonObject, ListedObject, Object, RlsContext, check_object_name, to_iso, utc_now
from aerostore.errors import InvalidKey, InvalidParameter, NoSuchBucket
from aerostore.executor.statements import fold, folded
from aerostore.service.listing import (
    Cursor,
    Entry,
    Folder,
    FolderQuery,
    KeyQuery,
    PrefixQuery,
    parse_cursor,
)
from tests.service.rows import open_rows
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, FakeClock, Stage

ALPHABET = "aAbB/.-0~ äÄ日\U0001f600"


def is_allowed(name: str) -> bool:
    try:
        return bool(check_object_name(name))
    except InvalidKey:
        return False


NAMES = st.lists(st.text(ALPHABET, min_size=1, max_size=6).filter(is_allowed), unique=True, max_size=12)
FOLDER_NAMES = st.lists(st.text("aA/b", min_size=1, max_size=5).filter(is_allowed), unique=True, max_size=12)
PREFIXES = st.text("aAbB/ä", max_size=3)
ORDERS = st.sampled_from(["asc", "desc"])
TIMES = ["created_at", "updated_at"]


class TickingClock(FakeClock):
    """A clock that no two looks at see at the same time."""

    def __call__(self) -> datetime:
        self.advance(1)
        return self.now


class Shelf(Stage):
    """A storage that lives for the whole module and is filled again by each example."""

    def fill(self, names: Sequence[str]) -> dict[str, Object]:
        """Put `names` one after the other, then the first half again: updated last."""
        self.rows("DELETE FROM storage_objects")
        stored: dict[str, Object] = {}
        for some in (names, names[: len(names) // 2]):
            stored |= self.run(self._put_all(some))
        return stored

    async def _put_all(self, names: Sequence[str]) -> dict[str, Object]:
        return {name: await self.aput(name, upsert=True) for name in names}

    def level(self, **query: object) -> list[Entry]:
        asked = FolderQuery(**query)  # type: ignore[arg-type] # the tests spell the fields out
        return self.run(self.storage.listing.list_folder(OWNER, "photos", asked))

    def pages(self, **query: object) -> list[Entry]:
        """Return the entries of every page, following the cursors."""
        found: list[Entry] = []
        cursor: str | None = None
        while True:
            asked = PrefixQuery(**query, cursor=cursor)  # type: ignore[arg-type] # as above
            page, following = self.run(self.storage.listing.list_prefix(OWNER, "photos", asked))
            assert len(page) <= asked.limit
            assert following is None or len(page) == asked.limit
            found += page
            if following is None:
                return found
            cursor = following.encode()

    def key_pages(self, query: KeyQuery) -> list[Entry]:
        """Return the entries of every page of S3's list, each page from where the one before it ended."""
        found: list[Entry] = []
        while True:
            page, follows = self.run(self.storage.listing.list_keys(OWNER, "photos", query))
            assert len(page) == query.limit if follows else len(page) <= query.limit
            assert all(entry.name > query.after for entry in page)  # else the pages might never end
            found += page
            if not follows:
                return found
            query = replace(query, after=page[-1].name)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder: Path = tmp_path_factory.mktemp("listing")
    with asyncio.Runner() as runner, open_rows(request.param, request, folder) as rows:
        made = Shelf(rows, folder, "memory", runner, clock=TickingClock())
        made.open()
        made.make_bucket()
        yield made
        made.close()


def listed(stored: Object) -> ListedObject:
    """Return what lists show of an object that was put; its JSON is parsed for comparing."""
    return ListedObject(
        name=stored.name,
        id=stored.id,
        created_at=to_iso(stored.created_at),
        updated_at=to_iso(stored.updated_at),
        last_accessed_at=to_iso(stored.last_accessed_at),
        metadata=canonical(stored.metadata),
    )


def canonical(metadata: JsonObject) -> str:
    return json.dumps(metadata, sort_keys=True)


def parsed(entry: Entry) -> Entry:
    """Return an entry with its metadata as `canonical` writes it: engines space and order it differently."""
    if isinstance(entry, Folder):
        return entry
    return entry._replace(metadata=canonical(json.loads(entry.metadata)))


def is_folder(entry: Entry) -> bool:
    return isinstance(entry, Folder)


def folder_of(name: str, depth: int) -> str | None:
    head, slash, _ = name[depth:].partition("/")
    return name[:depth] + head + slash if slash else None


# List v2


@settings(max_examples=50, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(1, 4))
def test_v2_pages_hold_every_name_once_in_order(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int
) -> None:
    stored = shelf.fill(names)
    model = sorted((n for n in names if n.startswith(prefix)), key=str.encode, reverse=order == "desc")
    entries = shelf.pages(prefix=prefix, order=order, limit=limit)
    assert [parsed(entry) for entry in entries] == [listed(stored[name]) for name in model]


@settings(max_examples=50, deadline=None)
@given(names=NAMES, prefix=PREFIXES, order=ORDERS, limit=st.integers(1, 4))
@example(names=["a/", "a/b", "a/c"], prefix="a/", order="asc", limit=1)
@example(names=["a/", "a/b", "a/c"], prefix="a/", order="desc", limit=1)
@example(names=["a", "a/b", "a/c/d", "a0", "a-"], prefix="", order="desc", limit=1)
@example(names=["a", "a/b", "a/c", "a/d", "b"], prefix="", order="asc", limit=3)
@example(names=["a", "a/b", "a/c", "a/d", "A"], prefix="", order="desc", limit=3)
def test_v2_pages_hold_every_folder_once_among_the_objects(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int
) -> None:
    shelf.fill(names)
    matching = (name for name in names if name.startswith(prefix))
    model = {(folder_of(name, len(prefix)) or name, bool(folder_of(name, len(prefix)))) for name in matching}
    entries = shelf.pages(prefix=prefix, delimiter="/", order=order, limit=limit)
    assert [(entry.name, is_folder(entry)) for entry in entries] == sorted(
        model, key=lambda each: each[0].encode(), reverse=order == "desc"
    )


@settings(max_examples=50, deadline=None)
@given(
    names=NAMES,
    prefix=PREFIXES,
    order=ORDERS,
    limit=st.integers(1, 4),
    column=st.sampled_from(TIMES),
    delimiter=st.sampled_from([None, "/"]),
)
def test_v2_pages_by_time_hold_every_entry_once(
    shelf: Shelf, names: list[str], prefix: str, order: str, limit: int, column: str, delimiter: str | None
) -> None:
    stored = shelf.fill(names)
    moments: dict[str, datetime] = {}
    for name in (name for name in stored if name.startswith(prefix)):
        folder = folder_of(name, len(prefix)) if delimiter else None
        moment: datetime = stored[name].created_at if folder else getattr(stored[name], column)
        moments[folder or name] = min(moments.get(folder or name, moment), moment)
    model = sorted(moments, key=lambda name: (moments[name], name.encode()), reverse=order == "desc")
    entries = shelf.pages(prefix=prefix, delimiter=delimiter, column=column, order=order, limit=limit)
    assert [entry.name for entry in entries] == model
    for entry in entries:
        if isinstance(entry, Folder):
            assert entry.moment == moments[entry.name]
        else:
            assert parsed(entry) == listed(stored[entry.name])


def test_v2_by_time_pages_through_entries_of_one_moment(shelf: Shelf) -> None:
    names = [f"{number:02}" for number in range(7)]
    shelf.fill(names)
    shelf.rows("UPDATE storage_objects SET created_at = (SELECT min(created_at) FROM storage_objects)")
    for order in ("asc", "desc"):
        entries = shelf.pages(column="created_at", order=order, limit=2)
        assert [entry.name for entry in entries] == sorted(names, reverse=order == "desc")


def test_a_cursor_says_how_the_first_page_was_sorted(shelf: Shelf) -> None:
    shelf.fill(["a", "b", "c"])
    listing = shelf.storage.listing
    first = PrefixQuery(order="desc", column="created_at", limit=1)
    page, cursor = shelf.run(listing.list_prefix(OWNER, "photos", first))
    assert [entry.name for entry in page] == ["c"]
    assert cursor is not None
    rest = PrefixQuery(cursor=cursor.encode())
    page, cursor = shelf.run(listing.list_prefix(OWNER, "photos", rest))
    assert ([entry.name for entry in page], cursor) == (["b", "a"], None)


def encoded(*lines: str) -> str:
    return base64.b64encode("\n".join(lines).encode()).decode()


GARBAGE = [
    "x",
    "ä",
    "%%%%",
    encoded("no colon"),
    encoded("o:asc", "c:name"),
    encoded("l:a", "o:up", "c:name"),
    encoded("l:a", "o:asc", "c:id"),
    encoded("l:a", "o:asc", "c:created_at"),
    encoded("l:a", "o:asc", "c:name", "a:2026-01-31T09:00:00.000Z"),
    encoded("l:a", "o:asc", "c:created_at", "a:yesterday"),
    encoded("l:a", "o:asc", "c:created_at", "a:2026-01-31T09:00:00.000"),
    encoded("l:a", "o:asc", "c:created_at", "a:0001-01-01T00:00:00+23:59"),
    encoded("l:a", "o:asc", "c:created_at", "a:9999-12-31T23:59:59-23:59"),
    base64.b64encode(b"l:\xff").decode(),
]


@pytest.mark.parametrize("cursor", GARBAGE)
def test_a_cursor_that_is_none_of_ours_is_refused(shelf: Shelf, cursor: str) -> None:
    asked = PrefixQuery(cursor=cursor)
    with pytest.raises(InvalidParameter):
        shelf.run(shelf.storage.listing.list_prefix(OWNER, "photos", asked))


@given(st.text() | st.text("lcoa:\n-", max_size=20).map(encoded))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        cursor = parse_cursor(text)
    except InvalidParameter:
        return
    assert parse_cursor(cursor.encode()) == cursor


@given(
    name=NAMES.filter(bool).map(lambda names: names[0]),
    order=ORDERS,
    column=st.sampled_from(["name", *TIMES]),
)
def test_a_cursor_comes_back_as_it_was(name: str, order: str, column: str) -> None:
    moment = None if column == "name" else utc_now()
    cursor = Cursor(name=name, order=order, column=column, moment=moment)
    assert parse_cursor(cursor.encode()) == cursor


def test_an_empty_cursor_is_the_first_page(shelf: Shelf) -> None:
    shelf.fill(["a"])
    page, _ = shelf.run(shelf.storage.listing.list_prefix(OWNER, "photos", PrefixQuery(cursor="")))
    assert [entry.name for entry in page] == ["a"]


# S3


GREATEST = "\U0010ffff"
S3_NAMES = st.lists(
    st.text(f"ab/-日{GREATEST}", min_size=1, max_size=6).filter(is_allowed), unique=True, max_size=12
)
DELIMITERS = st.text(f"ab/-日{GREATEST}", max_size=3)
STARTS = st.text(f"ab/-日{GREATEST}\x00\x01", max_size=5)


def key_model(names: Sequence[str], query: KeyQuery) -> list[tuple[str, bool]]:
    """Return (name, is common prefix) of all pages, as S3's documentation has them.

    Keys that share what lies between the prefix and the first delimiter behind it are one common prefix; keys
    and common prefixes come in the order of their UTF-8 bytes, and all after the marker.
    """
    found: set[tuple[str, bool]] = set()
    for name in names:
        if not name.startswith(query.prefix):
            continue
        rest = name[len(query.prefix) :]
        if query.delimiter and query.delimiter in rest:
            shared, _, _ = rest.partition(query.delimiter)
            found.add((query.prefix + shared + query.delimiter, True))
        else:
            found.add((name, False))
    return sorted(
        (each for each in found if each[0].encode() > query.after.encode()), key=lambda e: e[0].encode()
    )


@settings(max_examples=100, deadline=None)
@given(
    names=S3_NAMES,
    query=st.builds(
        KeyQuery,
        prefix=st.text("ab/日", max_size=2),
        delimiter=DELIMITERS,
        after=STARTS,
        limit=st.integers(1, 4),
    ),
)
@example(names=["a/", "a/b", "a0"], query=KeyQuery(delimiter="/", after="a/b"))
@example(names=["aaaa", "aaab", "ab"], query=KeyQuery(prefix="a", delimiter="aa", limit=1))
@example(names=["a" + GREATEST, "a" + GREATEST + "b", "b"], query=KeyQuery(delimiter=GREATEST, limit=1))
@example(names=[GREATEST * 2, GREATEST * 3], query=KeyQuery(delimiter=GREATEST, limit=1))
@example(names=["a", "b/x"], query=KeyQuery(prefix="b", delimiter="/", after="c/"))
@example(names=["ab", "abc"], query=KeyQuery(after="ab\x00"))
def test_s3_pages_hold_every_key_and_common_prefix_once(
    shelf: Shelf, names: list[str], query: KeyQuery
) -> None:
    stored = shelf.fill([*names, "~"])
    entries = shelf.key_pages(query)
    assert [(entry.name, is_folder(entry)) for entry in entries] == key_model([*names, "~"], query)
    assert all(is_folder(entry) or parsed(entry) == listed(stored[entry.name]) for entry in entries)


def test_an_s3_page_of_nothing_is_empty_and_the_last(shelf: Shelf) -> None:
    shelf.fill(["a", "b/c"])
    for query in (KeyQuery(limit=0), KeyQuery(limit=0, delimiter="/"), KeyQuery(prefix="none")):
        assert shelf.run(shelf.storage.listing.list_keys(OWNER, "photos", query)) == ([], False)


def test_s3_shows_the_longest_names(shelf: Shelf) -> None:
    names = [GREATEST * 256, GREATEST * 255 + "a", "a" * 1024]
    shelf.fill(names)
    assert [entry.name for entry in shelf.key_pages(KeyQuery(limit=1))] == sorted(names)
    grouped = shelf.key_pages(KeyQuery(delimiter=GREATEST, limit=1))
    assert [entry.name for entry in grouped] == ["a" * 1024, GREATEST]


def s3_list(shelf: Shelf, by: RlsContext, bucket_id: str, **query: Any) -> list[str]:
    entries, _ = shelf.run(shelf.storage.listing.list_keys(by, bucket_id, KeyQuery(**query)))
    return [entry.name for entry in entries]


@pytest.mark.parametrize("limit", [0, 1000])
def test_to_s3_a_bucket_that_is_missing_is_no_empty_one(shelf: Shelf, limit: int) -> None:
    for by in (STRANGER, SERVICE):
        with pytest.raises(NoSuchBucket):
            s3_list(shelf, by, "missing", limit=limit)


def test_to_s3_a_bucket_is_empty_for_who_may_see_nothing_in_it(shelf: Shelf) -> None:
    shelf.fill(["folder/mine"])
    assert s3_list(shelf, OWNER, "photos", prefix="nothing/") == []
    assert s3_list(shelf, OWNER, "photos", after="z") == []
    assert s3_list(shelf, STRANGER, "photos") == []
    assert s3_list(shelf, ANON, "photos") == []


def test_s3_lists_only_what_the_policies_let_the_caller_see(shelf: Shelf) -> None:
    shelf.fill(["mine", "folder/mine"])
    shelf.put("folder/theirs", by=STRANGER)
    shelf.put("hidden/theirs", by=STRANGER)
    assert s3_list(shelf, OWNER, "photos", delimiter="/") == ["folder/", "mine"]
    assert s3_list(shelf, OWNER, "photos", prefix="folder/") == ["folder/mine"]
    assert s3_list(shelf, SERVICE, "photos", delimiter="/", after="folder/x") == ["hidden/", "mine"]


# List v1


def folder_model(names: Sequence[str], query: FolderQuery) -> list[tuple[str, bool]]:
    """Return (relative name, is folder) of one level: letters in any case, folders spelled as stored."""
    wanted, root = fold(query.root + query.search), len(query.root)
    depth = root + query.search.rfind("/") + 1
    matching = [name for name in names if fold(name).startswith(wanted)]
    files = [name for name in matching if folder_of(name, depth) is None]
    spelled = {folder[root:] for name in matching if (folder := folder_of(name, depth))}
    folders = [(folded(query.root + folder), folder, True) for folder in spelled]
    if query.column == "name":
        entries = folders + [(folded(name), name, False) for name in files]
        ordered = sorted(entries, reverse=query.order == "desc")
        return [(name if is_folder else name[root:], is_folder) for _, name, is_folder in ordered]
    first = [(folder, True) for _, folder, _ in sorted(folders, reverse=query.order == "desc")]
    # Every name is created a second after the one before it in `names`.
    rest = sorted(files, key=list(names).index, reverse=query.order == "desc")
    return first + [(name[root:], False) for name in rest]


def shown(entries: Sequence[Entry], query: FolderQuery) -> list[tuple[str, bool]]:
    return [(entry.name[len(query.root) :], is_folder(entry)) for entry in entries]


V1_QUERIES = st.builds(
    FolderQuery,
    prefix=st.sampled_from(["", "a", "A", "a/", "b/a"]),
    search=st.sampled_from(["", "a", "A", "a/", "aB", "b/A"]),
    order=ORDERS,
    column=st.sampled_from(["name", "created_at"]),
    limit=st.integers(1, 5),
    offset=st.integers(0, 6),
)


@settings(max_examples=150, deadline=None)
@given(names=FOLDER_NAMES, query=V1_QUERIES)
@example(names=["Foo/1", "foo/2", "FOO/3", "foo"], query=FolderQuery(search="f"))
@example(
    names=["Foo/1", "foo/2", "FOO/3", "foo"], query=FolderQuery(search="F", order="desc", limit=1, offset=2)
)
@example(names=["A/foo/1", "a/FOO/2"], query=FolderQuery(prefix="a"))
@example(names=["A/x", "a/x", "a/X"], query=FolderQuery(prefix="a"))
@example(names=["a", "a/b", "a/c", "A/d", "b"], query=FolderQuery(limit=4))
@example(names=["a", "a/b", "a/c", "A/d", "b"], query=FolderQuery(limit=4, order="desc"))
def test_v1_is_one_level_in_any_case(shelf: Shelf, names: list[str], query: FolderQuery) -> None:
    stored = shelf.fill(names)
    entries = shelf.run(shelf.storage.listing.list_folder(OWNER, "photos", query))
    model = folder_model(names, query)
    assert shown(entries, query) == model[query.offset : query.offset + query.limit]
    assert all(is_folder(entry) or parsed(entry) == listed(stored[entry.name]) for entry in entries)


@pytest.mark.parametrize("column", ["created_at", "updated_at", "last_accessed_at"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_v1_by_column_lists_folders_first_and_pages_across_the_border(
    shelf: Shelf, column: str, order: str
) -> None:
    stored = shelf.fill(["z", "b/1", "y", "a/1", "x", "c/1"])
    paged = [shelf.level(column=column, order=order, limit=2, offset=offset) for offset in range(0, 8, 2)]
    entries = [entry.name for page in paged for entry in page]
    folders = sorted(["a/", "b/", "c/"], reverse=order == "desc")
    files = sorted("xyz", key=lambda name: getattr(stored[name], column), reverse=order == "desc")
    assert entries == folders + files
    assert [len(page) for page in paged] == [2, 2, 2, 0]


def test_v1_matches_how_a_name_begins_and_not_what_it_holds(shelf: Shelf) -> None:
    shelf.fill(["folder/cat.png", "folder/Cow.png", "folder/bobcat.png", "folderish"])
    found = shelf.level(prefix="folder", search="c")
    assert [entry.name for entry in found] == ["folder/cat.png", "folder/Cow.png"]
    assert shelf.level(prefix="/") == []


def test_lists_show_only_what_the_policies_let_the_caller_see(shelf: Shelf) -> None:
    shelf.fill(["mine", "folder/mine"])
    shelf.put("theirs", by=STRANGER)
    shelf.put("Folder/theirs", by=STRANGER)
    assert [entry.name for entry in shelf.level()] == ["folder/", "mine"]
    assert [entry.name for entry in shelf.pages(delimiter="/")] == ["folder/", "mine"]
    for query in (FolderQuery(), FolderQuery(column="created_at")):
        assert shelf.run(shelf.storage.listing.list_folder(ANON, "photos", query)) == []


def test_a_missing_bucket_looks_empty(shelf: Shelf) -> None:
    listing = shelf.storage.listing
    assert shelf.run(listing.list_folder(OWNER, "missing", FolderQuery())) == []
    assert shelf.run(listing.list_prefix(OWNER, "missing", PrefixQuery())) == ([], None)


@pytest.mark.parametrize("column", ["name", "created_at"])
def test_an_absurd_offset_is_an_empty_page(shelf: Shelf, column: str) -> None:
    shelf.fill(["a"])
    assert shelf.level(column=column, offset=2**53 - 1) == []
