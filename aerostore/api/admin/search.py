"""Counting, searching and describing objects, as the admin UI asks for it."""

from collections.abc import Mapping
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import Callers
from aerostore.api.compression import compressed
from aerostore.api.rest.body import read_json
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject, Object, to_iso
from aerostore.errors import InvalidParameter, SchemaViolation
from aerostore.service import FileStorage
from aerostore.service.description import CHANGEABLE
from aerostore.service.search import SearchQuery

MOST_BUCKETS = 50
MOST_FOUND = 200
_LONGEST_TEXT = 200
_FOUND = 100
COUNT_QUERY = {
    "bucket": Field(kind="string", required=True),
    "prefix": Field(kind="string"),
}
SEARCH_QUERY = {
    **COUNT_QUERY,
    "q": Field(kind="string", required=True),
    "limit": Field(kind="integer", minimum=1, maximum=MOST_FOUND),
    "cursor": Field(kind="string"),
}
METADATA_BODY = {
    "bucket": Field(kind="string", required=True),
    "name": Field(kind="string", required=True),
    "content_type": Field(kind="string"),
    "cache_control": Field(kind="string"),
    "user_metadata": Field(kind="object", nullable=True),
}


class SearchDoor:
    """Parses questions about many objects, and what is to be said of one; asks the service."""

    def __init__(self, storage: FileStorage, callers: Callers, *, body_timeout_s: float) -> None:
        self._search = storage.search
        self._descriptions = storage.descriptions
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/buckets/stats", self.stats, methods=["GET"], name="storage.bucket.measure"),
            Route("/objects/count", self.count, methods=["GET"], name="storage.object.count"),
            Route("/objects/search", self.find, methods=["GET"], name="storage.object.search"),
            Route(
                "/objects/metadata", self.describe, methods=["PATCH"], name="storage.object.update_metadata"
            ),
        ]

    async def stats(self, request: Request) -> Response:
        """GET, HEAD /buckets/stats."""
        wanted = list(dict.fromkeys(request.query_params.getlist("bucket")))
        if not 1 <= len(wanted) <= MOST_BUCKETS:
            raise SchemaViolation(f"querystring must have bucket 1 to {MOST_BUCKETS} times")
        context = await self._callers.required(request)
        counted = await self._search.measure(context, wanted)
        return json_response(
            {"buckets": [{"id": bucket_id, **asdict(count)} for bucket_id, count in counted.items()]}
        )

    async def count(self, request: Request) -> Response:
        """GET, HEAD /objects/count."""
        query = read_query(request, COUNT_QUERY)
        context = await self._callers.required(request)
        count = await self._search.count(context, query["bucket"], query.get("prefix", ""))
        return json_response(asdict(count))

    async def find(self, request: Request) -> Response:
        """GET, HEAD /objects/search."""
        query = read_query(request, SEARCH_QUERY)
        context = await self._callers.required(request)
        if not 1 <= len(query["q"]) <= _LONGEST_TEXT:
            raise InvalidParameter(f"q must have 1 to {_LONGEST_TEXT} characters")
        wanted = SearchQuery(
            text=query["q"],
            prefix=query.get("prefix", ""),
            limit=query.get("limit", _FOUND),
            cursor=query.get("cursor"),
        )
        page = await self._search.find(context, query["bucket"], wanted)
        answer = {
            "objects": [object_json(each) for each in page.objects],
            "cursor": page.cursor,
            "scanned": page.scanned,
        }
        return await compressed(request, json_response(answer))

    async def describe(self, request: Request) -> Response:
        """PATCH /objects/metadata: only what is given changes."""
        body: Mapping[str, object] = await read_json(request, METADATA_BODY, self._body_timeout_s)
        changes = {name: body[name] for name in CHANGEABLE if name in body}
        context = await self._callers.required(request)
        changed = await self._descriptions.change(context, str(body["bucket"]), str(body["name"]), changes)
        return json_response({"object": object_json(changed)})


def object_json(found: Object) -> JsonObject:
    """Return an object with its place and what is said of it."""
    return {
        "bucket": found.bucket_id,
        "name": found.name,
        "id": found.id,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "content_type": found.mime_type,
        "cache_control": found.cache_control,
        "etag": found.etag,
        "user_metadata": found.user_metadata,
        "owner": found.owner_id,
        "created_at": to_iso(found.created_at),
        "updated_at": to_iso(found.updated_at),
    }
