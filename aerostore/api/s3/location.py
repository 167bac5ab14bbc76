"""Addresses in answers of the S3 protocol: what was asked for, as the client sees it."""

from urllib.parse import quote

from starlette.requests import Request

from aerostore.api.location import with_host
from aerostore.api.s3.caller import SIGNED_PATH


def url_of(request: Request, below: str = "") -> str:
    """Return the URL that was asked for, without its query, or of the name `below` it."""
    raw: bytes = request.scope.get(SIGNED_PATH) or request.scope.get("raw_path") or b""
    path = raw.partition(b"?")[0].decode("ascii") or quote(request.scope["path"])
    return with_host(request, f"{path.rstrip('/')}/{quote(below)}" if below else path)
