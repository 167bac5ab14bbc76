"""What a refused caller is told besides the refusal, and which refusals the operator may look up.

The caller learns which kinds of policies an operation needs: the same, whatever rows and policies there are.
"""

from collections.abc import Callable, Mapping

from starlette.requests import Request

from aerostore.api.caller import CALLER, QUESTION
from aerostore.api.upload_option import asks_for_upsert
from aerostore.domain import RlsContext
from aerostore.errors import (
    AccessDenied,
    ExpiredToken,
    InvalidLink,
    InvalidToken,
    NoSuchBucket,
    NoSuchKey,
    SignatureDoesNotMatch,
    StorageError,
)
from aerostore.service.denial import Denials
from aerostore.service.question import Question

_OPERATOR = "Whoever runs the server can see why: aerostore explain --request <request_id>."
_UPSERT = "Replacing needs INSERT and SELECT, and UPDATE on a taken name."
_UPLOAD = "An upload needs INSERT; with x-upsert also SELECT, and UPDATE on a taken name."
_COPY = "A copy needs SELECT on the source and INSERT on the destination."
_DELETE = "Deleting needs SELECT and DELETE."
_RIGHTS = {
    "storage.object.upload": _UPLOAD,
    "storage.object.upload_update": _UPSERT,
    "storage.object.copy": _COPY,
    "storage.object.move": "A move needs SELECT and UPDATE, for the old and the new name.",
    "storage.object.delete": _DELETE,
    "storage.object.sign_upload_url": "Signing an upload needs the rights of the upload.",
    "storage.bucket.create": "Creating a bucket needs INSERT on storage.buckets, or a service key.",
    "storage.bucket.update": "Changing a bucket needs SELECT and UPDATE on it, or a service key.",
    "storage.tus.upload.create": _UPLOAD,
    "storage.tus.upload.part": _UPLOAD,
    "storage.s3.upload": _UPSERT,
    "storage.s3.object.copy": f"{_COPY} {_UPSERT}",
    "storage.s3.object.delete": _DELETE,
    "storage.s3.object.put_tagging": "Tagging needs SELECT and UPDATE.",
    "storage.s3.object.delete_tagging": "Tagging needs SELECT and UPDATE.",
    "storage.s3.upload.create_multipart": _UPSERT,
    "storage.s3.upload.part": _UPSERT,
    "storage.s3.upload.part_copy": f"{_COPY} {_UPSERT}",
    "storage.s3.upload.complete_multipart": _UPSERT,
    "storage.s3.bucket.create": "Creating a bucket needs INSERT on storage.buckets, or a service key.",
}
_NO_POLICY_DECIDED = (InvalidToken, ExpiredToken, InvalidLink, SignatureDoesNotMatch)


# Nothing is noted of these: the door does not know the name, or `explain` has no word for it.
_UNNOTED = {
    "storage.tus.upload.part",
    "storage.s3.object.put_tagging",
    "storage.s3.object.delete_tagging",
}


def refusal_hint(operation: str) -> str | None:
    """Return what a caller is told that policies refused an operation; None when it is no write."""
    rights = _RIGHTS.get(operation)
    if rights is None or operation in _UNNOTED:
        return rights
    return f"{rights} {_OPERATOR}"


class DenialDesk:
    """Sees every refusal before it is answered. denials: where those by policies are noted."""

    def __init__(self, denials: Denials) -> None:
        self._denials = denials

    def __call__(self, request: Request, error: StorageError) -> None:
        """Add the hint for the caller, and leave a note for the operator; never fails, never waits."""
        operation = getattr(request.scope.get("route"), "name", "")
        if type(error) is AccessDenied and error.hint is None:
            error.hint = refusal_hint(operation)
        caller: RlsContext | None = request.scope.get(CALLER)
        if caller is None or caller.can_bypass_rls or not _is_by_policy(error):
            return
        question = request.scope.get(QUESTION) or _question_of(request, operation)
        if question is not None:
            self._denials.note(caller, question, error)


def _is_by_policy(error: StorageError) -> bool:
    """Tell whether policies may be behind a refusal: what they hide is not found."""
    if isinstance(error, _NO_POLICY_DECIDED):
        return False
    return isinstance(error, AccessDenied | NoSuchKey | NoSuchBucket)


def _question_of(request: Request, operation: str) -> Question | None:
    make = _QUESTIONS.get(operation)
    return make(request) if make else None


def _about(op: str) -> Callable[[Request], Question]:
    def question(request: Request) -> Question:
        path = request.path_params
        return Question(op=op, bucket_id=path.get("bucket", ""), name=path.get("name", ""))

    return question


def _about_signed_upload(request: Request) -> Question:
    headers, path = request.headers, request.path_params
    length = headers.get("content-length", "")
    return Question(
        op="sign_upload",
        bucket_id=path["bucket"],
        name=path["name"],
        size_bytes=int(length) if length.isascii() and length.isdigit() else 0,
        mime_type=headers.get("content-type") or "application/octet-stream",
        upsert=asks_for_upsert(request),
    )


_QUESTIONS: Mapping[str, Callable[[Request], Question]] = {
    "storage.object.sign_upload_url": _about_signed_upload,
    "storage.object.get_authenticated": _about("download"),
    "object.get_authenticated_info": _about("info"),
    "storage.object.delete": _about("delete"),
    "storage.object.sign": _about("sign"),
    "storage.bucket.get": _about("bucket.get"),
    "storage.bucket.update": _about("bucket.update"),
    "storage.bucket.delete": _about("bucket.delete"),
    "storage.bucket.empty": _about("bucket.empty"),
    "storage.s3.object.get": _about("download"),
    "storage.s3.object.info": _about("download"),
    "storage.s3.object.delete": _about("delete"),
    "storage.s3.upload.part": _about("upsert"),
    "storage.s3.upload.part_copy": _about("upsert"),
    "storage.s3.upload.complete_multipart": _about("upsert"),
    "storage.s3.bucket.head": _about("bucket.get"),
    "storage.s3.bucket.get_location": _about("bucket.get"),
    "storage.s3.bucket.get_versioning": _about("bucket.get"),
    "storage.s3.bucket.delete": _about("bucket.delete"),
}
