"""Routes under /object that write, read, copy, move and delete objects."""

from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.address import address
from aerostore.api.caller import QUESTION, Callers
from aerostore.api.recheck import checked_at_end
from aerostore.api.request import ADMIN
from aerostore.api.rest.body import read_json, read_upload, user_metadata_of_header
from aerostore.api.rest.download import download_headers, object_response
from aerostore.api.rest.schema import Field
from aerostore.api.rest.signed_url import SignedUrlDoor
from aerostore.api.rest.wire import info_json, json_response, object_row_json
from aerostore.api.upload_option import asks_for_upsert
from aerostore.domain import JsonObject, RlsContext
from aerostore.errors import InvalidLink, NoSuchBucket, NoSuchKey, SignatureDoesNotMatch, StorageError
from aerostore.service import FileStorage
from aerostore.service.copy import CopyRequest
from aerostore.service.download import Download
from aerostore.service.publish import Upload
from aerostore.service.question import Question

MOVE_BODY = {
    "bucketId": Field(kind="string", required=True),
    "sourceKey": Field(kind="string", required=True),
    "destinationKey": Field(kind="string", required=True),
    "destinationBucket": Field(kind="string", nullable=True),
}
COPY_BODY = {
    **MOVE_BODY,
    "copyMetadata": Field(kind="boolean"),
    "metadata": Field(
        kind="object",
        nullable=True,
        fields={"cacheControl": Field(kind="string"), "mimetype": Field(kind="string")},
    ),
}
DELETE_MANY_BODY = {"prefixes": Field(kind="string_array", required=True, min_items=1)}


