"""Query strings and the headers that steer reading: ranges, conditions, download names."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request

from aerostore.api.rest.schema import Field, validate
from aerostore.domain import Conditions, RangeRequest
from aerostore.errors import InvalidRange
from aerostore.service.download import ReadRequest


class _NameConvertor(Convertor[str]):
    """The rest of a path, whatever it holds: the name rules are the service's, newlines included."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", _NameConvertor())

_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'\s*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_MAX_TAGS = 100
# What encodeURIComponent leaves alone (ECMAScript 19.2.6.4), besides letters, digits and _.-~
_URI_COMPONENT_SAFE = "!*'()"


def read_query(request: Request, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the query parameters named in `fields`, coerced. Raises: SchemaViolation."""
    values: dict[str, str | list[str]] = {}
    for name in fields:
        given = request.query_params.getlist(name)
        if given:
            values[name] = given[0] if len(given) == 1 else given
    return validate(values, fields, where="querystring")


def address(request: Request) -> tuple[str, str]:
    """Return the bucket and the object name in the path, decoded once by the gate."""
    return request.path_params["bucket"], request.path_params["name"]


def asks_for_upsert(request: Request) -> bool:
    """Tell whether the request may replace an object: `x-upsert: true`, in any case."""
    return request.headers.get("x-upsert", "").strip().lower() == "true"


def read_request(request: Request) -> ReadRequest:
    """Return what the Range and conditional headers ask for. Raises: InvalidRange."""
    headers = request.headers
    return ReadRequest(
        conditions=Conditions(
            if_match=_parse_tags(headers.getlist("if-match")),
            if_none_match=_parse_tags(headers.getlist("if-none-match")),
            if_modified_since=_parse_date(headers.get("if-modified-since")),
            if_unmodified_since=_parse_date(headers.get("if-unmodified-since")),
        ),
        byte_range=parse_range(headers.get("range")),
        if_range=_parse_if_range(headers.get("if-range")),
    )


def parse_range(header: str | None) -> RangeRequest | None:
    """Read a Range header with one range; None without one.

    Raises: InvalidRange for several ranges, another unit or anything malformed.
    Source: RFC 9110 section 14.2; Supabase answers 416 where the standard lets a server ignore the header.
    """
    if header is None:
        return None
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        raise InvalidRange
    first, last = (int(text) if text else None for text in match.groups())
    if first is not None and last is not None and first > last:
        raise InvalidRange
    return RangeRequest(first, last)


def _parse_tags(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the opaque tags of a list of entity tags, weak or strong (RFC 9110 section 8.8.3)."""
    if not values:
        return None
    text = ",".join(values)
    if text.strip() == "*":
        return ("*",)
    tags = [match[1] for match in _ETAG.finditer(text)][:_MAX_TAGS]
    # Clients that forget the quotes mean the tag all the same.
    return tuple(tags) if tags else (text.strip(),)


def _parse_date(value: str | None) -> datetime | None:
    """Return an HTTP date; one that cannot be read counts as absent (RFC 9110 section 13.1.3)."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _parse_if_range(value: str | None) -> str | datetime | None:
    """Return the validator of If-Range; a weak tag never matches (RFC 9110 section 13.1.5)."""
    if value is None:
        return None
    if '"' in value:
        return "" if value.startswith("W/") else value.strip().strip('"')
    return _parse_date(value) or ""


def content_disposition(download: str | None) -> str | None:
    """Return the header for `?download=`: None when it is absent. Byte-exact as storage3's tests have it."""
    if download is None:
        return None
    if not download:
        return "attachment;"
    name = quote(download, safe=_URI_COMPONENT_SAFE, errors="replace")
    return f"attachment; filename={name}; filename*=UTF-8''{name}"
