"""docs/compat.md names every operation and the test that proves it.

A table row documents a route when its backquoted words include the route's name and its method and path
below /storage/v1 (`storage.bucket.get`, `GET /bucket/{bucket}`); a trailing slash does not count. It must
also name at least one test (`tests/contract/test_bucket_wire.py::test_...`), and each named test must exist.
"""

import re
from collections.abc import Iterable, Iterator

import pytest
from starlette.routing import BaseRoute, Mount, Route

from aerostore.api.gate import BASE_PATH
from aerostore.app import create_app
from aerostore.settings import Settings
from tests.house.page import ROOT, code_words, read_page, table_rows

PAGE = "docs/compat.md"


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Name and request of every route of the application: ('storage.bucket.list', 'GET /bucket')."""
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("compat")))
    return [
        (route.name, f"{method} {path_of(route)}")
        for route in plain_routes(app.routes)
        for method in methods_of(route)
    ]


def test_every_operation_is_documented(operations: list[tuple[str, str]]) -> None:
    rows = documented()
    missing = [
        operation for operation in operations if not any(set(operation) <= set(words) for words in rows)
    ]
    assert missing == []


def test_every_documented_operation_names_its_proof(operations: list[tuple[str, str]]) -> None:
    requests = {request for _name, request in operations}
    unproven = [words for words in documented() if requests & set(words) and not any(map(is_test, words))]
    assert unproven == []


def test_every_documented_request_exists(operations: list[tuple[str, str]]) -> None:
    requests = {request for _name, request in operations}
    claimed = {word for words in documented() for word in words if re.match(r"[A-Z]+ /", word)}
    assert sorted(claimed - requests) == []


def test_every_named_test_exists() -> None:
    named = {word for word in code_words(read_page(PAGE)) if word.startswith("tests/")}
    assert named
    assert sorted(each for each in named if not exists(each)) == []


def documented() -> list[list[str]]:
    """List the backquoted words of each table row, requests without a trailing slash."""
    return [[normal(word) for word in code_words(" ".join(row))] for row in table_rows(read_page(PAGE))]


def normal(word: str) -> str:
    return word.rstrip("/") if re.match(r"[A-Z]+ /.", word) else word


def is_test(word: str) -> bool:
    return word.startswith("tests/") and "::" in word


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / file
    if not (name and path.is_file()):
        return path.exists()
    holder, _, function = name.partition("[")[0].rpartition("::")
    text = path.read_text("utf-8").partition(f"\nclass {holder}:")[2 if holder else 0]
    return f"\n{'    ' if holder else ''}def {function}(" in text


def plain_routes(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Mount):
            yield from plain_routes(route.routes)
        elif isinstance(route, Route):
            yield route


def methods_of(route: Route) -> list[str]:
    """List the methods, without the HEAD that comes with every GET."""
    methods = set(route.methods or ())
    return sorted(methods - {"HEAD"} if "GET" in methods else methods)


def path_of(route: Route) -> str:
    """Return the path below /storage/v1 with bare parameter names: `{name:name}` is `{name}`."""
    return re.sub(r":\w+}", "}", route.path.removeprefix(BASE_PATH)).rstrip("/") or "/"