class ObjectDoor:
    """Parses requests about objects, asks the service, renders its answers."""

    def __init__(
        self, storage: FileStorage, callers: Callers, links: SignedUrlDoor, *, body_timeout_s: float
    ) -> None:
        self._files = storage.files
        self._downloads = storage.downloads
        self._links = links
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes, fixed words before names; each is named after its operation."""
        named = "/object/{bucket}/{name:name}"
        fixed = [
            ("/object/copy", "POST", self.copy, "storage.object.copy"),
            ("/object/move", "POST", self.move, "storage.object.move"),
            (
                "/object/info/public/{bucket}/{name:name}",
                "GET",
                self.info_public,
                "storage.object.info_public",
            ),
            (
                "/object/info/authenticated/{bucket}/{name:name}",
                "GET",
                self.info_authenticated,
                "object.get_authenticated_info",
            ),
            ("/object/info/{bucket}/{name:name}", "GET", self.info, "object.get_authenticated_info"),
            ("/object/public/{bucket}/{name:name}", "GET", self.read_public, "storage.object.get_public"),
            (
                "/object/authenticated/{bucket}/{name:name}",
                "GET",
                self.read_authenticated,
                "storage.object.get_authenticated",
            ),
        ]
        general = [
            (named, "GET", self.read, "storage.object.get_authenticated"),
            (named, "POST", self.create, "storage.object.upload"),
            (named, "PUT", self.replace, "storage.object.upload_update"),
            (named, "DELETE", self.delete, "storage.object.delete"),
            ("/object/{bucket}", "DELETE", self.delete_many, "storage.object.delete_many"),
        ]
        return [
            Route(path, endpoint, methods=[method], name=name)
            for path, method, endpoint, name in [*fixed, *general]
        ]

    # Writing

    async def create(self, request: Request) -> Response:
        """POST /object/{bucket}/{name}: a new object, or an upsert when the header asks for it."""
        return await self._upload(request, upsert=asks_for_upsert(request))

    async def replace(self, request: Request) -> Response:
        """PUT /object/{bucket}/{name}: always an upsert."""
        return await self._upload(request, upsert=True)

    async def _upload(self, request: Request, *, upsert: bool) -> Response:
        context = await self._callers.required(request)
        bucket, name = address(request)
        upload, body = await read_upload(
            request,
            bucket,
            name,
            upsert=upsert,
            is_update=request.method == "PUT",
            idle_timeout_s=self._body_timeout_s,
        )
        request.scope[QUESTION] = _upload_question(upload, body)
        body = await checked_at_end(body, partial(self._callers.identify, request))
        stored = await self._files.put(context, upload, body)
        return json_response({"Key": f"{stored.bucket_id}/{stored.name}", "Id": stored.id})

    async def copy(self, request: Request) -> Response:
        """POST /object/copy."""
        body = await read_json(request, COPY_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        metadata = body.get("metadata") or {}
        request.scope[QUESTION] = replace(_question("copy", body), upsert=asks_for_upsert(request))
        copied = await self._files.copy(
            context,
            CopyRequest(
                bucket_id=body["bucketId"],
                name=body["sourceKey"],
                to_bucket_id=body.get("destinationBucket") or body["bucketId"],
                to_name=body["destinationKey"],
                upsert=asks_for_upsert(request),
                keep_metadata=body.get("copyMetadata", True),
                mime_type=metadata.get("mimetype") or None,
                cache_control=metadata.get("cacheControl") or None,
                user_metadata=user_metadata_of_header(request),
            ),
        )
        key = f"{copied.bucket_id}/{copied.name}"
        return json_response({"Key": key, "Id": copied.id, **object_row_json(copied)})

    async def move(self, request: Request) -> Response:
        """POST /object/move."""
        body = await read_json(request, MOVE_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        request.scope[QUESTION] = _question("move", body)
        await self._files.move(
            context,
            body["bucketId"],
            body["sourceKey"],
            to_bucket_id=body.get("destinationBucket") or body["bucketId"],
            to_name=body["destinationKey"],
        )
        return json_response({"message": "Successfully moved"})

    async def delete(self, request: Request) -> Response:
        """DELETE /object/{bucket}/{name}."""
        await read_json(request, {}, self._body_timeout_s, optional=True)
        context = await self._callers.required(request)
        bucket, name = address(request)
        await self._files.delete(context, bucket, name)
        return json_response({"message": "Successfully deleted"})

    async def delete_many(self, request: Request) -> Response:
        """DELETE /object/{bucket}: the rows that are gone now; others are left out without a word."""
        body = await read_json(request, DELETE_MANY_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        deleted = await self._files.delete_many(context, request.path_params["bucket"], body["prefixes"])
        return json_response([object_row_json(each) for each in deleted])

    # Reading

    async def read(self, request: Request) -> Response:
        """GET, HEAD /object/{bucket}/{name}: by `?token=`, or signed in, or from a public bucket."""
        refusal: StorageError | None = None
        if "token" in request.query_params:
            try:
                return await self._links.read(request)
            except (InvalidLink, SignatureDoesNotMatch, NoSuchKey) as exc:
                refusal = exc  # stale, or somebody else's parameter: it matters only where nothing else helps
        context = await self._callers.optional(request)
        if context is not None:
            return await self._read_as(request, context)
        try:
            return await self.read_public(request)
        except NoSuchBucket as exc:
            raise refusal or exc from None

    async def read_authenticated(self, request: Request) -> Response:
        """GET, HEAD /object/authenticated/{bucket}/{name}."""
        return await self._read_as(request, await self._callers.required(request))

    async def _read_as(self, request: Request, context: RlsContext) -> Response:
        find = self._downloads.head if request.method == "HEAD" else self._downloads.open
        return await object_response(request, partial(find, context, *address(request)))

    async def read_public(self, request: Request) -> Response:
        """GET, HEAD /object/public/{bucket}/{name}."""
        context = self._callers.nobody(request)
        find = self._downloads.head_public if request.method == "HEAD" else self._downloads.open_public
        return await object_response(request, partial(find, context, *address(request)))

    async def info(self, request: Request) -> Response:
        """GET, HEAD /object/info/{bucket}/{name}: signed in, or a public bucket."""
        context = await self._callers.optional(request)
        if context is None:
            return await self.info_public(request)
        return await self._info_as(request, context)

    async def info_authenticated(self, request: Request) -> Response:
        """GET, HEAD /object/info/authenticated/{bucket}/{name}."""
        return await self._info_as(request, await self._callers.required(request))

    async def _info_as(self, request: Request, context: RlsContext) -> Response:
        found = await self._downloads.info(context, *address(request))
        # Clients of the public API model exactly its fields. In a public bucket no policy was asked.
        with_owner = ADMIN in request.scope and (context.can_bypass_rls or not found.public)
        return _info_response(found, with_owner=with_owner)

    async def info_public(self, request: Request) -> Response:
        """GET, HEAD /object/info/public/{bucket}/{name}."""
        context = self._callers.nobody(request)
        return _info_response(await self._downloads.info_public(context, *address(request)))


def _upload_question(upload: Upload, body: object) -> Question:
    replacing = "update" if upload.is_update else "upsert"
    return Question(
        op=replacing if upload.upsert else "upload",
        bucket_id=upload.bucket_id,
        name=upload.name,
        size_bytes=len(body) if isinstance(body, bytes) else upload.size_bytes or 0,
        mime_type=upload.mime_type,
    )


def _question(op: str, body: JsonObject) -> Question:
    return Question(
        op=op,
        bucket_id=body["bucketId"],
        name=body["sourceKey"],
        to_bucket_id=body.get("destinationBucket") or "",
        to_name=body["destinationKey"],
    )


def _info_response(found: Download, *, with_owner: bool = False) -> Response:
    headers = download_headers(found)
    return json_response(
        info_json(found.object, with_owner=with_owner),
        {
            name: headers[name]
            for name in ("etag", "last-modified", "cache-control", "vary")
            if name in headers
        },
    )
