"""The S3 door: the routes of all operations, and the refusal of what is not one of them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.s3.attributes import AttributesRoutes
from aerostore.api.s3.bucket import BucketRoutes
from aerostore.api.s3.caller import S3Callers, Signed
from aerostore.api.s3.copy import CopyRoutes
from aerostore.api.s3.deletion import DeletionRoutes
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.listing import ListingRoutes
from aerostore.api.s3.multipart import MultipartRoutes
from aerostore.api.s3.object import ObjectRoutes
from aerostore.api.s3.page import bad_argument
from aerostore.api.s3.post import PostRoutes
from aerostore.api.s3.route import S3Route, subresources
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.tagging import TaggingRoutes
from aerostore.errors import NotSupported
from aerostore.service import FileStorage


class _Group(Protocol):
    def routes(self) -> list[S3Route]: ...


_GROUPS: Sequence[Callable[[S3Setup], _Group]] = (
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
        self._callers = callers
        setup = S3Setup(storage=storage, callers=callers, region=region, body_timeout_s=body_timeout_s)
        self._groups = [make(setup) for make in _GROUPS]

    def routes(self) -> list[S3Route]:
        """List the routes; no two match one request, but for the last one, which refuses the rest."""
        served = [route for group in self._groups for route in group.routes()]
        return [*served, *_refusals(self._callers)]


def _refusals(callers: S3Callers) -> list[S3Route]:
    paths = ("", "/{rest:name}")
    return [
        S3Route(
            path,
            refuse,
            caller=callers.nobody,
            method=method,
            name="storage.s3.none",
            needs=None,
            is_checked=False,
        )
        for path in paths
        for method in _METHODS
    ]


async def refuse(request: Request, _unsigned: Signed) -> Response:
    """Refuse a request for what is not implemented.

    Raises: S3Fault InvalidArgument for an upload, where there is no such operation on one; NotSupported for
    another sub-resource, S3Fault MethodNotAllowed for anything else.
    """
    asked = sorted(subresources(request.scope))
    if asked == ["uploadId"]:
        message = f"No operation on an upload is {request.method} of this resource"
        raise bad_argument("uploadId", request.query_params["uploadId"], message)
    if asked:
        raise NotSupported(f"{request.method} with '?{'&'.join(asked)}' is not implemented")
    raise S3Fault("MethodNotAllowed", "The specified method is not allowed against this resource")
