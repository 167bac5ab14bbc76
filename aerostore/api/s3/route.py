"""Which operation an S3 request asks for: by its method, its path, its sub-resources and one header.

Every route says which sub-resources it needs, and has no others: what is not implemented matches no route
but the last one, which refuses it. So no request can fall through to another operation.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from copy import copy
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, compile_path
from starlette.types import Scope

import aerostore.api.address  # noqa: F401 -- registers the convertor of names
from aerostore.api.s3 import PREFIX
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.supported import check_supported
from aerostore.domain import MAX_NAME_BYTES, check_object_name

COPY_SOURCE = "x-amz-copy-source"
HOST_ID = "aerostore"

Endpoint = Callable[[Request], Awaitable[Response]]
Identify = Callable[[Request], Awaitable[Signed]]
Operation = Callable[[Request, Signed], Awaitable[Response]]

# Query parameters that choose an operation. Source: the S3 API reference, actions of buckets and objects.
SUBRESOURCES = frozenset(
    {
        "abac", "accelerate", "acl", "analytics", "annotation", "attributes", "cors", "delete",
        "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging",
        "metadataConfiguration", "metadataInventoryTable", "metadataJournalTable", "metadataTable",
        "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
        "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention",
        "select", "session", "tagging", "torrent", "uploadId", "uploads", "versioning", "versions",
        "website",
    }
)  # fmt: skip
_SUBRESOURCES = "aerostore.s3.subresources"
_COPY_SOURCE = COPY_SOURCE.encode()


class S3Route(Route):
    """One operation. needs: its sub-resources, all of them and no others; copies: it has a copy source.

    needs None: whatever it has, for a route that refuses what no other takes.
    caller: who asks; raises for who may not. acls: values of x-amz-acl that it takes besides those that
    change nothing. is_checked: false where headers of the request ask for nothing, as with a form.
    name: the operation, as policies, metrics and logs have it. No route is part of the OpenAPI document,
    which is about REST.
    """

    def __init__(
        self,
        path: str,
        operation: Operation,
        *,
        caller: Identify,
        method: str,
        name: str,
        needs: frozenset[str] | set[str] | None = frozenset(),
        copies: bool = False,
        acls: frozenset[str] = frozenset(),
        is_checked: bool = True,
    ) -> None:
        check = partial(check_supported, acls=acls) if is_checked else _check_nothing
        super().__init__(
            PREFIX + path,
            _framed(operation, caller, check),
            methods=[method],
            name=name,
            include_in_schema=False,
        )
        self.methods = {method}  # a HEAD is another operation than a GET
        self.method = method
        self.needs = None if needs is None else frozenset(needs)
        self.copies = copies

    def under(self, base: str) -> "S3Route":
        """Return the route as it is served below `base`."""
        moved = copy(self)
        moved.path = base + self.path
        moved.path_regex, moved.path_format, moved.param_convertors = compile_path(moved.path)
        return moved

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the method, the sub-resources and the copy source, then the path; a name is never empty."""
        if scope["method"] != self.method:
            return Match.NONE, {}
        if self.needs is not None and not self._is_asked_for(scope):
            return Match.NONE, {}
        match, child = super().matches(scope)
        if match is not Match.FULL or child["path_params"].get("name") == "":
            return Match.NONE, {}
        return match, child

    def _is_asked_for(self, scope: Scope) -> bool:
        if subresources(scope) != self.needs:
            return False
        return self.method != "PUT" or self.copies == _has_copy_source(scope)


def subresources(scope: MutableMapping[str, Any]) -> frozenset[str]:
    """Return the query parameters of a request that choose its operation."""
    found: frozenset[str] | None = scope.get(_SUBRESOURCES)
    if found is None:
        query = scope.get("query_string", b"").decode("latin-1")
        names = {name for name, _value in parse_qsl(query, keep_blank_values=True)} if query else set()
        scope[_SUBRESOURCES] = found = SUBRESOURCES & names
    return found


def _has_copy_source(scope: Scope) -> bool:
    return any(name == _COPY_SOURCE for name, _value in scope["headers"])


def _framed(operation: Operation, caller: Identify, check: Callable[[Request], None]) -> Endpoint:
    """Return `operation` with what every one does first and last."""

    async def answer(request: Request) -> Response:
        if "name" in request.path_params:
            _check_name(request.path_params["name"])
        signed = await caller(request)
        check(request)  # not before: a presigned URL has headers in its query, and they are taken from there
        response = await operation(request, signed)
        response.headers.update(request_id_headers(request))
        return response

    return answer


def _check_nothing(request: Request) -> None:
    """Leave it to the operation."""


def _check_name(name: str) -> None:
    """Refuse names that no object can have, whatever is asked of them. Raises: S3Fault, InvalidKey."""
    size = len(name.encode())
    if size > MAX_NAME_BYTES:
        details = {"Size": str(size), "MaxSizeAllowed": str(MAX_NAME_BYTES)}
        raise S3Fault("KeyTooLongError", "Your key is too long", details=details)
    check_object_name(name)


def request_id_headers(request: Request) -> dict[str, str]:
    """Return the headers that every answer of the S3 protocol has."""
    return {"x-amz-request-id": request.scope.get("aerostore.request_id", ""), "x-amz-id-2": HOST_ID}
