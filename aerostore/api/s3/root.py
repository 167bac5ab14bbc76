"""The S3 protocol at the root of a port of its own: many clients cannot be given an endpoint with a path."""

from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from aerostore.api.gate import BASE_PATH
from aerostore.api.s3 import PREFIX
from aerostore.api.s3.caller import SIGNED_PATH

_BELOW = BASE_PATH + PREFIX


class AtRoot:
    """Wraps the application; only its S3 protocol can be reached, with paths like `/bucket/key`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request as if it had come to /storage/v1/s3; other scopes pass through."""
        if scope["type"] == "http":
            raw: bytes = (scope.get("raw_path") or quote(scope["path"]).encode()).partition(b"?")[0]
            scope = {
                **scope,
                "path": _BELOW + scope["path"],
                "raw_path": _BELOW.encode() + raw,
                SIGNED_PATH: raw,
            }
        await self._app(scope, receive, send)
