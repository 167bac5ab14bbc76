"""Operations about the server itself, as the description has them."""

from collections.abc import Mapping

from aerostore.api.openapi.operation import Access, OperationDoc, json_answer
from aerostore.domain import JsonObject


def _about(
    id: str, summary: str, answers: Mapping[str, JsonObject], *, access: Access = Access.PUBLIC
) -> OperationDoc:
    return OperationDoc(id=id, noun="Server", summary=summary, access=access, answers=answers, has_rows=False)


def _text_answer(description: str, media_type: str = "text/plain") -> dict[str, JsonObject]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {"200": {"description": description, "content": content}}


_DOCUMENT = json_answer("This document.", {"type": "object"})

SERVER = {
    "GET /status": _about(
        "getStatus", "See whether the server answers", {"200": {"description": "It does. No content."}}
    ),
    "GET /version": _about("getVersion", "Get the server's version", _text_answer("The version.")),
    "GET /health": _about(
        "getHealth",
        "See whether the server is well",
        json_answer("Always 200; `healthy` tells.", "Health"),
    ),
    "GET /metrics": _about(
        "getMetrics",
        "Get the metrics",
        _text_answer("Metrics in the text format of Prometheus."),
        access=Access.LOCAL,
    ),
    "GET /openapi.json": _about("getOpenApi", "Get this description, for programs", _DOCUMENT),
    "GET /documentation/json": _about(
        "getDocumentationJson", "Get this description where Supabase has it", _DOCUMENT
    ),
    "GET /documentation": _about(
        "getDocumentation", "Read this description", _text_answer("A page to read.", "text/html")
    ),
}
"""By method and path."""
