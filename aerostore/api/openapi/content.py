"""Bytes in requests and answers: what uploads carry and downloads return."""

from collections.abc import Mapping

from aerostore import errors
from aerostore.api.openapi.operation import BODY_ERRORS, Access, Errors, OperationDoc, RequestBody
from aerostore.api.openapi.schema import reference
from aerostore.api.rest.schema import Field
from aerostore.api.rest.signed_url import READ_QUERY
from aerostore.domain import JsonObject

_FORM: JsonObject = {
    "type": "object",
    "description": "Text fields come before the file. The first part that is a file is stored, "
    "whatever its name.",
    "properties": {
        "cacheControl": {
            "type": "string",
            "description": "Seconds; stored as `max-age=<seconds>`. Without it: `no-cache`.",
        },
        "metadata": {"type": "string", "description": "User metadata: a JSON object as text, up to 1 MiB."},
        "contentType": {"type": "string", "description": "Stands in for the Content-Type of the file part."},
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "The bytes to store.",
        },
    },
    "required": ["file"],
}
_RAW: JsonObject = {"description": "The bytes to store. Content-Type is stored with them."}

UPLOAD_BODY = RequestBody(
    content={
        "application/octet-stream": {"schema": _RAW},
        "*/*": {"schema": _RAW},
        "multipart/form-data": {"schema": _FORM},
    },
    errors=(
        *BODY_ERRORS,
        errors.InvalidRobotsTag,
        errors.MetadataTooLarge,
        errors.EntityTooLarge,
        errors.InvalidMimeType,
        errors.InsufficientStorage,
    ),
)
"""An object's bytes, raw or in a form."""

UPLOAD_HEADERS = ("Cache-Control", "x-metadata", "x-robots-tag")
UPLOAD_ERRORS: Errors = (errors.NoSuchBucket, errors.InvalidKey, errors.AccessDenied, errors.KeyAlreadyExists)

_CACHE_HEADERS = ("ETag", "Last-Modified", "Cache-Control", "Expires", "Vary", "X-Robots-Tag")
_CONTENT_HEADERS = (*_CACHE_HEADERS, "Accept-Ranges", "Content-Length", "Content-Disposition")
_BYTES: JsonObject = {"*/*": {"schema": {"description": "The bytes, with the type they were stored with."}}}


def _headers(*names: str) -> JsonObject:
    return {name: reference("headers", name) for name in names}


_DOWNLOAD_ANSWERS: Mapping[str, JsonObject] = {
    "200": {"description": "The object.", "headers": _headers(*_CONTENT_HEADERS), "content": _BYTES},
    "206": {
        "description": "The part that the Range header asked for.",
        "headers": _headers(*_CONTENT_HEADERS, "Content-Range"),
        "content": _BYTES,
    },
    "304": {"description": "The client's copy is current.", "headers": _headers(*_CACHE_HEADERS)},
}
_DOWNLOAD_HEADERS = (
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
)
# The door that reads it keeps its table to itself.
_DOWNLOAD_QUERY = {"download": Field(kind="string")}
# Without `token`: it is a credential, and the access says so.
_LINK_QUERY = {"expires": READ_QUERY["expires"]}


def download(*, id: str, noun: str, summary: str, access: Access) -> OperationDoc:
    """Return an operation that answers with an object's bytes."""
    by_link = access in {Access.LINK, Access.OPTIONAL_OR_LINK}
    return OperationDoc(
        id=id,
        noun=noun,
        summary=summary,
        access=access,
        headers=_DOWNLOAD_HEADERS,
        query={**_DOWNLOAD_QUERY, **(_LINK_QUERY if by_link else {})},
        answers=_DOWNLOAD_ANSWERS,
        errors=(
            errors.NoSuchBucket,
            errors.NoSuchKey,
            errors.InvalidKey,
            errors.InvalidRange,
            errors.PreconditionFailed,
            errors.Corrupted,
        ),
    )
