"""What policies refuse at the S3 door is explained to whoever runs the server, in the words of that door."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.client import Target, unique
from tests.contract.conftest import serve
from tests.contract.test_command_line import aerostore
from tests.crash.server import wait_until

from .conftest import ANON_KEY, KEYS
from .door import Door, path_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("denied")


@pytest.fixture(scope="module")
def own_server(folder: Path) -> Iterator[Target]:
    yield from serve(folder, **KEYS)


def stories(folder: Path, request_id: str) -> list[dict[str, Any]]:
    told = aerostore("explain", "--request", request_id, "--json", data_dir=folder / "data")
    found: list[dict[str, Any]] = json.loads(told.stdout) if told.stdout else []
    return found


@pytest.mark.parametrize(
    ("method", "headers", "operation", "code"),
    [
        ("GET", {}, "storage.s3.object.get", "NoSuchKey"),
        ("PUT", {}, "storage.s3.upload", "AccessDenied"),
        ("PUT", {"x-amz-copy-source": "photos/other"}, "storage.s3.object.copy", "NoSuchKey"),
    ],
)
def test_refusal_is_explained_as_the_operation_that_it_was(
    own_server: Target, folder: Path, method: str, headers: dict[str, str], operation: str, code: str
) -> None:
    service = Door(target=own_server)
    service.send("PUT", "/photos")
    for name in ("mine", "other"):
        assert service.send("PUT", path_of("photos", name), body=b"content").status == 200
    token = own_server.token("authenticated", sub="somebody")
    caller = Door(target=own_server, access_key_id="project", secret_access_key=ANON_KEY, session_token=token)
    request_id = unique("denied")
    body = b"theirs" if method == "PUT" and not headers else b""
    path = path_of("photos", "mine")
    answer = caller.send(method, path, headers={"x-request-id": request_id} | headers, body=body)
    assert answer.code == code
    wait_until(lambda: bool(stories(folder, request_id)), "the denial is kept")
    [found] = stories(folder, request_id)
    assert (found["operation"], found["name"]) == (operation, "other" if headers else "mine")
    assert found["story"]["question"]["operation"] == operation
    assert not found["story"]["allowed"]
