"""Errors as the tus door answers them."""

import orjson
import pytest
from starlette.requests import Request

from aerostore.api.tus.error import to_response
from aerostore.errors import (
    AccessDenied,
    ChecksumMismatch,
    EntityTooLarge,
    ExpiredToken,
    InsufficientStorage,
    InvalidInput,
    InvalidLink,
    InvalidToken,
    LockTimeout,
    NoSuchUpload,
    OffsetMismatch,
    PreconditionFailed,
    RoleNotAllowed,
    StorageError,
    UploadCompleted,
    UploadExpired,
)

REQUEST = Request({"type": "http", "headers": [], "aerostore.request_id": "id"})


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InvalidInput("Invalid upload-length\n"), 400, "Invalid upload-length\n"),
        (InvalidLink("Missing x-signature header"), 400, "Missing x-signature header"),
        (UploadCompleted(), 400, "Cannot terminate an already completed upload"),
        (AccessDenied("new row violates"), 403, "new row violates"),
        (NoSuchUpload(), 404, "The file for this url was not found\n"),
        (OffsetMismatch(), 409, "Upload-Offset conflict\n"),
        (UploadExpired(), 410, "The file for this url no longer exists\n"),
        (EntityTooLarge(), 413, "Maximum size exceeded\n"),
        (EntityTooLarge("upload's size exceeded"), 413, "upload's size exceeded\n"),
        (LockTimeout(), 423, "acquiring lock timeout"),
        (ChecksumMismatch("The SHA1 did not match"), 460, "Checksum mismatch\n"),
        (InsufficientStorage(), 507, "The server has no room left to store this"),
        (StorageError("Internal Server Error"), 500, "Internal Server Error"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, StorageError) else None,
)
def test_error_is_plain_text_with_its_true_status(error: StorageError, status: int, text: str) -> None:
    response = to_response(REQUEST, error)
    assert (response.status_code, bytes(response.body).decode()) == (status, text)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["tus-resumable"] == "1.0.0"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-error-code"] == error.code


@pytest.mark.parametrize("error", [InvalidToken(), ExpiredToken(), RoleNotAllowed("unknown role")])
def test_refused_token_is_json(error: StorageError) -> None:
    response = to_response(REQUEST, error)
    assert orjson.loads(response.body)["message"] == error.message
    assert response.headers["tus-resumable"] == "1.0.0"


def test_refused_version_is_answered_with_the_right_one() -> None:
    assert to_response(REQUEST, PreconditionFailed()).headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize(
    ("hint", "shown"), [("Do this.", "Do this."), ("a\r\nset-cookie: x", None), ("größer", None)]
)
def test_hint_is_in_a_header_unless_it_could_break_one(hint: str, shown: str | None) -> None:
    assert to_response(REQUEST, InvalidInput(hint=hint)).headers.get("x-error-hint") == shown


def test_what_may_work_later_says_when_to_try_again() -> None:
    assert to_response(REQUEST, LockTimeout()).headers["retry-after"] == "5"
    assert "retry-after" not in to_response(REQUEST, OffsetMismatch()).headers
