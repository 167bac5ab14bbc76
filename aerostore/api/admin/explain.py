"""Routes for operators, with a service key: why somebody may or may not do something."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.auth import ROLES, Authenticator
from aerostore.api.caller import Callers
from aerostore.api.denial import refusal_hint
from aerostore.api.error_response import error_body, wire_error
from aerostore.api.rest.body import read_json
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject, RlsContext, has_control_character
from aerostore.errors import AccessDenied, RoleNotAllowed, SchemaViolation, StorageError
from aerostore.service.explain import Explain
from aerostore.service.explanation import Decision, Explanation, story_of
from aerostore.service.question import NAMELESS_OPS, OPS, Question

EXPLAIN_BODY = {
    "op": Field(kind="string", required=True, choices=OPS),
    "bucket": Field(kind="string"),
    "name": Field(kind="string"),
    "to": Field(kind="string"),
    "to_bucket": Field(kind="string"),
    "upsert": Field(kind="boolean"),
    "size": Field(kind="integer", minimum=0),
    "mime": Field(kind="string"),
    "jwt": Field(kind="string"),
    "role": Field(kind="string", choices=ROLES),
    "sub": Field(kind="string"),
    "claims": Field(kind="object"),
}
_MEMBERS = {
    "op": "op",
    "bucket": "bucket_id",
    "name": "name",
    "to": "to_name",
    "to_bucket": "to_bucket_id",
    "upsert": "upsert",
    "size": "size_bytes",
    "mime": "mime_type",
}
_UNKNOWN = RlsContext(role="unknown")


class ExplainDoor:
    """Parses questions of operators, asks the service, renders its answers. path: where it is."""

    def __init__(
        self,
        callers: Callers,
        authenticator: Authenticator,
        explain: Explain,
        *,
        body_timeout_s: float,
        path: str = "/admin/explain",
    ) -> None:
        self._callers = callers
        self._authenticator = authenticator
        self._explain = explain
        self._body_timeout_s = body_timeout_s
        self._path = path

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route(self._path, self.explain, methods=["POST"], name="admin.explain")]

    async def explain(self, request: Request) -> Response:
        """POST of a question."""
        if not (await self._callers.required(request)).can_bypass_rls:
            raise RoleNotAllowed(
                "Access denied: Invalid role", hint="Explaining is for the service role: use a service key."
            )
        body = await read_json(request, EXPLAIN_BODY, self._body_timeout_s)
        return json_response(await explain_json(self._explain, self._authenticator, body))


async def explain_json(
    explain: Explain, authenticator: Authenticator, asked: Mapping[str, Any], *, where: str = "body"
) -> JsonObject:
    """Return the explanation of what `asked` names, a body that fits EXPLAIN_BODY, as JSON.

    where: what messages call the body. Raises: SchemaViolation when what it holds does not fit together.
    """
    question = question_of(asked, where=where)
    if "jwt" not in asked:
        return explanation_json(await explain.explain(_context_of(asked, where), question))
    _check_alone(asked, where)
    try:
        context = await authenticator.authenticate(asked["jwt"])
    except StorageError as exc:
        if exc.retryable:
            raise
        return _refused_token(question, exc)
    return explanation_json(await explain.explain(context, question))


def question_of(asked: Mapping[str, Any], *, where: str) -> Question:
    """Return the question in a body that fits EXPLAIN_BODY. Raises: SchemaViolation when it lacks a part."""
    op = asked["op"]
    needed = [] if op == "bucket.list" else ["bucket"]
    needed += [] if op in NAMELESS_OPS else ["name"]
    needed += ["to"] if op in {"copy", "move"} else []
    for name in needed:
        if not asked.get(name):
            raise SchemaViolation(f"{where} must have required property '{name}'", hint=f"{op} is about one.")
    return Question(**{field: asked[member] for member, field in _MEMBERS.items() if asked.get(member)})


def asked_json(question: Question) -> JsonObject:
    """Return the body that asks `question`, without who asks it, and without what goes without saying."""
    usual = Question(op=question.op)
    return {"op": question.op} | {
        member: value
        for member, field in _MEMBERS.items()
        if (value := getattr(question, field)) != getattr(usual, field)
    }


def _context_of(asked: Mapping[str, Any], where: str) -> RlsContext:
    if "role" not in asked:
        raise SchemaViolation(f"{where} must have required property 'role'", hint="Or give a jwt instead.")
    role, sub = asked["role"], asked.get("sub") or None
    if sub is not None and has_control_character(sub):
        raise SchemaViolation(f"{where}/sub must be a string of printable characters")
    claims = {**asked.get("claims", {}), "role": role, **({"sub": sub} if sub else {})}
    return RlsContext(role=role, user_id=sub, claims=claims, can_bypass_rls=role == "service_role")


def _check_alone(asked: Mapping[str, Any], where: str) -> None:
    for name in ("role", "sub", "claims"):
        if name in asked:
            raise SchemaViolation(f"{where} must not have property '{name}' beside 'jwt'")


def _refused_token(question: Question, error: StorageError) -> JsonObject:
    sentence = f"The token itself is refused: {error.message}."
    explanation = Explanation(
        question=question,
        context=_UNKNOWN,
        error=error,
        decided_by=Decision(kind="token", sentence=sentence),
        hint=error.hint,
    )
    return {**explanation_json(explanation), "caller": None}


def explanation_json(explanation: Explanation) -> JsonObject:
    """Return an explanation as the API answers it: with the status and the body that the client would get."""
    operation = explanation.question.operation.name
    story = story_of(explanation)
    return {"allowed": story.pop("allowed"), "http": _http_json(explanation.error, operation), **story}


def _http_json(error: StorageError | None, operation: str) -> JsonObject:
    if error is None:
        return {"status": 200, "body": None}
    if type(error) is AccessDenied and error.hint is None:
        error.hint = refusal_hint(operation)
    body = error_body(error, "")
    del body["request_id"]  # each request has its own
    return {"status": wire_error(type(error)).http, "body": body}
