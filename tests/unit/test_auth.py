"""Credentials and tokens with configured keys; keys behind a URL are in `test_jwks`."""

import asyncio
import base64
import functools
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from aerostore.api import auth
from aerostore.api.auth import Authenticator, credentials, mint_token
from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, ExpiredToken, InvalidToken, StorageError

SECRET = "correct horse battery staple, twice over"
NOW = 1_800_000_000
ALG_REFUSED = '"alg" (Algorithm) Header Parameter value not allowed'
MALFORMED = "Invalid Compact JWS"
FORGED = "signature verification failed"
HS256 = {"alg": "HS256", "typ": "JWT"}

EC_KEY = generate_private_key(SECP256R1())
P384_KEY = generate_private_key(SECP384R1())
ED_KEY = Ed25519PrivateKey.generate()
OCT_SECRET = b"an oct secret of forty bytes, or nearly."


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@functools.cache
def rsa_key() -> RSAPrivateKey:
    return generate_rsa_key(public_exponent=65537, key_size=2048)


def rsa_pem() -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw_json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def token_of(header: object, payload: object, secret: bytes = SECRET.encode(), digest: str = "sha256") -> str:
    message = f"{b64(raw_json(header))}.{b64(raw_json(payload))}"
    return f"{message}.{b64(hmac.new(secret, message.encode(), digest).digest())}"


def asymmetric_token(key: Any, algorithm: str, kid: str | None) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode({"role": "authenticated", "sub": "u1"}, key, algorithm=algorithm, headers=headers)


def key_set() -> dict[str, Any]:
    rsa = RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True)
    ec = ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)
    ed = OKPAlgorithm.to_jwk(ED_KEY.public_key(), as_dict=True)
    oct_key = {"kty": "oct", "k": b64(OCT_SECRET), "alg": "HS256", "kid": "oct-1"}
    return {
        "keys": [
            rsa | {"kid": "rsa-1", "use": "sig"},
            ec | {"kid": "ec-1", "alg": "ES256"},
            ed | {"kid": "ed-1"},
            oct_key,
        ]
    }


def new_authenticator(
    *, jwks: Mapping[str, Any] | None = None, now: Callable[[], float] = lambda: NOW
) -> Authenticator:
    return Authenticator(secret=SECRET, jwks=jwks, now=now)


def authenticate(token: str, authenticator: Authenticator | None = None) -> RlsContext:
    return asyncio.run((authenticator or new_authenticator()).authenticate(token))


def claims_token(payload: object) -> str:
    return token_of(HS256, payload)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"authorization": "Bearer a.b.c"}, "a.b.c"),
        ({"authorization": "bEaReR a.b.c"}, "a.b.c"),
        ({"authorization": "Bearer   a.b.c"}, "a.b.c"),
        ({"authorization": "a.b.c"}, "a.b.c"),
        ({"authorization": "Bearer a.b.c", "apikey": "d.e.f"}, "a.b.c"),
        ({"apikey": "d.e.f"}, "d.e.f"),
        ({"authorization": "", "apikey": "d.e.f"}, ""),
        ({"authorization": "Bearera.b.c"}, "Bearera.b.c"),
        ({}, None),
    ],
)
def test_credentials_come_from_authorization_and_then_apikey(
    headers: dict[str, str], token: str | None
) -> None:
    assert credentials(headers) == token


def test_token_becomes_context_with_role_user_and_all_claims() -> None:
    token = mint_token(SECRET, role="authenticated", subject="u1", expires_in_s=60, now=lambda: NOW, team="a")
    context = authenticate(token)
    assert (context.role, context.user_id, context.can_bypass_rls) == ("authenticated", "u1", False)
    assert context.claims == {
        "role": "authenticated",
        "sub": "u1",
        "iat": NOW,
        "exp": NOW + 60,
        "team": "a",
    }


def test_minted_token_is_what_other_jwt_libraries_read() -> None:
    token = mint_token(SECRET, role="anon", expires_in_s=None, now=lambda: 1_700_000_000.9)
    assert jwt.decode(token, SECRET, algorithms=["HS256"]) == {"role": "anon", "iat": 1_700_000_000}


