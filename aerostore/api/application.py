"""The application as servers call it: the middleware around the table of routes, and nothing else."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan

from aerostore.api.route_table import RouteTable


class Application(Starlette):
    """Starlette without its own catches around every request: the gate has them, and a table the routes."""

    def __init__(
        self, routes: Sequence[Route], *, middleware: Sequence[Middleware], lifespan: Lifespan[Starlette]
    ) -> None:
        super().__init__(middleware=middleware)
        self.router = RouteTable(routes, lifespan=lifespan)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the application as it is called: the middleware around the table of routes."""
        app: ASGIApp = self.router
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app
