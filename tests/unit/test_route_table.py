"""The table of routes gives what trying every route in order gives, and tries few."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.routing import Match, Route
from starlette.types import Scope

from aerostore.api.route_table import RouteTable
from aerostore.app import create_app
from aerostore.settings import Settings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
ODD_WORDS = ("", "x", "x\n", "\n", "a b", "ä", "{bucket}", "storage", "v1")
QUERIES = ("", "uploads", "tagging=", "uploadId=1&partNumber=2", "acl", "token=x")
ROOTS = ("", "/files", "/files/", "/storage", "/storage/v1", "/")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> RouteTable:
    folder: Path = tmp_path_factory.mktemp("data")
    app = create_app(Settings(data_dir=folder, jwt_secret="s" * 32, signing_keys=("k" * 32,)))
    return cast(RouteTable, app.router)


def served(table: RouteTable) -> list[Route]:
    return [route for route in table.routes if isinstance(route, Route)]


def scope_of(method: str, path: str, query: str = "", root: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": root,
        "query_string": query.encode(),
        "headers": [],
    }


def one_by_one(routes: Sequence[Route], scope: Scope) -> tuple[Match, Route, Scope] | None:
    """Find a route as Starlette does, by trying them all."""
    other = None
    for route in routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return match, route, child
        if match is Match.PARTIAL and other is None:
            other = match, route, child
    return other


def requests_of_all_kinds(routes: Sequence[Route], count: int) -> Iterator[dict[str, Any]]:
    choice = random.Random(1).choice
    words = [word for route in routes for word in route.path.split("/") if "{" not in word]
    for _ in range(count):
        made = "/storage/v1" + "".join(f"/{choice((*words, *ODD_WORDS))}" for _ in range(choice(range(6))))
        known = choice(routes).path.replace("{", choice(("", "\n", "/"))).replace("}", choice(("", "/")))
        root = choice(ROOTS)
        path = choice(("", root)) + choice((made, known)) + choice(("", "", "/", "\n", "x"))
        yield scope_of(choice(METHODS), path, choice(QUERIES), root)


def test_table_finds_the_route_that_trying_them_all_finds(table: RouteTable) -> None:
    routes = served(table)
    found = []
    for scope in requests_of_all_kinds(routes, 6000):
        expected = one_by_one(routes, scope)
        assert table.find(scope) == expected, scope
        found.append(expected[0] if expected else Match.NONE)
    assert min(found.count(match) for match in Match) > 300


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [
        ("GET", "/status", 1),
        ("GET", "/object/authenticated/b/n", 1),
        ("HEAD", "/object/public/b/n", 1),
        ("POST", "/object/sign/b/n", 1),
        ("POST", "/object/b/n", 1),
        ("GET", "/s3/b/n", 20),
        ("PUT", "/s3/b/n", 20),
    ],
)
def test_few_routes_are_tried(
    table: RouteTable, monkeypatch: pytest.MonkeyPatch, method: str, path: str, most: int
) -> None:
    tried: list[Route] = []
    matches = Route.matches

    def noted(self: Route, scope: Scope) -> tuple[Match, Scope]:
        tried.append(self)
        return matches(self, scope)

    monkeypatch.setattr(Route, "matches", noted)
    assert table.find(scope_of(method, f"/storage/v1{path}")) is not None
    assert len(tried) <= most, [route.path for route in tried]
