"""Requests as the doors see them: Starlette's, with headers that are read once and found at once."""

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

ADMIN = "aerostore.admin"
"""Set in the scope of requests below /admin, to their path there."""

_HEADERS = "aerostore.headers"
_Default = TypeVar("_Default")


class RequestHeaders(Headers):
    """The headers of one request, by name in any case. Of several with one name the first counts."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=list(raw))
        self._first = {name.decode("latin-1"): value for name, value in reversed(self.raw)}

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower()].decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first

    def getlist(self, name: str) -> list[str]:
        """List the values of the headers of that name."""
        return super().getlist(name) if name in self else []

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | _Default) -> str | _Default: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """Return the value of a header, `default` without it."""
        value = self._first.get(name.lower())
        return default if value is None else value.decode("latin-1")


def headers_of(scope: Scope) -> RequestHeaders:
    """Return the headers of a request; made once, and again when its scope has got more of them."""
    headers: RequestHeaders | None = scope.get(_HEADERS)
    if headers is None or len(headers.raw) != len(scope["headers"]):
        scope[_HEADERS] = headers = RequestHeaders(scope["headers"])
    return headers


class DoorRequest(Request):
    """A request whose headers are those of its scope, made once."""

    @property
    def headers(self) -> RequestHeaders:
        """The headers."""
        return headers_of(self.scope)
