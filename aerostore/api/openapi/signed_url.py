"""Operations that issue signed URLs and serve them, as the description has them."""

from aerostore import errors
from aerostore.api.openapi.content import UPLOAD_BODY, UPLOAD_ERRORS, UPLOAD_HEADERS, download
from aerostore.api.openapi.operation import Access, OperationDoc, json_answer, json_body, list_answer
from aerostore.api.rest.signed_url import SIGN_BODY, SIGN_MANY_BODY, SIGN_QUERY

_RELATIVE = "The URL in the answer is relative to the storage base and already holds its token."

LINKS = {
    "POST /object/sign/{bucket}/{name}": OperationDoc(
        id="signUrl",
        noun="Signed URLs",
        summary="Create a link to download an object",
        description=_RELATIVE,
        access=Access.REQUIRED,
        query=SIGN_QUERY,
        body=json_body(SIGN_BODY, required=False),
        answers=json_answer("The link.", "SignedUrl"),
        errors=(errors.NoSuchKey, errors.InvalidKey, errors.InvalidParameter),
    ),
    "POST /object/sign/{bucket}": OperationDoc(
        id="signUrls",
        noun="Signed URLs",
        summary="Create links to download many objects",
        description=_RELATIVE,
        access=Access.REQUIRED,
        body=json_body(SIGN_MANY_BODY),
        answers=list_answer("An answer for each path, in order.", "SignedPath"),
        errors=(errors.InvalidParameter,),
    ),
    "GET /object/sign/{bucket}/{name}": download(
        id="downloadSignedObject",
        noun="Signed URLs",
        summary="Download an object by its link",
        access=Access.LINK,
    ),
    "POST /object/upload/sign/{bucket}/{name}": OperationDoc(
        id="signUploadUrl",
        noun="Signed URLs",
        summary="Create a link to upload an object",
        description=f"{_RELATIVE} Needs the right to upload now.",
        access=Access.REQUIRED,
        headers=("x-upsert", "x-metadata"),
        answers=json_answer("The link.", "SignedUpload"),
        errors=(
            errors.NoSuchRelation,
            errors.InvalidKey,
            errors.AccessDenied,
            errors.KeyAlreadyExists,
            errors.EntityTooLarge,
            errors.MetadataTooLarge,
            errors.InvalidMimeType,
        ),
    ),
    "PUT /object/upload/sign/{bucket}/{name}": OperationDoc(
        id="uploadSignedObject",
        noun="Signed URLs",
        summary="Upload an object by its link",
        description="Whether it may replace an object was decided when the link was created.",
        access=Access.LINK,
        headers=UPLOAD_HEADERS,
        body=UPLOAD_BODY,
        answers=json_answer("The object was written.", "StoredKey"),
        errors=UPLOAD_ERRORS,
    ),
}
"""By method and path."""
