"""The routes below /admin: which doors there are, and where."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.routing import Route

from aerostore.api.admin.area import API_PATH
from aerostore.api.admin.audit import AuditDoor
from aerostore.api.admin.bundle import Bundle
from aerostore.api.admin.configuration import Configuration, ConfigurationDoor
from aerostore.api.admin.events import EventDoor
from aerostore.api.admin.explain import ExplainDoor
from aerostore.api.admin.folder import PrefixDoor
from aerostore.api.admin.job import JobDoor
from aerostore.api.admin.link import LinkDoor
from aerostore.api.admin.metrics import MetricsDoor
from aerostore.api.admin.page import PageDoor
from aerostore.api.admin.policy import PolicyDoor
from aerostore.api.admin.search import SearchDoor
from aerostore.api.admin.session import SessionDoor
from aerostore.api.admin.zip import ZipDoor
from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.rest.folder import FolderDoor
from aerostore.service import FileStorage
from aerostore.service.admin import Administration
from aerostore.service.explain import Explain


class Door(Protocol):
    """Something with routes, relative to /admin/api."""

    def routes(self) -> list[Route]:
        """List the routes."""
        ...


def admin_routes(
    storage: FileStorage,
    admin: Administration,
    explain: Explain,
    callers: Callers,
    authenticator: Authenticator,
    *,
    configuration: Configuration,
    healthy: Callable[[], Awaitable[bool]],
    body_timeout_s: float,
) -> list[Route]:
    """Return the routes of the admin API, and then those of the page, which takes every other path.

    healthy: whether rows can be read now.
    """
    limit = body_timeout_s
    bundle = Bundle()
    folders = FolderDoor(storage, callers, admin.audit, body_timeout_s=limit)
    doors: tuple[Door, ...] = (
        SessionDoor(callers, authenticator, admin.sessions, body_timeout_s=limit, note=admin.audit.note),
        ConfigurationDoor(callers, configuration, bundle, healthy=healthy),
        LinkDoor(callers, storage.signed_urls, public_url=configuration.public_url, body_timeout_s=limit),
        SearchDoor(storage, callers, body_timeout_s=limit),
        ZipDoor(storage.archives, callers, body_timeout_s=limit),
        PrefixDoor(folders),
        JobDoor(callers, storage.jobs, admin.maintenance, admin.audit, body_timeout_s=limit),
        PolicyDoor(callers, admin.law),
        ExplainDoor(callers, authenticator, explain, body_timeout_s=limit, path="/policies/explain"),
        EventDoor(callers, admin.feed, admin.sessions),
        MetricsDoor(callers, admin.metrics),
        AuditDoor(callers, admin.audit),
    )
    return [*(_in_api(route) for door in doors for route in door.routes()), *PageDoor(bundle).routes()]


def _in_api(route: Route) -> Route:
    return Route(
        API_PATH + route.path,
        route.endpoint,
        methods=list(route.methods or ()),
        name=route.name,
        include_in_schema=False,
    )
