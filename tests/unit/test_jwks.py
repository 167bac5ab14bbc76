"""Which secrets and keys are usable, and the key set behind a URL: caching, outage, rotation, floods."""

import asyncio
import gzip
import hmac
import json
import logging
import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
import respx
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256K1,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from aerostore.api import jwks
from aerostore.api.auth import Authenticator, mint_token
from aerostore.api.jwks import RemoteKeys, choose_key, parse_keys
from aerostore.domain import RlsContext
from aerostore.errors import InvalidToken, Unavailable

SECRET = "correct horse battery staple, twice over"
URL = "https://issuer.test/.well-known/jwks.json"
NOW = 1_800_000_000.0
OLD_KEY = generate_private_key(SECP256R1())
NEW_KEY = generate_private_key(SECP256R1())


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def public_jwk(key: EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | members


def answer(*keys: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"keys": list(keys)})


def token(key: EllipticCurvePrivateKey, kid: str, subject: str = "u1") -> str:
    return jwt.encode({"sub": subject}, key, algorithm="ES256", headers={"kid": kid})


@pytest.mark.parametrize("secret", ["", "x" * 15])
def test_short_secret_is_refused_by_the_name_of_its_setting(secret: str) -> None:
    with pytest.raises(ValueError, match="AEROSTORE_JWT_SECRET must have at least 16 bytes"):
        Authenticator(secret=secret)


def test_middling_secret_works_with_one_logged_warning_and_no_python_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret = "s" * 16
    with caplog.at_level(logging.WARNING, "aerostore.auth"), warnings.catch_warnings():
        warnings.simplefilter("error")
        authenticator = Authenticator(secret=secret)
        for number in range(3):
            signed = mint_token(secret, role="anon", subject=f"u{number}", expires_in_s=60)
            asyncio.run(authenticator.authenticate(signed))
    assert [record.name for record in caplog.records] == ["aerostore.auth"]
    assert "AEROSTORE_JWT_SECRET" in caplog.text
    assert secret not in caplog.text


def test_long_secret_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    Authenticator(secret="s" * 32)
    assert not caplog.records


def test_public_key_cannot_be_the_secret() -> None:
    pem = OLD_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="AEROSTORE_JWT_SECRET is a public key"):
        Authenticator(secret=pem.decode())


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": [{"kty": "RSA"}]}])
def test_key_set_without_usable_keys_is_refused_by_the_name_of_its_setting(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="AEROSTORE_JWKS"):
        Authenticator(secret=SECRET, jwks=document)


