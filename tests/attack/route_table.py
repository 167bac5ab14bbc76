"""Every request that the application has an answer to, read from its own routes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.routing import Route

from aerostore.api.gate import BASE_PATH
from aerostore.api.s3.route import S3Route
from aerostore.app import create_app
from aerostore.settings import Settings

_PREFIXES = {"tus": "/upload/resumable", "s3": "/s3", "admin": "/admin/api"}


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One method and path template, below /storage/v1 or /admin, and the operation that it is named after.

    extra: what else a request of the S3 protocol needs to be this one: its sub-resources, and `copy` where it
    has a source.
    """

    path: str
    method: str
    operation: str
    extra: tuple[str, ...] = ()

    def __str__(self) -> str:
        query = f"?{'&'.join(self.extra)}" if self.extra else ""
        return f"{self.method} {self.path}{query}"

    @property
    def door(self) -> str:
        """The protocol: rest, tus or s3; admin for the API of the admin UI, page for the UI itself."""
        if self.operation == "admin.ui":
            return "page"
        return next((door for door, prefix in _PREFIXES.items() if self._is_below(prefix)), "rest")

    @property
    def takes_a_name(self) -> bool:
        return "{name}" in self.path

    @property
    def takes_a_bucket(self) -> bool:
        return "{bucket}" in self.path

    def at(self, bucket: str, name: str = "") -> str:
        """Return the path of this bucket and object, both put in as they are."""
        return self.path.replace("{bucket}", bucket).replace("{name}", name)

    def _is_below(self, prefix: str) -> bool:
        return self.path == prefix or self.path.startswith(f"{prefix}/")


def entries(door: str = "rest") -> tuple[Entry, ...]:
    """List the routes of a door, without the HEAD that comes with every GET of REST."""
    return tuple(entry for entry in all_entries() if entry.door == door)


@cache
def all_entries() -> tuple[Entry, ...]:
    """List the routes of all doors."""
    with TemporaryDirectory() as folder:
        routes = create_app(Settings(data_dir=Path(folder))).routes
    found = set()
    for route in routes:
        assert isinstance(route, Route), f"{route} is no plain route: the attacks would pass it by"
        found |= set(_entries_of(route))
    return tuple(sorted(found))


def _entries_of(route: Route) -> Iterator[Entry]:
    path = re.sub(r":\w+}", "}", route.path.removeprefix(BASE_PATH))
    methods = route.methods or set()
    extra: tuple[str, ...] = ()
    if isinstance(route, S3Route):
        extra = (*sorted(route.needs or ()), *(["copy"] if route.copies else []))
    for method in methods - ({"HEAD"} if "GET" in methods else set()):
        yield Entry(path, method, route.name, extra)
