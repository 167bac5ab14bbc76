"""Routes that list objects: v1, a folder by offset; v2, a prefix by cursor."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import Callers
from aerostore.api.compression import compressed
from aerostore.api.request import ADMIN
from aerostore.api.rest.body import read_json
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import folder_entry_json, json_response, prefix_entry_json
from aerostore.domain import JsonObject, ListedObject
from aerostore.service import FileStorage
from aerostore.service.listing import Folder, FolderQuery, PrefixQuery

MAX_V1_PAGE = 1500
MAX_V2_PAGE = 1000
# The admin UI lists folders to their end: each page is a round trip, and they come one after the other.
MAX_ADMIN_PAGE = 5000
_ORDER = Field(kind="string", choices=("asc", "desc"))
_V1_SORT = {
    "column": Field(
        kind="string", required=True, choices=("name", "updated_at", "created_at", "last_accessed_at")
    ),
    "order": _ORDER,
}
_V2_SORT = {
    "column": Field(kind="string", required=True, choices=("name", "updated_at", "created_at")),
    "order": _ORDER,
}
FOLDER_BODY = {
    "prefix": Field(kind="string", required=True),
    "limit": Field(kind="integer", minimum=1),
    "offset": Field(kind="integer", minimum=0),
    "search": Field(kind="string"),
    "sortBy": Field(kind="object", fields=_V1_SORT),
}
PREFIX_BODY = {
    "prefix": Field(kind="string"),
    "limit": Field(kind="integer", minimum=1),
    "cursor": Field(kind="string"),
    "with_delimiter": Field(kind="boolean"),
    "sortBy": Field(kind="object", fields=_V2_SORT),
}


class ListingDoor:
    """Parses requests for lists, asks the service, renders its answers."""

    def __init__(self, storage: FileStorage, callers: Callers, *, body_timeout_s: float) -> None:
        self._listing = storage.listing
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        v1, v2 = "/object/list/{bucket}", "/object/list-v2/{bucket}"
        return [
            Route(v1, self.list_folder, methods=["POST"], name="storage.object.list"),
            Route(v2, self.list_prefix, methods=["POST"], name="storage.object.list_v2"),
        ]

    async def list_folder(self, request: Request) -> Response:
        """POST /object/list/{bucket}."""
        body = await read_json(request, FOLDER_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        sort = body.get("sortBy", {})
        query = FolderQuery(
            prefix=body["prefix"],
            search=body.get("search", ""),
            column=sort.get("column", "name"),
            order=sort.get("order", "asc"),
            limit=min(body.get("limit", 100), MAX_V1_PAGE),
            offset=body.get("offset", 0),
        )
        entries = await self._listing.list_folder(context, request.path_params["bucket"], query)
        answer = [folder_entry_json(entry, query.root) for entry in entries]
        return await compressed(request, json_response(answer))

    async def list_prefix(self, request: Request) -> Response:
        """POST /object/list-v2/{bucket}."""
        body = await read_json(request, PREFIX_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        sort = body.get("sortBy", {})
        query = PrefixQuery(
            prefix=body.get("prefix", ""),
            delimiter="/" if body.get("with_delimiter") else None,
            column=sort.get("column", "name"),
            order=sort.get("order", "asc"),
            limit=min(body.get("limit", MAX_V2_PAGE), _most_entries(request)),
            cursor=body.get("cursor"),
        )
        entries, cursor = await self._listing.list_prefix(context, request.path_params["bucket"], query)
        answer: JsonObject = {"hasNext": cursor is not None}
        if cursor is not None:
            answer |= {"nextCursor": cursor.encode(), "nextCursorKey": cursor.name}
        for name, kind in (("folders", Folder), ("objects", ListedObject)):
            answer[name] = [
                prefix_entry_json(entry, query.prefix, query.delimiter)
                for entry in entries
                if isinstance(entry, kind)
            ]
        return await compressed(request, json_response(answer))


def _most_entries(request: Request) -> int:
    return MAX_ADMIN_PAGE if ADMIN in request.scope else MAX_V2_PAGE
