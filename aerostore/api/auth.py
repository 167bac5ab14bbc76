"""Callers' credentials: from the headers of a request to the `RlsContext` that policies see.

Only bearer JWTs (RFC 7519 in the compact form of RFC 7515); signed URLs and SigV4 are checked elsewhere.
"""

import base64
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from aerostore.api.jwks import (
    ALGORITHMS,
    KEY_TYPES,
    RECOMMENDED_SECRET_BYTES,
    RemoteKeys,
    VerificationKey,
    algorithm_refused,
    choose_key,
    parse_json_object,
    parse_keys,
    secret_key,
)
from aerostore.domain import RlsContext, has_control_character, printable
from aerostore.errors import ExpiredToken, InvalidToken, RoleNotAllowed

ROLES = ("anon", "authenticated", "service_role")
MAX_TOKEN_BYTES = 16 * 1024
CACHE_TTL_S = 300.0
CACHE_ENTRIES = 10_000

_log = logging.getLogger("aerostore.auth")

_COMPACT_JWS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")

# Each lets a token choose its own key or its own rules: RFC 7515 section 4.1, RFC 7797 section 3.
_REFUSED_PARAMETERS = ("crit", "jku", "x5u", "jwk", "x5c", "b64")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jws:
    algorithm: str
    kid: str | None
    payload: bytes
    message: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    context: RlsContext
    valid_from: float
    valid_until: float


