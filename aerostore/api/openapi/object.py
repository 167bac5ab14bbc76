"""Operations that write, read, copy, move and delete objects, as the description has them."""

from aerostore import errors
from aerostore.api.openapi.content import UPLOAD_BODY, UPLOAD_ERRORS, UPLOAD_HEADERS, download
from aerostore.api.openapi.operation import Access, Errors, OperationDoc, json_answer, json_body, list_answer
from aerostore.api.rest.object import COPY_BODY, DELETE_MANY_BODY, MOVE_BODY

_RECEIVING_ERRORS: Errors = (
    errors.NoSuchKey,
    errors.NoSuchRelation,
    errors.InvalidKey,
    errors.KeyAlreadyExists,
    errors.AccessDenied,
    errors.EntityTooLarge,
    errors.InvalidMimeType,
    errors.InsufficientStorage,
)
_COPY_NOTES = {"metadata": "What the copy is served with instead, when `copyMetadata` is false."}


def _info(*, id: str, summary: str, access: Access) -> OperationDoc:
    return OperationDoc(
        id=id,
        noun="Objects",
        summary=summary,
        access=access,
        answers=json_answer("What is known of the object.", "ObjectInfo"),
        errors=(errors.NoSuchBucket, errors.NoSuchKey, errors.InvalidKey),
    )


_WRITES = {
    "POST /object/{bucket}/{name}": OperationDoc(
        id="uploadObject",
        noun="Objects",
        summary="Upload an object",
        description="Refuses to replace an object unless `x-upsert` says so. Durable when it answers.",
        access=Access.REQUIRED,
        headers=("x-upsert", *UPLOAD_HEADERS),
        body=UPLOAD_BODY,
        answers=json_answer("The object was written.", "StoredObject"),
        errors=UPLOAD_ERRORS,
    ),
    "PUT /object/{bucket}/{name}": OperationDoc(
        id="replaceObject",
        noun="Objects",
        summary="Upload or replace an object",
        description="Keeps the id of an object that it replaces. Durable when it answers.",
        access=Access.REQUIRED,
        headers=UPLOAD_HEADERS,
        body=UPLOAD_BODY,
        answers=json_answer("The object was written.", "StoredObject"),
        errors=(errors.NoSuchBucket, errors.InvalidKey, errors.AccessDenied),
    ),
    "POST /object/copy": OperationDoc(
        id="copyObject",
        noun="Objects",
        summary="Copy an object",
        description="The copy belongs to the caller and has an id of its own. Bytes are shared, not copied.",
        access=Access.REQUIRED,
        headers=("x-upsert", "x-metadata"),
        body=json_body(COPY_BODY, _COPY_NOTES),
        answers=json_answer("The object was copied.", "CopiedObject"),
        errors=(*_RECEIVING_ERRORS, errors.MetadataTooLarge),
    ),
    "POST /object/move": OperationDoc(
        id="moveObject",
        noun="Objects",
        summary="Rename an object, or move it to another bucket",
        description="Keeps the object's id and never replaces another object.",
        access=Access.REQUIRED,
        body=json_body(MOVE_BODY),
        answers=json_answer("The object was moved.", "Message"),
        errors=_RECEIVING_ERRORS,
    ),
    "DELETE /object/{bucket}/{name}": OperationDoc(
        id="deleteObject",
        noun="Objects",
        summary="Delete an object",
        access=Access.REQUIRED,
        answers=json_answer("The object is gone.", "Message"),
        errors=(errors.NoSuchKey, errors.AccessDenied),
    ),
    "DELETE /object/{bucket}": OperationDoc(
        id="deleteObjects",
        noun="Objects",
        summary="Delete many objects",
        description="Names that do not exist, or that the caller may not delete, are left out of the answer.",
        access=Access.REQUIRED,
        body=json_body(DELETE_MANY_BODY),
        answers=list_answer("The objects that are gone.", "Object"),
    ),
}
_READS = {
    "GET /object/{bucket}/{name}": download(
        id="downloadObject",
        noun="Objects",
        summary="Download an object",
        access=Access.OPTIONAL_OR_LINK,
    ),
    "GET /object/authenticated/{bucket}/{name}": download(
        id="downloadAuthenticatedObject",
        noun="Objects",
        summary="Download an object as the caller",
        access=Access.REQUIRED,
    ),
    "GET /object/public/{bucket}/{name}": download(
        id="downloadPublicObject",
        noun="Objects",
        summary="Download an object of a public bucket",
        access=Access.PUBLIC,
    ),
    "GET /object/info/{bucket}/{name}": _info(
        id="getObjectInfo",
        summary="Get what is known of an object",
        access=Access.OPTIONAL,
    ),
    "GET /object/info/authenticated/{bucket}/{name}": _info(
        id="getAuthenticatedObjectInfo",
        summary="Get what is known of an object, as the caller",
        access=Access.REQUIRED,
    ),
    "GET /object/info/public/{bucket}/{name}": _info(
        id="getPublicObjectInfo",
        summary="Get what is known of an object of a public bucket",
        access=Access.PUBLIC,
    ),
}

OBJECTS = {**_WRITES, **_READS}
"""By method and path."""
