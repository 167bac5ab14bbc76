"""Who signed an S3 request, as the `RlsContext` that the service asks for, and how its body is signed."""

import hmac
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import Request
from starlette.types import Scope

from aerostore.api.auth import Authenticator
from aerostore.api.caller import Callers
from aerostore.api.gate import BASE_PATH, route_path
from aerostore.api.s3 import PREFIX
from aerostore.api.s3.chunked import ChunkChain
from aerostore.api.s3.claim import declared_payload, read_claim, require_signed_headers, take_hoisted_headers
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.sigv4 import (
    UNSIGNED_PAYLOAD,
    Claim,
    Message,
    is_signed,
    joined_headers,
    path_spellings,
    require_region,
    sign,
    signing_key,
    to_timestamp,
)
from aerostore.domain import Clock, RlsContext, printable, to_iso, utc_now
from aerostore.errors import ExpiredToken, InvalidAccessKey, InvalidToken, RoleNotAllowed
from aerostore.service.access_key import AccessKeys, Signatory

DOOR = "s3"
SIGNED_PATH = "aerostore.signed_path"
"""Where a request's scope holds the raw path that the client sees, when the server sees another one."""

MAX_SKEW = timedelta(minutes=15)
Recheck = Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """How the body is signed. declared: its SHA-256 in hex, or the word that says how it comes.

    chain: what signatures of chunks go on from; None when nobody signed the request.
    """

    declared: str
    chain: ChunkChain | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request whose signature is right, or that has none.

    recheck: raises when who signed may do so no longer; for the end of a body that took its time.
    """

    context: RlsContext
    payload: Payload
    is_anonymous: bool
    recheck: Recheck


class S3Callers:
    """Identifies who signs. region: the server's own; every client may also sign for the usual default.

    anon_key: what clients with a session token sign with; without it no session tokens are taken.
    public_url: where clients reach the server, if a proxy changes host or path on the way.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        access_keys: AccessKeys,
        *,
        region: str,
        anon_key: str = "",
        public_url: str = "",
        clock: Clock = utc_now,
    ) -> None:
        self._authenticator = authenticator
        self._callers = Callers(authenticator)
        self._access_keys = access_keys
        self._region = region
        self._anon_key = anon_key
        self._public = urlsplit(public_url)
        self.clock = clock

    async def required(self, request: Request) -> Signed:
        """Return the caller of an operation that needs one.

        Raises: S3Fault, InvalidAccessKey, NotSupported, Unavailable.
        """
        signed = await self.optional(request)
        if signed.is_anonymous:
            raise S3Fault(
                "AccessDenied",
                "Access Denied",
                hint="Sign the request with an access key (AWS4-HMAC-SHA256).",
            )
        return signed

    async def optional(self, request: Request) -> Signed:
        """Return the caller, who may be nobody: a request without a signature.

        Raises: as `required`, when there is a signature and it is not good.
        """
        headers = joined_headers(request.scope["headers"])
        claim = read_claim(request, headers)
        if claim is None:
            return await self.nobody(request)
        signatory = await self._signatory(claim)
        self._require_time(claim)
        require_signed_headers(claim, headers)
        declared = declared_payload(claim, headers)
        if not is_signed(claim, signatory.secret, self._message(request, headers), declared):
            raise _wrong_signature()
        if claim.is_presigned:
            take_hoisted_headers(request)
        return self._signed(request, claim, signatory, declared)

    async def of_form(self, request: Request, claim: Claim, policy: str) -> Signed:
        """Return who signed the policy of a form, given as it was sent. Raises: as `required`."""
        signatory = await self._signatory(claim)
        key = signing_key(signatory.secret, claim.scope.date, claim.scope.region)
        if not hmac.compare_digest(sign(key, policy), claim.signature):
            raise _wrong_signature()
        return self._signed(request, claim, signatory, UNSIGNED_PAYLOAD)

    async def nobody(self, request: Request) -> Signed:
        """Return the caller of a request that nobody signed, or not by its headers and its query."""
        return Signed(
            context=replace(self._callers.nobody(request), door=DOOR),
            payload=Payload(declared=request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)),
            is_anonymous=True,
            recheck=_nothing,
        )

    def _signed(self, request: Request, claim: Claim, signatory: Signatory, declared: str) -> Signed:
        chain = ChunkChain(
            key=signing_key(signatory.secret, claim.scope.date, claim.scope.region),
            timestamp=to_timestamp(claim.signed_at),
            scope=str(claim.scope),
            seed=claim.signature,
        )
        return Signed(
            context=self._seen(request, signatory, claim),
            payload=Payload(declared=declared, chain=chain),
            is_anonymous=False,
            recheck=partial(self._find, claim.key_id, claim.session_token),
        )

    def _seen(self, request: Request, signatory: Signatory, claim: Claim) -> RlsContext:
        context = replace(signatory.context, door=DOOR)
        context = self._callers.seen(request, context, has_key=claim.is_header)
        request.scope["aerostore.facts"]["access_key"] = printable(claim.key_id, 64)
        return context

    async def _signatory(self, claim: Claim) -> Signatory:
        require_region(claim, self._region)
        return await self._find(claim.key_id, claim.session_token)

    async def _find(self, key_id: str, session_token: str) -> Signatory:
        known = await self._access_keys.find(key_id)
        if session_token:
            return await self._of_session(known, session_token)
        if known is None:
            raise InvalidAccessKey
        return known

    async def _of_session(self, known: Signatory | None, token: str) -> Signatory:
        """Return who the token is about. The signature shows only that its maker knows the anon key."""
        if known is not None:
            raise S3Fault("InvalidToken", "This access key is not used with a session token")
        if not self._anon_key:
            raise S3Fault(
                "InvalidToken",
                "This server takes no session tokens",
                hint="Set AEROSTORE_ANON_KEY to the anon key that clients sign with, or use an access key.",
            )
        try:
            context = await self._authenticator.authenticate(token)
        except ExpiredToken as exc:
            raise S3Fault("ExpiredToken", "The provided token has expired.", hint=exc.hint) from exc
        except (InvalidToken, RoleNotAllowed) as exc:
            message = f"The provided token is malformed or otherwise invalid: {exc.message}"
            raise S3Fault("InvalidToken", message, hint=exc.hint) from exc
        return Signatory(secret=self._anon_key, context=context)

    def _require_time(self, claim: Claim) -> None:
        now = self.clock()
        if claim.expires_in_s is not None:
            _require_begun_and_not_expired(claim, claim.expires_in_s, now)
        elif abs(now - claim.signed_at) > MAX_SKEW:
            raise S3Fault(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                hint="Set the clock of the client right; 15 minutes are allowed.",
                details={
                    "RequestTime": to_timestamp(claim.signed_at),
                    "ServerTime": to_iso(now),
                    "MaxAllowedSkewMilliseconds": str(int(MAX_SKEW.total_seconds() * 1000)),
                },
            )

    def _message(self, request: Request, headers: Mapping[str, bytes]) -> Message:
        scope = request.scope
        return Message(
            method=scope["method"],
            paths=(spelling for path in self._paths(scope) for spelling in path_spellings(path)),
            query=scope["query_string"],
            headers=headers,
            hosts=list(dict.fromkeys(self._hosts(headers))),
        )

    def _paths(self, scope: Scope) -> Iterator[str]:
        """Yield the path as clients may have it: as it came, before a proxy cut it, without the mount's."""
        signed: bytes | None = scope.get(SIGNED_PATH)
        if signed is not None:
            yield signed.decode("latin-1")
            return
        sent: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        raw = sent.partition(b"?")[0].decode("latin-1")
        yield raw
        yield self._public.path.rstrip("/") + raw
        yield from _below_prefix(raw, scope)

    def _hosts(self, headers: Mapping[str, bytes]) -> Iterator[bytes]:
        """Yield the host as clients may have it.

        What a proxy (or an attacker) says in a header may be tried as well: it only goes into the text whose
        signature is compared, and nobody without the secret can make one that fits.
        """
        named = [headers.get("host", b""), self._public.netloc.encode()]
        forwarded = headers.get("x-forwarded-host", b"").partition(b",")[0].strip()
        if forwarded:
            port = headers.get("x-forwarded-port", b"").partition(b",")[0].strip()
            named += [forwarded, forwarded + b":" + port]
        for host in filter(None, named):
            yield host
            yield host.removesuffix(b":80").removesuffix(b":443")


