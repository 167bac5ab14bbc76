"""The settings that policies read: those of the request that is made, however often its caller comes."""

import json
from typing import Any

import pytest

from aerostore.domain import RlsContext
from aerostore.errors import InvalidToken
from aerostore.permissions.request_setting import request_settings


def claims_of(context: RlsContext) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request_settings(context)["request.jwt.claims"])
    return found


def test_equal_callers_with_other_claims_have_other_settings() -> None:
    for number in range(3000):  # memory is used again for the claims of others
        context = RlsContext(role="authenticated", user_id="a", claims={"number": number})
        assert claims_of(context) == {"number": number, "role": "authenticated", "sub": "a"}


def test_the_same_claims_in_another_role_or_for_another_subject_are_told_apart() -> None:
    claims = {"role": "x", "sub": "y", "team": "z"}
    for role, user_id in (("anon", "a"), ("authenticated", "a"), ("authenticated", "b"), ("anon", None)):
        subject = {"sub": user_id} if user_id else {}
        expected = {"role": role, "team": "z", **subject}
        assert claims_of(RlsContext(role=role, user_id=user_id, claims=claims)) == expected


@pytest.mark.parametrize("value", ["a\0b", "\ud800", float("inf")], ids=["NUL", "half a pair", "infinite"])
def test_claims_that_no_policy_can_read_are_refused_every_time(value: Any) -> None:
    context = RlsContext(role="anon", claims={"x": value})
    for _ in range(2):
        with pytest.raises(InvalidToken):
            request_settings(context)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/storage/v1/object/a", "/object/a"),
        ("/object/a\0b", "/object/a\N{REPLACEMENT CHARACTER}b"),
        ("/object/é", "/object/é"),
        ("/object/\ud800", "/object/?"),
    ],
)
def test_a_path_is_told_as_far_as_a_setting_can_hold_it(path: str, expected: str) -> None:
    settings = request_settings(RlsContext(role="anon", method="GET", path=path))
    assert (settings["request.method"], settings["request.path"]) == ("GET", expected)
