"""The S3 door: the routes of all operations, and the refusal of what is not one of them."""

from collections.abc import Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.s3.attributes import AttributesRoutes
from aerostore.api.s3.bucket import BucketRoutes
from aerostore.api.s3.caller import S3Callers
from aerostore.api.s3.copy import CopyRoutes
from aerostore.api.s3.deletion import DeletionRoutes
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.listing import ListingRoutes
from aerostore.api.s3.multipart import MultipartRoutes
from aerostore.api.s3.object import ObjectRoutes
from aerostore.api.s3.post import PostRoutes
from aerostore.api.s3.route import S3Route, subresources
from aerostore.api.s3.tagging import TaggingRoutes
from aerostore.errors import NotSupported
from aerostore.service import FileStorage


class _Part(Protocol):
    def routes(self) -> list[S3Route]: ...


class _MakePart(Protocol):
    def __call__(
        self, storage: FileStorage, callers: S3Callers, /, *, region: str, body_timeout_s: float
    ) -> _Part: ...


_PARTS: Sequence[_MakePart] = (
    ObjectRoutes,
    CopyRoutes,
    DeletionRoutes,
    TaggingRoutes,
    AttributesRoutes,
    PostRoutes,
    BucketRoutes,
    ListingRoutes,
    MultipartRoutes,
)
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")


class S3Door:
    """Speaks S3 for `storage`. region: what buckets are said to be in."""

    def __init__(
        self, storage: FileStorage, callers: S3Callers, *, region: str, body_timeout_s: float
    ) -> None:
        self._parts = [
            make(storage, callers, region=region, body_timeout_s=body_timeout_s) for make in _PARTS
        ]

    def routes(self) -> list[S3Route]:
        """List the routes; no two match one request, but for the last one, which refuses the rest."""
        return [*(route for part in self._parts for route in part.routes()), *_refusals()]


def _refusals() -> list[S3Route]:
    paths = ("", "/{rest:name}")
    return [
        S3Route(path, refuse, method=method, name="storage.s3.none", needs=None)
        for path in paths
        for method in _METHODS
    ]


async def refuse(request: Request) -> Response:
    """Refuse a request for what is not implemented.

    Raises: NotSupported for a sub-resource, S3Fault MethodNotAllowed for anything else.
    """
    asked = sorted(subresources(request.scope))
    if asked:
        raise NotSupported(f"{request.method} with '?{'&'.join(asked)}' is not implemented")
    raise S3Fault("MethodNotAllowed", "The specified method is not allowed against this resource")
