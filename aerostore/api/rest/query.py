"""Query strings of the REST door, and what it makes of the headers that steer reading."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request

from aerostore.api.conditional import conditions_of, parse_if_range, parse_range
from aerostore.api.rest.schema import Field, validate
from aerostore.errors import InvalidRange
from aerostore.service.download import ReadRequest

# What encodeURIComponent leaves alone (ECMAScript 19.2.6.4), besides letters, digits and _.-~
_URI_COMPONENT_SAFE = "!*'()"


def read_query(request: Request, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the query parameters named in `fields`, coerced. Raises: SchemaViolation."""
    values: dict[str, str | list[str]] = {}
    for name in fields if request.scope.get("query_string") else ():
        given = request.query_params.getlist(name)
        if given:
            values[name] = given[0] if len(given) == 1 else given
    return validate(values, fields, where="querystring")


def read_request(request: Request) -> ReadRequest:
    """Return what the Range and conditional headers ask for.

    Raises: InvalidRange for several ranges, another unit or anything malformed, where RFC 9110 section 14.2
    lets a server ignore the header. Source: Supabase Storage.
    """
    headers = request.headers
    wanted = headers.get("range")
    byte_range = parse_range(wanted) if wanted is not None else None
    if wanted is not None and byte_range is None:
        raise InvalidRange
    return ReadRequest(
        conditions=conditions_of(headers),
        byte_range=byte_range,
        if_range=parse_if_range(headers.get("if-range")),
    )


def content_disposition(download: str | None) -> str | None:
    """Return the header for `?download=`: None when it is absent. Byte-exact as storage3's tests have it."""
    if download is None:
        return None
    if not download:
        return "attachment;"
    name = quote(download, safe=_URI_COMPONENT_SAFE, errors="replace")
    return f"attachment; filename={name}; filename*=UTF-8''{name}"
