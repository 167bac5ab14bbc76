"""The one table from errors to what goes over the wire, and the REST rendering of it.

Supabase's REST errors come with HTTP status 400 and the true status as text in the body; some keep their
own. `Prefer: strict-status`, or the setting, gives the true status for all. Source: Supabase Storage.
"""

from dataclasses import dataclass, replace

import orjson
from starlette.requests import Request
from starlette.responses import Response

from aerostore import errors
from aerostore.api.admin.refusal import CrossSiteRequest, SessionRequired
from aerostore.errors import StorageError

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class WireError:
    """How one class of error looks. status: the true one; label: the body's `error`, the code if empty;
    code: the body's `code`, the class's own if empty; http: the status line, unless strict. s3: what S3
    calls it, the class's own code if empty; s3_status: its status there, the true one if 0.
    """  # noqa: D205 -- six fields, one sentence each

    status: int
    label: str = ""
    code: str = ""
    http: int = 400
    s3: str = ""
    s3_status: int = 0


_UNAUTHORIZED = WireError(403, "Unauthorized", "AccessDenied")

WIRE_ERRORS: dict[type[StorageError], WireError] = {
    StorageError: WireError(500, "Internal", "InternalError", http=500, s3="InternalError"),
    errors.InvalidInput: WireError(400),
    errors.SchemaViolation: WireError(400, "Error", "InvalidRequest", s3="InvalidRequest"),
    errors.MalformedJson: WireError(400, "FastifyError", "InvalidRequest", s3="InvalidRequest"),
    errors.NoSuchRoute: WireError(
        404, "Not Found", "InvalidRequest", http=404, s3="MethodNotAllowed", s3_status=405
    ),
    errors.MalformedPath: WireError(400, "Bad Request", "FST_ERR_BAD_URL", s3="InvalidURI"),
    errors.InvalidParameter: WireError(400, s3="InvalidArgument"),
    errors.InvalidBucketName: WireError(400, "Invalid Input"),
    errors.InvalidRange: WireError(416, "invalid_range", http=416),
    errors.InvalidRobotsTag: WireError(400, "invalid_x_robots_tag", "InvalidRequest", s3="InvalidArgument"),
    errors.IncompleteBody: WireError(400, code="InvalidRequest"),
    errors.LengthRequired: WireError(411),
    errors.RequestTimeout: WireError(408, http=408, s3_status=400),
    errors.NotFound: WireError(404),
    errors.NoSuchBucket: WireError(404, "Bucket not found"),
    errors.NoSuchKey: WireError(404, "not_found"),
    errors.NoSuchRelation: WireError(404, code="InvalidRequest", s3="NoSuchBucket"),
    errors.UploadExpired: WireError(410, s3="NoSuchUpload", s3_status=404),
    errors.Conflict: WireError(409),
    errors.BucketAlreadyExists: WireError(409, "Duplicate"),
    errors.KeyAlreadyExists: WireError(409, "Duplicate", s3="PreconditionFailed", s3_status=412),
    errors.ResourceAlreadyExists: WireError(409, "Duplicate"),
    errors.BucketNotEmpty: WireError(409, s3="BucketNotEmpty"),
    errors.BucketTooLarge: WireError(409, code="InvalidRequest"),
    errors.AccessDenied: _UNAUTHORIZED,
    SessionRequired: WireError(401, "Unauthorized", http=401),
    CrossSiteRequest: WireError(403, "Forbidden", http=403),
    errors.PolicyFailed: WireError(400, "PolicyFailed", "AccessDenied", s3="AccessDenied", s3_status=403),
    errors.RoleNotAllowed: WireError(403, "Unauthorized", "AccessDenied", http=403, s3="AccessDenied"),
    errors.InvalidToken: replace(_UNAUTHORIZED, s3_status=400),
    errors.ExpiredToken: replace(_UNAUTHORIZED, s3_status=400),
    errors.InvalidLink: WireError(400),
    errors.SignatureDoesNotMatch: WireError(400, s3="SignatureDoesNotMatch", s3_status=403),
    errors.LimitExceeded: WireError(413),
    errors.EntityTooLarge: WireError(413, "Payload too large", s3_status=400),
    errors.MetadataTooLarge: WireError(413, "Payload too large", "EntityTooLarge", s3_status=400),
    errors.RequestBodyTooLarge: WireError(
        413, "FastifyError", "EntityTooLarge", http=413, s3="MaxMessageLengthExceeded", s3_status=400
    ),
    errors.InvalidMimeType: WireError(415, "invalid_mime_type"),
    errors.PreconditionFailed: WireError(412, http=412),
    errors.Unavailable: WireError(503, http=503, s3="ServiceUnavailable"),
    errors.LockTimeout: WireError(503, "acquiring_lock_timeout", http=503, s3="ServiceUnavailable"),
    errors.Overloaded: WireError(503, http=503, s3="SlowDown"),
    errors.SlowDown: WireError(429, "too_many_connections", http=429, s3_status=503),
    errors.InsufficientStorage: WireError(507, http=507),
    errors.NotSupported: WireError(501, http=501),
    errors.Corrupted: WireError(500, http=500, s3="InternalError"),
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
