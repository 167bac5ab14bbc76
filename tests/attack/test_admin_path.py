"""No spelling of a path below /admin is a way around the session."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from tests.attack.scene import Scene, open_scene, token_of

SPELLINGS = [
    *("/admin/api/config", "/admin/api//config", "/admin//api/config", "//admin/api/config"),
    *("/admin/./api/config", "/admin/x/../api/config", "/admin/api/./config", "/admin/api/session/../config"),
    *("/%61dmin/api/config", "/admin%2Fapi%2Fconfig", "/admin/api%2Fconfig", "/admin%2fapi/config"),
    *("/admin/api/config/", "/admin/api/config%0A", "/admin/api/config%00", "/admin/api/config?x=/session"),
    *(
        "/admin/api/session%0A",
        "/admin/api/health/../config",
        "/admin/api/config;/session",
        "/ADMIN/api/config",
    ),
    *("/admin/storage/v1/bucket", "/admin/storage/v1//bucket", "/admin/storage%2Fv1%2Fbucket"),
    *("/admin%2Fstorage/v1/bucket", "/admin/storage/v1/./bucket", "/admin/storage/v1/../v1/bucket"),
    *(
        "/admin/admin/storage/v1/bucket",
        "/admin/storage/v1/storage/v1/bucket",
        "/admin/storage/v1/admin/explain",
    ),
    *(
        "/storage/v1/admin/api/config",
        "/storage/v1/admin/storage/v1/bucket",
        "/storage/v1/../admin/api/config",
    ),
    *("/admin/storage/v1/s3/", "/admin/storage/v1/metrics", "/admin/storage/v1/object/list/b%0A"),
    *("/admin/%C3%28/../api/config", "/admin/%zz/api/config", "/admin/api/config%"),
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(tmp_path_factory.mktemp("path") / "data") as opened:
        yield opened


def ask(scene: Scene, raw: str, headers: dict[str, str], root: str = "") -> tuple[int, str]:
    """Return status and Content-Type of a GET whose path is sent as it is."""
    path, _, query = raw.partition("?")
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": root,
        "path": root + unquote_to_bytes(path).decode(errors="replace"),
        "raw_path": (root + path).encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("storage", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scene.runner.run(asyncio.wait_for(scene.app(scope, receive, send), 10))
    told = dict(sent[0]["headers"])
    return sent[0]["status"], told.get(b"content-type", b"").decode()


@pytest.mark.parametrize("root", ["", "/files", "/admin"])
@pytest.mark.parametrize("raw", SPELLINGS)
def test_no_spelling_is_a_way_around_the_session(scene: Scene, raw: str, root: str) -> None:
    """A token opens nothing there either; the page, which knows nothing, is for everybody."""
    token = token_of("service") or ""
    for headers in ({}, {"authorization": f"Bearer {token}", "apikey": token}):
        status, kind = ask(scene, raw, headers, root)
        assert status >= 400 or kind.startswith("text/html"), (status, kind)


@pytest.mark.parametrize("root", ["", "/files", "/admin"])
def test_the_public_api_needs_its_token_wherever_it_is_mounted(scene: Scene, root: str) -> None:
    headers = {"authorization": f"Bearer {token_of('service')}"}
    assert ask(scene, "/storage/v1/bucket", {}, root)[0] == 400
    assert ask(scene, "/storage/v1/bucket", headers, root)[0] == 200
