"""The shared parts of requests and answers that are not bodies: parameters, headers, credentials."""

from aerostore.domain import MAX_NAME_BYTES, JsonObject


def _path(name: str, description: str, max_length: int) -> JsonObject:
    schema = {"type": "string", "minLength": 1, "maxLength": max_length}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _header(name: str, description: str, **schema: object) -> JsonObject:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


PARAMETERS: dict[str, JsonObject] = {
    "bucket": _path("bucket", "The bucket's id.", 100),
    "name": _path(
        "name",
        "The object's name: 1 to 1,024 bytes of UTF-8 without control characters and without `.` or `..` "
        "as a segment. Its slashes may stand as they are.",
        MAX_NAME_BYTES,
    ),
    "id": _path("id", "The id of the job.", 100),
    "Prefer": _header(
        "Prefer", "`strict-status` gives refusals their true HTTP status.", example="strict-status"
    ),
    "Range": _header(
        "Range", "One range of bytes. Several, or anything malformed, is refused.", example="bytes=0-99"
    ),
    "If-Range": _header("If-Range", "The Range counts only while this entity tag or date holds."),
    "If-Match": _header("If-Match", "Refuse unless the entity tag is one of these."),
    "If-None-Match": _header("If-None-Match", "Answer 304 if the entity tag is one of these."),
    "If-Modified-Since": _header("If-Modified-Since", "Answer 304 if nothing was written after this date."),
    "If-Unmodified-Since": _header("If-Unmodified-Since", "Refuse if it was written after this date."),
    "Cache-Control": _header(
        "Cache-Control",
        "The value that the object is served with. Default: `no-cache`. A form has a field for it instead.",
        example="max-age=3600",
    ),
    "x-upsert": _header("x-upsert", "`true` replaces an object of that name.", example="true"),
    "x-metadata": _header(
        "x-metadata",
        "User metadata: a JSON object in base64, up to 1 MiB. What cannot be read counts as absent.",
        contentEncoding="base64",
    ),
    "x-robots-tag": _header(
        "x-robots-tag",
        "The X-Robots-Tag value that the object is served with. Default: `none`.",
        example="noindex",
    ),
}


def _response_header(description: str) -> JsonObject:
    return {"description": description, "schema": {"type": "string"}}


RESPONSE_HEADERS: dict[str, JsonObject] = {
    "ETag": _response_header("The quoted SHA-256 of the whole object: a strong validator."),
    "Last-Modified": _response_header("When the object was written."),
    "Cache-Control": _response_header("The value that was stored with the object; absent on signed URLs."),
    "Expires": _response_header("When the link ends; only on signed URLs."),
    "Vary": _response_header("`Authorization, apikey`, unless the bucket is public."),
    "X-Robots-Tag": _response_header("The value that was stored with the object, else `none`."),
    "Accept-Ranges": _response_header("Always `bytes`."),
    "Content-Length": {"description": "Bytes that follow.", "schema": {"type": "integer", "minimum": 0}},
    "Content-Disposition": _response_header("`attachment`, when the query has `download`."),
    "Content-Range": _response_header("Which bytes these are, or how many there are if none of them fit."),
    "Retry-After": {
        "description": "Seconds to wait before another try.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "X-Request-Id": _response_header("What to look for in the log."),
}

SECURITY_SCHEMES: dict[str, JsonObject] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A JWT signed by a key that the server knows. Its `role` decides which policies hold.",
    },
    "apikey": {
        "type": "apiKey",
        "in": "header",
        "name": "apikey",
        "description": "The same JWT, for requests without Authorization.",
    },
    "signedUrl": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The token of a signed URL: for one object, one purpose and a limited time.",
    },
}
