"""POST /admin/explain over the wire, and what refused callers are told."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .client import (
    ROLE_DENIED,
    Target,
    comparable,
    error_of,
    invalid_request,
    object_path,
    put_object,
    unique,
)

ALICE = "31ab0000-0000-4000-8000-00000000000a"
BOB = "31ab0000-0000-4000-8000-00000000000b"


@pytest.fixture
def alice(target: Target) -> Iterator[httpx.Client]:
    with target.connect(target.token("authenticated", sub=ALICE)) as caller:
        yield caller


def explain(service: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = service.post("/admin/explain", json=asked)
    assert answer.status_code == 200, answer.text
    explained: dict[str, Any] = answer.json()
    return explained


def ask_to_copy(caller: httpx.Client, bucket: str) -> httpx.Response:
    return caller.post(
        "/object/copy", json={"bucketId": bucket, "sourceKey": "bobs", "destinationKey": "copied"}
    )


def ask_to_move(caller: httpx.Client, bucket: str) -> httpx.Response:
    return caller.post(
        "/object/move", json={"bucketId": bucket, "sourceKey": "bobs", "destinationKey": "moved"}
    )


REQUESTS: dict[str, Callable[[httpx.Client, str], httpx.Response]] = {
    "upload": lambda caller, bucket: put_object(caller, bucket, "bobs"),
    "upsert": lambda caller, bucket: put_object(caller, bucket, "bobs", headers={"x-upsert": "true"}),
    "update": lambda caller, bucket: caller.put(object_path(bucket, "bobs"), content=b"x"),
    "download": lambda caller, bucket: caller.get(object_path(bucket, "bobs", "authenticated")),
    "info": lambda caller, bucket: caller.get(object_path(bucket, "bobs", "info/authenticated")),
    "copy": ask_to_copy,
    "move": ask_to_move,
    "delete": lambda caller, bucket: caller.delete(object_path(bucket, "bobs")),
    "sign": lambda caller, bucket: caller.post(object_path(bucket, "bobs", "sign"), json={"expiresIn": 60}),
    "sign_upload": lambda caller, bucket: caller.post(object_path(bucket, "bobs", "upload/sign")),
    "bucket.create": lambda caller, bucket: caller.post("/bucket", json={"name": f"{bucket}-new"}),
    "bucket.get": lambda caller, bucket: caller.get(f"/bucket/{bucket}"),
    "bucket.update": lambda caller, bucket: caller.put(f"/bucket/{bucket}", json={"public": True}),
    "bucket.delete": lambda caller, bucket: caller.delete(f"/bucket/{bucket}"),
    "bucket.empty": lambda caller, bucket: caller.post(f"/bucket/{bucket}/empty"),
}


@pytest.mark.parametrize("op", REQUESTS)
def test_the_answer_foretold_is_the_answer_given(
    target: Target, service: httpx.Client, alice: httpx.Client, bucket: str, op: str
) -> None:
    with target.connect(target.token("authenticated", sub=BOB)) as bob:
        assert put_object(bob, bucket, "bobs").status_code == 200
    name = f"{bucket}-new" if op == "bucket.create" else bucket
    told = explain(service, op=op, bucket=name, name="bobs", to=op, role="authenticated", sub=ALICE, size=1)
    given = REQUESTS[op](alice, bucket)
    assert not told["allowed"]
    assert (told["http"]["status"], told["http"]["body"]) == comparable(given)
    assert told["hint"]


def test_what_is_allowed_is_told_and_not_done(service: httpx.Client, bucket: str) -> None:
    told = explain(service, op="upload", bucket=bucket, name="a.txt", role="service_role", size=3)
    assert (told["allowed"], told["http"]) == (True, {"status": 200, "body": None})
    assert service.get(object_path(bucket, "a.txt")).json()["code"] == "NoSuchKey"


def test_a_token_is_explained_like_the_role_and_subject_in_it(
    target: Target, service: httpx.Client, bucket: str
) -> None:
    asked = {"op": "upload", "bucket": bucket, "name": "a.txt"}
    token = target.token("authenticated", sub=ALICE)
    by_token = explain(service, **asked, jwt=token)
    by_role = explain(service, **asked, role="authenticated", sub=ALICE)
    assert by_token == by_role
    assert token not in str(by_token)


@pytest.mark.parametrize("claims", [{"exp": 1}, {"role": "wizard"}])
def test_a_token_that_is_refused_is_an_answer(
    target: Target, service: httpx.Client, bucket: str, claims: dict[str, Any]
) -> None:
    given = {"sub": ALICE} | claims
    token = target.token(given.pop("role", "authenticated"), **given)
    told = explain(service, op="upload", bucket=bucket, name="a.txt", jwt=token)
    with target.connect(token) as caller:
        assert (told["http"]["status"], told["http"]["body"]) == comparable(
            put_object(caller, bucket, "a.txt")
        )
    assert told["decided_by"]["kind"] == "token"
    assert (told["allowed"], told["caller"], told["steps"]) == (False, None, [])


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_only_the_service_role_may_ask(target: Target, role: str) -> None:
    with target.connect(target.token(role, sub=ALICE)) as caller:
        asked = {"op": "upload", "bucket": "b", "name": "n", "role": "anon"}
        assert error_of(caller.post("/admin/explain", json=asked)) == ROLE_DENIED


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"role": "anon"}, "body must have required property 'op'"),
        ({"op": "fly", "role": "anon"}, "body/op must be equal to one of the allowed values"),
        ({"op": "upload", "name": "n", "role": "anon"}, "body must have required property 'bucket'"),
        ({"op": "upload", "bucket": "b", "role": "anon"}, "body must have required property 'name'"),
        ({"op": "move", "bucket": "b", "name": "n", "role": "anon"}, "body must have required property 'to'"),
        ({"op": "upload", "bucket": "b", "name": "n"}, "body must have required property 'role'"),
        (
            {"op": "list", "bucket": "b", "role": "wizard"},
            "body/role must be equal to one of the allowed values",
        ),
        ({"op": "list", "bucket": "b", "role": "anon", "claims": 1}, "body/claims must be object"),
        (
            {"op": "list", "bucket": "b", "role": "anon", "jwt": "x"},
            "body must not have property 'role' beside 'jwt'",
        ),
        (
            {"op": "list", "bucket": "b", "role": "anon", "sub": "a\nb"},
            "body/sub must be a string of printable characters",
        ),
        ({"op": "upload", "bucket": "b", "name": "n", "role": "anon", "size": -1}, "body/size must be >= 0"),
    ],
)
def test_a_body_that_makes_no_question_is_refused(
    service: httpx.Client, body: dict[str, Any], message: str
) -> None:
    assert error_of(service.post("/admin/explain", json=body)) == invalid_request(message)


def test_a_name_of_any_length_gets_an_explanation(service: httpx.Client, bucket: str) -> None:
    told = explain(service, op="upload", bucket=bucket, name="a" * 2000, role="anon")
    assert (told["allowed"], told["decided_by"]["kind"]) == (False, "name")


def test_a_refused_write_says_what_it_takes_and_no_more(
    target: Target, service: httpx.Client, anon: httpx.Client, bucket: str
) -> None:
    put_object(service, bucket, "taken")
    taken, free = (put_object(anon, bucket, name) for name in ("taken", unique("free")))
    assert comparable(taken) == comparable(free)
    body = taken.json()
    assert body["hint"].startswith("An upload needs INSERT")
    assert body["request_id"] == taken.headers["x-request-id"]
    assert "owner_id" not in taken.text
