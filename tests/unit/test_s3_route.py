"""Which S3 route takes which request: one at most, and never one that was not asked for."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from aerostore.api.s3.caller import Signed
from aerostore.api.s3.route import SUBRESOURCES, S3Route
from aerostore.app import create_app
from aerostore.errors import NotSupported
from aerostore.settings import Settings

REFUSED = "storage.s3.none"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    folder: Path = tmp_path_factory.mktemp("data")
    return create_app(Settings(data_dir=folder, jwt_secret="s" * 32, signing_keys=("k" * 32,)))


@pytest.fixture(scope="module")
def served(app: Starlette) -> list[S3Route]:
    return [route for route in app.routes if isinstance(route, S3Route)]


def scope(method: str, path: str, query: str = "", *, root: str = "", **headers: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": f"{root}/storage/v1{path}",
        "root_path": root,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }


def taken_by(app: Starlette, asked: Scope) -> list[str]:
    """List the operations whose routes match a request, in the order in which they are tried."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    return [route.name for route in routes if route.matches(asked)[0] is Match.FULL]


def test_no_two_routes_want_the_same(served: list[S3Route]) -> None:
    wanted = Counter(
        (route.method, route.path, route.needs, route.copies) for route in served if route.needs is not None
    )
    assert [each for each, count in wanted.items() if count > 1] == []


def test_every_sub_resource_that_a_route_needs_is_known(served: list[S3Route]) -> None:
    assert {each for route in served for each in route.needs or ()} <= SUBRESOURCES


@pytest.mark.parametrize(
    ("asked", "operation"),
    [
        (scope("GET", "/s3"), "storage.s3.bucket.list"),
        (scope("GET", "/s3/"), "storage.s3.bucket.list"),
        (scope("GET", "/s3/b"), "storage.s3.object.list"),
        (scope("GET", "/s3/b/"), "storage.s3.object.list"),
        (scope("GET", "/s3/b//"), "storage.s3.object.get"),
        (scope("GET", "/s3/b/a"), "storage.s3.object.get"),
        (scope("GET", "/s3/b/a/b\nc"), "storage.s3.object.get"),
        (scope("GET", "/s3/b/a", root="/mounted"), "storage.s3.object.get"),
        (scope("GET", "/s3/b/a", "versionId=null&x-id=GetObject"), "storage.s3.object.get"),
        (scope("HEAD", "/s3/b/a"), "storage.s3.object.info"),
        (scope("GET", "/s3/b/a", "attributes"), "storage.s3.object.info"),
        (scope("GET", "/s3/b/a", "tagging="), "storage.s3.object.get_tagging"),
        (scope("GET", "/s3/b/a", "%74agging"), "storage.s3.object.get_tagging"),
        (scope("PUT", "/s3/b/a"), "storage.s3.upload"),
        (scope("PUT", "/s3/b/a", x_amz_copy_source="b/c"), "storage.s3.object.copy"),
        (scope("PUT", "/s3/b/a", x_amz_copy_source=""), "storage.s3.object.copy"),
        (scope("GET", "/s3/b/a", x_amz_copy_source="b/c"), "storage.s3.object.get"),
        (scope("DELETE", "/s3/b/a"), "storage.s3.object.delete"),
        (scope("POST", "/s3/b", "delete"), "storage.s3.object.delete_many"),
        (scope("POST", "/s3/b/", "delete"), "storage.s3.object.delete_many"),
        (scope("PUT", "/s3/b/a", "uploadId=1&partNumber=1"), "storage.s3.upload.part"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['path']}?{value['query_string']}",
)
def test_request_is_taken_by_its_operation_alone(
    app: Starlette, asked: dict[str, Any], operation: str
) -> None:
    assert taken_by(app, asked) == [operation, REFUSED]


@pytest.mark.parametrize(
    "asked",
    [
        scope("GET", "/s3/b/a", "acl"),
        scope("GET", "/s3/b/a", "tagging&acl"),
        scope("GET", "/s3/b/a", "tagging&uploadId=1"),
        scope("PUT", "/s3/b/a", "tagging", x_amz_copy_source="b/c"),
        scope("PUT", "/s3/b", x_amz_copy_source="b/c"),
        scope("POST", "/s3/b/a", "delete"),
        scope("PATCH", "/s3/b/a"),
        scope("DELETE", "/s3"),
    ],
    ids=lambda value: f"{value['method']} {value['path']}?{value['query_string']}",
)
def test_request_that_is_no_operation_is_refused(app: Starlette, asked: dict[str, Any]) -> None:
    assert taken_by(app, asked) == [REFUSED]


def test_what_is_not_done_is_refused_before_the_operation_knows() -> None:
    begun: list[str] = []

    async def caller(request: Request) -> Signed:
        begun.append("caller")
        return cast(Signed, None)  # whoever it is

    async def operation(request: Request, signed: Signed) -> Response:
        begun.append("operation")
        return Response()

    route = S3Route("/{bucket}", operation, caller=caller, method="PUT", name="any", acls=frozenset({"mine"}))
    for headers in ({"x_amz_server_side_encryption": "AES256"}, {"x_amz_acl": "other"}):
        with pytest.raises(NotSupported):
            asyncio.run(route.endpoint(Request(scope("PUT", "/s3/b", **headers))))
    assert begun == ["caller", "caller"]
    asyncio.run(route.endpoint(Request(scope("PUT", "/s3/b", x_amz_acl="mine"))))
    assert begun == ["caller", "caller", "caller", "operation"]


@pytest.mark.parametrize("path", ["/s3x", "/s3x/b", "/S3/b", "/object/s3/b", "/status"])
def test_other_doors_are_not_the_s3_door(app: Starlette, path: str) -> None:
    assert REFUSED not in taken_by(app, scope("GET", path))