def _below_prefix(raw: str, scope: Scope) -> list[str]:
    """Return the path without what the server puts before S3's own, if it can be told: one, or none.

    A signature must never be good for another path than the one that is served, however that is escaped.
    """
    below = raw.partition(BASE_PATH + PREFIX)[2]
    served = route_path(scope).removeprefix(PREFIX)
    return [below or "/"] if unquote(below) == served else []


def _wrong_signature() -> S3Fault:
    return S3Fault(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and"
        " signing method.",
        hint="Check the secret; behind a proxy that changes host or path, set AEROSTORE_PUBLIC_URL.",
    )


def _require_begun_and_not_expired(claim: Claim, expires_in_s: int, now: datetime) -> None:
    # Compared without a sum: the time may be any, up to the last one that can be written.
    if now - claim.signed_at > timedelta(seconds=expires_in_s):
        ends = claim.signed_at + timedelta(seconds=expires_in_s)
        raise S3Fault(
            "AccessDenied",
            "Request has expired",
            hint="Make a new presigned URL.",
            details={
                "X-Amz-Expires": str(expires_in_s),
                "Expires": to_iso(ends),
                "ServerTime": to_iso(now),
            },
        )
    if claim.signed_at - now > MAX_SKEW:
        raise S3Fault("AccessDenied", "Request is not yet valid", hint="Set the clock of the client right.")


async def _nothing() -> None:
    """Nobody signed, so nobody's right can have ended."""
