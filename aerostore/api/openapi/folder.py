"""Operations on folders and jobs, as the description has them."""

from aerostore import errors
from aerostore.api.openapi.operation import Access, OperationDoc, json_answer, json_body
from aerostore.api.rest.folder import DELETE_BODY, TRANSFER_BODY
from aerostore.domain import JobState, JsonObject

_NOTES = {
    "bucket": "The bucket's id.",
    "prefix": "The folder, with `/` at the end; empty is the whole bucket, for `copy` and `delete`.",
    "to_bucket": "The bucket to go to. Default: the same.",
    "to_prefix": "The folder to go to, with `/` at the end; empty is the root of the bucket.",
    "conflict": "What happens to an object whose new name is taken. Default: `fail`.",
}
_TIME: JsonObject = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: JsonObject = {"type": ["string", "null"], "format": "date-time"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_PROPERTIES: dict[str, JsonObject] = {
    "id": {"type": "string", "description": "The id of the job."},
    "kind": {"type": "string", "description": "What it does, such as `folder.move`."},
    "state": {"type": "string", "enum": list(JobState), "description": "How far it is."},
    "is_cancelling": {"type": "boolean", "description": "Whether it was asked to stop and has not yet."},
    "created_at": {**_TIME, "description": "When it was asked for."},
    "started_at": {**_TIME_OR_NULL, "description": "When it began."},
    "updated_at": {**_TIME, "description": "When it last went on."},
    "finished_at": {**_TIME_OR_NULL, "description": "When it ended."},
    "actor": {"type": "object", "description": "Role and `sub` of whoever started it, as whom it acts."},
    "request": {"type": "object", "description": "What was asked for."},
    "done": {**_COUNT, "description": "Objects that are done."},
    "total": {"type": ["integer", "null"], "description": "Objects in all; null: not known."},
    "done_bytes": {**_COUNT, "description": "Their bytes."},
    "skipped": {**_COUNT, "description": "Objects that stayed, since their new name is taken."},
    "refused": {**_COUNT, "description": "Objects that a policy refused, which ended the job."},
    "error": {"type": ["object", "null"], "description": "Why it failed: code, message and hint."},
}
_JOB: JsonObject = {
    "type": "object",
    "description": "A job, as far as it is.",
    "properties": {
        "job": {
            "type": "object",
            "description": "What was asked for, and how far it is.",
            "properties": _PROPERTIES,
            "required": list(_PROPERTIES),
        }
    },
    "required": ["job"],
}
_ACCEPTED = {"202": json_answer("The job; for a small folder it is done.", _JOB)["200"]}
_ERRORS = (
    errors.NoSuchBucket,
    errors.NoSuchKey,
    errors.InvalidParameter,
    errors.InvalidKey,
    errors.AccessDenied,
    errors.SlowDown,
    errors.InsufficientStorage,
)
_TRANSFER_ERRORS = (
    *_ERRORS,
    errors.NoSuchRelation,
    errors.ResourceAlreadyExists,
    errors.EntityTooLarge,
    errors.InvalidMimeType,
)
_JOB_NOTE = "Up to 500 objects are done when this answers; more become a job."

FOLDERS = {
    "POST /folder/move": OperationDoc(
        id="moveFolder",
        noun="Folders",
        summary="Move or rename a folder",
        description=f"Every object is judged as if it were moved alone. {_JOB_NOTE}",
        access=Access.REQUIRED,
        body=json_body(TRANSFER_BODY, _NOTES),
        answers=_ACCEPTED,
        errors=_TRANSFER_ERRORS,
    ),
    "POST /folder/copy": OperationDoc(
        id="copyFolder",
        noun="Folders",
        summary="Copy a folder",
        description=f"No byte is copied. Every object is judged as if it were copied alone. {_JOB_NOTE}",
        access=Access.REQUIRED,
        body=json_body(TRANSFER_BODY, _NOTES),
        answers=_ACCEPTED,
        errors=_TRANSFER_ERRORS,
    ),
    "POST /folder/delete": OperationDoc(
        id="deleteFolder",
        noun="Folders",
        summary="Delete a folder",
        description=f"Of what is in it, all that the caller may select. {_JOB_NOTE}",
        access=Access.REQUIRED,
        body=json_body(DELETE_BODY, _NOTES),
        answers=_ACCEPTED,
        errors=_ERRORS,
    ),
    "GET /job/{id}": OperationDoc(
        id="getJob",
        noun="Folders",
        summary="Look at a job",
        description="For whoever started it, and the service role.",
        access=Access.REQUIRED,
        answers=json_answer("The job.", _JOB),
        errors=(errors.NotFound,),
    ),
    "DELETE /job/{id}": OperationDoc(
        id="cancelJob",
        noun="Folders",
        summary="Cancel a job",
        description="What is done stays done. A batch that is under way is done or undone as a whole.",
        access=Access.REQUIRED,
        answers=json_answer("The job, which ends soon.", _JOB),
        errors=(errors.NotFound, errors.Conflict),
    ),
}
"""By method and path."""
