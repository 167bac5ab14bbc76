"""The description of the REST API: for programs at /openapi.json, for people at /documentation.

It is made from the routes that are served, so it cannot name one that is not. Fetches nothing from elsewhere.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from aerostore.api.openapi.document import describe
from aerostore.api.openapi.page import render
from aerostore.domain import JsonObject

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# Where the application is mounted is part of the answer; an application has one or a few such places.
_MOUNT_POINTS = 8


class DocumentationDoor:
    """Answers what the other doors offer.

    described: their routes, without base_path; its own are added. base_path: where they are served.
    """

    def __init__(self, described: Sequence[BaseRoute], *, base_path: str, version: str) -> None:
        self._described = (*described, *self.routes())
        self._base_path = base_path
        self._version = version
        self._json = _remembered(lambda base_url: orjson.dumps(self.document(base_url)))
        self._html = _remembered(lambda base_url: render(self.document(base_url)).encode())

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/openapi.json", self.json, methods=["GET"], name="openapi"),
            Route("/documentation/json", self.json, methods=["GET"], name="openapi"),
            Route("/documentation", self.page, methods=["GET"], name="documentation"),
        ]

    def document(self, base_url: str) -> JsonObject:
        """Return the OpenAPI document of the operations at `base_url`.

        Raises: ValueError when the table of operations and the routes do not match.
        """
        return describe(self._described, version=self._version, base_url=base_url)

    async def json(self, request: Request) -> Response:
        """GET /openapi.json, GET /documentation/json."""
        return Response(self._json(self._base_url(request)), media_type="application/json")

    async def page(self, request: Request) -> Response:
        """GET /documentation."""
        headers = {"content-security-policy": PAGE_POLICY, "x-content-type-options": "nosniff"}
        return Response(self._html(self._base_url(request)), headers=headers, media_type="text/html")

    def _base_url(self, request: Request) -> str:
        mounted_at: str = request.scope.get("root_path", "")
        return mounted_at + self._base_path


def _remembered(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    return lru_cache(maxsize=_MOUNT_POINTS)(make)
