"""Bodies of the REST door: JSON with a limit, uploads as a stream, and what their headers say."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from aerostore.api.body import INLINE_BYTES, body_chunks, declared_size
from aerostore.api.form import UploadForm, read_upload_form
from aerostore.api.rest.robots import check_robots_tag
from aerostore.api.rest.schema import Field, parse_json_body, validate
from aerostore.api.upload_option import parse_user_metadata
from aerostore.domain import JsonObject
from aerostore.errors import (
    RequestBodyTooLarge,
    SchemaViolation,
)
from aerostore.service.publish import Upload

MAX_JSON_BYTES = 1024 * 1024


async def skip_body(request: Request, idle_timeout_s: float) -> None:
    """Read a body that does not matter. Raises: RequestBodyTooLarge over 1 MiB."""
    length = 0
    async for chunk in body_chunks(request, idle_timeout_s):
        length += len(chunk)
        if length > MAX_JSON_BYTES:
            raise RequestBodyTooLarge


async def read_json(
    request: Request, fields: Mapping[str, Field], idle_timeout_s: float, *, optional: bool = False
) -> dict[str, Any]:
    """Return the JSON body's known properties. optional: an absent or empty body is fine.

    Raises: RequestBodyTooLarge over 1 MiB, MalformedJson, SchemaViolation.
    """
    raw = bytearray()
    async for chunk in body_chunks(request, idle_timeout_s):
        raw += chunk
        if len(raw) > MAX_JSON_BYTES:
            raise RequestBodyTooLarge
    if optional and not raw:
        return {}
    parsed = parse_json_body(bytes(raw), request.headers.get("content-type"))
    if parsed is None:
        raise SchemaViolation("body must be object", hint="Send JSON with 'Content-Type: application/json'.")
    return validate(parsed, fields, where="body")


async def read_upload(
    request: Request,
    bucket_id: str,
    name: str,
    *,
    upsert: bool,
    is_update: bool = False,
    idle_timeout_s: float,
) -> tuple[Upload, bytes | AsyncIterator[bytes]]:
    """Return what the client wants stored, and its bytes: whole when they are few, else as a stream.

    Raises: InvalidInput for malformed forms and headers, MetadataTooLarge, InvalidRobotsTag.
    """
    robots_tag = request.headers.get("x-robots-tag")
    if robots_tag is not None:
        robots_tag = check_robots_tag(robots_tag)
    content_type = request.headers.get("content-type", "")
    size = declared_size(request)
    chunks = body_chunks(request, idle_timeout_s)
    if content_type.lower().startswith("multipart/form-data"):
        form = await read_upload_form(content_type, chunks)
        upload = _upload_of_form(form, bucket_id, name)
        chunks = form.chunks
    else:
        upload = _upload_of_headers(request, bucket_id, name, content_type, size)
    upload = replace(upload, upsert=upsert, is_update=is_update, robots_tag=robots_tag)
    if size is not None and size <= INLINE_BYTES:
        return upload, b"".join([chunk async for chunk in chunks])
    return upload, chunks


def _upload_of_headers(
    request: Request, bucket_id: str, name: str, content_type: str, size: int | None
) -> Upload:
    return Upload(
        bucket_id=bucket_id,
        name=name,
        mime_type=content_type or "application/octet-stream",
        cache_control=request.headers.get("cache-control") or "no-cache",
        user_metadata=user_metadata_of_header(request) or {},
        size_bytes=size,
    )


def _upload_of_form(form: UploadForm, bucket_id: str, name: str) -> Upload:
    seconds = form.fields.get("cacheControl")
    metadata = form.fields.get("metadata", form.fields.get("userMetadata"))
    mime_type = form.fields.get("contentType") or form.content_type or "application/octet-stream"
    return Upload(
        bucket_id=bucket_id,
        name=name,
        mime_type=mime_type,
        cache_control=f"max-age={seconds}" if seconds else "no-cache",
        user_metadata=parse_user_metadata(metadata) or {},
    )


def user_metadata_of_header(request: Request) -> JsonObject | None:
    """Return the object in the x-metadata header: base64 of JSON. What cannot be read counts as absent.

    Raises: InvalidInput when it is JSON but no object; MetadataTooLarge.
    """
    encoded = request.headers.get("x-metadata")
    if not encoded:
        return None
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return parse_user_metadata(text)
