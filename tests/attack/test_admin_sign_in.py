"""Signing in to the admin UI with what is no key, again and again, and what is said and kept of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest

from tests.attack.scene import LARGE, SECRET, Scene, open_scene, token_of

ROOT = "http://storage"
OURS = {"x-aerostore-csrf": "1", "origin": ROOT, "sec-fetch-site": "same-origin"}
ALLOWED_IN_A_ROW = 10


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_scene(tmp_path_factory.mktemp("sign_in") / "data") as opened:
        yield opened


async def deliver(
    scene: Scene, method: str, path: str, headers: Mapping[str, str], **options: Any
) -> httpx.Response:
    address = options.pop("address", "203.0.113.9")
    request = httpx.Request(method, f"{ROOT}/admin/{path}", headers={**OURS, **headers}, **options)
    return await scene.send_as_is(request, address=address)


def send(scene: Scene, method: str, path: str, headers: Mapping[str, str], **options: Any) -> httpx.Response:
    return scene.runner.run(deliver(scene, method, path, headers, **options))


def sign_in(scene: Scene, token: str | None, **options: Any) -> httpx.Response:
    return send(scene, "POST", "api/session", {}, json={"key": token}, **options)


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.mark.parametrize("caller", ["forged", "expired"])
def test_a_token_that_is_refused_gives_no_session(scene: Scene, caller: str) -> None:
    answer = sign_in(scene, token_of(caller))
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("This key or token is not accepted: ")
    assert "service key" in answer.json()["hint"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", SECRET, "a.b.c", "x" * 20_000, "\u65e5\u0000"])
def test_what_is_no_token_is_refused_and_not_repeated(scene: Scene, token: str) -> None:
    answer = sign_in(scene, token)
    assert answer.status_code in {400, 403}
    assert not token or len(token) == 1 or token not in answer.text


def test_too_many_refusals_close_the_door_for_that_address_only(scene: Scene) -> None:
    for _ in range(ALLOWED_IN_A_ROW):
        assert sign_in(scene, token_of("forged")).status_code == 403
    answer = sign_in(scene, token_of("forged"))
    assert (answer.status_code, answer.json()["code"]) == (429, "SlowDown")
    assert int(answer.headers["retry-after"]) > 0
    assert sign_in(scene, token_of("forged"), address="203.0.113.10").status_code == 403


def test_nobody_keeps_those_out_who_share_an_address(scene: Scene) -> None:
    while sign_in(scene, token_of("forged")).status_code != 429:
        pass
    assert sign_in(scene, token_of("service")).status_code == 200
    assert sign_in(scene, token_of("forged")).status_code == 429


def test_what_a_proxy_header_says_opens_no_other_door(scene: Scene) -> None:
    for number in range(ALLOWED_IN_A_ROW + 1):
        headers = {"x-forwarded-for": f"198.51.100.{number}", "x-real-ip": f"198.51.100.{number}"}
        answer = send(scene, "POST", "api/session", headers, json={"key": token_of("forged")})
    assert answer.status_code == 429


def test_good_tokens_are_taken_however_often(scene: Scene) -> None:
    for _ in range(3 * ALLOWED_IN_A_ROW):
        assert sign_in(scene, token_of("owner")).status_code == 200


def test_each_attempt_is_one_line_without_secrets(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aerostore")
    tokens = [token_of(caller) or "" for caller in ("owner", "forged")]
    secret = cookie_of(sign_in(scene, tokens[0]))["cookie"].partition("=")[2]
    sign_in(scene, tokens[1])
    lines = [record for record in caplog.records if record.name == "aerostore.audit"]
    assert [record.message for record in lines] == ["session.created", "session.refused"]
    facts = [getattr(record, "facts", {}) for record in lines]
    assert (facts[0]["role"], facts[0]["sub"]) == ("authenticated", "owner")
    assert facts[1]["reason"] == "InvalidToken"
    assert {each["address"] for each in facts} == {"203.0.113.9"}
    said = str([(record.message, record.__dict__) for record in caplog.records])
    assert not [text for text in (*tokens, secret, SECRET) if text in said]


def test_the_audit_shows_who_signed_in_and_who_could_not(scene: Scene) -> None:
    admin = cookie_of(sign_in(scene, token_of("service")))
    sign_in(scene, token_of("forged"))

    async def look() -> list[str]:
        async with asyncio.timeout(10):
            while True:
                entries = (await deliver(scene, "GET", "api/audit", admin)).json()["entries"]
                if len(entries) >= 2:
                    return [each["type"] for each in entries]
                await asyncio.sleep(0.05)  # notes are written beside requests, a moment later

    assert scene.runner.run(look())[:2] == ["session.refused", "session.created"]


def test_an_upload_whose_session_is_revoked_meanwhile_stores_nothing(scene: Scene) -> None:
    bucket = scene.make_bucket()
    admin = cookie_of(sign_in(scene, token_of("service")))
    owner = cookie_of(sign_in(scene, token_of("owner")))
    session = send(scene, "GET", "api/session", owner).json()["session"]["id"]

    async def body() -> AsyncIterator[bytes]:
        yield LARGE
        assert (await deliver(scene, "DELETE", f"api/sessions/{session}", admin)).status_code == 200
        yield b"the end"

    path = f"storage/v1/object/{bucket}/a"
    assert send(scene, "POST", path, owner, content=body()).status_code == 401
    assert send(scene, "GET", f"storage/v1/object/{bucket}/a", admin).status_code == 404