def test_service_role_bypasses_policies() -> None:
    assert authenticate(claims_token({"role": "service_role"})).can_bypass_rls


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": "", "aud": "x", "iss": "y", "iat": NOW + 9999}])
def test_missing_role_is_anon_and_empty_subject_is_none(claims: dict[str, Any]) -> None:
    context = authenticate(claims_token(claims))
    assert (context.role, context.user_id) == ("anon", None)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [
        (rsa_key, "RS256", "rsa-1"),
        (rsa_key, "RS512", "rsa-1"),
        (lambda: EC_KEY, "ES256", "ec-1"),
        (lambda: ED_KEY, "EdDSA", "ed-1"),
        (lambda: OCT_SECRET, "HS256", "oct-1"),
        (lambda: SECRET, "HS256", None),
        (lambda: SECRET, "HS256", "no such key: the static secret"),
    ],
)
def test_token_is_verified_with_the_key_its_header_names(
    key: Callable[[], Any], algorithm: str, kid: str | None
) -> None:
    token = asymmetric_token(key(), algorithm, kid)
    assert authenticate(token, new_authenticator(jwks=key_set())).user_id == "u1"


def test_key_without_kid_verifies_only_tokens_without_kid() -> None:
    jwks = {"keys": [ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True)]}
    authenticator = new_authenticator(jwks=jwks)
    assert authenticate(asymmetric_token(EC_KEY, "ES256", None), authenticator).user_id == "u1"
    with pytest.raises(InvalidToken, match=FORGED):
        authenticate(asymmetric_token(EC_KEY, "ES256", "ec-1"), authenticator)


def test_private_key_in_the_key_set_verifies_like_its_public_half() -> None:
    jwks = {"keys": [RSAAlgorithm.to_jwk(rsa_key(), as_dict=True) | {"key_ops": ["sign", "verify"]}]}
    token = asymmetric_token(rsa_key(), "RS384", None)
    assert authenticate(token, new_authenticator(jwks=jwks)).user_id == "u1"


GOOD = {"role": "authenticated", "sub": "u1"}
GOOD_TOKEN = token_of(HS256, GOOD)
HEAD, BODY, SIGNATURE = GOOD_TOKEN.split(".")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SAME_BITS = SIGNATURE[:-1] + ALPHABET[ALPHABET.index(SIGNATURE[-1]) + 1]

