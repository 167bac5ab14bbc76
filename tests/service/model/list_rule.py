"""Lists: whole pages of v1 by offset and of v2 by cursor, also by cursors from before other changes."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, multiple, rule

from aerostore.domain import to_iso
from tests.service.model import listing
from tests.service.model.caller import ALICE, BOB, NOBODY, SERVICE, Caller
from tests.service.model.known import Json
from tests.service.model.listing import Entry
from tests.service.model.read_rule import ReadRules

PREFIXES = ("a", "a/", "A", "/", "a/b", "zz", "\u00e4")
SEARCHES = ("a", "A", "b", "a/", "B/", "%")
V1_COLUMNS = ("name", "name", "created_at", "updated_at", "last_accessed_at")
V2_COLUMNS = ("name", "created_at", "updated_at")
_NULL = dict.fromkeys(("id", "created_at", "updated_at", "last_accessed_at", "metadata"))

# Half of all lists are of the root, where most of the entries are.
prefixes = st.just("") | st.sampled_from(PREFIXES)
searches = st.just("") | st.sampled_from(SEARCHES)
readers = st.sampled_from([SERVICE] * 5 + [ALICE] * 3 + [BOB, NOBODY])
listed_buckets = st.sampled_from(["first"] * 5 + ["second"] * 2 + ["third"])
orders = st.sampled_from(["asc", "desc"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A list v2 that somebody reads page by page."""

    caller: Caller
    bucket: str
    prefix: str
    delimited: bool
    column: str
    order: str
    limit: int

    @property
    def body(self) -> Json:
        return {
            "prefix": self.prefix,
            "with_delimiter": self.delimited,
            "limit": self.limit,
            "sortBy": {"column": self.column, "order": self.order},
        }


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a page of `query` ended."""

    query: Query
    cursor: str
    last: Entry


bookmarks = Bundle("bookmarks")
queries = st.builds(
    Query,
    caller=readers,
    bucket=listed_buckets,
    prefix=prefixes,
    delimited=st.booleans(),
    column=st.sampled_from(V2_COLUMNS),
    order=orders,
    limit=st.sampled_from([1, 2, 2, 3, 5, 20]),
)


class ListRules(ReadRules):
    @rule(
        caller=readers,
        bucket=listed_buckets,
        prefix=prefixes,
        search=searches,
        column=st.sampled_from(V1_COLUMNS),
        order=orders,
        limit=st.sampled_from([2, 3, 20]),
    )
    def list_folder(
        self, caller: Caller, bucket: str, prefix: str, search: str, column: str, order: str, limit: int
    ) -> None:
        visible = self.model.visible(caller, bucket)
        entries = listing.list_folder(visible, prefix, search, column=column, order=order)
        sort = {"column": column, "order": order}
        body = {"prefix": prefix, "search": search, "limit": limit, "sortBy": sort}
        for offset in range(0, len(entries) + limit, limit):
            denied = self.need_token(caller, None)
            body["offset"] = offset
            answer = self.read(caller, "POST", f"/object/list/{bucket}", denied, json=body)
            if answer is not None:
                self.compare_folder(answer.json(), entries[offset : offset + limit], prefix)

    def compare_folder(self, seen: list[Json], entries: list[Entry], prefix: str) -> None:
        shown = [entry.name[len(listing.root_of(prefix)) :] for entry in entries]
        assert [each["name"] for each in seen] == [
            name if entry.stored else name.removesuffix("/")
            for name, entry in zip(shown, entries, strict=True)
        ]
        for each, entry in zip(seen, entries, strict=True):
            details = self.known.listed(entry.stored, each) if entry.stored else _NULL
            assert each == {"name": each["name"], **details}

    @rule(target=bookmarks, query=queries)
    def list_first_page(self, query: Query) -> Bookmark | MultipleResults[Bookmark]:
        return self.list_page(query, None)

    @rule(target=bookmarks, bookmark=bookmarks)
    def list_next_page(self, bookmark: Bookmark) -> Bookmark | MultipleResults[Bookmark]:
        """Whatever happened since: what follows the place where the page before ended, and nothing else."""
        return self.list_page(bookmark.query, bookmark)

    @rule(query=queries)
    def list_to_the_end(self, query: Query) -> None:
        bookmark: Any = self.list_page(query, None)
        while isinstance(bookmark, Bookmark):
            bookmark = self.list_page(query, bookmark)

    def list_page(self, query: Query, since: Bookmark | None) -> Bookmark | MultipleResults[Bookmark]:
        entries = self.expected_entries(query)
        if since:
            entries = listing.beyond(entries, since.last, query.order)
        body = query.body | ({"cursor": since.cursor} if since else {})
        denied = self.need_token(query.caller, None)
        answer = self.read(query.caller, "POST", f"/object/list-v2/{query.bucket}", denied, json=body)
        if answer is None:
            return multiple()
        page, seen = entries[: query.limit], answer.json()
        self.compare_page(query, seen, page)
        assert seen["hasNext"] == (len(entries) > query.limit) == ("nextCursor" in seen)
        return Bookmark(query, seen["nextCursor"], page[-1]) if seen["hasNext"] else multiple()

    def expected_entries(self, query: Query) -> list[Entry]:
        return listing.list_prefix(
            self.model.visible(query.caller, query.bucket),
            query.prefix,
            delimited=query.delimited,
            column=query.column,
            order=query.order,
        )

    def compare_page(self, query: Query, seen: Json, page: list[Entry]) -> None:
        for kind, entries in (
            ("folders", [entry for entry in page if not entry.stored]),
            ("objects", [entry for entry in page if entry.stored]),
        ):
            assert [each["name"] for each in seen[kind]] == [entry.name for entry in entries]
            for each, entry in zip(seen[kind], entries, strict=True):
                assert each == self.page_entry(query, entry, each)

    def page_entry(self, query: Query, entry: Entry, seen: Json) -> Json:
        body = {"name": entry.name}
        if query.delimited:
            body["key"] = entry.name[query.prefix.rfind("/") + 1 :].removesuffix("" if entry.stored else "/")
        if entry.stored:
            return body | self.known.listed(entry.stored, seen)
        moment = to_iso(entry.moment) if entry.moment else None
        return body | _NULL | {"created_at": moment, "updated_at": moment}
