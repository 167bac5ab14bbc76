"""The headers that steer reading, for every door: ranges, entity tags and dates to compare with."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from starlette.datastructures import Headers

from aerostore.domain import Conditions, RangeRequest

_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'\s*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_MAX_TAGS = 100


def conditions_of(headers: Headers, prefix: str = "") -> Conditions:
    """Return the conditional headers. prefix: what their names begin with."""
    return Conditions(
        if_match=parse_tags(headers.getlist(f"{prefix}if-match")),
        if_none_match=parse_tags(headers.getlist(f"{prefix}if-none-match")),
        if_modified_since=parse_date(headers.get(f"{prefix}if-modified-since")),
        if_unmodified_since=parse_date(headers.get(f"{prefix}if-unmodified-since")),
    )


def parse_range(header: str) -> RangeRequest | None:
    """Return the one range of bytes that a Range header asks for; None for several and for anything else.

    Source: RFC 9110 section 14.2.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is not None and last is not None and first > last:
        return None
    return RangeRequest(first, last)


def parse_tags(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the opaque tags of a list of entity tags, weak or strong (RFC 9110 section 8.8.3)."""
    if not values:
        return None
    text = ",".join(values)
    if text.strip() == "*":
        return ("*",)
    tags = [match[1] for match in _ETAG.finditer(text)][:_MAX_TAGS]
    # Clients that forget the quotes mean the tag all the same.
    return tuple(tags) if tags else (text.strip(),)


def parse_date(value: str | None) -> datetime | None:
    """Return an HTTP date; one that cannot be read counts as absent (RFC 9110 section 13.1.3)."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def parse_if_range(value: str | None) -> str | datetime | None:
    """Return the validator of If-Range; a weak tag never matches (RFC 9110 section 13.1.5)."""
    if value is None:
        return None
    if '"' in value:
        return "" if value.startswith("W/") else value.strip().strip('"')
    return parse_date(value) or ""
