"""Every request that the application has an answer to, read from its own routes."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.routing import Route

from aerostore.api.gate import BASE_PATH
from aerostore.app import create_app
from aerostore.settings import Settings


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One method and path template below /storage/v1, and the operation that it is named after."""

    path: str
    method: str
    operation: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def takes_a_name(self) -> bool:
        return "{name}" in self.path

    @property
    def takes_a_bucket(self) -> bool:
        return "{bucket}" in self.path

    def at(self, bucket: str, name: str = "") -> str:
        """Return the path of this bucket and object, both put in as they are."""
        return self.path.replace("{bucket}", bucket).replace("{name}", name)


@cache
def entries() -> tuple[Entry, ...]:
    """List the routes, without the HEAD that comes with every GET."""
    with TemporaryDirectory() as folder:
        routes = create_app(Settings(data_dir=Path(folder))).routes
    found = set()
    for route in routes:
        assert isinstance(route, Route), f"{route} is no plain route: the attacks would pass it by"
        path = re.sub(r":\w+}", "}", route.path.removeprefix(BASE_PATH))
        found |= {Entry(path, method, route.name) for method in (route.methods or set()) - {"HEAD"}}
    return tuple(sorted(found))