class Authenticator:
    """Turns tokens into contexts, and remembers the good ones for up to five minutes.

    secret: the HS256 secret. jwks: a JWK Set with further keys. jwks_url: where more public keys are.
    roles: those a token may claim. now: the time in seconds since the epoch. client: fetches jwks_url,
    and is closed by whoever made it. A secret under 32 bytes is logged as a warning.
    Raises: ValueError for a secret, key set or URL that cannot be used.
    """

    def __init__(
        self,
        *,
        secret: str,
        jwks: Mapping[str, Any] | None = None,
        jwks_url: str | None = None,
        roles: Collection[str] = ROLES,
        now: Callable[[], float] = time.time,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._secret = _static_key(secret)
        if len(secret.encode()) < RECOMMENDED_SECRET_BYTES:
            _log.warning("AEROSTORE_JWT_SECRET has under %d bytes (RFC 7518 3.2)", RECOMMENDED_SECRET_BYTES)
        self._keys = _configured_keys(jwks)
        self._roles = frozenset(roles)
        self._now = now
        # Keyed by the token itself, not its hash: it is in memory anyway while its request runs, and
        # hashing would cost more than all the rest of a hit.
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._remote: RemoteKeys | None = None
        if jwks_url is not None:
            self._remote = RemoteKeys(jwks_url, now=now, on_change=self._verified.clear, client=client)

    async def authenticate(self, token: str) -> RlsContext:
        """Return the context of the caller who presents `token`.

        Raises: InvalidToken when it is malformed, forged or unacceptable; ExpiredToken outside its validity
        period; RoleNotAllowed for a role this server does not know; Unavailable while keys cannot be fetched.
        No message contains the token.
        """
        known = self._verified.get(token)
        if known is not None and known.valid_from <= self._now() < known.valid_until:
            return known.context
        jws = _parse_jws(token)
        key = await self._find_key(jws.algorithm, jws.kid)
        if not key.verifies(jws.message, jws.signature, jws.algorithm):
            raise InvalidToken("signature verification failed")
        # Nothing awaits from here on: keys that change meanwhile could not clear what is about to be kept.
        verified = self._accept(_parse_claims(jws.payload))
        self._remember(token, verified)
        return verified.context

    async def close(self) -> None:
        """Let go of the connections to jwks_url."""
        if self._remote is not None:
            await self._remote.close()

    async def _find_key(self, algorithm: str, kid: str | None) -> VerificationKey:
        if KEY_TYPES[algorithm] == "oct":
            return self._find_secret(algorithm, kid)
        key = choose_key(self._keys, algorithm, kid)
        if key is None and self._remote is not None:
            key = await self._remote.find(algorithm, kid)
        if key is not None:
            return key
        if self._remote is None and all(algorithm not in known.algorithms for known in self._keys):
            raise algorithm_refused()
        raise InvalidToken(
            "signature verification failed", hint='This server has no key with the "kid" of the token.'
        )

    def _find_secret(self, algorithm: str, kid: str | None) -> VerificationKey:
        if kid is None and algorithm in self._secret.algorithms:
            return self._secret
        key = choose_key(self._keys, algorithm, kid)
        if key is not None:
            return key
        if algorithm not in self._secret.algorithms:
            raise algorithm_refused()
        return self._secret

    def _accept(self, claims: dict[str, Any]) -> _Verified:
        now = self._now()
        valid_from = _time_claim(claims, "nbf", default=float("-inf"))
        expires_at = _time_claim(claims, "exp", default=float("inf"))
        if valid_from > now:
            raise ExpiredToken('"nbf" claim timestamp check failed')
        if expires_at <= now:
            raise ExpiredToken('"exp" claim timestamp check failed')
        context = self._to_context(claims)
        return _Verified(
            context=context, valid_from=valid_from, valid_until=min(expires_at, now + CACHE_TTL_S)
        )

    def _to_context(self, claims: dict[str, Any]) -> RlsContext:
        role = claims.get("role", "anon")
        if not isinstance(role, str):
            raise RoleNotAllowed("The role of the token is not a string")
        if role not in self._roles:
            raise RoleNotAllowed(
                f'The role "{printable(role, 64)}" is not known to this server',
                hint=f"Use a token whose role is one of: {', '.join(sorted(self._roles))}.",
            )
        return RlsContext(
            role=role,
            user_id=_subject(claims),
            claims=claims,
            can_bypass_rls=role == "service_role",
        )

    def _remember(self, token: str, verified: _Verified) -> None:
        self._verified[token] = verified
        self._verified.move_to_end(token)
        if len(self._verified) > CACHE_ENTRIES:
            self._verified.popitem(last=False)


def credentials(headers: Mapping[str, str]) -> str | None:
    """Return the token a request carries: that of Authorization, else the `apikey` header, else None.

    headers: by lower-case name. The scheme `Bearer` may be missing; an empty Authorization gives "".
    Source: RFC 9110 section 11.4 for the spaces after the scheme.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        return headers.get("apikey")
    if authorization[:7].lower() == "bearer ":
        return authorization[7:].lstrip(" ")
    return authorization


def mint_token(
    secret: str,
    *,
    role: str,
    subject: str | None = None,
    expires_in_s: int | None,
    now: Callable[[], float] = time.time,
    **claims: object,
) -> str:
    """Return a new HS256 token; expires_in_s None makes one that never expires.

    Raises: ValueError for a secret that `Authenticator` would not take.
    """
    issued_at = int(now())
    payload: dict[str, object] = {**claims, "role": role, "iat": issued_at}
    if subject is not None:
        payload["sub"] = subject
    if expires_in_s is not None:
        payload["exp"] = issued_at + expires_in_s
    header = {"alg": "HS256", "typ": "JWT"}
    message = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(payload))}"
    signature = ALGORITHMS["HS256"].sign(message.encode(), _static_key(secret).material)
    return f"{message}.{_encode(signature)}"


def _static_key(secret: str) -> VerificationKey:
    try:
        return secret_key(secret.encode(), algorithms=("HS256",))
    except ValueError as reason:
        raise ValueError(f"AEROSTORE_JWT_SECRET {reason}") from None


def _configured_keys(jwks: Mapping[str, Any] | None) -> tuple[VerificationKey, ...]:
    if jwks is None:
        return ()
    try:
        keys = parse_keys(jwks)
    except ValueError as reason:
        raise ValueError(f"AEROSTORE_JWKS cannot be used: {reason}") from None
    if jwks["keys"] and not keys:
        raise ValueError("AEROSTORE_JWKS cannot be used: no key in it is fit to verify tokens; see the log")
    return keys


def _parse_jws(token: str) -> _Jws:
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(hint=f"A token may have {MAX_TOKEN_BYTES} bytes.")
    segments = _COMPACT_JWS.fullmatch(token)
    if segments is None:
        raise InvalidToken()
    try:
        header, payload, signature = (_decode(segment) for segment in segments.groups())
        algorithm, kid = _parse_header(parse_json_object(header))
    except ValueError:
        raise InvalidToken() from None
    message = token.rpartition(".")[0].encode()
    return _Jws(algorithm=algorithm, kid=kid, payload=payload, message=message, signature=signature)


def _parse_header(header: dict[str, Any]) -> tuple[str, str | None]:
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
        raise algorithm_refused()
    for parameter in _REFUSED_PARAMETERS:
        if parameter in header:
            raise InvalidToken(f'"{parameter}" Header Parameter is not supported')
    if kid is not None and not isinstance(kid, str):
        raise InvalidToken()
    return algorithm, kid


def _parse_claims(payload: bytes) -> dict[str, Any]:
    try:
        return parse_json_object(payload)
    except ValueError:
        raise InvalidToken() from None


def _time_claim(claims: dict[str, Any], name: str, *, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f'"{name}" claim must be a number')
    return value


def _subject(claims: dict[str, Any]) -> str | None:
    subject = claims.get("sub", "")
    # A control character would end in a column that cannot hold it, or forge a line of a log.
    if not isinstance(subject, str) or has_control_character(subject):
        raise InvalidToken('"sub" claim must be a string of printable characters')
    return subject or None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(segment: str) -> bytes:
    """Return the bytes of an unpadded base64url segment, in its only accepted spelling."""
    raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if _encode(raw) != segment:
        raise ValueError("The segment has bits that mean nothing")
    return raw
