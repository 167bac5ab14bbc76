"""Errors as tus clients read them: true statuses and plain text. Refused tokens are JSON, as everywhere."""

from starlette.requests import Request
from starlette.responses import Response

from aerostore import errors
from aerostore.api.error_response import RETRY_AFTER_S, wire_error
from aerostore.api.error_response import to_response as to_rest_response
from aerostore.api.tus.header import CAPABILITIES, VERSION
from aerostore.errors import StorageError

_STATUSES: dict[type[StorageError], int] = {
    errors.ChecksumMismatch: 460,  # the protocol's own
    errors.UploadCompleted: 400,  # as Supabase's server
    # On 503 to HEAD tus-js-client begins the upload anew; on 423 it tries again.
    errors.LockTimeout: 423,
}
_TEXTS: dict[type[StorageError], str] = {
    errors.NoSuchRoute: "Not found\n",
    errors.NoSuchUpload: "The file for this url was not found\n",
    errors.UploadExpired: "The file for this url no longer exists\n",
    errors.OffsetMismatch: "Upload-Offset conflict\n",
    errors.ChecksumMismatch: "Checksum mismatch\n",
}
_JSON = (errors.InvalidToken, errors.ExpiredToken, errors.RoleNotAllowed)


def to_response(request: Request, error: StorageError) -> Response:
    """Render `error` for the tus door: its status, its text, and in headers its code and what to do."""
    headers = {"Tus-Resumable": VERSION}
    if isinstance(error, _JSON):
        response = to_rest_response(request, error, strict=False)
        response.headers.update(headers)
        return response
    if isinstance(error, errors.PreconditionFailed):
        headers |= CAPABILITIES
    return Response(
        _text(error),
        status_code=_STATUSES.get(type(error), wire_error(type(error)).status),
        headers=headers | _explanation(error),
        media_type="text/plain",
    )


def _text(error: StorageError) -> str:
    if type(error) is errors.EntityTooLarge:
        declared = error.message != error.default_message
        return f"{error.message}\n" if declared else "Maximum size exceeded\n"
    return _TEXTS.get(type(error), error.message)


def _explanation(error: StorageError) -> dict[str, str]:
    headers = {"cache-control": "no-store", "x-error-code": error.code}
    if error.hint is not None and error.hint.isascii() and error.hint.isprintable():
        headers["x-error-hint"] = error.hint
    if error.retryable:
        headers["retry-after"] = str(RETRY_AFTER_S)
    return headers
