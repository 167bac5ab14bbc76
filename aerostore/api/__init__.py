"""The doors: protocols on one side, the service on the other. Nothing here decides anything."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.routing import BaseRoute, Mount, Router
from starlette.types import Receive, Scope, Send

from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.operation import OperationDoor
from aerostore.api.rest.bucket import BucketDoor
from aerostore.api.rest.listing import ListingDoor
from aerostore.api.rest.object import ObjectDoor
from aerostore.api.rest.signed_url import SignedUrlDoor
from aerostore.errors import NoSuchRoute
from aerostore.service import FileStorage
from aerostore.telemetry import Telemetry

BASE_PATH = "/storage/v1"


def routes(
    storage: FileStorage,
    authenticator: Authenticator,
    *,
    telemetry: Telemetry,
    healthy: Callable[[], Awaitable[bool]],
    version: str,
    body_timeout_s: float,
) -> Sequence[BaseRoute]:
    """Return every door, mounted under /storage/v1. Fixed words come before names that could hide them."""
    callers = Callers(authenticator)
    links = SignedUrlDoor(storage, callers, body_timeout_s=body_timeout_s)
    doors = (
        links,
        ListingDoor(storage, callers, body_timeout_s=body_timeout_s),
        ObjectDoor(storage, callers, links, body_timeout_s=body_timeout_s),
        BucketDoor(storage, callers, body_timeout_s=body_timeout_s),
        OperationDoor(callers, telemetry=telemetry, healthy=healthy, version=version),
    )
    router = Router(
        [route for door in doors for route in door.routes()], redirect_slashes=False, default=no_such_route
    )
    return [Mount(BASE_PATH, app=router), Mount("", app=no_such_route)]


async def no_such_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request that no operation has the method and path of."""
    raise NoSuchRoute(f"Route {scope['method']}:{scope['path']} not found")
