"""Somebody at the admin UI: what a browser sends, and the cookie that it was given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import httpx

from tests.contract.client import TIMEOUT_S, TLS, Target

CSRF = {"x-aerostore-csrf": "1"}
COOKIE = "aerostore-admin"


class Browser(httpx.Client):
    """A client below /admin/ that keeps cookies, and says that its own pages ask."""

    def __init__(self, target: Target) -> None:
        root = target.url.removesuffix("/storage/v1")
        super().__init__(
            base_url=f"{root}/admin/",
            headers={**CSRF, "origin": root, "sec-fetch-site": "same-origin"},
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=TLS,
        )
        self.root = root

    def sign_in(self, token: str, **headers: str) -> httpx.Response:
        return self.post("api/session", json={"key": token}, headers=headers)

    @property
    def secret(self) -> str:
        """What its cookie holds."""
        return self.cookies.get(COOKIE) or ""

    def session(self) -> Any:
        return self.get("api/session").json()["session"]

    def location(self, answer: httpx.Response) -> str:
        """Return the URL that an answer's Location leads to."""
        return urljoin(str(answer.request.url), answer.headers["location"])


@contextmanager
def signed_in(target: Target, role: str = "service_role", **claims: Any) -> Iterator[Browser]:
    """Open a browser that has a session of this role."""
    with Browser(target) as browser:
        answer = browser.sign_in(target.token(role, **claims))
        assert answer.status_code == 200, answer.text
        yield browser


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a refusal, whose body has all that the UI shows."""
    body = answer.json()
    assert {"statusCode", "error", "message", "code", "hint", "request_id"} <= set(body)
    assert body["statusCode"] == str(answer.status_code)
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["code"]
