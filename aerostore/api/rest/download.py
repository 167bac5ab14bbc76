"""Responses of the REST door that carry an object, with headers that are safe for a browser."""

from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.blob_response import (
    BlobResponse,
    bare_response,
    content_policy,
    is_sendable,
    last_modified,
)
from aerostore.api.rest.query import content_disposition, read_query, read_request
from aerostore.api.rest.schema import Field
from aerostore.service.download import Download, ReadRequest

DOWNLOAD_QUERY = {"download": Field(kind="string")}
# What S3's clients say of the content, and without which nobody could read it.
_CONTENT = {"content-encoding": "contentEncoding", "content-language": "contentLanguage"}


def download_headers(download: Download, disposition: str | None = None) -> dict[str, str]:
    """Return the headers of a response about this object; the same for GET, HEAD and 304.

    disposition: the value of `?download=`, None without it. Source: Supabase Storage.
    """
    found = download.object
    headers = {
        "accept-ranges": "bytes",
        "content-type": served_type(found.mime_type),
        "etag": f'"{found.etag}"',
        "last-modified": last_modified(found),
        "x-robots-tag": str(found.metadata.get("xRobotsTag", "none")),
        "x-content-type-options": "nosniff",
        "content-security-policy": content_policy(found.mime_type),
        # Pages that isolate themselves may show it all the same: whoever may read it already could.
        "cross-origin-resource-policy": "cross-origin",
        **{name: str(found.metadata[key]) for name, key in _CONTENT.items() if key in found.metadata},
    }
    if download.expires_at is not None:
        headers["expires"] = format_datetime(download.expires_at, usegmt=True)
    else:
        headers["cache-control"] = found.cache_control
    if not download.public:
        headers["vary"] = "Authorization, apikey"
    attachment = content_disposition(disposition)
    if attachment is not None:
        headers["content-disposition"] = attachment
    return {name: value for name, value in headers.items() if is_sendable(value)}


def served_type(mime_type: str) -> str:
    """Return the Content-Type to answer with: HTML is shown as text. Source: Supabase Storage."""
    return "text/plain" if "text/html" in mime_type.lower() else mime_type


async def object_response(request: Request, find: Callable[[ReadRequest], Awaitable[Download]]) -> Response:
    """Return the object that `find` gives, as GET or HEAD want it, or 304 when the client's copy is current.

    The request is read to its end first: nothing may fail between opening the bytes and sending them.
    """
    disposition = read_query(request, DOWNLOAD_QUERY).get("download")
    download = await find(read_request(request))
    headers = download_headers(download, disposition)
    request.scope["aerostore.facts"] = {
        **request.scope.get("aerostore.facts", {}),
        "bucket": download.object.bucket_id,
    }
    if download.is_current:
        return bare_response(304, headers)
    if request.method == "HEAD":
        return bare_response(200, {**headers, "content-length": str(download.object.size_bytes)})
    return BlobResponse(download, headers)