def assert_unusable(jwk: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "aerostore.auth"):
        assert parse_keys({"keys": [jwk]}) == ()
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        ("text", "not a JSON object"),
        ({}, "unsupported type"),
        ({"kty": ["EC"]}, "unsupported type"),
        ({"kty": "AKP", "alg": "ML-DSA-44"}, "unsupported type"),
        ({"kty": "EC", "crv": "P-256"}, "malformed members"),
        ({"kty": "RSA", "n": 5, "e": 3}, "malformed members"),
        ({"kty": "RSA", "n": "AQAB", "e": "AA"}, "malformed members"),
        ({"kty": "oct"}, "malformed members"),
        ({"kty": "oct", "k": "c2hvcnQ"}, "at least 16 bytes"),
        ({"kty": "OKP", "crv": "X25519", "x": "A" * 43}, "unsupported type"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "malformed members"),
        (public_jwk(OLD_KEY, use="enc"), "not meant for signatures"),
        (public_jwk(OLD_KEY, key_ops=["sign"]), "not meant for verification"),
        (public_jwk(OLD_KEY, key_ops="verify"), "not meant for verification"),
        (public_jwk(OLD_KEY, alg="ES384"), "does not fit its type"),
        (public_jwk(OLD_KEY, alg="HS256"), "does not fit its type"),
        (public_jwk(OLD_KEY, alg="none"), "does not fit its type"),
        (public_jwk(OLD_KEY, crv="P-384"), "malformed members"),
        (public_jwk(OLD_KEY, kid=7), "not a string"),
        (public_jwk(generate_private_key(SECP256K1())), "unsupported type"),
    ],
)
def test_unusable_key_is_left_out_with_its_reason(
    jwk: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert_unusable(jwk, reason, caplog)


def test_point_off_the_curve_is_unusable(caplog: pytest.LogCaptureFixture) -> None:
    assert_unusable(public_jwk(OLD_KEY, y=public_jwk(NEW_KEY)["y"]), "malformed members", caplog)


def test_short_rsa_key_is_unusable(caplog: pytest.LogCaptureFixture) -> None:
    key = generate_rsa_key(public_exponent=65537, key_size=1024).public_key()
    assert_unusable(RSAAlgorithm.to_jwk(key, as_dict=True), "under 2048 bits", caplog)


def test_public_key_inside_an_oct_key_is_unusable(caplog: pytest.LogCaptureFixture) -> None:
    hidden = jwt.utils.base64url_encode(json.dumps(public_jwk(OLD_KEY)).encode()).decode()
    assert_unusable({"kty": "oct", "k": hidden}, "is a public key", caplog)


def test_usable_keys_survive_unusable_neighbours() -> None:
    keys = parse_keys({"keys": [{"kty": "new"}, public_jwk(OLD_KEY, kid="a")]})
    assert [(key.kid, key.algorithms) for key in keys] == [("a", ("ES256",))]


def test_key_never_verifies_with_an_algorithm_it_is_not_bound_to() -> None:
    (key,) = parse_keys({"keys": [{"kty": "oct", "k": "A" * 43, "alg": "HS256"}]})
    for algorithm, digest in (("HS256", "sha256"), ("HS384", "sha384")):
        signature = hmac.digest(bytes(32), b"message", digest)
        assert key.verifies(b"message", signature, algorithm) is (algorithm == "HS256")


def test_key_does_not_show_its_secret() -> None:
    (key,) = parse_keys({"keys": [{"kty": "oct", "k": "QUFB" * 11}]})
    assert "AAA" not in repr(key)


def test_nameless_oct_key_takes_any_kid_but_a_named_one_comes_first() -> None:
    nameless = {"kty": "oct", "k": "A" * 43}
    named = {"kty": "oct", "k": "B" * 42 + "A", "kid": "b"}
    keys = parse_keys({"keys": [nameless, named]})
    assert choose_key(keys, "HS256", "b") is keys[1]
    assert choose_key(keys, "HS256", "unknown") is keys[0]
    assert choose_key(keys, "ES256", "unknown") is None


class Issuer:
    """A server that trusts the keys behind URL, and the clock it goes by."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.router = respx.MockRouter(assert_all_called=False)
        self.route = self.router.get(URL)
        transport = httpx.MockTransport(self.router.async_handler)
        self.client = httpx.AsyncClient(transport=transport, follow_redirects=True)
        self.authenticator = Authenticator(secret=SECRET, jwks_url=URL, now=self.clock, client=self.client)

    async def __aenter__(self) -> "Issuer":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.authenticator.close()
        await self.client.aclose()

    async def authenticate(self, token: str) -> RlsContext:
        return await self.authenticator.authenticate(token)


def test_keys_are_fetched_once_in_ten_minutes() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.return_value = answer(public_jwk(OLD_KEY, kid="old"))
            for number in range(5):
                await issuer.authenticate(token(OLD_KEY, "old", f"u{number}"))
            assert issuer.route.call_count == 1
            issuer.clock.now += 599
            await issuer.authenticate(token(OLD_KEY, "old"))
            assert issuer.route.call_count == 1
            issuer.clock.now += 1
            await issuer.authenticate(token(OLD_KEY, "old", "u7"))
            assert issuer.route.call_count == 2

    asyncio.run(work())


def test_tokens_of_the_static_secret_never_wait_for_the_issuer() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            signed = jwt.encode({"sub": "u1"}, SECRET, algorithm="HS256", headers={"kid": "x"})
            assert (await issuer.authenticate(signed)).user_id == "u1"
            assert issuer.route.call_count == 0

    asyncio.run(work())


def test_rotated_key_is_found_early_and_the_old_one_stops_working() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.return_value = answer(public_jwk(OLD_KEY, kid="old"))
            cached = token(OLD_KEY, "old")
            await issuer.authenticate(cached)
            issuer.route.return_value = answer(public_jwk(NEW_KEY, kid="new"))
            issuer.clock.now += 31
            assert (await issuer.authenticate(token(NEW_KEY, "new"))).user_id == "u1"
            with pytest.raises(InvalidToken, match="signature verification failed"):
                await issuer.authenticate(cached)

    asyncio.run(work())


def test_flood_of_unknown_kids_fetches_at_most_once_in_thirty_seconds() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.return_value = answer(public_jwk(OLD_KEY, kid="old"))
            for second in range(60):
                issuer.clock.now = NOW + second
                forged = [issuer.authenticate(token(NEW_KEY, f"{second}-{n}")) for n in range(5)]
                refusals = await asyncio.gather(*forged, return_exceptions=True)
                assert all(isinstance(refusal, InvalidToken) for refusal in refusals)
            assert issuer.route.call_count == 2

    asyncio.run(work())


def test_concurrent_requests_share_one_fetch() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            asked, gate = asyncio.Event(), asyncio.Event()

            async def slow_answer(request: httpx.Request) -> httpx.Response:
                asked.set()
                await gate.wait()
                return answer(public_jwk(OLD_KEY, kid="old"))

            issuer.route.side_effect = slow_answer
            callers = [
                asyncio.create_task(issuer.authenticate(token(OLD_KEY, "old", f"u{n}"))) for n in range(20)
            ]
            await asked.wait()
            callers[0].cancel()
            gate.set()
            contexts = await asyncio.gather(*callers[1:])
            assert [context.user_id for context in contexts] == [f"u{n}" for n in range(1, 20)]
            assert issuer.route.call_count == 1

    asyncio.run(work())


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(500, json={"keys": []}),
        httpx.Response(302, headers={"location": "https://elsewhere.test/keys"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"keys": "none"}),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b'{"keys":[]}' + b" " * 1024 * 1024),
        httpx.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b'{"keys":[]}')),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("garbage"),
    ],
    ids=str,
)
def test_stale_keys_stay_in_use_while_the_issuer_fails(failure: httpx.Response | Exception) -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.side_effect = [answer(public_jwk(OLD_KEY, kid="old")), failure]
            await issuer.authenticate(token(OLD_KEY, "old"))
            issuer.clock.now += 3600
            assert (await issuer.authenticate(token(OLD_KEY, "old"))).user_id == "u1"
            assert issuer.route.call_count == 2

    asyncio.run(work())


def test_without_any_keys_the_answer_is_unavailable_and_the_issuer_is_spared() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.return_value = httpx.Response(503)
            for _ in range(10):
                with pytest.raises(Unavailable):
                    await issuer.authenticate(token(OLD_KEY, "old"))
            assert issuer.route.call_count == 1
            issuer.route.return_value = answer(public_jwk(OLD_KEY, kid="old"))
            issuer.clock.now += 30
            assert (await issuer.authenticate(token(OLD_KEY, "old"))).user_id == "u1"

    asyncio.run(work())


def test_redirects_are_not_followed_even_when_the_client_would() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            elsewhere = "https://elsewhere.test/keys"
            target = issuer.router.get(elsewhere).mock(answer(public_jwk(OLD_KEY, kid="old")))
            issuer.route.return_value = httpx.Response(302, headers={"location": elsewhere})
            with pytest.raises(Unavailable):
                await issuer.authenticate(token(OLD_KEY, "old"))
            assert target.call_count == 0

    asyncio.run(work())


def test_endless_answer_is_cut_off_at_the_limit() -> None:
    async def work() -> None:
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while True:
                sent += 65_536
                yield b" " * 65_536

        async with Issuer() as issuer:
            issuer.route.return_value = httpx.Response(200, content=endless())
            with pytest.raises(Unavailable):
                await issuer.authenticate(token(OLD_KEY, "old"))
        assert sent <= 1024 * 1024 + 65_536

    asyncio.run(work())


def test_secrets_that_a_url_gives_away_are_not_trusted() -> None:
    async def work() -> None:
        router = respx.MockRouter()
        router.get(URL).mock(answer({"kty": "oct", "k": "A" * 43, "kid": "leaked"}))
        async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as client:
            remote = RemoteKeys(URL, now=Clock(), on_change=lambda: None, client=client)
            assert await remote.find("HS256", "leaked") is None

    asyncio.run(work())


def test_silent_issuer_is_given_up_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_S", 0)

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.side_effect = never
            with pytest.raises(Unavailable):
                await issuer.authenticate(token(OLD_KEY, "old"))

    asyncio.run(work())


def test_clock_set_back_does_not_stop_refreshing() -> None:
    async def work() -> None:
        async with Issuer() as issuer:
            issuer.route.return_value = answer(public_jwk(OLD_KEY, kid="old"))
            await issuer.authenticate(token(OLD_KEY, "old"))
            issuer.clock.now -= 86_400
            issuer.route.return_value = answer(public_jwk(NEW_KEY, kid="new"))
            assert (await issuer.authenticate(token(NEW_KEY, "new"))).user_id == "u1"

    asyncio.run(work())


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.test/keys",
        "http://127.0.0.1.issuer.test/keys",
        "http://169.254.169.254/keys",
        "file:///etc/passwd",
        "gopher://127.0.0.1/keys",
        "https://",
        "https://issuer.test:port/keys",
        "//issuer.test/keys",
        "keys.json",
        "",
    ],
)
def test_url_that_is_neither_https_nor_local_is_refused_by_its_setting(url: str) -> None:
    with pytest.raises(ValueError, match="AEROSTORE_JWKS_URL"):
        Authenticator(secret=SECRET, jwks_url=url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9999/keys", "http://[::1]/keys", "http://localhost/keys", URL]
)
def test_https_and_local_http_urls_are_taken(url: str) -> None:
    asyncio.run(Authenticator(secret=SECRET, jwks_url=url).close())
