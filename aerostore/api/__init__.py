"""The doors: protocols on one side, the service on the other. Nothing here decides anything."""

from collections.abc import Awaitable, Callable

from starlette.routing import Route

from aerostore.api.admin.explain import ExplainDoor
from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.gate import BASE_PATH
from aerostore.api.openapi import DocumentationDoor
from aerostore.api.operation import OperationDoor
from aerostore.api.rest.bucket import BucketDoor
from aerostore.api.rest.folder import FolderDoor
from aerostore.api.rest.listing import ListingDoor
from aerostore.api.rest.object import ObjectDoor
from aerostore.api.rest.signed_url import SignedUrlDoor
from aerostore.api.s3.caller import S3Callers
from aerostore.api.s3.door import S3Door
from aerostore.api.tus.door import TusDoor
from aerostore.service import FileStorage
from aerostore.service.audit import Audit
from aerostore.service.explain import Explain
from aerostore.telemetry import Telemetry


def routes(
    storage: FileStorage,
    callers: Callers,
    authenticator: Authenticator,
    explain: Explain,
    audit: Audit,
    *,
    telemetry: Telemetry,
    healthy: Callable[[], Awaitable[bool]],
    version: str,
    body_timeout_s: float,
    public_url: str,
    s3_callers: S3Callers,
    s3_region: str,
) -> list[Route]:
    """Return every door's routes, under /storage/v1. Fixed words come before names that could hide them."""
    links = SignedUrlDoor(storage, callers, body_timeout_s=body_timeout_s)
    doors = (
        links,
        ListingDoor(storage, callers, body_timeout_s=body_timeout_s),
        ObjectDoor(storage, callers, links, body_timeout_s=body_timeout_s),
        BucketDoor(storage, callers, body_timeout_s=body_timeout_s),
        FolderDoor(storage, callers, audit, body_timeout_s=body_timeout_s),
        TusDoor(storage, callers, public_url=public_url, body_timeout_s=body_timeout_s),
        ExplainDoor(callers, authenticator, explain, body_timeout_s=body_timeout_s),
        OperationDoor(callers, telemetry=telemetry, healthy=healthy, version=version),
    )
    served = [route for door in doors for route in door.routes()]
    served += DocumentationDoor(served, base_path=BASE_PATH, version=version).routes()
    s3 = S3Door(storage, s3_callers, region=s3_region, body_timeout_s=body_timeout_s)
    # One flat table: a Mount would not match names that hold a newline, which deserve a better answer.
    return [
        *(_under_base(route) for route in served),
        *(route.under(BASE_PATH) for route in s3.routes()),
    ]


def _under_base(route: Route) -> Route:
    return Route(
        BASE_PATH + route.path,
        route.endpoint,
        methods=list(route.methods or ()),
        name=route.name,
        include_in_schema=route.include_in_schema,
    )
