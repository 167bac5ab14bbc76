"""Which route takes a request: the first one that matches, among those whose paths begin with its words."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from starlette.routing import Match, Route, Router
from starlette.types import Lifespan, Receive, Scope, Send

from aerostore.api.gate import BASE_PATH, route_path
from aerostore.api.request import DoorRequest
from aerostore.domain import printable
from aerostore.errors import NoSuchRoute

# How many words at the beginning of a path choose the routes that are tried.
_WORDS = 2
_Words = tuple[str, ...]


class RouteTable(Router):
    """Serves requests by routes below /storage/v1, whose endpoints take a request and return a response.

    The routes decide, as in Starlette's own search: the table only spares those that cannot match. No route
    and one for other methods only are the same to a client: NoSuchRoute. Source: Supabase Storage.
    """

    def __init__(self, routes: Sequence[Route], *, lifespan: Lifespan[Any]) -> None:
        super().__init__(routes, redirect_slashes=False, lifespan=lifespan)
        fixed = [(_fixed_words(route), route) for route in routes]
        methods = {"", *(method for route in routes for method in route.methods or ())}
        self._tried = {
            words: _by_method([route for known, route in fixed if words[: len(known)] == known], methods)
            for words in {(), *(known for known, _route in fixed)}
        }

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request by its route. Raises: NoSuchRoute."""
        if scope["type"] != "http":
            await super().app(scope, receive, send)
            return
        found = self.find(scope)
        if found is None:
            raise _no_such_route(scope)
        match, route, child = found
        scope["route"] = route
        scope.update(child)
        if match is not Match.FULL:
            raise _no_such_route(scope)
        response = await route.endpoint(DoorRequest(scope, receive, send))
        await response(scope, receive, send)

    def find(self, scope: Scope) -> tuple[Match, Route, Scope] | None:
        """Return the first route that takes a request, else the first for its path, and its part of scope."""
        other = None
        for route in self._routes_for(scope):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, route, child
            if match is Match.PARTIAL and other is None:
                other = match, route, child
        return other

    def _routes_for(self, scope: Scope) -> Sequence[Route]:
        words = _words(route_path(scope))
        while words not in self._tried:
            words = words[:-1]
        by_method = self._tried[words]
        return by_method.get(scope["method"]) or by_method[""]


def _words(path: str) -> _Words:
    # The end of a pattern also matches before a newline that ends a path.
    return tuple(path.removesuffix("\n").split("/", _WORDS + 1)[1 : _WORDS + 1])


def _fixed_words(route: Route) -> _Words:
    """Return the words that every path of a route begins with."""
    fixed, parameter, _ = route.path.removeprefix(BASE_PATH).partition("{")
    words = fixed.split("/")[1:]
    return tuple((words[:-1] if parameter else words)[:_WORDS])


def _by_method(routes: Sequence[Route], methods: Iterable[str]) -> dict[str, list[Route]]:
    """Return the routes for each method in the order to try them: those that take it first."""
    return {method: sorted(routes, key=partial(_is_for_others, method)) for method in methods}


def _is_for_others(method: str, route: Route) -> bool:
    return method not in (route.methods or ())


def _no_such_route(scope: Scope) -> NoSuchRoute:
    return NoSuchRoute(f"Route {scope['method']}:{printable(route_path(scope))} not found")
