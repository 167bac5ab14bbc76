"""The one table from errors to what goes over the wire, and the REST rendering of it.

Supabase's REST errors come with HTTP status 400 and the true status as text in the body; some keep their
own. `Prefer: strict-status`, or the setting, gives the true status for all. Source: Supabase Storage.
"""

from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response

from aerostore import errors
from aerostore.errors import StorageError

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class WireError:
    """How one class of error looks. status: the true one; label: the body's `error`, the code if empty;
    code: the body's `code`, the class's own if empty; http: the status line, unless strict.
    """  # noqa: D205 -- four fields, one sentence each

    status: int
    label: str = ""
    code: str = ""
    http: int = 400


_UNAUTHORIZED = WireError(403, "Unauthorized", "AccessDenied")

WIRE_ERRORS: dict[type[StorageError], WireError] = {
    StorageError: WireError(500, "Internal", "InternalError", http=500),
    errors.InvalidInput: WireError(400),
    errors.SchemaViolation: WireError(400, "Error", "InvalidRequest"),
    errors.MalformedJson: WireError(400, "FastifyError", "InvalidRequest"),
    errors.NoSuchRoute: WireError(404, "Not Found", "InvalidRequest", http=404),
    errors.MalformedPath: WireError(400, "Bad Request", "FST_ERR_BAD_URL"),
    errors.InvalidBucketName: WireError(400, "Invalid Input"),
    errors.InvalidRange: WireError(416, "invalid_range", http=416),
    errors.InvalidRobotsTag: WireError(400, "invalid_x_robots_tag", "InvalidRequest"),
    errors.IncompleteBody: WireError(400, code="InvalidRequest"),
    errors.RequestTimeout: WireError(408, http=408),
    errors.NotFound: WireError(404),
    errors.NoSuchBucket: WireError(404, "Bucket not found"),
    errors.NoSuchKey: WireError(404, "not_found"),
    errors.NoSuchRelation: WireError(404, code="InvalidRequest"),
    errors.Conflict: WireError(409),
    errors.BucketAlreadyExists: WireError(409, "Duplicate"),
    errors.KeyAlreadyExists: WireError(409, "Duplicate"),
    errors.ResourceAlreadyExists: WireError(409, "Duplicate"),
    errors.BucketTooLarge: WireError(409, code="InvalidRequest"),
    errors.AccessDenied: _UNAUTHORIZED,
    errors.PolicyFailed: WireError(400, "PolicyFailed", "AccessDenied"),
    errors.RoleNotAllowed: WireError(403, "Unauthorized", "AccessDenied", http=403),
    errors.InvalidLink: WireError(400),
    errors.SignatureDoesNotMatch: WireError(400),
    errors.LimitExceeded: WireError(413),
    errors.EntityTooLarge: WireError(413, "Payload too large"),
    errors.MetadataTooLarge: WireError(413, "Payload too large", "EntityTooLarge"),
    errors.RequestBodyTooLarge: WireError(413, "FastifyError", "EntityTooLarge", http=413),
    errors.InvalidMimeType: WireError(415, "invalid_mime_type"),
    errors.PreconditionFailed: WireError(412, http=412),
    errors.Unavailable: WireError(503, http=503),
    errors.LockTimeout: WireError(503, "acquiring_lock_timeout", http=503),
    errors.SlowDown: WireError(429, "too_many_connections", http=429),
    errors.InsufficientStorage: WireError(507, http=507),
    errors.Corrupted: WireError(500, http=500),
}


def wire_error(kind: type[StorageError]) -> WireError:
    """Return the row of `kind`, or of the nearest class above it that has one."""
    return next(WIRE_ERRORS[each] for each in kind.__mro__ if each in WIRE_ERRORS)


def error_body(error: StorageError, request_id: str) -> dict[str, str | None]:
    """Return `error` as JSON: the four fields that Supabase's clients read, then hint and request id."""
    row = wire_error(type(error))
    code = row.code or error.code
    return {
        "statusCode": str(row.status),
        "error": row.label or code,
        "message": error.message,
        "code": code,
        "hint": error.hint,
        "request_id": request_id,
    }


def to_response(request: Request, error: StorageError, *, strict: bool) -> Response:
    """Render `error` for REST. strict: with its true status."""
    row = wire_error(type(error))
    headers = {"cache-control": "no-store"}
    if error.retryable:
        headers["retry-after"] = str(RETRY_AFTER_S)
    if isinstance(error, errors.InvalidRange) and error.size_bytes is not None:
        headers["content-range"] = f"bytes */{error.size_bytes}"  # RFC 9110 section 14.4
    strict = strict or "strict-status" in request.headers.get("prefer", "").lower()
    return Response(
        orjson.dumps(error_body(error, request.scope.get("aerostore.request_id", ""))),
        status_code=row.status if strict else row.http,
        headers=headers,
        media_type="application/json",
    )
