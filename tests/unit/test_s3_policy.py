"""Policies of forms: what they let a form say, and what is no policy."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.policy import PostPolicy, parse_policy

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = "2026-01-31T12:00:01.000Z"
BUCKET = {"bucket": "photos"}


def encode(document: object) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def policy_of(*conditions: Any, expiration: object = LATER) -> PostPolicy:
    return parse_policy(encode({"expiration": expiration, "conditions": list(conditions)}))


def refusal(policy: PostPolicy, fields: dict[str, str], now: datetime = NOW) -> str:
    with pytest.raises(S3Fault) as refused:
        policy.check(fields, now)
    assert refused.value.code == "AccessDenied"
    return refused.value.message


def test_a_form_that_says_what_it_may_is_let_in() -> None:
    policy = policy_of(
        BUCKET,
        ["starts-with", "$key", "user/42/"],
        ["eq", "$acl", "private"],
        {"x-amz-meta-a": "1"},
        ["starts-with", "$Content-Type", ""],
    )
    fields = {"key": "user/42/a.jpg", "acl": "private", "x-amz-meta-a": "1", "content-type": "image/jpeg"}
    policy.check({**BUCKET, **fields}, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "user/43/a.jpg"},
        {"key": "User/42/a.jpg"},
        {"acl": "public-read"},
        {"acl": ""},
        {"bucket": "other"},
    ],
)
def test_a_form_that_says_something_else_is_refused(changed: dict[str, str]) -> None:
    policy = policy_of(BUCKET, ["starts-with", "$key", "user/42/"], {"acl": "private"})
    fields = {**BUCKET, "key": "user/42/a.jpg", "acl": "private"}
    policy.check(fields, NOW)
    assert "Policy Condition failed" in refusal(policy, fields | changed)


def test_a_field_that_a_condition_demands_must_be_there() -> None:
    policy = policy_of(BUCKET, ["starts-with", "$key", ""], {"x-amz-meta-a": "1"})
    assert "x-amz-meta-a" in refusal(policy, {**BUCKET, "key": "a"})


@pytest.mark.parametrize(
    "name", ["x-amz-meta-b", "acl", "success_action_redirect", "bucket", "key", "tagging"]
)
def test_every_field_needs_a_condition(name: str) -> None:
    policy = policy_of({"x-amz-meta-a": "1"})
    assert f"Extra input fields: {name}" in refusal(policy, {"x-amz-meta-a": "1", name: "value"})


def test_signature_policy_and_ignored_fields_need_none() -> None:
    policy = policy_of(BUCKET, {"key": "a"})
    extra = {"x-amz-signature": "0" * 64, "policy": "", "x-ignore-me": "1"}
    policy.check({**BUCKET, "key": "a", **extra}, NOW)


def test_names_of_operators_and_fields_are_taken_in_any_case() -> None:
    policy = policy_of({"bUcKeT": "photos"}, ["StArTs-WiTh", "$KeY", "foo"])
    policy.check({**BUCKET, "key": "foobar"}, NOW)


@pytest.mark.parametrize(("written", "meant"), [(rb"\$a", "$a"), (rb"\\$a", "\\$a"), (rb"\"$a", '"$a')])
def test_a_dollar_may_be_escaped_though_json_has_no_such_escape(written: bytes, meant: str) -> None:
    document = b'{"expiration": "%s", "conditions": [["eq", "$key", "%s"]]}' % (LATER.encode(), written)
    policy = parse_policy(base64.b64encode(document).decode())
    policy.check({"key": meant}, NOW)


def test_a_policy_ends() -> None:
    policy = policy_of(BUCKET)
    policy.check(BUCKET, NOW)
    assert "expired" in refusal(policy, BUCKET, policy.expires_at)


@pytest.mark.parametrize(
    ("size", "is_whole", "code"),
    [
        (10, True, None),
        (20, True, None),
        (9, False, None),
        (9, True, "EntityTooSmall"),
        (21, False, "EntityTooLarge"),
        (21, True, "EntityTooLarge"),
    ],
)
def test_the_range_of_lengths_is_kept(size: int, is_whole: bool, code: str | None) -> None:
    policy = policy_of(BUCKET, ["content-length-range", 10, "20"])
    if code is None:
        policy.check_size(size, is_whole=is_whole)
        return
    with pytest.raises(S3Fault) as refused:
        policy.check_size(size, is_whole=is_whole)
    assert refused.value.code == code


def test_of_several_ranges_all_are_kept() -> None:
    policy = policy_of(["content-length-range", 0, 20], ["content-length-range", 10, 100])
    assert (policy.least_bytes, policy.most_bytes) == (10, 20)


def test_without_a_range_any_length_will_do() -> None:
    policy_of(BUCKET).check_size(10**15, is_whole=True)


@pytest.mark.parametrize(
    "document",
    [
        {"conditions": [BUCKET]},
        {"EXPIRATION": LATER, "conditions": [BUCKET]},
        {"expiration": LATER},
        {"expiration": LATER, "CONDITIONS": [BUCKET]},
        {"expiration": LATER, "conditions": []},
        {"expiration": LATER, "conditions": {}},
        {"expiration": LATER, "conditions": [{}]},
        {"expiration": LATER, "conditions": [{"bucket": "a", "key": "b"}]},
        {"expiration": LATER, "conditions": [{"bucket": ["a"]}]},
        {"expiration": LATER, "conditions": [{"bucket": True}]},
        {"expiration": LATER, "conditions": [None]},
        {"expiration": LATER, "conditions": [["eq", "$key"]]},
        {"expiration": LATER, "conditions": [["eq", "key", "a"]]},
        {"expiration": LATER, "conditions": [["contains", "$key", "a"]]},
        {"expiration": LATER, "conditions": [[1, "$key", "a"]]},
        {"expiration": LATER, "conditions": [["content-length-range", 0]]},
        {"expiration": LATER, "conditions": [["content-length-range", -1, 0]]},
        {"expiration": LATER, "conditions": [["content-length-range", 0, 1.5]]},
        {"expiration": LATER, "conditions": [["content-length-range", True, 1]]},
        {"expiration": "tomorrow", "conditions": [BUCKET]},
        {"expiration": "2026-01-31T12:00:00", "conditions": [BUCKET]},
        {"expiration": "2026-13-31T12:00:00Z", "conditions": [BUCKET]},
        {"expiration": 1, "conditions": [BUCKET]},
        [],
        "text",
        None,
    ],
)
def test_what_is_no_policy_is_refused(document: object) -> None:
    with pytest.raises(S3Fault) as refused:
        parse_policy(encode(document))
    assert refused.value.code == "InvalidPolicyDocument"
    assert refused.value.status == 400


@pytest.mark.parametrize("text", ["", "%%%", "e30", base64.b64encode(b"{").decode(), "é"])
def test_what_is_no_json_in_base64_is_refused(text: str) -> None:
    with pytest.raises(S3Fault) as refused:
        parse_policy(text)
    assert refused.value.code == "InvalidPolicyDocument"
