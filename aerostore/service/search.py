"""Searching and counting: what a caller may see under a prefix, with a bound on the work of one request."""

import base64
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from aerostore.domain import Object, RlsContext, has_control_character
from aerostore.errors import InvalidParameter
from aerostore.executor import Executor, Work
from aerostore.executor import statements as sql
from aerostore.executor.row import to_object
from aerostore.executor.statements import search
from aerostore.permissions import (
    BUCKET_MEASURE,
    OBJECT_COUNT,
    OBJECT_LIST_V2,
    OBJECT_SEARCH,
    Operation,
    admit,
)
from aerostore.service.bucket import bucket_by

COUNTED_AT_MOST = 1_000_000
NAMES_AT_ONCE = 10_000
"""How many names one request looks at."""


@dataclass(frozen=True, slots=True)
class Count:
    """How much there is. complete: False when counting stopped early."""

    objects: int
    size_bytes: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """text: what the names hold, in any case, behind `prefix`. cursor: of the page before."""

    text: str
    prefix: str = ""
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Objects in order of name. cursor: where to go on, None at the end. scanned: names looked at."""

    objects: list[Object]
    cursor: str | None
    scanned: int


class Search:
    """Ways to look at many objects without listing them."""

    def __init__(
        self,
        executor: Executor,
        *,
        counted_at_most: int = COUNTED_AT_MOST,
        names_at_once: int = NAMES_AT_ONCE,
    ) -> None:
        self._executor = executor
        self._counted_at_most = counted_at_most
        self._names_at_once = names_at_once

    async def count(self, context: RlsContext, bucket_id: str, prefix: str = "") -> Count:
        """Count the objects that the caller may select, and their bytes. Raises: NoSuchBucket."""
        at_most = self._counted_at_most

        def work() -> Work[Count]:
            yield from bucket_by(sql.find_bucket(bucket_id))
            return (yield from _counted(bucket_id, prefix, at_most))

        return await self._executor.read(_listing(context, OBJECT_COUNT), work)

    async def measure(self, context: RlsContext, bucket_ids: Sequence[str]) -> dict[str, Count]:
        """Count what the caller may select in each of the buckets that it may select, by bucket.

        All together they are counted as far as one would be alone.
        """
        caller = _listing(context, BUCKET_MEASURE)
        visible = await self._executor.read(caller, lambda: _visible_buckets(bucket_ids))
        at_most = max(self._counted_at_most // max(len(visible), 1), 1)
        return {
            each: await self._executor.read(caller, partial(_counted, each, "", at_most)) for each in visible
        }

    async def find(self, context: RlsContext, bucket_id: str, query: SearchQuery) -> SearchPage:
        """Return a page of the objects that the caller may select and whose names hold the text.

        A page may be short, even empty, and have a cursor: then the names of one request were used up.
        Raises: NoSuchBucket; InvalidParameter for a text or a cursor that cannot be one.
        """
        if not query.text:
            raise InvalidParameter("The text to look for is empty", hint="Send at least one character.")
        after = _parse_cursor(query.cursor)
        return await self._executor.read(
            _listing(context, OBJECT_SEARCH), lambda: self._page(bucket_id, query, after)
        )

    def _page(self, bucket_id: str, query: SearchQuery, after: str) -> Work[SearchPage]:
        yield from bucket_by(sql.find_bucket(bucket_id))
        lower = max(query.prefix, after + sql.NAME_AFTER) if after else query.prefix
        statement = sql.listing.names_between(
            bucket_id,
            lower=lower,
            upper=sql.successor(query.prefix),
            order="asc",
            limit=self._names_at_once,
        )
        names = [row["name"] for row in (yield statement).rows]
        found, scanned = _matching(names, query)
        rows = (yield search.find_matches(bucket_id, found)).rows if found else ()
        is_end = scanned == len(names) < self._names_at_once
        cursor = None if is_end else _cursor(names[scanned - 1])
        objects = sorted([to_object(row) for row in rows], key=lambda each: each.name)
        return SearchPage(objects, cursor, scanned)


def _counted(bucket_id: str, prefix: str, at_most: int) -> Work[Count]:
    counted = yield search.count_objects(
        bucket_id, lower=prefix, upper=sql.successor(prefix), at_most=at_most
    )
    objects = int(counted.rows[0]["objects"])
    return Count(objects, int(counted.rows[0]["size_bytes"]), complete=objects < at_most)


def _visible_buckets(bucket_ids: Sequence[str]) -> Work[list[str]]:
    visible = []
    for bucket_id in bucket_ids:
        if (yield sql.find_visible_bucket(bucket_id)).rows:
            visible.append(bucket_id)
    return visible


def _listing(context: RlsContext, operation: Operation) -> RlsContext:
    """Return `context` as one that lists: what a policy hides from lists must not be found by other words."""
    return admit(admit(context, operation), OBJECT_LIST_V2)


def _matching(names: list[str], query: SearchQuery) -> tuple[list[str], int]:
    """Return the first names that match, as many as the page takes, and how many were looked at for them."""
    text, start, found = _folded(query.text), len(query.prefix), list[str]()
    for number, name in enumerate(names, start=1):
        if text in _folded(name[start:]):
            found.append(name)
            if len(found) == query.limit:
                return found, number
    return found, len(names)


def _folded(text: str) -> str:
    """Return `text` so that case does not count, nor how its accents are written.

    Source: Unicode standard, section 3.13, canonical caseless matching.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _parse_cursor(cursor: str | None) -> str:
    if not cursor:
        return ""
    try:
        name = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode()
    except ValueError:  # binascii.Error and UnicodeError among them
        name = ""
    if not name or has_control_character(name):
        raise InvalidParameter(
            "The cursor cannot be read", hint="Send the cursor of the page before, unchanged."
        )
    return name
