"""What the admin UI must know of this server: its version, its limits, its settings, whether it is well."""

import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.admin.bundle import Bundle
from aerostore.api.caller import Callers
from aerostore.api.rest.listing import MAX_ADMIN_PAGE
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject

# Supabase's clients send chunks of this length, and proxies that know them let it pass.
CHUNK_BYTES = 6 * 1024**2
PARALLEL_UPLOADS = 3
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is the same for as long as this process runs. settings: as they may be shown."""

    version: str
    public_url: str
    database: str
    workers: int
    started_at: str
    file_size_limit_bytes: int
    resumable_lifetime_s: int
    empty_bucket_max: int
    zip_names_max: int
    settings: Sequence[JsonObject]


class ConfigurationDoor:
    """Shows it. healthy: whether rows can be read now."""

    def __init__(
        self,
        callers: Callers,
        configuration: Configuration,
        bundle: Bundle,
        *,
        healthy: Callable[[], Awaitable[bool]],
    ) -> None:
        self._callers = callers
        self._configuration = configuration
        self._bundle = bundle
        self._healthy = healthy

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/config", self.show, methods=["GET"], name="admin.config"),
            Route("/health", self.health, methods=["GET"], name="admin.health"),
        ]

    async def health(self, request: Request) -> Response:
        """GET /health: always 200, `healthy` tells."""
        return json_response({"healthy": await self._healthy(), "ui": self._bundle.is_built()})

    async def show(self, request: Request) -> Response:
        """GET /config; what is about the server itself is for service sessions."""
        context = await self._callers.required(request)
        server = self._server_json() if context.can_bypass_rls else None
        return json_response({**self._common_json(), "server": server})

    def _common_json(self) -> JsonObject:
        known = self._configuration
        return {
            "version": known.version,
            "public_url": known.public_url or None,
            "upload": {
                "chunk_size_bytes": CHUNK_BYTES,
                "parallel": PARALLEL_UPLOADS,
                "resumable_lifetime_s": known.resumable_lifetime_s,
            },
            "limits": {
                "file_size_limit_bytes": known.file_size_limit_bytes,
                "list_page": MAX_ADMIN_PAGE,
                "empty_bucket_max": known.empty_bucket_max,
                "zip_names_max": known.zip_names_max,
            },
            "flags": {"s3": True},
        }

    def _server_json(self) -> JsonObject:
        known = self._configuration
        return {
            "python": sys.version.partition(" ")[0],
            "database": known.database,
            "workers": known.workers,
            "started_at": known.started_at,
            "libraries": _libraries(),
            "settings": known.settings,
        }


@cache
def _libraries() -> Sequence[Mapping[str, str]]:
    """Return the libraries that this program asks for, as they are installed, with their licences."""
    names = [_REQUIRED.match(each) for each in metadata.requires("aerostore") or () if "extra ==" not in each]
    return [_library(match[0]) for match in names if match is not None]


def _library(name: str) -> Mapping[str, str]:
    try:
        known = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return {"name": name, "version": "", "licence": ""}
    return {"name": name, "version": known["Version"], "licence": ", ".join(_licences(known))}


def _licences(known: metadata.PackageMetadata) -> Sequence[str]:
    """Return what a package says of its licence; older ones have no expression."""
    classified = [
        each.rpartition(" :: ")[2]
        for each in known.get_all("Classifier") or ()
        if each.startswith("License :: ")
    ]
    return known.get_all("License-Expression") or classified or known.get_all("License") or ()
