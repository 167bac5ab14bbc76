import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.events.signature import has_valid_signature, signature_headers, signing_key

NOW = datetime(2026, 1, 31, 9, 0, 0, 250_000, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a key for tests, 24 byte").decode()
BODY = b'{"seq":7}'
SIGNED = signature_headers(signing_key(SECRET), BODY, event_id="event-1", moment=NOW)


def is_accepted(
    headers: dict[str, str], body: bytes = BODY, secret: str = SECRET, now: datetime = NOW
) -> bool:
    return has_valid_signature(headers, body, secret=secret, now=now)


def test_signature_is_the_hmac_of_id_timestamp_and_body() -> None:
    digest = hmac.digest(b"a key for tests, 24 byte", b"event-1.1769850000." + BODY, hashlib.sha256)
    assert SIGNED["webhook-timestamp"] == "1769850000"
    assert SIGNED["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


@given(st.text(min_size=1).filter(lambda text: not text.startswith("whsec_")), st.binary())
def test_what_is_signed_verifies_with_any_secret_and_body(secret: str, body: bytes) -> None:
    headers = signature_headers(signing_key(secret), body, event_id="event-1", moment=NOW)
    assert is_accepted(headers, body, secret)
    assert not is_accepted(headers, body + b" ", secret)
    assert not is_accepted(headers, body, secret + "x")


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "event-2"},
        {"webhook-timestamp": "1769850001"},
        {"webhook-timestamp": " 1769850000"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 4000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é\ud800"},
        {"webhook-signature": SIGNED["webhook-signature"][:-1]},
        {"webhook-signature": SIGNED["webhook-signature"].replace("v1,", "v1a,")},
    ],
)
def test_tampered_headers_are_refused(change: dict[str, str]) -> None:
    assert not is_accepted(SIGNED | change)


@pytest.mark.parametrize("missing", list(SIGNED))
def test_missing_headers_are_refused(missing: str) -> None:
    assert not is_accepted({name: value for name, value in SIGNED.items() if name != missing})


def test_one_of_several_signatures_is_enough_while_secrets_rotate() -> None:
    assert is_accepted(SIGNED | {"webhook-signature": "v1,AAAA " + SIGNED["webhook-signature"]})


@pytest.mark.parametrize(("age_s", "accepted"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_replay_after_the_tolerance_is_refused(age_s: int, accepted: bool) -> None:
    assert is_accepted(SIGNED, now=NOW + timedelta(seconds=age_s)) is accepted


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_YWJj!", "whsec_YQ", "whsec_YQé"])
def test_unusable_secrets_are_refused_without_showing_them(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^The webhook secret is ") as refusal:
        signing_key(secret)
    assert "YQ" not in str(refusal.value)


def test_secret_without_prefix_is_taken_as_text() -> None:
    assert signing_key("YQ==") == b"YQ=="
    assert signing_key("whsec_YQ==") == b"a"
