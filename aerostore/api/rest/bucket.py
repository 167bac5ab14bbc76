"""Routes under /bucket."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import QUESTION, Callers
from aerostore.api.rest.body import read_json
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import bucket_json, json_response
from aerostore.errors import SchemaViolation
from aerostore.service import FileStorage
from aerostore.service.bucket import BucketQuery
from aerostore.service.question import Question

UPDATE_BODY = {
    "public": Field(kind="boolean"),
    "file_size_limit": Field(kind="integer_or_string", nullable=True),
    "allowed_mime_types": Field(kind="string_array", nullable=True),
}
CREATE_BODY = {
    "name": Field(kind="string", required=True),
    "id": Field(kind="string"),
    "type": Field(kind="string", choices=("STANDARD",)),
    **UPDATE_BODY,
}
LIST_QUERY = {
    "limit": Field(kind="integer", minimum=1),
    "offset": Field(kind="integer", minimum=0),
    "sortColumn": Field(kind="string", choices=("id", "name", "created_at", "updated_at")),
    "sortOrder": Field(kind="string", choices=("asc", "desc")),
    "search": Field(kind="string"),
}
# These versions of storage3 break on a property that they do not know.
_OLD_STORAGE3 = re.compile(r"supabase-py/storage3 v0\.(?:[0-9]|1[01]|12\.0)(?:\D|$)")
_OLD_SUPABASE_PY = re.compile(r"supabase-py/(?:[01]\.|2\.(?:[0-9]|1[0-7])(?:\D|$))")


class BucketDoor:
    """Parses requests about buckets, asks the service, renders its answers."""

    def __init__(self, storage: FileStorage, callers: Callers, *, body_timeout_s: float) -> None:
        self._buckets = storage.buckets
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/bucket", self.list, methods=["GET"], name="storage.bucket.list"),
            Route("/bucket/", self.list, methods=["GET"], name="storage.bucket.list"),
            Route("/bucket", self.create, methods=["POST"], name="storage.bucket.create"),
            Route("/bucket/", self.create, methods=["POST"], name="storage.bucket.create"),
            Route("/bucket/{bucket}", self.get, methods=["GET"], name="storage.bucket.get"),
            Route("/bucket/{bucket}", self.update, methods=["PUT"], name="storage.bucket.update"),
            Route("/bucket/{bucket}", self.delete, methods=["DELETE"], name="storage.bucket.delete"),
            Route("/bucket/{bucket}/empty", self.empty, methods=["POST"], name="storage.bucket.empty"),
        ]

    async def create(self, request: Request) -> Response:
        """POST /bucket."""
        body = await read_json(request, CREATE_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        request.scope[QUESTION] = Question(op="bucket.create", bucket_id=body["name"])
        bucket = await self._buckets.create(
            context,
            name=body["name"],
            bucket_id=body.get("id"),
            public=body.get("public", False),
            type=body.get("type", "STANDARD"),
            file_size_limit=body.get("file_size_limit"),
            allowed_mime_types=body.get("allowed_mime_types"),
        )
        return json_response({"name": bucket.name})

    async def list(self, request: Request) -> Response:
        """GET /bucket."""
        query = read_query(request, LIST_QUERY)
        context = await self._callers.required(request)
        buckets = await self._buckets.list(
            context,
            BucketQuery(
                search=query.get("search"),
                column=query.get("sortColumn"),
                order=query.get("sortOrder", "asc"),
                limit=query.get("limit"),
                offset=query.get("offset", 0),
            ),
        )
        with_type = not _is_old_client(request)
        return json_response([bucket_json(bucket, with_type=with_type) for bucket in buckets])

    async def get(self, request: Request) -> Response:
        """GET /bucket/{id}."""
        context = await self._callers.required(request)
        bucket = await self._buckets.get(context, request.path_params["bucket"])
        return json_response(bucket_json(bucket, with_type=False))

    async def update(self, request: Request) -> Response:
        """PUT /bucket/{id}: only what is given changes."""
        changes = await read_json(request, UPDATE_BODY, self._body_timeout_s)
        if not changes:
            raise SchemaViolation(
                "body must have at least one of public, file_size_limit, allowed_mime_types"
            )
        context = await self._callers.required(request)
        await self._buckets.update(context, request.path_params["bucket"], changes)
        return json_response({"message": "Successfully updated"})

    async def empty(self, request: Request) -> Response:
        """POST /bucket/{id}/empty. Done when it answers, whatever the sentence says: clients expect both."""
        await read_json(request, {}, self._body_timeout_s, optional=True)
        context = await self._callers.required(request)
        await self._buckets.empty(context, request.path_params["bucket"])
        return json_response({"message": "Empty bucket has been queued. Completion may take up to an hour."})

    async def delete(self, request: Request) -> Response:
        """DELETE /bucket/{id}."""
        await read_json(request, {}, self._body_timeout_s, optional=True)
        context = await self._callers.required(request)
        await self._buckets.delete(context, request.path_params["bucket"])
        return json_response({"message": "Successfully deleted"})


def _is_old_client(request: Request) -> bool:
    client = request.headers.get("x-client-info", "")
    agent = request.headers.get("user-agent", "")
    return bool(_OLD_SUPABASE_PY.match(client) or _OLD_STORAGE3.search(agent))
