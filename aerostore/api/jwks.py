"""The keys that callers' tokens may be signed with: JSON Web Keys, and the key set behind a URL.

A key is bound to its algorithms when it is loaded, so nothing a token says can put it to another use.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NoReturn

import httpx
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidKeyError

from aerostore.api.json_depth import is_writable
from aerostore.errors import InvalidToken, Unavailable

MIN_SECRET_BYTES = 16
RECOMMENDED_SECRET_BYTES = 32
MAX_DOCUMENT_BYTES = 1024 * 1024
FETCH_TIMEOUT_S = 5.0
MAX_AGE_S = 600.0
MIN_REFRESH_INTERVAL_S = 30.0

_KEY_ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("oct", None): ("HS256", "HS384", "HS512"),
    ("RSA", None): ("RS256", "RS384", "RS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
KEY_TYPES: Mapping[str, str] = {
    algorithm: key_type for (key_type, _), names in _KEY_ALGORITHMS.items() for algorithm in names
}
"""Every algorithm a token may name, and the JWK type it needs (RFC 7518 sections 3.1 and 6.1, RFC 8037)."""

# pyjwt checks the signatures; everything around them is checked here, stricter than it would be there.
ALGORITHMS = {name: code for name, code in get_default_algorithms().items() if name in KEY_TYPES}

# Private members are left behind: verification never needs them, and pyjwt would build a signing key.
_PUBLIC_MEMBERS = {"kty", "crv", "x", "y", "n", "e", "k"}

_log = logging.getLogger("aerostore.auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """One key and the only algorithms it may verify. material: whatever pyjwt takes for its type."""

    kid: str | None
    key_type: str
    algorithms: tuple[str, ...]
    material: Any = field(repr=False)

    def verifies(self, message: bytes, signature: bytes, algorithm: str) -> bool:
        """Tell whether `signature` over `message` is this key's, made with `algorithm`."""
        if algorithm not in self.algorithms:
            return False
        return ALGORITHMS[algorithm].verify(message, self.material, signature)


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object that means the same to every reader, and can be written again.

    Raises: ValueError for anything else, duplicate members, NaN and infinities, lone surrogates, integers
    over 64 bits, and nesting too deep to read or write.
    Source: RFC 8259 sections 4, 6 and 8.2 on what is interoperable.
    """
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("The JSON is nested too deeply") from None
    if not is_writable(value):
        raise ValueError("The JSON is nested too deeply or holds unusable text or numbers")
    if not isinstance(value, dict):
        raise ValueError("The JSON is not an object")
    return value


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("The JSON has a duplicate member")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("The JSON holds a number out of range")
    return value


def secret_key(secret: bytes, *, algorithms: tuple[str, ...], kid: str | None = None) -> VerificationKey:
    """Return the HMAC key for `secret`.

    Raises: ValueError when it has under 16 bytes or is a public key, certificate or JWK: what everybody
    may know must never become a secret (algorithm confusion, CVE-2022-29217).
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes, better {RECOMMENDED_SECRET_BYTES}")
    try:
        material = ALGORITHMS["HS256"].prepare_key(secret)
    except InvalidKeyError:
        raise ValueError("is a public key, a certificate or a JWK, not a secret") from None
    return VerificationKey(kid=kid, key_type="oct", algorithms=algorithms, material=material)


