"""The OpenAPI 3.1 document: the routes that are served, joined with the table that says what they are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from aerostore.api.openapi.catalogue import NOUNS, OPERATIONS
from aerostore.api.openapi.error import error_examples, error_responses
from aerostore.api.openapi.operation import OperationDoc
from aerostore.api.openapi.parameter import PARAMETERS, RESPONSE_HEADERS, SECURITY_SCHEMES
from aerostore.api.openapi.schema import SCHEMAS, describe_property, reference, to_schema
from aerostore.domain import JsonObject

_DESCRIPTION = """\
Object storage for Supabase's clients.

Refusals come with HTTP status 400 and the true status as text in the body, as Supabase's clients expect; \
some keep their own status. With `Prefer: strict-status` every refusal has its true one.

Every answer carries `X-Request-Id`: the request's own if it is harmless, else a new one."""


@dataclass(frozen=True, slots=True)
class _Served:
    method: str
    path: str
    name: str
    also_head: bool

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}"


def describe(
    routes: Sequence[BaseRoute],
    *,
    version: str,
    base_url: str,
    operations: Mapping[str, OperationDoc] = OPERATIONS,
) -> JsonObject:
    """Return the OpenAPI document of `routes`. base_url: what their paths follow.

    Mounted applications and routes with `include_in_schema=False` speak other protocols and are left out,
    and so is a path that differs from another only by a slash at its end.
    Raises: ValueError that names each route without an operation and each operation without a route.
    Source: OpenAPI Specification 3.1.1.
    """
    served = {each.key: each for each in _served(routes)}
    _check_complete(served.keys(), operations.keys())
    paths: dict[str, JsonObject] = {}
    for key, operation in operations.items():
        route = served[key]
        item = paths.setdefault(route.path, {"parameters": _path_parameters(route.path)})
        item[route.method.lower()] = described = _operation(operation, route.name)
        if route.also_head:
            item["head"] = _as_head(described)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "aerostore",
            "version": version,
            "summary": "Supabase-compatible object storage",
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": noun, "description": meaning} for noun, meaning in NOUNS.items()],
        "paths": paths,
        "components": _components(operations.values()),
    }


def _served(routes: Sequence[BaseRoute]) -> Iterator[_Served]:
    listed = [route for route in routes if isinstance(route, Route) and route.include_in_schema]
    paths = {(route.path_format, route.name) for route in listed}
    for route in listed:
        if route.path_format.endswith("/") and (route.path_format[:-1], route.name) in paths:
            continue
        methods = set(route.methods or ())
        also_head = methods >= {"GET", "HEAD"}
        for method in sorted(methods - {"HEAD"} if also_head else methods):
            yield _Served(method, route.path_format, route.name, also_head)


def _check_complete(served: Iterable[str], described: Iterable[str]) -> None:
    served, described = set(served), set(described)
    if served == described:
        return
    raise ValueError(
        f"routes without an operation: {sorted(served - described)}; "
        f"operations without a route: {sorted(described - served)}"
    )


def _path_parameters(path: str) -> list[JsonObject]:
    names = [name for name in ("bucket", "name", "id") if f"{{{name}}}" in path]
    return [reference("parameters", name) for name in (*names, "Prefer")]


def _operation(operation: OperationDoc, name: str) -> JsonObject:
    described: JsonObject = {
        "operationId": operation.id,
        "tags": [operation.noun],
        "summary": operation.summary,
        "description": f"{operation.description} {operation.access.value.sentence}".strip(),
        "x-operation": name,
        "security": operation.access.value.security,
    }
    parameters = [reference("parameters", header) for header in operation.headers]
    parameters += [
        {"name": name, "in": "query", **_query_schema(name, operation)} for name in operation.query
    ]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        body = operation.body
        described["requestBody"] = {"required": body.required, "content": dict(body.content)}
    described["responses"] = {**_answers(operation), **error_responses(operation.all_errors)}
    return described


def _query_schema(name: str, operation: OperationDoc) -> JsonObject:
    field = operation.query[name]
    schema = describe_property(name, to_schema(field), {})
    return {"required": field.required, "description": schema.pop("description", ""), "schema": schema}


def _answers(operation: OperationDoc) -> dict[str, JsonObject]:
    return {
        status: {**answer, "headers": {**answer.get("headers", {}), **_REQUEST_ID}}
        for status, answer in operation.answers.items()
    }


_REQUEST_ID = {"X-Request-Id": reference("headers", "X-Request-Id")}


def _as_head(described: JsonObject) -> JsonObject:
    """Return the HEAD twin of a GET: the same headers, no content and no ranges (RFC 9110 section 9.3.2)."""
    name = described["operationId"]
    return {
        **described,
        "operationId": f"head{name[0].upper()}{name[1:]}",
        "summary": f"{described['summary']}: headers only",
        "responses": {
            status: {part: answer[part] for part in ("description", "headers")}
            for status, answer in described["responses"].items()
            if status != "206"
        },
    }


def _components(operations: Iterable[OperationDoc]) -> JsonObject:
    kinds = {kind for operation in operations for kind in operation.all_errors}
    return {
        "schemas": SCHEMAS,
        "parameters": PARAMETERS,
        "headers": RESPONSE_HEADERS,
        "securitySchemes": SECURITY_SCHEMES,
        "examples": error_examples(kinds),
    }
