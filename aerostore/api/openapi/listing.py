"""Operations that list objects, as the description has them."""

from aerostore import errors
from aerostore.api.openapi.operation import Access, OperationDoc, json_answer, json_body, list_answer
from aerostore.api.rest.listing import FOLDER_BODY, MAX_V1_PAGE, MAX_V2_PAGE, PREFIX_BODY

_FOLDER_NOTES = {
    "prefix": "The folder; empty for the top.",
    "search": "Only names that start with this, in any case.",
    "limit": f"At most so many entries. Default: 100; more than {MAX_V1_PAGE} counts as {MAX_V1_PAGE}.",
}
_PREFIX_NOTES = {
    "prefix": "Only names that start with exactly this.",
    "limit": f"At most so many entries, objects and folders together. Default and most: {MAX_V2_PAGE}.",
}

LISTS = {
    "POST /object/list/{bucket}": OperationDoc(
        id="listFolder",
        noun="Lists",
        summary="List a folder",
        description="Names are relative to the folder. A bucket that does not exist has no entries.",
        access=Access.REQUIRED,
        body=json_body(FOLDER_BODY, _FOLDER_NOTES),
        answers=list_answer("The objects and folders.", "FolderEntry"),
    ),
    "POST /object/list-v2/{bucket}": OperationDoc(
        id="listPrefix",
        noun="Lists",
        summary="List a prefix, page by page",
        description="Names are whole. Pages follow one another by cursor, however large the bucket.",
        access=Access.REQUIRED,
        body=json_body(PREFIX_BODY, _PREFIX_NOTES),
        answers=json_answer("One page.", "PrefixPage"),
        errors=(errors.InvalidParameter,),
    ),
}
"""By method and path."""
