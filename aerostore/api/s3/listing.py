"""S3's lists of objects: ListObjectsV2, and ListObjects, which older clients send."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.compression import compressed
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.page import (
    WRITTEN_OWNER,
    bad_argument,
    encode_name,
    parse_count,
    parse_text,
    parse_token,
    to_token,
)
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import document_response, written, written_around, written_document
from aerostore.domain import ListedObject
from aerostore.service.listing import Entry, Folder, KeyQuery

MAX_KEYS = 1000
_STORAGE_CLASS = written("StorageClass", "STANDARD")


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
        body = [
            written("Name", bucket_id),
            *_question(query, form),
            written("IsTruncated", follows),
            *_place(request, entries, form, follows=follows),
            *(_contents(each, form) for each in entries if isinstance(each, ListedObject)),
            *(_common_prefix(each, form) for each in entries if isinstance(each, Folder)),
        ]
        return await compressed(request, document_response(written_document("ListBucketResult", body)))


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


def _question(query: KeyQuery, form: _Form) -> Iterator[str]:
    """Repeat what was asked, as it was understood."""
    yield written("Prefix", form.spell(query.prefix))
    if query.delimiter:
        yield written("Delimiter", form.spell(query.delimiter))
    yield written("MaxKeys", query.limit)
    if form.is_encoded:
        yield written("EncodingType", "url")


def _place(request: Request, entries: Sequence[Entry], form: _Form, *, follows: bool) -> Iterator[str]:
    """Tell where the page began, and what to ask for the next one."""
    asked = request.query_params
    if not form.is_v2:
        yield written("Marker", form.spell(asked.get("marker", "")))
        # Source: S3 ListObjects, NextMarker: without a delimiter clients take the last key.
        if follows and asked.get("delimiter"):
            yield written("NextMarker", form.spell(entries[-1].name))
        return
    yield written("KeyCount", len(entries))
    if "continuation-token" in asked:
        yield written("ContinuationToken", asked["continuation-token"])
    if follows:
        yield written("NextContinuationToken", to_token(entries[-1].name))
    if asked.get("start-after"):
        yield written("StartAfter", form.spell(asked["start-after"]))


def _common_prefix(folder: Folder, form: _Form) -> str:
    return written_around("CommonPrefixes", [written("Prefix", form.spell(folder.name))])


def _contents(found: ListedObject, form: _Form) -> str:
    metadata = orjson.loads(found.metadata)
    etag = str(metadata.get("eTag", "")).strip('"')
    checksum_type = metadata.get("checksumType", "FULL_OBJECT")
    children = [
        written("Key", form.spell(found.name)),
        written("LastModified", found.updated_at),
        written("ETag", f'"{etag}"'),
    ]
    for algorithm in metadata.get("checksums", {}):
        children += [written("ChecksumAlgorithm", algorithm), written("ChecksumType", checksum_type)]
    children.append(written("Size", metadata.get("size", 0)))
    if form.has_owner:
        children.append(WRITTEN_OWNER)
    return written_around("Contents", [*children, _STORAGE_CLASS])
