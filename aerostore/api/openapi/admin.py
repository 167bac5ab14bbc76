"""Operations for operators, as the description has them."""

from aerostore import errors
from aerostore.api.admin.explain import EXPLAIN_BODY
from aerostore.api.openapi.operation import Access, OperationDoc, json_answer, json_body
from aerostore.domain import JsonObject

_NOTES = {
    "op": "What is asked for. `upsert` is an upload with `x-upsert: true`, `update` one by PUT.",
    "bucket": "The bucket's id; not for `bucket.list`.",
    "name": "The object's name; for lists the folder.",
    "to": "For `copy` and `move`: the new name.",
    "to_bucket": "For `copy` and `move`: the new bucket. Default: the same.",
    "upsert": "For `copy` and `sign_upload`: whether an object may be replaced.",
    "size": "For uploads: how many bytes. Default: 0.",
    "mime": "For uploads: the Content-Type. Default: `application/octet-stream`.",
    "jwt": "The caller's token, instead of `role`, `sub` and `claims`. It is verified as usual.",
    "role": "The caller's role.",
    "sub": "The caller's user id.",
    "claims": "Further claims, as policies read them with `auth.jwt()`.",
}
_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_OBJECT_OR_NULL: JsonObject = {"type": ["object", "null"]}
_ANSWER: JsonObject = {
    "type": "object",
    "description": "Whether and why. Steps and policies hold more than is listed here: see the guide.",
    "properties": {
        "allowed": {"type": "boolean", "description": "Whether it would succeed now."},
        "http": {
            "type": "object",
            "description": "What the client would get.",
            "properties": {
                "status": {"type": "integer", "description": "The HTTP status."},
                "body": {**_OBJECT_OR_NULL, "description": "The error, without its request id."},
            },
            "required": ["status", "body"],
        },
        "caller": {**_OBJECT_OR_NULL, "description": "Role and user id; null when the token is refused."},
        "question": {"type": "object", "description": "What was asked, and its name for policies."},
        "decided_by": {
            "type": "object",
            "description": "Who decided, in which step, by which policies.",
            "properties": {
                "kind": {**_TEXT, "description": "Such as `policy`, `no policy`, `limit` or `not found`."},
                "sentence": {**_TEXT, "description": "Who decided, for people."},
                "step": {"type": ["integer", "null"], "description": "The number of the step, from 1."},
                "policies": {
                    "type": "array",
                    "items": _TEXT,
                    "description": "Names of the policies that decided.",
                },
            },
        },
        "hint": {**_TEXT_OR_NULL, "description": "The smallest change that would allow it."},
        "remark": {**_TEXT_OR_NULL, "description": "What else there is to know."},
        "steps": {
            "type": "array",
            "description": "The rights that the operation needs, and what each policy says to them.",
            "items": {"type": "object"},
        },
    },
    "required": ["allowed", "http", "caller", "question", "decided_by", "hint", "remark", "steps"],
}

ADMIN = {
    "POST /admin/explain": OperationDoc(
        id="explain",
        noun="Administration",
        summary="Explain why somebody may or may not do something",
        description="For the service role. Decides as the real operation would, and changes nothing.",
        access=Access.REQUIRED,
        body=json_body(EXPLAIN_BODY, _NOTES),
        answers=json_answer("The explanation, also when it says no.", _ANSWER),
        errors=(errors.RoleNotAllowed,),
    ),
}
"""By method and path."""