MALFORMED_TOKENS = {
    "empty": "",
    "word": "sb_secret_0123456789abcdef",
    "two segments": f"{HEAD}.{BODY}",
    "four segments": f"{GOOD_TOKEN}.x",
    "trailing dot": f"{GOOD_TOKEN}.",
    "leading dot": f".{GOOD_TOKEN}",
    "empty header": f".{BODY}.{SIGNATURE}",
    "empty payload": f"{HEAD}..{SIGNATURE}",
    "leading space": f" {GOOD_TOKEN}",
    "trailing newline": f"{GOOD_TOKEN}\n",
    "space inside": f"{HEAD}. {BODY}.{SIGNATURE}",
    "padding": f"{HEAD}=.{BODY}.{SIGNATURE}=",
    "plain base64 alphabet": f"{HEAD}.{BODY}.+/{SIGNATURE[2:]}",
    "unicode digits": f"{HEAD}.{BODY}.\N{FULLWIDTH DIGIT ONE}{SIGNATURE[1:]}",
    "surrogate": f"{HEAD}.{BODY}.\udc80",
    "NUL": f"{HEAD}.{BODY}\x00.{SIGNATURE}",
    "impossible length": f"{HEAD}.{BODY}.A",
    "meaningless last bits": f"{HEAD}.{BODY}.{SAME_BITS}",
    "too long": token_of(HS256, GOOD | {"note": "x" * 16_384}),
    "header not JSON": token_of(b"alg: HS256", GOOD),
    "header not an object": token_of(["HS256"], GOOD),
    "header not UTF-8": token_of(b'{"alg":"HS256","x":"\xff"}', GOOD),
    "header twice alg": token_of(b'{"alg":"HS256","alg":"none"}', GOOD),
    "header nested": token_of(b'{"alg":"HS256","x":' + b"[" * 5000 + b"]" * 5000 + b"}", GOOD),
    "kid a number": token_of(HS256 | {"kid": 1}, GOOD),
    "kid an object": token_of(HS256 | {"kid": {"$ne": ""}}, GOOD),
    "payload a list": claims_token([GOOD]),
    "payload a string": claims_token("service_role"),
    "payload null": claims_token(None),
    "payload not JSON": claims_token(b"role=service_role"),
    "payload not UTF-8": claims_token(b'{"sub":"\xc3\x28"}'),
    "payload with byte order mark": claims_token(b'\xef\xbb\xbf{"sub":"u1"}'),
    "payload in UTF-16": claims_token('{"sub":"u1"}'.encode("utf-16")),
    "claim twice": claims_token(b'{"role":"anon","role":"service_role"}'),
    "claim twice, one escaped": claims_token(b'{"role":"anon","r\\u006fle":"service_role"}'),
    "nested claim twice": claims_token(b'{"app":{"a":1,"a":2}}'),
    "payload nested beyond the stack": claims_token(b'{"x":' + b"[" * 6000 + b"]" * 6000 + b"}"),
    "payload nested beyond what can be written": claims_token(b'{"x":' + b"[" * 400 + b"]" * 400 + b"}"),
    "NaN": claims_token(b'{"exp":NaN}'),
    "infinity": claims_token(b'{"exp":Infinity}'),
    "infinity in digits": claims_token(b'{"exp":1e999}'),
    "integer of 5,000 digits": claims_token(b'{"exp":' + b"9" * 5000 + b"}"),
    "lone surrogate": claims_token(b'{"sub":"\\ud800"}'),
}
ALG_TOKENS = {
    "none": b64(b'{"alg":"none"}') + f".{BODY}.",
    "none signed": token_of({"alg": "none"}, GOOD),
    "None": token_of({"alg": "None"}, GOOD),
    "nOnE": b64(b'{"alg":"nOnE"}') + f".{BODY}.",
    "hs256": token_of({"alg": "hs256"}, GOOD),
    "HS256 with space": token_of({"alg": "HS256 "}, GOOD),
    "absent": token_of({"typ": "JWT"}, GOOD),
    "null": token_of({"alg": None}, GOOD),
    "list": token_of({"alg": ["HS256"]}, GOOD),
    "object": token_of({"alg": {}}, GOOD),
    "PS256": token_of({"alg": "PS256"}, GOOD),
    "ES256K": token_of({"alg": "ES256K"}, GOOD),
    "ES521": token_of({"alg": "ES521"}, GOOD),
    "HS512 with the static secret": token_of({"alg": "HS512"}, GOOD, digest="sha512"),
    "HS512 with the static secret and a kid": token_of({"alg": "HS512", "kid": "x"}, GOOD, digest="sha512"),
}
FORGED_TOKENS = {
    "other secret": token_of(HS256, GOOD, b"another secret, as long as the right one"),
    "empty secret": token_of(HS256, GOOD, b""),
    "no signature": f"{HEAD}.{BODY}.",
    "short signature": f"{HEAD}.{BODY}.{SIGNATURE[:40]}",
    "other payload": HEAD + "." + b64(b'{"role":"service_role"}') + "." + SIGNATURE,
    "other header": b64(b'{"alg":"HS256"}') + f".{BODY}.{SIGNATURE}",
    "right HMAC of another hash": token_of(HS256, GOOD, digest="sha512"),
    "kid path": token_of(HS256 | {"kid": "../../../../dev/null"}, GOOD, b""),
    "kid SQL": token_of(HS256 | {"kid": "x' UNION SELECT 'secret"}, GOOD, b"secret"),
    "kid URL": token_of(HS256 | {"kid": "http://127.0.0.1/key"}, GOOD, b"secret"),
    "unverified bad JSON": token_of(HS256, b"{", b"another secret, as long as the right one"),
}


def mismatch(claimed: str, bound: str) -> str:
    return f'JWT algorithm "{claimed}" does not match JWK algorithm "{bound}"'


def assert_refused(token: str, message: str, jwks: Mapping[str, Any] | None = None) -> None:
    with pytest.raises(InvalidToken) as refusal:
        authenticate(token, new_authenticator(jwks=jwks))
    assert refusal.value.message == message


def test_the_token_that_hostile_ones_are_made_from_is_good() -> None:
    assert authenticate(GOOD_TOKEN).user_id == "u1"


@pytest.mark.parametrize("token", MALFORMED_TOKENS.values(), ids=MALFORMED_TOKENS)
def test_malformed_token_is_refused(token: str) -> None:
    assert_refused(token, MALFORMED)


@pytest.mark.parametrize("token", ALG_TOKENS.values(), ids=ALG_TOKENS)
def test_algorithm_outside_the_fixed_list_is_refused(token: str) -> None:
    assert_refused(token, ALG_REFUSED)


@pytest.mark.parametrize("token", FORGED_TOKENS.values(), ids=FORGED_TOKENS)
def test_forged_token_is_refused(token: str) -> None:
    assert_refused(token, FORGED)


@pytest.mark.parametrize("position", range(43))
def test_changing_any_letter_of_the_signature_is_noticed(position: int) -> None:
    letter = "A" if SIGNATURE[position] != "A" else "B"
    with pytest.raises(InvalidToken):
        authenticate(f"{HEAD}.{BODY}.{SIGNATURE[:position]}{letter}{SIGNATURE[position + 1 :]}")


