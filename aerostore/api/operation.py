"""Routes for whoever runs the server: is it up, which version, is it well, what does it measure."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import Callers
from aerostore.api.rest.wire import json_response
from aerostore.errors import RoleNotAllowed
from aerostore.telemetry import Telemetry

_LOOPBACK = {"127.0.0.1", "::1"}
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class OperationDoor:
    """Answers about the server itself. healthy: whether rows can be read now."""

    def __init__(
        self,
        callers: Callers,
        *,
        telemetry: Telemetry,
        healthy: Callable[[], Awaitable[bool]],
        version: str,
    ) -> None:
        self._callers = callers
        self._telemetry = telemetry
        self._healthy = healthy
        self._version = version

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/status", self.status, methods=["GET"], name="status"),
            Route("/version", self.version, methods=["GET"], name="version"),
            Route("/health", self.health, methods=["GET"], name="health"),
            Route("/metrics", self.metrics, methods=["GET"], name="metrics"),
        ]

    async def status(self, request: Request) -> Response:
        """GET /status: 200 as soon as the server answers."""
        return Response()

    async def version(self, request: Request) -> Response:
        """GET /version."""
        return Response(self._version, media_type="text/plain")

    async def health(self, request: Request) -> Response:
        """GET /health: always 200, `healthy` tells."""
        return json_response({"healthy": await self._healthy()})

    async def metrics(self, request: Request) -> Response:
        """GET /metrics: for the machine itself without a proxy in between, else for the service role.

        Bucket names are labels, so strangers must not read it.
        """
        if not _is_local(request) and not (await self._callers.required(request)).can_bypass_rls:
            raise RoleNotAllowed("Access denied: Invalid role", hint="Metrics are for the service role.")
        headers = {"content-type": self._telemetry.content_type, "cache-control": "no-store"}
        return Response(self._telemetry.render(), headers=headers)


def _is_local(request: Request) -> bool:
    proxied = any(name in request.headers for name in _PROXY_HEADERS)
    return not proxied and request.client is not None and request.client.host in _LOOPBACK
