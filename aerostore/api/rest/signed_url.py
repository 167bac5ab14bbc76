"""Routes that issue signed URLs and serve them.

The URLs in answers are relative to the storage base, hold the decoded name and already carry `?token=`:
clients prepend their base, encode the whole and append to the query. Source: Supabase's clients.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.address import address
from aerostore.api.body import declared_size
from aerostore.api.caller import Callers
from aerostore.api.recheck import checked_at_end
from aerostore.api.rest.body import read_json, read_upload, skip_body, user_metadata_of_header
from aerostore.api.rest.download import object_response
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.api.upload_option import asks_for_upsert
from aerostore.domain import JsonObject, UploadLink
from aerostore.errors import SignatureDoesNotMatch
from aerostore.service import FileStorage
from aerostore.service.publish import Upload

_EXPIRES_IN = Field(kind="integer", minimum=1, required=True)
SIGN_BODY = {"expiresIn": _EXPIRES_IN, "transform": Field(kind="object", nullable=True)}
SIGN_QUERY = {"expires_in": Field(kind="integer", minimum=1)}
SIGN_MANY_BODY = {
    "expiresIn": _EXPIRES_IN,
    "paths": Field(kind="string_array", required=True, min_items=1, max_items=1000),
}
READ_QUERY = {"token": Field(kind="string", required=True), "expires": Field(kind="string")}
UPLOAD_QUERY = {"token": Field(kind="string", required=True)}
_NOT_SIGNED = "Either the object does not exist or you do not have access to it"


class SignedUrlDoor:
    """Parses requests about signed URLs, asks the service, renders its answers."""

    def __init__(self, storage: FileStorage, callers: Callers, *, body_timeout_s: float) -> None:
        self._links = storage.signed_urls
        self._downloads = storage.downloads
        self._files = storage.files
        self._callers = callers
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        upload = "/object/upload/sign/{bucket}/{name:name}"
        download = "/object/sign/{bucket}/{name:name}"
        return [
            Route(upload, self.sign_upload, methods=["POST"], name="storage.object.sign_upload_url"),
            Route(upload, self.upload, methods=["PUT"], name="storage.object.upload_signed"),
            Route(download, self.sign, methods=["POST"], name="storage.object.sign"),
            Route(download, self.read, methods=["GET"], name="storage.object.get_signed"),
            Route("/object/sign/{bucket}", self.sign_many, methods=["POST"], name="storage.object.sign_many"),
        ]

    async def sign(self, request: Request) -> Response:
        """POST /object/sign/{bucket}/{name}; `?expires_in=` may stand in for the body."""
        expires_in_s = read_query(request, SIGN_QUERY).get("expires_in")
        if expires_in_s is None:
            body = await read_json(request, SIGN_BODY, self._body_timeout_s)
            expires_in_s = body["expiresIn"]
        context = await self._callers.required(request)
        bucket, name = address(request)
        token = await self._links.sign(context, bucket, name, expires_in_s=expires_in_s)
        return json_response({"signedURL": _download_url(bucket, name, token)})

    async def sign_many(self, request: Request) -> Response:
        """POST /object/sign/{bucket}: an answer for each path, in order."""
        body = await read_json(request, SIGN_MANY_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        bucket = request.path_params["bucket"]
        tokens = await self._links.sign_many(context, bucket, body["paths"], expires_in_s=body["expiresIn"])
        return json_response([_signed_json(bucket, path, tokens.get(path)) for path in body["paths"]])

    async def read(self, request: Request) -> Response:
        """GET, HEAD /object/sign/{bucket}/{name}?token=; `&expires=` must agree with the token if given."""
        query = read_query(request, READ_QUERY)
        link = self._links.verify_download(query["token"], *address(request))
        if "expires" in query and query["expires"] != str(int(link.expires_at.timestamp())):
            raise SignatureDoesNotMatch("Invalid signature")
        context = self._callers.nobody(request)
        find = self._downloads.head_signed if request.method == "HEAD" else self._downloads.open_signed
        return await object_response(request, partial(find, context, link))

    async def sign_upload(self, request: Request) -> Response:
        """POST /object/upload/sign/{bucket}/{name}; the body does not matter."""
        await skip_body(request, self._body_timeout_s)
        context = await self._callers.required(request)
        bucket, name = address(request)
        token = await self._links.sign_upload(
            context,
            Upload(
                bucket_id=bucket,
                name=name,
                mime_type=request.headers.get("content-type") or "application/octet-stream",
                user_metadata=user_metadata_of_header(request) or {},
                upsert=asks_for_upsert(request),
                size_bytes=declared_size(request),
            ),
        )
        url = f"/object/upload/sign/{bucket}/{_in_url(name)}?token={token}"
        return json_response({"url": url, "token": token})

    async def upload(self, request: Request) -> Response:
        """PUT /object/upload/sign/{bucket}/{name}?token=."""
        token = read_query(request, UPLOAD_QUERY)["token"]
        bucket, name = address(request)
        link = await self._verify_upload(token, bucket, name)
        upload, body = await read_upload(
            request, bucket, name, upsert=link.upsert, idle_timeout_s=self._body_timeout_s
        )
        body = await checked_at_end(body, partial(self._verify_upload, token, bucket, name))
        stored = await self._files.put_signed(self._callers.nobody(request), link, upload, body)
        return json_response({"Key": f"{stored.bucket_id}/{stored.name}"})

    async def _verify_upload(self, token: str, bucket: str, name: str) -> UploadLink:
        return self._links.verify_upload(token, bucket, name)


def _signed_json(bucket: str, path: str, token: str | None) -> JsonObject:
    if token is None:
        return {"error": _NOT_SIGNED, "path": path, "signedURL": None}
    return {"error": None, "path": path, "signedURL": _download_url(bucket, path, token)}


def _download_url(bucket: str, name: str, token: str) -> str:
    return f"/object/sign/{bucket}/{_in_url(name)}?token={token}"


def _in_url(name: str) -> str:
    """Escape only what would end the path: clients encode the rest, and an escape twice breaks the name."""
    return name.replace("?", "%3F").replace("#", "%23")