@pytest.mark.parametrize("parameter", ["crit", "jku", "x5u", "jwk", "x5c", "b64"])
def test_header_that_would_choose_its_own_key_or_rules_is_refused(parameter: str) -> None:
    token = token_of(HS256 | {parameter: ["exp"]}, GOOD)
    assert_refused(token, f'"{parameter}" Header Parameter is not supported')


def test_public_key_used_as_hmac_secret_is_refused() -> None:
    by_kid = token_of(HS256 | {"kid": "rsa-1"}, GOOD, rsa_pem())
    assert_refused(by_kid, ALG_REFUSED, key_set())
    assert_refused(token_of(HS256, GOOD, rsa_pem()), FORGED, key_set())


@pytest.mark.parametrize(
    ("key", "algorithm", "kid", "message"),
    [
        (lambda: OCT_SECRET, "HS512", "oct-1", mismatch("HS512", "HS256")),
        (lambda: P384_KEY, "ES384", "ec-1", mismatch("ES384", "ES256")),
        (rsa_key, "RS256", "ec-1", ALG_REFUSED),
        (lambda: EC_KEY, "ES256", "rsa-1", ALG_REFUSED),
        (lambda: ED_KEY, "EdDSA", "oct-1", ALG_REFUSED),
        (lambda: EC_KEY, "ES256", "unknown", FORGED),
        (lambda: EC_KEY, "ES256", None, FORGED),
        (lambda: generate_private_key(SECP256R1()), "ES256", "ec-1", FORGED),
        (lambda: Ed25519PrivateKey.generate(), "EdDSA", "ed-1", FORGED),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_key_is_not_used_outside_its_type_curve_algorithm_and_kid(
    key: Callable[[], Any], algorithm: str, kid: str | None, message: str
) -> None:
    assert_refused(asymmetric_token(key(), algorithm, kid), message, key_set())


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("RS256", "rsa-1"), ("ES256", "ec-1"), ("EdDSA", "ed-1"), ("HS256", "oct-1")]
)
@pytest.mark.parametrize("signature", [b"", b"x", bytes(64), b"\xff" * 64, bytes(256)])
def test_nonsense_signature_is_refused_for_every_key_type(algorithm: str, kid: str, signature: bytes) -> None:
    message = f"{b64(raw_json({'alg': algorithm, 'kid': kid}))}.{BODY}"
    assert_refused(f"{message}.{b64(signature)}", FORGED, key_set())


def test_asymmetric_token_is_refused_when_no_such_key_is_configured() -> None:
    assert_refused(asymmetric_token(EC_KEY, "ES256", "ec-1"), ALG_REFUSED)


def test_no_message_contains_the_token() -> None:
    for token in (*MALFORMED_TOKENS.values(), *ALG_TOKENS.values(), *FORGED_TOKENS.values()):
        with pytest.raises(StorageError) as refusal:
            authenticate(token)
        error = refusal.value
        assert not token or token not in f"{error.message} {error.hint} {error.resource}"


@pytest.mark.parametrize("role", ["postgres", "Service_Role", "service_role ", "", "anon'; drop table x; --"])
def test_unknown_role_is_denied_by_name(role: str) -> None:
    with pytest.raises(AccessDenied) as denial:
        authenticate(claims_token({"role": role}))
    assert denial.value.message == f'The role "{role}" is not known to this server'
    assert "anon, authenticated, service_role" in (denial.value.hint or "")


def test_unknown_role_cannot_forge_a_line_of_a_log() -> None:
    with pytest.raises(AccessDenied) as denial:
        authenticate(claims_token({"role": "x\nlevel=info" + "y" * 1000}))
    assert "\n" not in denial.value.message
    assert len(denial.value.message) < 150


@pytest.mark.parametrize("role", [None, 1, ["service_role"], {"service_role": True}])
def test_role_that_is_not_a_string_is_denied(role: object) -> None:
    with pytest.raises(AccessDenied, match="role of the token is not a string"):
        authenticate(claims_token({"role": role}))


@pytest.mark.parametrize("subject", [None, 1, True, ["u1"], {"id": "u1"}, "u\x001", "u1\r\nx: y"])
def test_subject_that_is_not_a_clean_string_is_refused(subject: object) -> None:
    assert_refused(claims_token({"sub": subject}), '"sub" claim must be a string of printable characters')


@pytest.mark.parametrize("name", ["exp", "nbf"])
@pytest.mark.parametrize("value", [None, "1900000000", True, [NOW], {}])
def test_time_claim_that_is_not_a_number_is_refused(name: str, value: object) -> None:
    assert_refused(claims_token({name: value}), f'"{name}" claim must be a number')


