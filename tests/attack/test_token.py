"""Tokens that lie, on the wire: nothing in them chooses a key, and no reading of them makes a service key."""

from typing import Any

import httpx
import pytest

from tests.attack.forged_token import HS256, service_claims, signed
from tests.contract.client import error_of
from tests.contract.conftest import SECRET


def ask(nobody: httpx.Client, token: str) -> httpx.Response:
    return nobody.get("/bucket", headers={"authorization": f"Bearer {token}"})


def test_the_token_that_the_hostile_ones_are_made_from_is_good(nobody: httpx.Client) -> None:
    assert ask(nobody, signed(HS256, service_claims())).is_success


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "nOnE", "typ": "JWT"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "RS256"},
        {"alg": "ES256"},
        {"alg": "hs256"},
        {"alg": "HS256 "},
        {"alg": "HS256\0"},
        {"typ": "JWT"},
        {"alg": "HS256", "jku": "http://127.0.0.1:1/keys"},
        {"alg": "HS256", "x5u": "http://169.254.169.254/"},
        {"alg": "HS256", "jwk": {"kty": "oct", "k": ""}},
        {"alg": "HS256", "x5c": []},
        {"alg": "HS256", "kid": ["a"]},
        {"alg": "HS256", "kid": {"$ne": None}},
        '{"alg":"HS256","alg":"none"}',
        '{"alg":"none","alg":"HS256"}',
        '{"alg":"HS256"',
        '["HS256"]',
        "{}",
        "",
    ],
    ids=repr,
)
def test_a_header_with_rules_of_its_own_is_refused(nobody: httpx.Client, header: object) -> None:
    assert error_of(ask(nobody, signed(header, service_claims()))).status_code in {"400", "403"}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256"])
@pytest.mark.parametrize("signature", ["", "AA", "null"])
def test_a_token_without_its_signature_is_refused(
    nobody: httpx.Client, algorithm: str, signature: str
) -> None:
    message = signed({"alg": algorithm}, service_claims()).rpartition(".")[0]
    assert error_of(ask(nobody, f"{message}.{signature}")).status_code in {"400", "403"}


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../../../dev/null",
        "/dev/null",
        "../jwt_secret",
        "' UNION SELECT 'known' --",
        "key'; ATTACH DATABASE '/tmp/x' AS x; --",
        "|/bin/true",
        "http://127.0.0.1:1/key",
        "\0",
        "x" * 4000,
        "",
    ],
)
@pytest.mark.parametrize("secret", ["", "known", "\0" * 32, "AA=="])
def test_a_kid_never_names_a_file_a_row_or_an_empty_key(nobody: httpx.Client, kid: str, secret: str) -> None:
    token = signed(HS256 | {"kid": kid}, service_claims(), secret=secret)
    assert error_of(ask(nobody, token)).status_code in {"400", "403"}


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "your-super-secret-jwt-token-with-at-least-32-characters-long",
        "aerostore",
        "changeme",
        SECRET[:-1],
    ],
)
def test_no_well_known_secret_signs_tokens(nobody: httpx.Client, secret: str) -> None:
    assert error_of(ask(nobody, signed(HS256, service_claims(), secret=secret))).status_code == "403"


@pytest.mark.parametrize(
    "expiry",
    [
        '"9999999999"',
        "null",
        "true",
        "[]",
        "{}",
        "NaN",
        "Infinity",
        "-Infinity",
        "-1",
        "0",
        "-1e400",
        '"NaN"',
        "1e3",
    ],
)
def test_an_expiry_that_is_no_time_to_come_lets_nobody_in(nobody: httpx.Client, expiry: str) -> None:
    token = signed(HS256, f'{{"role":"service_role","exp":{expiry}}}')
    assert error_of(ask(nobody, token)).status_code in {"400", "403"}


@pytest.mark.parametrize("begin", ['"0"', "null", "true", "[]", "NaN", "Infinity", "9999999999", "1e400"])
def test_a_beginning_that_has_not_come_lets_nobody_in(nobody: httpx.Client, begin: str) -> None:
    token = signed(HS256, f'{{"role":"service_role","nbf":{begin}}}')
    assert error_of(ask(nobody, token)).status_code in {"400", "403"}


@pytest.mark.parametrize("expiry", ["1e400", "1" + "0" * 400, "9" * 4000])
def test_a_time_beyond_all_numbers_is_answered(nobody: httpx.Client, expiry: str) -> None:
    payload = f'{{"role":"anon","exp":{expiry}}}'
    assert ask(nobody, signed(HS256, payload)).status_code in {200, 400}


@pytest.mark.parametrize(
    "payload",
    [
        '{"role":"anon","role":"service_role"}',
        '{"role":"service_role","role":"anon"}',
        '{"ro\\u006ce":"service_role","role":"anon"}',
        '{"sub":"a","sub":"owner","role":"authenticated"}',
        '{"role":"service_role"} {}',
        '{"role":"service_role",}',
        "{'role':'service_role'}",
        '{"role":"service_role"}\0',
        '\ufeff{"role":"service_role"}',
        '["service_role"]',
        '"service_role"',
        "null",
        '{"a":' * 1000 + "1" + "}" * 1000,
    ],
    ids=range(13),
)
def test_a_payload_that_can_be_read_in_two_ways_is_refused(nobody: httpx.Client, payload: str) -> None:
    assert error_of(ask(nobody, signed(HS256, payload))).status_code in {"400", "403"}


@pytest.mark.parametrize(
    "role",
    [
        *(
            "postgres",
            "supabase_admin",
            "supabase_storage_admin",
            "SERVICE_ROLE",
            "service_role ",
            "service-role",
        ),
        *(" service_role", "service_role\0", "\uff53ervice_role", "root", "none", "", "anon, service_role"),
        *(
            "service_role; SET ROLE postgres",
            'service_role"; --',
            ["service_role"],
            {"role": "service_role"},
            True,
        ),
    ],
    ids=repr,
)
def test_a_role_that_is_not_ours_is_denied_on_the_wire(nobody: httpx.Client, role: object) -> None:
    answer = ask(nobody, signed(HS256, service_claims(role=role)))
    assert answer.status_code in {400, 403}
    assert error_of(answer).status_code == "403"


def test_a_token_longer_than_any_is_refused_unread(nobody: httpx.Client) -> None:
    token = signed(HS256, service_claims(padding="x" * 17_000))
    assert error_of(ask(nobody, token)).status_code in {"400", "403"}


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ["owner"]},
        {"sub": {"$ne": "nobody"}},
        {"sub": True},
        {"sub": 0},
        {"sub": None},
        {"sub": "owner\0"},
        {"sub": "owner\n"},
    ],
    ids=repr,
)
def test_a_subject_that_is_no_plain_text_is_refused(nobody: httpx.Client, claims: dict[str, Any]) -> None:
    answer = ask(nobody, signed(HS256, service_claims(role="authenticated", **claims)))
    assert error_of(answer).status_code in {"400", "403"}