def parse_keys(document: Mapping[str, Any]) -> tuple[VerificationKey, ...]:
    """Return the usable keys of a JWK Set, in its order; the others are logged and left out.

    Raises: ValueError when it has no list of keys.
    Source: RFC 7517 section 5: keys of unknown type or with unusable members are ignored.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError('A JWK Set needs a list of "keys"')
    return tuple(_usable_keys(entries))


def _usable_keys(entries: Sequence[Any]) -> Iterator[VerificationKey]:
    for position, entry in enumerate(entries):
        try:
            yield _parse_key(entry)
        except ValueError as reason:
            _log.warning("Key %d of the JWKS is not used: it %s", position, reason)


def _parse_key(jwk: Any) -> VerificationKey:
    if not isinstance(jwk, dict):
        raise ValueError("is not a JSON object")
    _check_purpose(jwk)
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise ValueError('has a "kid" that is not a string')
    algorithms = _bound_algorithms(jwk)
    material = _load_material(jwk, algorithms[0])
    if jwk["kty"] == "oct":
        return secret_key(material, algorithms=algorithms, kid=kid)
    return VerificationKey(kid=kid, key_type=jwk["kty"], algorithms=algorithms, material=material)


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    if jwk.get("use", "sig") != "sig":
        raise ValueError("is not meant for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("is not meant for verification")


def _bound_algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    key_type, curve, algorithm = (jwk.get(member) for member in ("kty", "crv", "alg"))
    fitting = next((names for kind, names in _KEY_ALGORITHMS.items() if kind == (key_type, curve)), ())
    if not fitting:
        raise ValueError("has an unsupported type or curve")
    if algorithm is None:
        return fitting
    if algorithm not in fitting:
        raise ValueError('has an "alg" that does not fit its type')
    return (algorithm,)


def _load_material(jwk: Mapping[str, Any], algorithm: str) -> Any:
    public = {member: value for member, value in jwk.items() if member in _PUBLIC_MEMBERS}
    try:
        material = ALGORITHMS[algorithm].from_jwk(public)
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        raise ValueError("has missing or malformed members") from None
    if jwk["kty"] == "RSA" and ALGORITHMS[algorithm].check_key_length(material) is not None:
        raise ValueError("is an RSA key under 2048 bits (RFC 7518 section 3.3)")
    return material


def algorithm_refused() -> InvalidToken:
    """Return the error for an algorithm that no key of this server may be used with."""
    return InvalidToken(
        '"alg" (Algorithm) Header Parameter value not allowed',
        hint="Sign the token with the algorithm of the key that this server was given.",
    )


def choose_key(keys: Sequence[VerificationKey], algorithm: str, kid: str | None) -> VerificationKey | None:
    """Return the key that a token with this header must be signed with, None when there is none.

    A key without a kid takes only tokens without one, except `oct` keys, which take any.
    Raises: InvalidToken when the key of that kid is bound to another algorithm or type.
    """
    named = [key for key in keys if key.kid == kid]
    nameless_secrets = [key for key in keys if key.kid is None and key.key_type == "oct"]
    for key in (*named, *nameless_secrets):
        if algorithm in key.algorithms:
            return key
    for key in named:
        if key.key_type == KEY_TYPES[algorithm]:
            bound = key.algorithms[0]
            raise InvalidToken(f'JWT algorithm "{algorithm}" does not match JWK algorithm "{bound}"')
    if named and kid is not None:
        raise algorithm_refused()
    return None


class RemoteKeys:
    """The public keys behind `url`, fetched when first needed and kept for ten minutes.

    on_change: called when other keys than before arrive. client: closed by whoever made it. At most one
    request in 30 s leaves, whatever tokens arrive; when it fails, the keys known so far stay in use.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], float],
        on_change: Callable[[], None],
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._url = _check_url(url)
        self._now = now
        self._on_change = on_change
        # trust_env off: the environment is read in one place only, and netrc would send credentials.
        self._client = client or httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, trust_env=False)
        self._owns_client = client is None
        self._document = b""
        self._keys: tuple[VerificationKey, ...] | None = None
        self._fetched_at = self._attempted_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, algorithm: str, kid: str | None) -> VerificationKey | None:
        """Return the key as `choose_key` does; an unknown kid makes the keys be fetched again.

        Raises: InvalidToken as `choose_key`; Unavailable while no keys could be fetched at all.
        """
        key = choose_key(await self._keys_younger_than(MAX_AGE_S), algorithm, kid)
        if key is not None:
            return key
        return choose_key(await self._keys_younger_than(0), algorithm, kid)

    async def close(self) -> None:
        """Stop a running fetch and let go of the connections."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self._owns_client:
            await self._client.aclose()

    async def _keys_younger_than(self, max_age_s: float) -> tuple[VerificationKey, ...]:
        if not 0 <= self._now() - self._fetched_at < max_age_s:
            await self._refresh_once()
        if self._keys is None:
            raise Unavailable("The keys that tokens are verified with cannot be fetched")
        return self._keys

    async def _refresh_once(self) -> None:
        if self._refreshing is None:
            # Below zero the clock was set back: waiting for it to catch up could take years.
            if 0 <= self._now() - self._attempted_at < MIN_REFRESH_INTERVAL_S:
                return
            self._attempted_at = self._now()
            self._refreshing = asyncio.create_task(self._refresh())
        # Shielded: one caller that hangs up must not stop the fetch that others wait for.
        await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        try:
            document = await self._fetch()
            keys = parse_keys(parse_json_object(document))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            _log.warning("The JWKS cannot be refreshed: %s: %s", type(error).__name__, error)
            return
        finally:
            self._refreshing = None
        # A secret that a URL gives away is none, so tokens could be forged with it.
        self._keys = tuple(key for key in keys if key.key_type != "oct")
        self._fetched_at = self._now()
        if document != self._document:
            self._document = document
            self._on_change()

    async def _fetch(self) -> bytes:
        # Never compressed: a few bytes could unfold to more than the limit in one piece.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        request = self._client.stream("GET", self._url, headers=headers, follow_redirects=False)
        body = bytearray()
        async with asyncio.timeout(FETCH_TIMEOUT_S), request as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the answer has status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("the answer is compressed although that was not asked for")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES:
                    raise ValueError("the answer is larger than 1 MiB")
        return bytes(body)


def _check_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"AEROSTORE_JWKS_URL is not a URL: {error}") from None
    local = parsed.scheme == "http" and _is_loopback(parsed.host)
    if not parsed.host or not (local or parsed.scheme == "https"):
        raise ValueError("AEROSTORE_JWKS_URL must be an https URL, or an http URL on this machine")
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
