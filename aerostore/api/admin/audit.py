"""Who did what in the admin UI, and what policies refused."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.admin.explain import asked_json
from aerostore.api.caller import Callers
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject
from aerostore.service.audit import TYPES, Audit, AuditQuery
from aerostore.service.question import Question

_QUERY = {
    "type": Field(kind="string", choices=TYPES),
    "limit": Field(kind="integer", minimum=1, maximum=200),
    "cursor": Field(kind="string"),
}


class AuditDoor:
    """Shows the audit, page by page."""

    def __init__(self, callers: Callers, audit: Audit) -> None:
        self._callers = callers
        self._audit = audit

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route("/audit", self.list, methods=["GET"], name="admin.audit.list")]

    async def list(self, request: Request) -> Response:
        """GET /audit."""
        context = await self._callers.required(request)
        page = await self._audit.list(context, AuditQuery(**read_query(request, _QUERY)))
        entries = [_entry_json(entry) for entry in page.entries]
        return json_response({"entries": entries, "cursor": page.cursor})


def _entry_json(entry: JsonObject) -> JsonObject:
    detail = dict(entry["detail"])
    question = detail.pop("question", None)
    return entry | {"detail": detail, "explain": asked_json(Question(**question)) if question else None}
