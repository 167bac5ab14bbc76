"""Operations on buckets, as the description has them."""

from aerostore import errors
from aerostore.api.openapi.operation import Access, OperationDoc, json_answer, json_body, list_answer
from aerostore.api.rest.bucket import CREATE_BODY, LIST_QUERY, UPDATE_BODY

_NOTES = {
    "name": "1 to 100 characters of ASCII letters, digits, spaces and `_ ! . * ' ( ) & $ @ = ; : + , ? -`.",
    "id": "The id in paths. Default: the name.",
}

BUCKETS = {
    "GET /bucket": OperationDoc(
        id="listBuckets",
        noun="Buckets",
        summary="List buckets",
        description="Only those that the caller may select; none is an empty array.",
        access=Access.REQUIRED,
        query=LIST_QUERY,
        answers=list_answer("The buckets.", "ListedBucket"),
    ),
    "POST /bucket": OperationDoc(
        id="createBucket",
        noun="Buckets",
        summary="Create a bucket",
        access=Access.REQUIRED,
        body=json_body(CREATE_BODY, _NOTES),
        answers=json_answer("The bucket was created.", "BucketName"),
        errors=(
            errors.InvalidBucketName,
            errors.BucketAlreadyExists,
            errors.AccessDenied,
            errors.EntityTooLarge,
            errors.InvalidMimeType,
            errors.InsufficientStorage,
        ),
    ),
    "GET /bucket/{bucket}": OperationDoc(
        id="getBucket",
        noun="Buckets",
        summary="Get a bucket",
        access=Access.REQUIRED,
        answers=json_answer("The bucket.", "Bucket"),
        errors=(errors.NoSuchBucket,),
    ),
    "PUT /bucket/{bucket}": OperationDoc(
        id="updateBucket",
        noun="Buckets",
        summary="Update a bucket",
        description="Changes what is given, at least one property. Null clears a limit.",
        access=Access.REQUIRED,
        body=json_body(UPDATE_BODY),
        answers=json_answer("The bucket was updated.", "Message"),
        errors=(
            errors.NoSuchBucket,
            errors.AccessDenied,
            errors.EntityTooLarge,
            errors.InvalidMimeType,
            errors.InsufficientStorage,
        ),
    ),
    "DELETE /bucket/{bucket}": OperationDoc(
        id="deleteBucket",
        noun="Buckets",
        summary="Delete an empty bucket",
        access=Access.REQUIRED,
        answers=json_answer("The bucket is gone.", "Message"),
        errors=(errors.NoSuchBucket, errors.BucketNotEmpty),
    ),
    "POST /bucket/{bucket}/empty": OperationDoc(
        id="emptyBucket",
        noun="Buckets",
        summary="Delete every object of a bucket",
        description="For the service role. Done when it answers, whatever the message says.",
        access=Access.REQUIRED,
        answers=json_answer("The bucket is empty.", "Message"),
        errors=(errors.NoSuchBucket, errors.BucketTooLarge, errors.AccessDenied),
    ),
}
"""By method and path."""
