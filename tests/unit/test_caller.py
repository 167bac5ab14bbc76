"""What a caller's context keeps of the token, and what it learns from the request."""

from dataclasses import fields, replace
from typing import Any, cast

from starlette.requests import Request

from aerostore.api.auth import Authenticator
from aerostore.api.caller import CALLER, Callers
from aerostore.domain import RlsContext

FROM_REQUEST = {"method", "path", "request_id"}


def callers() -> Callers:
    return Callers(cast(Authenticator, None))  # no token is looked at here


def request() -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "PUT",
        "path": "/files/storage/v1/bucket/b",
        "root_path": "/files",
        "headers": [],
        "aerostore.request_id": "r1",
    }
    return Request(scope)


def test_a_context_keeps_all_that_the_request_does_not_tell() -> None:
    given = RlsContext(role="authenticated")
    marks = {each.name: object() for each in fields(RlsContext) if each.name not in FROM_REQUEST}
    given = replace(given, **cast(Any, marks))
    seen = callers().seen(request(), given, has_key=False)
    assert {name: getattr(seen, name) for name in marks} == marks


def test_a_context_learns_method_path_and_id_of_its_request() -> None:
    asked = request()
    seen = callers().seen(asked, RlsContext(role="authenticated", user_id="u"))
    assert (seen.method, seen.path, seen.request_id) == ("PUT", "/bucket/b", "r1")
    assert asked.scope[CALLER] is seen
    assert asked.scope["aerostore.facts"] == {"user": "u"}
