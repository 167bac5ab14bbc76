"""S3's lists of objects: ListObjectsV2, and ListObjects, which older clients send."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.s3.caller import Signed
from aerostore.api.s3.page import (
    add_owner,
    bad_argument,
    encode_name,
    parse_count,
    parse_text,
    parse_token,
    to_token,
)
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import add, document, xml_response
from aerostore.domain import Object
from aerostore.service.listing import Entry, KeyQuery

MAX_KEYS = 1000


class ListingRoutes:
    """Parses requests for lists of objects, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._listing = setup.storage.listing
        self._callers = setup.callers

    def routes(self) -> list[S3Route]:
        """List the routes; both versions of the list are one operation."""
        return [
            S3Route(
                path, self.list, caller=self._callers.required, method="GET", name="storage.s3.object.list"
            )
            for path in ("/{bucket}", "/{bucket}/")
        ]

    async def list(self, request: Request, signed: Signed) -> Response:
        """ListObjectsV2 with `list-type=2`, else ListObjects."""
        form = _parse_form(request)
        query = _parse_query(request, form)
        bucket_id = request.path_params["bucket"]
        entries, follows = await self._listing.list_keys(signed.context, bucket_id, query)
        root = document("ListBucketResult")
        add(root, "Name", bucket_id)
        _add_question(root, query, form)
        add(root, "IsTruncated", follows)
        _add_place(root, request, entries, form, follows=follows)
        _add_entries(root, entries, form)
        return xml_response(root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How the answer looks: its version, whether it spells names as URLs do, whether it tells owners."""

    is_v2: bool
    is_encoded: bool
    has_owner: bool

    def spell(self, name: str) -> str:
        return encode_name(name) if self.is_encoded else name


def _parse_form(request: Request) -> _Form:
    asked = request.query_params
    version, encoding = asked.get("list-type", ""), asked.get("encoding-type", "")
    if version not in {"", "2"}:
        raise bad_argument("list-type", version, "The list-type is 2, or left out")
    if encoding not in {"", "url"}:
        raise bad_argument("encoding-type", encoding, "Invalid Encoding Method specified in Request")
    is_v2 = version == "2"
    has_owner = not is_v2 or asked.get("fetch-owner", "").lower() == "true"
    return _Form(is_v2=is_v2, is_encoded=encoding == "url", has_owner=has_owner)


def _parse_query(request: Request, form: _Form) -> KeyQuery:
    return KeyQuery(
        prefix=parse_text(request, "prefix"),
        delimiter=parse_text(request, "delimiter"),
        after=_parse_start(request, form),
        limit=min(parse_count(request, "max-keys", MAX_KEYS), MAX_KEYS),
    )


def _parse_start(request: Request, form: _Form) -> str:
    """Return after which name the page begins: a token counts more than where the first page began."""
    if not form.is_v2:
        return request.query_params.get("marker", "")
    return parse_token(request) or request.query_params.get("start-after", "")


def _add_question(root: Element, query: KeyQuery, form: _Form) -> None:
    """Repeat what was asked, as it was understood."""
    add(root, "Prefix", form.spell(query.prefix))
    if query.delimiter:
        add(root, "Delimiter", form.spell(query.delimiter))
    add(root, "MaxKeys", query.limit)
    if form.is_encoded:
        add(root, "EncodingType", "url")


def _add_place(
    root: Element, request: Request, entries: Sequence[Entry], form: _Form, *, follows: bool
) -> None:
    """Add where the page began, and what to ask for the next one."""
    asked = request.query_params
    if not form.is_v2:
        add(root, "Marker", form.spell(asked.get("marker", "")))
        # Source: S3 ListObjects, NextMarker: without a delimiter clients take the last key.
        if follows and asked.get("delimiter"):
            add(root, "NextMarker", form.spell(entries[-1].name))
        return
    add(root, "KeyCount", len(entries))
    if "continuation-token" in asked:
        add(root, "ContinuationToken", asked["continuation-token"])
    if follows:
        add(root, "NextContinuationToken", to_token(entries[-1].name))
    if asked.get("start-after"):
        add(root, "StartAfter", form.spell(asked["start-after"]))


def _add_entries(root: Element, entries: Sequence[Entry], form: _Form) -> None:
    for entry in entries:
        if entry.object is not None:
            _add_object(root, entry.object, form)
    for entry in entries:
        if entry.is_folder:
            add(add(root, "CommonPrefixes"), "Prefix", form.spell(entry.name))


def _add_object(root: Element, found: Object, form: _Form) -> None:
    content = add(root, "Contents")
    add(content, "Key", form.spell(found.name))
    add(content, "LastModified", found.updated_at)
    add(content, "ETag", f'"{found.etag}"')
    for algorithm in found.metadata.get("checksums", {}):
        add(content, "ChecksumAlgorithm", algorithm)
        add(content, "ChecksumType", found.metadata.get("checksumType", "FULL_OBJECT"))
    add(content, "Size", found.size_bytes)
    if form.has_owner:
        add_owner(content)
    add(content, "StorageClass", "STANDARD")
