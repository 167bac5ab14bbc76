"""Headers that are read once answer as Starlette's do."""

from typing import cast

import pytest
from starlette.datastructures import Headers

from aerostore.api.request import DoorRequest, RequestHeaders, headers_of

RAW = [
    (b"host", b"127.0.0.1"),
    (b"x-twice", b"first"),
    (b"x-empty", b""),
    (b"x-twice", b"second"),
    (b"x-latin", b"\xe9t\xe9"),
]


@pytest.mark.parametrize("name", ["host", "Host", "X-Twice", "x-empty", "x-latin", "missing", ""])
def test_a_header_is_what_starlette_makes_of_it(name: str) -> None:
    ours, starlettes = RequestHeaders(RAW), Headers(raw=list(RAW))
    assert (name in ours) == (name in starlettes)
    assert ours.get(name) == starlettes.get(name)
    assert ours.get(name, "default") == starlettes.get(name, "default")
    assert ours.getlist(name) == starlettes.getlist(name)
    if name in starlettes:
        assert ours[name] == starlettes[name]
    else:
        with pytest.raises(KeyError):
            ours[name]


def test_headers_are_the_same_as_a_whole() -> None:
    assert RequestHeaders(RAW).items() == Headers(raw=list(RAW)).items()
    assert dict(RequestHeaders(RAW)) == dict(Headers(raw=list(RAW)))


def test_headers_are_read_once_for_all_requests_made_of_a_scope() -> None:
    scope = {"type": "http", "headers": RAW}
    assert DoorRequest(scope).headers is DoorRequest(scope).headers is headers_of(scope)


def test_headers_that_a_door_adds_to_a_scope_are_found() -> None:
    scope = {"type": "http", "headers": list(RAW)}
    request = DoorRequest(scope)
    assert "x-amz-acl" not in request.headers
    cast(list[tuple[bytes, bytes]], scope["headers"]).append((b"x-amz-acl", b"private"))
    assert request.headers["x-amz-acl"] == "private"