@pytest.mark.parametrize("expiry", [NOW, NOW - 0.001, 0, -1])
def test_token_is_expired_from_the_second_of_its_exp(expiry: float) -> None:
    with pytest.raises(ExpiredToken) as refusal:
        authenticate(claims_token({"exp": expiry}))
    assert refusal.value.message == '"exp" claim timestamp check failed'


@pytest.mark.parametrize("start", [NOW + 0.001, NOW + 60])
def test_token_is_not_valid_before_its_nbf(start: float) -> None:
    with pytest.raises(ExpiredToken) as refusal:
        authenticate(claims_token({"nbf": start}))
    assert refusal.value.message == '"nbf" claim timestamp check failed'


def test_token_is_valid_at_its_nbf_and_just_before_its_exp() -> None:
    assert authenticate(claims_token({"nbf": NOW, "exp": NOW + 0.001})).role == "anon"


def test_verified_token_is_answered_from_the_cache() -> None:
    authenticator = new_authenticator()
    assert authenticate(GOOD_TOKEN, authenticator) is authenticate(GOOD_TOKEN, authenticator)


def test_cached_token_ends_with_its_exp() -> None:
    clock = Clock()
    authenticator = new_authenticator(now=clock)
    token = claims_token({"exp": NOW + 10})
    authenticate(token, authenticator)
    clock.now = NOW + 10
    with pytest.raises(ExpiredToken):
        authenticate(token, authenticator)


def test_cached_token_is_not_served_before_its_nbf_when_the_clock_is_set_back() -> None:
    clock = Clock()
    authenticator = new_authenticator(now=clock)
    token = claims_token({"nbf": NOW})
    authenticate(token, authenticator)
    clock.now = NOW - 1
    with pytest.raises(ExpiredToken):
        authenticate(token, authenticator)


def test_cached_token_is_verified_again_after_five_minutes() -> None:
    clock = Clock()
    authenticator = new_authenticator(now=clock)
    first = authenticate(GOOD_TOKEN, authenticator)
    clock.now = NOW + 299
    assert authenticate(GOOD_TOKEN, authenticator) is first
    clock.now = NOW + 300
    assert authenticate(GOOD_TOKEN, authenticator) is not first


def test_full_cache_drops_the_oldest_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "CACHE_ENTRIES", 2)
    authenticator = new_authenticator()
    tokens = [claims_token({"sub": f"u{number}"}) for number in range(3)]
    contexts = [authenticate(token, authenticator) for token in tokens]
    assert authenticate(tokens[2], authenticator) is contexts[2]
    assert authenticate(tokens[1], authenticator) is contexts[1]
    assert authenticate(tokens[0], authenticator) is not contexts[0]


texts = st.text() | st.from_regex(r"[\w-]{0,40}(\.[\w-]{0,40}){0,4}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
header_values = json_values | st.sampled_from(["HS256", "RS256", "ES256", "EdDSA", "ec-1", "oct-1"])
headers = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), header_values)
claim_names = st.sampled_from(["role", "sub", "exp", "nbf", "x"])
payloads = st.dictionaries(claim_names, json_values | st.sampled_from(["anon", NOW + 5])) | json_values
FUZZED = new_authenticator(jwks=key_set())


def assert_answers_or_refuses(token: str) -> None:
    try:
        assert isinstance(authenticate(token, FUZZED), RlsContext)
    except StorageError as refusal:
        assert refusal.message


@settings(deadline=None)
@given(texts)
def test_random_text_is_refused_and_nothing_worse(token: str) -> None:
    with pytest.raises(StorageError):
        authenticate(token, FUZZED)


@settings(deadline=None)
@given(headers | headers.map(lambda header: header | HS256) | st.binary(), payloads | st.binary())
def test_random_header_and_claims_are_accepted_or_refused_and_nothing_worse(
    header: object, payload: object
) -> None:
    assert_answers_or_refuses(token_of(header, payload))


@settings(deadline=None)
@given(st.sampled_from(["RS256", "ES256", "EdDSA", "HS256"]), st.binary(max_size=300))
def test_random_signature_is_refused_and_nothing_worse(algorithm: str, signature: bytes) -> None:
    kids = {"RS256": "rsa-1", "ES256": "ec-1", "EdDSA": "ed-1", "HS256": "oct-1"}
    header = raw_json({"alg": algorithm, "kid": kids[algorithm]})
    with pytest.raises(InvalidToken, match=FORGED):
        authenticate(f"{b64(header)}.{BODY}.{b64(signature)}", FUZZED)
